"""What a kill and a power cut take from a recording: sessions cut at random moments, recovered, and compared with what was published.

    python bench/power_cuts.py --bundle demo/model --cuts 20

`kill` ends the daemon by SIGKILL. `power` records onto an ext4 file system in a file, stops the daemon, copies the file as it is, with
everything that the file system had not written yet missing, and mounts the copy as after a power cut; needs root and loop devices.
Every other session is of a static dark scene, of which encoders keep the most back. Synthetic camera or black images, 640x480.
Prints, of every cut, how much of the last second is lost, whether rows, frames and published poses agree, how many frames waited for the
encoder and were encoded by the recovery, and the load of the machine.
"""

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from daemon import daemon

from tracker.client import Client
from tracker.messages import PoseMessage
from tracker.recording.read_session import RecordedSession
from tracker.recording.recover import recover

IMAGE_MB = 400
START_S = 60.0
OLD_S = 1.0  # nothing older may be missing
DARK_FRAMES = 50


def main() -> None:
    """Cut, recover, compare, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bundle", type=Path, default=Path(__file__).resolve().parents[1] / "demo" / "model")
    parser.add_argument("--cuts", type=int, default=20, help="of each kind (%(default)s)")
    parser.add_argument("--kinds", nargs="+", choices=("kill", "power"), default=["kill", "power"])
    parser.add_argument("--rate-hz", type=float, default=100.0)
    parser.add_argument("--seconds", nargs=2, type=float, default=(2.0, 6.0), help="of a recording before it is cut, from and to (2 6)")
    parser.add_argument("--seed", type=int, default=0, help="of the moments (%(default)s)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    if not (options.bundle / "bundle.json").exists():
        raise SystemExit(f"power_cuts: {options.bundle} is not a bundle; run `make demo` first, or name one with --bundle")
    if "power" in options.kinds and os.geteuid() != 0:
        raise SystemExit("power_cuts: mounting a file system needs root; run it with sudo, or with --kinds kill")
    moments, found = random.Random(options.seed), dict[str, list[dict[str, Any]]]()
    with tempfile.TemporaryDirectory(prefix="rigtrack-cuts-") as folder:
        write_dark(Path(folder) / "dark")
        for kind in options.kinds:
            for number in range(options.cuts):
                dark = Path(folder) / "dark" if number % 2 else None
                after_s = moments.uniform(*options.seconds)
                one = cut(Path(folder), options.bundle, kind=kind, dark=dark, after_s=after_s, rate_hz=options.rate_hz)
                print(f"{kind} {number + 1} of {options.cuts}: load {os.getloadavg()[0]:.0f}, {one}", file=sys.stderr)
                found.setdefault(kind, []).append(one)
    result = {kind: summary(each) for kind, each in found.items()}
    if options.json:
        print(json.dumps(result))
        return
    for kind, values in result.items():
        print(f"{kind:<8} {values}")


def cut(folder: Path, bundle: Path, *, kind: str, dark: Path | None, after_s: float, rate_hz: float) -> dict[str, Any]:
    """Record, cut, recover, compare: lost seconds, frames, and what disagrees."""
    with recorded_onto(folder, power=kind == "power") as (place, after_cut):
        camera: dict[str, Any] = {"rate_hz": rate_hz}
        if dark is not None:
            camera = {"source": "image_folder", "folder": str(dark), "rate_hz": rate_hz, "loop_folder": True}
        changes: dict[str, Any] = {"recording": {"folder": str(place), "minimum_free_gb": 0}, "camera": camera}
        with daemon(bundle, record=True, **changes) as (process, address), Client(address, high_water_mark=100_000) as client:
            heard = Heard(client)
            heard.start()
            heard.wait_for_first()
            time.sleep(after_s)
            process.send_signal(signal.SIGSTOP if kind == "power" else signal.SIGKILL)
            cut_ns = time.monotonic_ns()
            heard.end()
            sessions = after_cut()
            process.kill()
        [session] = [path for path in sessions.iterdir() if path.is_dir()]
        waited = recover(session).closed.encoded_frames
        return {"encoded": waited, **compare(RecordedSession(session), heard.received_ns, cut_ns)}


def compare(session: RecordedSession, received_ns: dict[int, int], cut_ns: int) -> dict[str, Any]:
    """The recovered session against the poses that were published: {frame: receipt in ns}."""
    rows = dict(zip(session.rows["frame"].to_pylist(), session.rows["received_ns"].to_pylist(), strict=True))
    first, last = min(rows, default=min(received_ns)), max(rows, default=min(received_ns) - 1)
    old = [frame for frame, ns in received_ns.items() if frame >= first and ns < cut_ns - OLD_S * 1e9]
    return {
        "lost_s": round((cut_ns - max(rows.values(), default=min(received_ns.values()))) / 1e9, 3),
        "rows": len(rows),
        "frames_equal_rows": sum(1 for _ in session.frames()) == len(rows),
        "gaps": last - first + 1 - len(rows),
        "older_missing": sum(frame not in rows for frame in old),
    }


def summary(cuts: list[dict[str, Any]]) -> dict[str, Any]:
    """The worst of all cuts, and the median loss."""
    return {
        "cuts": len(cuts),
        "lost_s": {"median": float(np.median([one["lost_s"] for one in cuts])), "largest": max(one["lost_s"] for one in cuts)},
        "rows_unlike_frames": sum(not one["frames_equal_rows"] for one in cuts),
        "gaps": sum(one["gaps"] for one in cuts),
        "older_missing": sum(one["older_missing"] for one in cuts),
        "encoded_by_recovery": sum(one["encoded"] for one in cuts),
    }


class Heard(threading.Thread):
    """Notes every published pose, on a thread of its own."""

    def __init__(self, client: Client) -> None:
        super().__init__(name="heard")
        self.received_ns: dict[int, int] = {}
        self._client, self._ended = client, threading.Event()

    def run(self) -> None:
        """Listen until ended."""
        while not self._ended.is_set():
            message = self._client.receive(0.1)
            if isinstance(message, PoseMessage):
                self.received_ns[message.frame] = message.received_ns

    def wait_for_first(self) -> None:
        """Return when a pose has come."""
        deadline = time.monotonic() + START_S
        while not self.received_ns:
            if time.monotonic() > deadline:
                raise SystemExit("power_cuts: the tracker publishes nothing; run it by hand with examples/synthetic.yaml to see why")
            time.sleep(0.02)

    def end(self) -> None:
        """Stop, and wait for it."""
        self._ended.set()
        self.join()


@contextmanager
def recorded_onto(folder: Path, *, power: bool) -> Iterator[tuple[Path, Any]]:
    """A folder to record into, and a function that gives the folder as it is after the cut."""
    sessions = folder / "sessions"
    sessions.mkdir()
    if not power:
        try:
            yield sessions, lambda: sessions
        finally:
            shutil.rmtree(sessions)
        return
    disk, copy, after = folder / "disk.img", folder / "copy.img", folder / "after"
    after.mkdir()
    with disk.open("wb") as file:
        file.truncate(IMAGE_MB << 20)
    _run("mkfs.ext4", "-q", str(disk))
    _run("mount", "-o", "loop", str(disk), str(sessions))

    def copied() -> Path:
        _run("cp", "--sparse=always", str(disk), str(copy))
        _run("mount", "-o", "loop", str(copy), str(after))
        shutil.rmtree(after / "lost+found")
        return after

    try:
        yield sessions, copied
    finally:
        for mounted in (after, sessions):
            subprocess.run(["umount", str(mounted)], check=False, stderr=subprocess.DEVNULL)
            mounted.rmdir()
        for path in (disk, copy):
            path.unlink(missing_ok=True)


def write_dark(folder: Path) -> None:
    """A scene in which nothing moves: black images."""
    folder.mkdir()
    for number in range(DARK_FRAMES):
        cv2.imwrite(str(folder / f"{number}.png"), np.zeros((480, 640), np.uint8))


def _run(*command: str) -> None:
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"power_cuts: {' '.join(command)} failed: {done.stderr.strip()}")


if __name__ == "__main__":
    main()
