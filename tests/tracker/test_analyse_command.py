"""`tracker analyse` as people use it: many videos, one of them bad, Ctrl-C, a kill, and a page that shows the bad ones first."""

import fcntl
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from io import StringIO
from pathlib import Path

import msgspec
import numpy as np
import pytest
from rich.console import Console

from tests.conftest import BundleMaker
from tests.tracker.daemon import DEADLINE_S, ROOT
from tests.tracker.processes import wait_for_end
from tests.tracker.videos import damaged, write_video
from tracker.analysis.index_page import INDEX_FILE, write_index
from tracker.analysis.job import Job
from tracker.analysis.overview import OVERVIEW_FILE, read_overview
from tracker.analysis.shown_progress import ShownProgress
from tracker.analysis.worker_messages import Finished
from tracker.drawn_video import MARK, TAG
from tracker.errors import RecordingError
from tracker.frame import Image
from tracker.recording.read_session import RecordedSession
from tracker.recording.session import SourceVideo

HEIGHT, WIDTH = 64, 96


def dim(number: int) -> Image:
    return spot(number, brightness=90)


def spot(number: int, *, brightness: int = 250) -> Image:
    image = np.zeros((HEIGHT, WIDTH), np.uint8)
    image[20:26, 10 + number % 60 : 16 + number % 60] = brightness
    return image


