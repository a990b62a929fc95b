"""Whether `tracker latency screen` finds a delay that was put in: a screen (Xvfb) filmed with and without one, in turns.

    python bench/latency_screen.py --delay-ms 20 --turns 5 --pictures 200

The camera is a thread that takes what is on the screen 100 times a second, tilts it, holds it back for the delay and publishes it with
the tracker's own publisher and pictures; the window, the dots, the stream and the command are the real ones. Prints the medians of both,
their difference in each turn, and how many pictures were left out. `--picture` keeps the picture of the last report with the delay,
`--dots` what the window shows.
"""

import argparse
import contextlib
import io
import json
import os
import queue
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from publish_pose import publish_pose

from tracker.__main__ import main as tracker
from tracker.config import PublisherConfig, ViewerConfig
from tracker.frame import Frame, Image
from tracker.latency.dots import DotPicture
from tracker.pose import Pose
from tracker.stream.image_stream import ImageStream
from tracker.stream.publisher import Publisher

SCREEN_PX = (1024, 600)
RATE_HZ = 100
CORNERS = np.array([(60, 90), (590, 50), (560, 390), (100, 420)], np.float32)  # of the screen in the camera's picture
SIZE = (640, 480)


@contextmanager
def display() -> Iterator[Path]:
    """A display for this process; gives the file that holds what is on its screen."""
    if shutil.which("Xvfb") is None:
        raise SystemExit("latency_screen: Xvfb is not installed; install it (Debian: xvfb)")
    with tempfile.TemporaryDirectory(prefix="rigtrack-screen-") as folder:
        reading, writing = os.pipe()
        size = f"{SCREEN_PX[0]}x{SCREEN_PX[1]}x24"
        command = ["Xvfb", "-displayfd", str(writing), "-screen", "0", size, "-nolisten", "tcp", "-fbdir", folder]
        server = subprocess.Popen(command, pass_fds=(writing,), stderr=subprocess.DEVNULL)
        os.close(writing)
        try:
            with os.fdopen(reading) as number:
                os.environ["DISPLAY"] = f":{number.readline().strip()}"
            yield Path(folder) / "Xvfb_screen0"
        finally:
            server.terminate()
            server.wait()


class Screen:
    """What is on the screen, as a tilted camera sees it."""

    def __init__(self, frame_buffer: Path) -> None:
        header = np.frombuffer(frame_buffer.read_bytes()[:100], ">u4")  # XWD: size of the header, height, bytes per row, colours
        size, height, row, colours = (int(header[place]) for place in (0, 5, 12, 19))
        self._pixels = np.memmap(frame_buffer, np.uint8, "r", size + 12 * colours, (height, row))
        corners = np.array([(0, 0), (SCREEN_PX[0], 0), SCREEN_PX, (0, SCREEN_PX[1])], np.float32)
        self._laid = cv2.getPerspectiveTransform(corners, CORNERS)

    def seen(self) -> Image:
        """The screen as it is: uint8 (480, 640)."""
        grey = np.ascontiguousarray(self._pixels[:, : 4 * SCREEN_PX[0] : 4])
        return np.asarray(cv2.warpPerspective(grey, self._laid, SIZE, flags=cv2.INTER_AREA, borderValue=60), np.uint8)


