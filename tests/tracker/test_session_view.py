"""`tracker view SESSION`: the window itself under Xvfb, driven by keys and mouse, and its sentences."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import av
import cv2
import numpy as np
import PIL.Image
import pytest
from session_picture import write_picture

from tests.tracker.chained import GAP_S, say, write_chain
from tests.tracker.pressed import PressedAt
from tests.tracker.sessions import write_session
from tracker.__main__ import main
from tracker.drawn_video import is_drawn
from tracker.errors import RecordingError
from tracker.recording.read_session import RecordedSession
from tracker.recording.session_chain import read_chain
from tracker.viewer.legend import panel_width
from tracker.viewer.overlay import OverlaySettings
from tracker.viewer.palette import PANEL, RED
from tracker.viewer.recorded_scene import RecordedScene
from tracker.viewer.session_video import enlargement, write_overlay_video
from tracker.viewer.session_view import SessionContent, timeline_of, with_timeline

ROOT = Path(__file__).resolve().parents[2]
DEADLINE_S = 300.0
NUMBERS = [number for number in range(300) if number % 11 != 5]  # the camera lost the others
Xdotool = Callable[..., str]


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sessions") / "monday"
    return write_session(folder, NUMBERS, events=[("poke", 100, 120), ("poke", 200, 210)], segments=(150,))


@pytest.fixture(scope="module")
def display() -> Iterator[str]:
    for program in ("Xvfb", "xdotool"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed, so no window can be tried")
    reading, writing = os.pipe()
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(writing), "-screen", "0", "1280x1024x24", "-nolisten", "tcp"],
        pass_fds=(writing,),
        stderr=subprocess.DEVNULL,
    )
    os.close(writing)
    try:
        with os.fdopen(reading) as number:
            yield f":{number.readline().strip()}"
    finally:
        server.terminate()
        server.wait()


_ANSWER_S = 2.0  # how long a picture may take before its key is pressed again


@contextmanager
def viewing(session: Path, display: str, snapshots: Path, *more: str) -> Iterator[tuple[subprocess.Popen[str], Xdotool]]:
    """`tracker view SESSION` as a user starts it, and a function that runs xdotool on its display."""
    environment = {**os.environ, "DISPLAY": display, "PYTHONPATH": str(ROOT)}

    def xdotool(*words: str) -> str:
        return subprocess.run(["xdotool", *words], capture_output=True, text=True, env=environment, check=False, timeout=DEADLINE_S).stdout

    command = [sys.executable, "-m", "tracker", "view", str(session), "--snapshots", str(snapshots), *more]
    log = snapshots.with_suffix(".log")  # a pipe that nobody reads would hold the viewer up
    with log.open("w") as words, subprocess.Popen(command, stderr=words, text=True, env=environment, cwd=ROOT) as viewer:
        try:
            window = eventually(lambda: xdotool("search", "--onlyvisible", "--name", "^rigtrack - monday").split(), "no window appeared")[
                -1
            ]
            xdotool("windowfocus", "--sync", window)
            yield viewer, xdotool
        finally:
            viewer.kill()


def eventually(found: Callable[[], Sequence[str]], complaint: str) -> Sequence[str]:
    deadline = time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline:
        result = found()
        if result:
            return result
        time.sleep(0.05)
    raise AssertionError(complaint)


def saved(folder: Path, xdotool: Xdotool, number: int, *, after: str | None = None) -> Path:
    """Press a key, and s until the picture of a frame is there. Qt keeps one key at a time: what another picture shows was lost."""
    path = folder / f"monday-{number}.png"
    if after is not None:
        for old in folder.glob("*.png"):
            old.unlink()
        xdotool("key", after)

    def there() -> list[str]:
        known = set(folder.glob("*.png"))
        xdotool("key", "s")
        until = time.monotonic() + _ANSWER_S
        while set(folder.glob("*.png")) == known and time.monotonic() < until:
            time.sleep(0.02)  # one key after the other: a picture that comes late would be taken for one of the wrong frame
        others = [other for other in folder.glob("*.png") if other != path] if after is not None and not path.exists() else []
        for other in others:
            other.unlink()
        if others:
            xdotool("key", str(after))
        return [str(path)] if path.exists() and cv2.imread(str(path)) is not None else []

    return Path(eventually(there, f"no picture of frame {number} was saved; there are {sorted(p.name for p in folder.glob('*'))}")[0])


def test_keys_and_mouse_move_through_a_session_exactly(display: str, session: Path, tmp_path: Path) -> None:
    with viewing(session, display, tmp_path) as (viewer, xdotool):
        place = 0
        saved(tmp_path, xdotool, NUMBERS[place])
        for key, there in [
            ("Right", 1), ("Up", 11), ("Left", 10), ("period", 11), ("Down", 1), ("End", len(NUMBERS) - 1), ("Home", 0),
            ("Next", NUMBERS.index(100)), ("Prior", 0), ("e", NUMBERS.index(100)), ("e", NUMBERS.index(200)), ("b", NUMBERS.index(100)),
        ]:  # fmt: skip
            place = there
            path = saved(tmp_path, xdotool, NUMBERS[place], after=key)
        picture = cv2.imread(str(path))
        assert picture is not None
        height, width = picture.shape[:2]
        window = xdotool("search", "--onlyvisible", "--name", "^rigtrack - ").split()[-1]
        xdotool("mousemove", "--window", window, str(width - 1), str(height - 20), "click", "1")
        saved(tmp_path, xdotool, NUMBERS[-1])
        xdotool("key", "q")
        assert viewer.wait(timeout=DEADLINE_S) == 0
        assert "Traceback" not in tmp_path.with_suffix(".log").read_text()


def test_space_plays_to_the_end(display: str, session: Path, tmp_path: Path) -> None:
    seen: list[int] = []
    with viewing(session, display, tmp_path, "--from", "2.5") as (_, xdotool):

        def ended() -> list[str]:
            xdotool("key", "s")
            seen.append(len(list(tmp_path.glob("*.png"))))
            if seen[-1:] == seen[-2:-1]:  # at rest: Qt keeps one key at a time, and any may have been lost
                xdotool("key", "space")
            return [str(path) for path in tmp_path.glob(f"monday-{NUMBERS[-1]}.png")]

        eventually(ended, "it never came to the last frame")


def test_plus_and_minus_change_the_speed(session: Path) -> None:
    clock = [0]
    scene = RecordedScene(RecordedSession(session))
    content = SessionContent(scene, lambda: clock[0])
    for key in "++-+ ":
        assert content.obey(ord(key)) == ""
    clock[0] = 500_000_000
    content.picture(OverlaySettings(), (400, 300))
    scene.close()
    assert content.file_name() == "monday-200.png", "half a second at four times the speed"


def test_a_slow_drawing_drops_pictures_and_stays_at_the_time(session: Path) -> None:
    clock = [0]
    scene = RecordedScene(RecordedSession(session))
    content = SessionContent(scene, lambda: clock[0])
    content.obey(ord(" "))
    shown = []
    for ms in (0, 400, 1000, 2990):  # a drawing that takes half a second
        clock[0] = ms * 1_000_000
        content.state()
        content.picture(OverlaySettings(), (400, 300))
        shown.append(content.file_name())
    scene.close()
    assert shown == [f"monday-{number}.png" for number in (0, 40, 100, 299)]


def test_a_session_whose_recording_was_cut_off_says_how_to_mend_it(tmp_path: Path) -> None:
    folder = write_session(tmp_path / "s", range(30), closed=False)
    scene = RecordedScene(RecordedSession(folder))
    content = SessionContent(scene, lambda: 0)
    whole = content.picture(OverlaySettings(), (400, 300))
    assert content.finish(whole)[0] == f"was cut off: `tracker recover {folder}` mends it"
    scene.close()


def test_a_video_of_a_session_that_was_cut_off_is_made_and_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = write_session(tmp_path / "s", range(4), closed=False)
    assert main(["view", str(folder), "--out", str(tmp_path / "film.mp4")]) == 0
    said = capsys.readouterr()
    assert f"tracker view: {folder}: was cut off: `tracker recover {folder}` mends it\n" in said.err


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("nothing", "there is no such folder; give the folder of a recorded session, or an address such as tcp://"),
        (".", r"has no session\.json, so it is not a recorded session"),
    ],
)
def test_what_is_no_session_is_one_sentence(
    name: str, sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["view", name]) == 1
    said = capsys.readouterr().err
    assert re.search(sentence, said)
    assert "Traceback" not in said


def test_without_a_display_a_session_is_one_sentence(
    session: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    assert main(["view", str(session)]) == 1
    assert "there is no display here" in capsys.readouterr().err


def test_a_video_with_the_overlay_holds_every_frame_between_two_times(
    session: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tracker.task_progress.LINE_EVERY_S", 0.0)
    out = tmp_path / "new" / "part.mp4"
    assert main(["view", str(session), "--from", "0.5", "--to", "0.8", "--out", str(out)]) == 0
    expected = [number for number in NUMBERS if 50 <= number <= 80]
    told, said = capsys.readouterr()
    assert told == f"{out}: {len(expected)} frames\n"
    assert said.splitlines()[-1] == f"drawing part.mp4: {len(expected)} of {len(expected)} frames"
    scene = RecordedScene(RecordedSession(session))
    timeline = timeline_of(scene)
    capture = cv2.VideoCapture(str(out))
    for number in expected:
        ok, bgr = capture.read()
        assert ok
        place = NUMBERS.index(number)
        near = {at: with_timeline(scene, timeline, at, OverlaySettings(zoom=6.0)) for at in (place - 1, place, place + 1)}
        apart = {at: float(np.abs(bgr[: len(shown), :, ::-1].astype(int) - shown).mean()) for at, shown in near.items()}
        assert min(apart, key=lambda at: apart[at]) == place, f"another frame stands at {number}"
    assert not capture.read()[0]
    scene.close()
    assert [path.name for path in out.parent.iterdir()] == ["part.mp4"]


def test_a_video_with_the_overlay_says_that_it_was_drawn(session: Path, tmp_path: Path) -> None:
    assert main(["view", str(session), "--to", "0.1", "--out", str(tmp_path / "part.mp4")]) == 0
    with av.open(str(tmp_path / "part.mp4")) as container:
        assert is_drawn(container.metadata)


def test_sessions_that_go_on_with_one_another_are_shown_as_one(tmp_path: Path) -> None:
    parts = write_chain(tmp_path)
    scene, alone = RecordedScene(read_chain(tmp_path / "night-2")), [RecordedScene(part) for part in parts]
    assert (scene.frames, scene.title, scene.segments) == (60, "night to night-3", [20, 40, 50])
    assert scene.seconds[[0, 20, 50]] == pytest.approx([0, GAP_S, 2 * GAP_S], abs=1e-6)
    for place, own, index in ((19, 19, 0), (20, 0, 1), (41, 21, 1), (50, 0, 2), (59, 9, 2)):
        np.testing.assert_array_equal(scene.image(place), alone[index].image(own))
        assert scene.file_name(place) == alone[index].file_name(own)
        assert scene.point_names(place) == alone[index].point_names(own)
        one, other = scene.pose(place), alone[index].pose(own)
        assert (one is None) == (other is None)
        assert one is None or other is None or one.animals == other.animals
        said, told = ([text for text, _ in each._lines(at, OverlaySettings())] for each, at in ((scene, place), (alone[index], own)))
        assert said[1].split("   ")[1] == told[1].split("   ")[1], "the time of day"
        assert said[2].startswith(f"night{'' if index == 0 else f'-{index + 1}'}   {index + 1} of 3")
    assert "began 59.810 s after the one before" in scene._lines(20, OverlaySettings())[2][0]
    spans = [(span.event, span.begin, span.end) for span in scene.events.spans]
    shifted = [
        (span.event, span.begin + first, span.end + first)
        for first, each in zip((0, 20, 50), alone, strict=True)
        for span in each.events.spans
    ]
    assert spans == shifted
    assert spans[:2] == [("poke", 8, 20), ("poke", 20, 25)], "nothing is on across a gap"
    assert {event.event for event in scene.events.at(22) if event.state == "on"} == {"poke"}
    for each in (scene, *alone):
        each.close()


def test_a_chain_is_written_as_one_video_with_its_overlay(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_chain(tmp_path)
    arguments = ["view", str(tmp_path / "night-2"), "--out", str(tmp_path / "film.mp4")]
    assert main([*arguments, "--whole"]) == 0
    assert capsys.readouterr().out == f"{tmp_path / 'film.mp4'}: 60 frames\n"
    (tmp_path / "night-3").rename(tmp_path / "moved")
    say(tmp_path / "moved", continues="night-3")
    assert main(["view", str(tmp_path / "moved"), "--whole"]) == 1
    assert "goes on from night-3, and no session of that name is beside it" in capsys.readouterr().err


def test_a_chain_whose_clock_was_set_back_is_not_shown_as_one(tmp_path: Path) -> None:
    first = write_chain(tmp_path)[0]
    say(tmp_path / "night-2", unix_offset_ns=first.description.unix_offset_ns)
    with pytest.raises(RecordingError, match=r"night-2: begins .* before the session before it ends, .* view them apart"):
        RecordedScene(read_chain(tmp_path / "night"))


def test_no_video_is_made_of_frames_without_a_picture(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = write_session(tmp_path / "s", range(20), segments=(10,))
    out = tmp_path / "film.mp4"
    (folder / "video-001.mkv").rename(tmp_path / "elsewhere.mkv")

    assert main(["view", str(folder), "--to", "0.05", "--out", str(out)]) == 1

    said = capsys.readouterr().err.splitlines()[-1]
    assert "video-001.mkv: cannot be opened as a video" in said
    assert not out.exists()


def test_a_video_some_of_whose_frames_have_no_picture_is_made_and_says_how_many(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = write_session(tmp_path / "s", range(20), segments=(10,))
    (folder / "video-001.mkv").unlink()

    assert main(["view", str(folder), "--from", "0.05", "--out", str(tmp_path / "film.mp4")]) == 0

    told, said = capsys.readouterr()
    assert told == f"{tmp_path / 'film.mp4'}: 15 frames\n"
    assert f"tracker view: {folder}: 5 of 15 frames have no picture: {folder / 'video-001.mkv'}: cannot be opened" in said


def test_the_window_says_why_a_frame_has_no_picture(tmp_path: Path) -> None:
    folder = write_session(tmp_path / "s", range(20), segments=(10,))
    (folder / "video-001.mkv").unlink()
    scene = RecordedScene(RecordedSession(folder))
    content = SessionContent(scene, lambda: 0)

    shown = content.picture(OverlaySettings(), (640, 480))

    assert (shown == RED).all(axis=-1).mean() > 0.05, "no banner"
    assert list(scene.lacking) == [0]
    assert "video-001.mkv: cannot be opened as a video" in scene.lacking[0]
    scene.close()


@pytest.mark.parametrize(
    ("size", "factor"),
    [((48, 64), 8), ((96, 96), 4), ((320, 240), 2), ((640, 480), 1), ((1280, 128), 1), ((2448, 2048), 1), ((900, 100), 2)],
)
def test_small_pictures_are_enlarged_by_a_whole_factor_so_that_letters_can_be_read(size: tuple[int, int], factor: int) -> None:
    assert enlargement(size) == factor


def test_a_video_of_tiny_pictures_shows_them_enlarged_beside_a_panel_that_can_be_read(tmp_path: Path) -> None:
    session = write_session(tmp_path / "s", range(3), images=lambda number: np.full((64, 48), 40, np.uint8))
    write_overlay_video(session, tmp_path / "film.mp4")
    ok, bgr = cv2.VideoCapture(str(tmp_path / "film.mp4")).read()
    assert ok
    height = 8 * 64
    assert bgr.shape[1] == 8 * 48 + panel_width(height)
    assert bgr.shape[0] > height
    assert np.abs(bgr[height - 20 : height, :384].astype(int) - 40).max() < 8, "the picture ends where it should"
    assert np.abs(bgr[height - 20 : height, 390:].astype(int) - PANEL[::-1]).max() < 8, "and the panel begins there"


def test_a_file_that_exists_is_replaced_by_a_video_only_with_force(
    session: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "film.mp4"
    out.write_text("somebody's")
    asked = ["view", str(session), "--from", "0.5", "--to", "0.6", "--out", str(out)]
    assert main(asked) == 1
    assert "film.mp4: exists; give another --out, or --force to replace it" in " ".join(capsys.readouterr().err.split())
    assert out.read_text() == "somebody's"
    assert main([*asked, "--force", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"file": str(out), "frames": len([number for number in NUMBERS if 50 <= number <= 60])}
    assert out.read_bytes()[4:8] == b"ftyp"


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--out", "film.avi"], "expected a name that ends in .mp4"),
        (["--out", "/proc/film.mp4"], "cannot be written"),
        (["--out", "film.mp4", "--from", "99"], "has no frame between 99 s and"),
    ],
)
def test_a_video_that_cannot_be_written_is_one_sentence(
    options: list[str], sentence: str, session: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["view", str(session), *options]) == 1
    assert sentence in " ".join(capsys.readouterr().err.split())
    assert list(tmp_path.iterdir()) == []


def test_ctrl_c_while_a_video_is_written_is_a_failure_and_leaves_nothing(
    session: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = PressedAt("drawing film.mp4: 3 of")
    monkeypatch.setattr("tracker.task_progress.LINE_EVERY_S", 0.0)
    monkeypatch.setattr("sys.stderr", said)
    assert main(["view", str(session), "--out", str(tmp_path / "film.mp4")]) == 130
    assert said.getvalue().endswith("tracker view: stopped by hand; nothing was written\n")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "options", [["tcp://127.0.0.1:9", "--out", "film.mp4"], ["--out", "film.mp4"], ["somewhere", "--to", "3"], ["somewhere", "--json"]]
)
def test_options_of_a_session_are_refused_where_they_mean_nothing(options: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["view", *options])
    assert ended.value.code == 2


def test_the_picture_of_the_page_is_drawn_by_its_script(session: Path, tmp_path: Path) -> None:
    write_picture(session, 10, tmp_path / "session.webp")
    with PIL.Image.open(tmp_path / "session.webp") as drawn:
        assert drawn.size == (1000, 660)
