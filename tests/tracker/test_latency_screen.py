"""`tracker latency screen`: an injected delay is found in a simulated rig's pictures, and the whole way under Xvfb."""

import itertools
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import BundleMaker
from tests.tracker.daemon import DEADLINE_S, ROOT, write_config
from tests.tracker.dots_seen import blended, drawn, seen
from tests.tracker.meanwhile import meanwhile
from tests.tracker.rig import Rig, rig
from tracker.__main__ import _parser
from tracker.errors import RigtrackError
from tracker.frame import Frame, Image
from tracker.latency.dot_reader import DotReader, DotReading
from tracker.latency.dots import MODULUS, DotPicture
from tracker.latency.edges import FrameTimes
from tracker.latency.picture import picture
from tracker.latency.screen import _decode, _words
from tracker.latency.screen_readings import Published, ScreenReading, reading_of, screen_lines, screen_report
from tracker.stream.image_stream import encode_jpeg

MS = 1_000_000
REFRESH_MS = 1000 / 60
LAG_MS, EXPOSURE_MS, TRACKER_MS = 12, 4, 3
SCREEN_PX, SEEN_PX = (1024, 600), (512, 300)
SAYS_ALL = """
import sys
import tracker.task_progress
tracker.task_progress.LINE_EVERY_S = 0.0
from tracker.__main__ import main
sys.exit(main())
"""
FACTS = {"mode": "screen", "camera": "top"}


def simulated(delay_ms: float, *, frames: int = 40, own_clock: bool = True) -> tuple[list[ScreenReading], list[int]]:
    """A screen that refreshes 60 times a second with its lag, a camera 100 times; every frame goes on `delay_ms` late."""
    rng = np.random.default_rng(7)
    shown_ns = [int(ns) for ns in np.cumsum(rng.uniform(0.5, 1.5, 2000) * REFRESH_MS * MS)]
    reader, found = DotReader(), []
    for frame in range(frames):
        exposed_ns = round((1000 + frame * 137.31) * MS)
        refresh_ns = (exposed_ns - LAG_MS * MS) // (REFRESH_MS * MS) * REFRESH_MS * MS  # what is lit was handed over before this
        newest = int(np.searchsorted(shown_ns, refresh_ns)) - 1
        during = int(np.searchsorted(shown_ns, refresh_ns + REFRESH_MS * MS)) - 1
        mixed = exposed_ns + EXPOSURE_MS * MS - LAG_MS * MS >= refresh_ns + REFRESH_MS * MS  # the refresh falls into the exposure
        screen = blended(drawn(newest), drawn(during), rng) if mixed else drawn(newest)
        dots = reader.read(seen(screen, rng, blur_px=1.0))
        received_ns = exposed_ns + round((EXPOSURE_MS + delay_ms) * MS)
        times = FrameTimes(
            exposed_ns=exposed_ns if own_clock else None,
            received_ns=received_ns,
            taken_ns=received_ns + MS,
            inferred_ns=received_ns + 2 * MS,
        )
        published = Published(times=times, published_ns=received_ns + TRACKER_MS * MS)
        found.append(reading_of(frame, dots, published, shown_ns))
    return found, shown_ns


def latencies(readings: list[ScreenReading]) -> list[float]:
    return [each.latency_ms for each in readings if each.latency_ms is not None]


def test_an_injected_delay_is_the_difference_of_medians_and_bounded_by_every_picture() -> None:
    (without, _), (delayed, _) = (simulated(delay_ms) for delay_ms in (0.0, 20.0))

    assert len(latencies(without)) > 25
    assert np.median(latencies(delayed)) - np.median(latencies(without)) == pytest.approx(20.0, abs=0.01)
    for readings, delay_ms in ((without, 0.0), (delayed, 20.0)):
        true_ms = EXPOSURE_MS + delay_ms + TRACKER_MS
        over = np.array(latencies(readings)) - true_ms
        assert over.min() >= LAG_MS - EXPOSURE_MS, "an upper bound"
        assert over.max() <= LAG_MS + 2.5 * REFRESH_MS, "by no more than the lag, a refresh and the longest a number stays"


@pytest.mark.parametrize("own_clock", [True, False])
def test_the_parts_of_a_reading_add_up_to_its_latency(*, own_clock: bool) -> None:
    readings, shown_ns = simulated(20.0, frames=8, own_clock=own_clock)
    read = [each for each in readings if each.latency_ms is not None]
    assert [sum(each.parts_ms.values()) for each in read] == pytest.approx(latencies(readings))
    found = screen_report(readings, facts=FACTS, frame_interval_ms=10, exposure_ms=EXPOSURE_MS, shown_ns=shown_ns, stopped=None)

    made_of = found["screen"]["made_of_ms"]
    if own_clock:
        assert (made_of["exposure"], made_of["transfer"]) == (EXPOSURE_MS, 20)
    assert list(made_of) == [*(["screen", "exposure", "transfer"] if own_clock else ["unseen_screen"]), "waiting", "engine", "decision"]
    assert found["screen"]["n"] + sum(found["screen"]["refused"].values()) == 8
    assert "the screen's refresh and lag are in it" in screen_lines(found)
    assert picture(found).startswith(b"\x89PNG")