@pytest.fixture(scope="module")
def bundle(make_bundle: BundleMaker, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_bundle(tmp_path_factory.mktemp("bundles") / "spot", height=HEIGHT, width=WIDTH)


def started(*arguments: str | Path) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "tracker", "analyse", *map(str, arguments)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def analysed(*arguments: str | Path) -> tuple[int, str, str]:
    process = started(*arguments)
    out, words = process.communicate(timeout=DEADLINE_S)
    return process.returncode, out, words


def wait_for_file(path: Path) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not path.exists():
        assert time.monotonic() < deadline, f"{path} never came"
        time.sleep(0.01)


def children(process: int) -> list[int]:
    return [int(text) for text in Path(f"/proc/{process}/task/{process}/children").read_text().split()]


def test_a_call_without_a_result_points_at_no_page_of_results(tmp_path: Path, bundle: Path) -> None:
    status, told, words = analysed(tmp_path / "absent.mp4", "--bundle", bundle, "--out", tmp_path / "out")

    assert (status, told, words.count("\n")) == (1, "", 1)


def test_a_film_on_which_points_were_drawn_is_warned_of_before_it_is_analysed(tmp_path: Path, bundle: Path) -> None:
    plain = write_video(tmp_path / "plain.mp4", 5, image=spot)
    drawn = write_video(tmp_path / "drawn.mp4", 5, image=spot, metadata={TAG: MARK})

    status, told, words = analysed(plain, drawn, "--bundle", bundle, "--out", tmp_path / "out", "--json")

    assert status == 0
    assert {Path(each["video"]).stem: each["drawn"] for each in map(json.loads, told.splitlines())} == {"plain": False, "drawn": True}
    assert words.startswith(f"{drawn}: says of itself that key points or labels were drawn on another video, so")
    assert words.count("says of itself") == 1


def test_one_bad_video_does_not_stop_the_others_and_bad_ones_are_shown_first(tmp_path: Path, bundle: Path) -> None:
    good = write_video(tmp_path / "good.mp4", 30, image=spot)
    unsure = write_video(tmp_path / "unsure.mp4", 30, image=dim)
    broken = damaged(write_video(tmp_path / "broken.mp4", 30, image=spot, codec="mjpeg", pixels="yuvj420p"))
    text = tmp_path / "notes.mp4"
    text.write_text("not a video")
    out = tmp_path / "out"

    status, told, words = analysed(good, text, unsure, broken, "--bundle", bundle, "--out", out, "--json")

    assert status == 1
    sentences = [line for line in words.splitlines() if line.startswith("tracker analyse: ")]
    assert [line.partition(": ")[2].partition(": ")[0] for line in sentences] == [str(text), str(broken)]
    results = {Path(each["video"]).stem: each for each in map(json.loads, told.splitlines())}
    assert {name: (each["frames"], each["fault"] is None) for name, each in results.items()} == {
        "good": (30, True),
        "unsure": (30, True),
        "broken": (results["broken"]["frames"], False),
    }
    assert results["good"]["mean_confidence"] > 0.9 > 0.4 > results["unsure"]["mean_confidence"]
    assert results["unsure"]["uncertain"] == 1
    page = (out / "index.html").read_text()
    assert re.findall(r'<h2><a href="(\w+)/">', page) == ["broken", "unsure", "good"]
    assert page.index("Not analysed") < page.index("notes.mp4") < page.index("broken/")
    assert page.count("data:image/jpeg;base64,") == 6
    assert "<figcaption>example of the second half: frame 16, confidence 0.9" in page
    assert "30 frames, 1.2 s." in page

    overview = read_overview(out / "good")  # of a longer video
    (out / "good" / OVERVIEW_FILE).write_bytes(msgspec.json.encode(msgspec.structs.replace(overview, seconds=3725.4)))
    assert "30 frames, 1:02:05." in write_index(out, []).read_text()

    status, told, words = analysed(good, unsure, "--bundle", bundle, "--out", out)
    assert (status, words) == (0, "")
    assert told.splitlines()[:2] == [
        f"{out / path.stem}: {path} was analysed before with the same bundle and settings; skipped" for path in (good, unsure)
    ]


@pytest.mark.parametrize("content", [None, b"{", b'{"pictures": {"\xff": [1, 0.5]}}'], ids=["absent", "cut short", "no UTF-8"])
def test_an_overview_that_cannot_be_read_is_told_from_one_that_can(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / OVERVIEW_FILE).write_bytes(content)
    with pytest.raises(RecordingError, match=r"overview\.json: cannot be read \(.*\); analyse the video again with --force"):
        read_overview(tmp_path)


def test_one_call_writes_the_page_after_the_other(tmp_path: Path) -> None:
    """Else the page of the one that ends last may lack what the other has found meanwhile."""
    other = os.open(tmp_path, os.O_RDONLY)
    fcntl.flock(other, fcntl.LOCK_EX)
    writing = threading.Thread(target=write_index, args=(tmp_path, []))
    writing.start()
    try:
        writing.join(0.3)
        assert writing.is_alive()
        assert not (tmp_path / INDEX_FILE).exists()
    finally:
        os.close(other)
        writing.join()
    assert (tmp_path / INDEX_FILE).exists()


def test_control_c_ends_cleanly_and_the_same_command_goes_on(tmp_path: Path, bundle: Path) -> None:
    video = write_video(tmp_path / "long.mp4", 2000, image=spot)
    process = started(video, "--bundle", bundle, "--out", tmp_path / "out")
    wait_for_file(tmp_path / "out" / ".long.work" / "session.json")
    process.send_signal(signal.SIGINT)
    _, words = process.communicate(timeout=DEADLINE_S)

    assert process.returncode == 130
    assert words.splitlines()[-1] == "tracker analyse: stopped by hand; give the same command again to go on where it was"
    assert not (tmp_path / "out" / "long").exists()

    assert analysed(video, "--bundle", bundle, "--out", tmp_path / "out")[0] == 0
    assert RecordedSession(tmp_path / "out" / "long").rows["frame"].to_pylist() == list(range(2000))


def test_a_killed_command_leaves_nobody_behind_and_goes_on_at_once(tmp_path: Path, bundle: Path) -> None:
    video = write_video(tmp_path / "long.mp4", 2000, image=spot)
    process = started(video, "--bundle", bundle, "--out", tmp_path / "out")
    wait_for_file(tmp_path / "out" / ".long.work" / "session.json")
    (worker,) = children(process.pid)
    process.kill()
    process.communicate(timeout=DEADLINE_S)

    status, told, words = analysed(video, "--bundle", bundle, "--out", tmp_path / "out")

    assert status == 0, words
    assert told.startswith(f"{tmp_path / 'out' / 'long'}: 2000 frames, ")
    wait_for_end(worker)


def test_a_process_that_dies_costs_its_video_alone(tmp_path: Path, bundle: Path) -> None:
    videos = [write_video(tmp_path / f"{name}.mp4", 20, image=spot) for name in ("first", "second")]
    process = started(*videos, "--bundle", bundle, "--out", tmp_path / "out", "--processes", "1")
    wait_for_file(tmp_path / "out" / ".first.work")
    os.kill(children(process.pid)[0], signal.SIGKILL)
    told, words = process.communicate(timeout=DEADLINE_S)

    assert process.returncode == 1
    assert words.splitlines()[-1] == (
        f"tracker analyse: {videos[0]}: its process was ended by SIGKILL; is there enough memory?; the same command goes on where it was"
    )
    assert f"{tmp_path / 'out' / 'second'}: 20 frames" in told


def test_neither_bundle_nor_configuration_is_refused(tmp_path: Path) -> None:
    status, told, words = analysed(tmp_path / "none.mp4", "--out", tmp_path / "out")

    sentence = "neither a bundle nor a configuration was given; give --bundle, or --config with engine.bundle in it"
    assert (status, told, words) == (1, "", f"tracker analyse: {sentence}\n")


def test_without_a_terminal_a_line_now_and_then_says_how_long_it_takes() -> None:
    now, words = [0.0], StringIO()
    job = Job(video=Path("monday.mp4"), source=SourceVideo(path="/monday.mp4", bytes=1, fingerprint="0"), folder=Path("out/monday"))
    ended: list[Job] = []
    with ShownProgress(Console(file=words), finished=lambda job, _: ended.append(job), clock=lambda: now[0]) as shown:
        for second in range(0, 26):
            now[0] = float(second)
            shown.reached(job, 1000 + 500 * second, 36_000)
        shown.finished(job, Finished())

    assert words.getvalue().splitlines() == [
        "monday.mp4: 6000 of 36000 frames, 500 frames/s, 1:00 left",
        "monday.mp4: 11000 of 36000 frames, 500 frames/s, 0:50 left",
    ]
    assert ended == [job]


def test_results_for_a_pipe_do_not_go_to_the_terminal_with_the_bars(capsys: pytest.CaptureFixture[str]) -> None:
    words = StringIO()
    with ShownProgress(Console(file=words, force_terminal=True, width=100), finished=lambda *_: None):
        print('{"video": "monday.mp4"}')
    assert capsys.readouterr().out == '{"video": "monday.mp4"}\n'
    assert "monday" not in words.getvalue()


def test_in_a_terminal_bars_say_how_far_each_video_is_and_all_of_them() -> None:
    words = StringIO()
    job = Job(video=Path("monday.mp4"), source=SourceVideo(path="/monday.mp4", bytes=1, fingerprint="0"), folder=Path("out/monday"))
    console = Console(file=words, force_terminal=True, width=140)
    with ShownProgress(console, finished=lambda *_: None, videos=2) as shown:
        shown.reached(job, 0, 1000)
        shown.reached(job, 700, 1000)
    assert re.search(r"monday.mp4 .* 700 ", words.getvalue())

    with ShownProgress(console, finished=lambda *_: None, videos=2) as shown:
        shown.reached(job, 700, 1000)
        shown.finished(job, Finished())
    assert re.search(r"all videos .* 1 ", words.getvalue())