class Camera:
    """Films the screen on one thread and publishes on another, each picture late by the delay. Use it in a `with`."""

    def __init__(self, address: str, screen: Screen, *, delay_ms: float) -> None:
        settings = PublisherConfig(bind=(address,))
        self._screen, self._delay_ns = screen, round(delay_ms * 1e6)
        self._filmed: queue.SimpleQueue[Frame | None] = queue.SimpleQueue()
        self._enough = threading.Event()
        self._publisher = Publisher(settings, camera="screen")
        self._images = ImageStream(ViewerConfig(), settings, camera="screen", session=self._publisher.session)
        self._threads = [threading.Thread(target=work) for work in (self._film, self._publish)]

    def __enter__(self) -> "Camera":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._enough.set()
        for thread in self._threads:
            thread.join()
        self._images.close()
        self._publisher.close()

    def _film(self) -> None:
        begin_ns, number = time.monotonic_ns(), 0
        while not self._enough.is_set():
            wait_until(begin_ns + round(number * 1e9 / RATE_HZ))
            exposed_ns = time.monotonic_ns()
            self._filmed.put(Frame(image=self._screen.seen(), number=number, exposed_ns=exposed_ns, received_ns=exposed_ns))
            number = max(number + 1, (time.monotonic_ns() - begin_ns) * RATE_HZ // 10**9)  # a camera that is late leaves frames out
        self._filmed.put(None)

    def _publish(self) -> None:
        nobody = Pose(points=np.full((1, 1, 3), np.nan, np.float32), mm=None)
        while (filmed := self._filmed.get()) is not None:
            wait_until((filmed.exposed_ns or 0) + self._delay_ns)
            now_ns = time.monotonic_ns()
            frame = replace(filmed, received_ns=now_ns)
            self._publisher.serve()
            publish_pose(
                self._publisher,
                frame,
                nobody,
                names=("point",),
                now_ns=now_ns,
            )
            self._images.offer(frame)


def wait_until(time_ns: int) -> None:
    """Sleep until then."""
    while (left_ns := time_ns - time.monotonic_ns()) > 0:
        time.sleep(left_ns / 1e9)


def measure(screen: Screen, *, delay_ms: float, pictures: int, seed: int, picture: Path | None) -> dict[str, Any]:
    """One report."""
    with tempfile.TemporaryDirectory(prefix="rigtrack-screen-") as folder, Camera(f"ipc://{folder}/stream", screen, delay_ms=delay_ms):
        options = ["--pictures", str(pictures), "--seed", str(seed), "--out", folder, "--aim-s", "300", "--json"]
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            status = tracker(["latency", "screen", f"ipc://{folder}/stream", *options])
        if status != 0:
            raise SystemExit(f"latency_screen: tracker latency screen ended with {status}")
        if picture is not None:
            shutil.copy(Path(folder) / "report.png", picture)
    found: dict[str, Any] = json.loads(printed.getvalue())
    return found


def main() -> None:
    """Measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--delay-ms", type=float, default=20.0)
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--pictures", type=int, default=200)
    parser.add_argument("--picture", type=Path, help="keep the picture of the last report with the delay")
    parser.add_argument("--dots", type=Path, help="keep a picture of what the window shows")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    if options.dots is not None:
        options.dots.write_bytes(cv2.imencode(".png", np.pad(DotPicture(30).draw(12345), 1, constant_values=128))[1].tobytes())
    turns = []
    with display() as frame_buffer:
        screen = Screen(frame_buffer)
        for seed in range(options.turns):
            without = measure(screen, delay_ms=0.0, pictures=options.pictures, seed=seed, picture=None)
            delayed = measure(screen, delay_ms=options.delay_ms, pictures=options.pictures, seed=seed, picture=options.picture)
            turns.append(_row(without["screen"], delayed["screen"]))
    result = {"delay_ms": options.delay_ms, "turns": turns}
    result["difference_ms"] = round(float(np.median([turn["difference_of_medians"] for turn in turns])), 4)
    print(json.dumps(result) if options.json else json.dumps(result, indent=2))


def _row(without: dict[str, Any], delayed: dict[str, Any]) -> dict[str, Any]:
    kept = ("n", "refused", "latency_ms", "stayed_ms", "made_of_ms")
    row: dict[str, Any] = {name: {key: found[key] for key in kept} for name, found in (("without", without), ("with", delayed))}
    row["difference_of_medians"] = round(delayed["latency_ms"]["p50"] - without["latency_ms"]["p50"], 4)
    return row


if __name__ == "__main__":
    main()