def test_numbers_that_began_anew_and_numbers_of_another_time_are_told_apart() -> None:
    shown_ns = [number * MS for number in range(MODULUS + 20)]
    at_ns = shown_ns[-1]
    times = FrameTimes(exposed_ns=None, received_ns=at_ns, taken_ns=at_ns, inferred_ns=at_ns)
    published = Published(times=times, published_ns=at_ns)

    def read(number: int) -> ScreenReading:
        return reading_of(0, DotReading(number=number), published, shown_ns)

    assert read(17).latency_ms == 2
    assert read(MODULUS - 1).latency_ms == 20
    assert read(20).refused == "old"
    assert reading_of(0, DotReading(number=5), published, shown_ns[:5]).refused == "old"


def test_nothing_read_is_a_report_too() -> None:
    readings = [ScreenReading(frame=1, refused="torn", parts_ms={})]
    found = screen_report(readings, facts=FACTS, frame_interval_ms=10, exposure_ms=None, shown_ns=[], stopped=None)

    assert (found["screen"]["n"], found["screen"]["refused"]["torn"], found["screen"]["latency_ms"]) == (0, 1, {})
    assert "left out: 1 updated in part" in screen_lines(found)
    assert picture(found).startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("dots", "said"),
    [
        (DotReading(number=1), "the dots are seen"),
        (DotReading(refused="markers", markers=3), "3 of 4 corner markers seen"),
        (DotReading(refused="markers"), "corner markers seen, but not in one plane"),
        (DotReading(refused="contrast"), "corner markers seen, dots too faint or too bright"),
    ],
    ids=["read", "three", "bent", "faint"],
)
def test_while_it_is_brought_into_view_it_is_said_what_is_missing(dots: DotReading, said: str) -> None:
    assert _words(dots) == said
    assert _decode(DotReader(), b"no picture") == DotReading(refused="markers", markers=0)


@pytest.fixture(scope="module")
def screen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """A display, and the file in which it keeps what is on its screen."""
    if shutil.which("Xvfb") is None:
        pytest.skip("Xvfb is not installed, so no window can be tried")
    folder = tmp_path_factory.mktemp("frame_buffer")
    reading, writing = os.pipe()
    server = subprocess.Popen(
        [
            "Xvfb",
            "-displayfd",
            str(writing),
            "-screen",
            "0",
            f"{SCREEN_PX[0]}x{SCREEN_PX[1]}x24",
            "-nolisten",
            "tcp",
            "-fbdir",
            str(folder),
        ],
        pass_fds=(writing,),
        stderr=subprocess.DEVNULL,
    )
    os.close(writing)
    try:
        with os.fdopen(reading) as number:
            yield f":{number.readline().strip()}", folder / "Xvfb_screen0"
    finally:
        server.terminate()
        server.wait()


@pytest.fixture
def watching(tmp_path: Path, make_bundle: BundleMaker) -> Iterator[Rig]:
    """A rig that runs, its camera still without a frame."""
    bundle = make_bundle(tmp_path / "spot", height=SEEN_PX[1], width=SEEN_PX[0])
    config = write_config(tmp_path, bundle, {"source": "synthetic", "width": SEEN_PX[0], "height": SEEN_PX[1]})
    with rig(config, bundle) as made:
        made.change("start")
        made.start()
        yield made


@contextmanager
def filming(camera: Rig, frame_buffer: Path | None, *, delay_s: float = 0.0) -> Iterator[None]:
    """Frames of what is on the screen meanwhile (None: of nothing), each going on late."""
    late: deque[tuple[float, Frame]] = deque()
    numbers = itertools.count()

    def film() -> None:
        at_ns = time.monotonic_ns()
        image = np.zeros(SEEN_PX[::-1], np.uint8) if frame_buffer is None else on_screen(frame_buffer)
        late.append((at_ns / 1e9 + delay_s, Frame(image=image, number=next(numbers), exposed_ns=at_ns, received_ns=at_ns)))
        while late and late[0][0] <= time.monotonic():
            frame = late.popleft()[1]
            camera.camera._frames.put(replace(frame, received_ns=time.monotonic_ns()))

    with meanwhile(film, every_s=0.02):
        yield


def on_screen(frame_buffer: Path) -> Image:
    """What Xvfb shows, grey, at half its size."""
    shot = frame_buffer.read_bytes()
    header = np.frombuffer(shot, ">u4", 25)  # XWD: size of the header, width, height, bytes per row, colours
    size, height, row, colours = (int(header[place]) for place in (0, 5, 12, 19))
    pixels = np.frombuffer(shot, np.uint8, height * row, size + 12 * colours)
    return np.asarray(pixels.reshape(height, row)[::2, ::8], np.uint8)


def started(camera: Rig, display: str, out: Path, *options: object) -> "subprocess.Popen[str]":
    """The command as a process: its window would else live in this one, beside whatever other tests have loaded."""
    given = [sys.executable, "-c", SAYS_ALL, "latency", "screen", camera.config.publisher.bind[0], "--out", out, *options]
    return subprocess.Popen(
        [str(each) for each in given],
        cwd=ROOT,
        env={**os.environ, "DISPLAY": display, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(camera: Rig, display: str, out: Path, *options: object) -> "subprocess.CompletedProcess[str]":
    """The command to its end."""
    process = started(camera, display, out, *options)
    try:
        printed, said = process.communicate(timeout=DEADLINE_S)
    finally:
        process.kill()
    return subprocess.CompletedProcess(process.args, process.returncode, printed, said)


def test_the_clock_on_a_screen_is_found_by_a_tracker_that_sees_it(watching: Rig, screen: tuple[str, Path], tmp_path: Path) -> None:
    display, frame_buffer = screen
    out = tmp_path / "report"
    with filming(watching, frame_buffer, delay_s=0.1):
        done = run(watching, display, out, "--pictures", 12, "--aim-s", 300, "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)

    assert json.loads((out / "report.json").read_text()) == found
    assert (out / "report.png").read_bytes().startswith(b"\x89PNG")
    assert found["stopped"] is None
    assert len(found["readings"]) == 12
    assert found["screen"]["n"] > 0
    assert found["screen"]["latency_ms"]["min"] >= 100, "an upper bound of what was injected"
    for line in (r"the dots are seen: \d+ of 300 s", "measuring: 12 of 12 pictures", "reading: 12 of 12 pictures"):
        assert re.search(f"^{line}", done.stderr, re.MULTILINE), line


def test_a_screen_that_the_camera_does_not_see_is_said_in_a_sentence(watching: Rig, screen: tuple[str, Path], tmp_path: Path) -> None:
    with filming(watching, None):
        done = run(watching, screen[0], tmp_path, "--aim-s", 1)
    assert done.returncode == 1
    assert "did not see the dots within 1 s (0 of 4 corner markers seen)" in done.stderr
    assert not (tmp_path / "report.json").exists()


@pytest.mark.skipif(shutil.which("xdotool") is None, reason="xdotool is not installed, so no key can be pressed")
@pytest.mark.parametrize("seen", [True, False], ids=["measuring", "aiming"])
def test_q_ends_it_and_keeps_what_was_measured(watching: Rig, screen: tuple[str, Path], tmp_path: Path, *, seen: bool) -> None:
    press_q = ["xdotool", "search", "--name", "^rigtrack - ", "windowfocus", "key", "q"]
    display = {**os.environ, "DISPLAY": screen[0]}

    with filming(watching, screen[1] if seen else None):
        process = started(watching, screen[0], tmp_path, "--pictures", 5000, "--aim-s", DEADLINE_S)
        assert process.stderr is not None
        if seen:
            assert any("the camera sees the dots" in line for line in process.stderr), "it never began to measure"
        while process.poll() is None:  # it ends at the latest when its time to see the dots is over, or after so many pictures
            subprocess.run(press_q, check=False, capture_output=True, env=display, timeout=DEADLINE_S)
            time.sleep(0.2)
        process.communicate(timeout=DEADLINE_S)

    assert process.returncode == 130
    assert (tmp_path / "report.json").exists() == seen
    if seen:
        found = json.loads((tmp_path / "report.json").read_text())
        assert found["stopped"] == "stopped by hand"
        assert len(found["readings"]) < 5000


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--pictures", 0], "--pictures is 0; expected 1 to 5000"),
        (["--screen-hz", "nan"], "--screen-hz is nan; expected 1 to 1000"),
        (["--exposure-ms", -1], "--exposure-ms is -1; expected 0 to"),
    ],
    ids=["pictures", "rate", "exposure"],
)
def test_what_no_screen_can_measure_is_refused_in_a_sentence(options: list[object], sentence: str, tmp_path: Path) -> None:
    parsed = _parser().parse_args(["latency", "screen", "ipc:///tmp/none", "--out", str(tmp_path), *map(str, options)])
    with pytest.raises(RigtrackError, match=re.escape(sentence)):
        parsed.call(parsed)


def test_without_a_display_no_clock_is_shown_and_one_sentence_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    parsed = _parser().parse_args(["latency", "screen", "ipc:///tmp/none", "--out", str(tmp_path)])
    with pytest.raises(RigtrackError, match="there is no display here"):
        parsed.call(parsed)


def test_a_picture_of_the_stream_is_read_after_its_jpeg() -> None:
    image = seen(DotPicture(20).draw(99), np.random.default_rng(0))
    assert _decode(DotReader(), encode_jpeg(np.stack([image] * 3, axis=2), quality=80)).number == 99
