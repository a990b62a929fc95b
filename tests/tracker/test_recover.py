"""Sessions that were cut off or damaged: what is whole is kept, and nothing is lost unseen."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path

import cv2
import msgspec
import numpy as np
import pytest

from tests.tracker.daemon import ROOT
from tests.tracker.recorded import CHILD, FROM_HERE, MS, ask, feed, number_in, recorder_of, wait_until
from tests.tracker.sessions import write_session
from tracker.__main__ import _parser, main
from tracker.config import Config
from tracker.errors import RecordingError
from tracker.frame import Image
from tracker.recording.continued import session_to_continue
from tracker.recording.read_session import RecordedSession
from tracker.recording.recorder import Recorder
from tracker.recording.recover import recover, unfinished
from tracker.recording.session import (
    CLOSED_FILE,
    FRAMES_FILE,
    SESSION_FILE,
    SourceVideo,
    read_closed,
    read_description,
    video_files,
    write_part,
)


@pytest.mark.parametrize(("scene", "moments"), [("moving", (80, 190, 420)), ("still_and_dark", (420,))], ids=["moving", "still and dark"])
def test_a_kill_at_any_moment_costs_at_most_the_last_second(tmp_path: Path, scene: str, moments: tuple[int, ...]) -> None:

    def number_of(number: int, image: Image) -> int:
        """What the picture says; a dark one says nothing, but that it is the recorded one."""
        return number_in(image) if scene == "moving" else number if np.abs(image.astype(int) - 3).max() <= 2 else -1

    for attempt, lines in enumerate(moments):
        folder = tmp_path / f"s{attempt}"
        with subprocess.Popen(
            [sys.executable, "-c", FROM_HERE + CHILD, str(folder), "100000", scene], cwd=ROOT, stdout=subprocess.PIPE, text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        ) as child:  # fmt: skip
            assert child.stdout is not None
            said = [child.stdout.readline() for _ in range(lines)]
            child.send_signal(signal.SIGKILL)
            said += child.stdout.readlines()
        offered = [tuple(map(int, line.split())) for line in said if line.endswith("\n")]
        assert unfinished(tmp_path) == [folder]

        found = recover(folder)

        session = RecordedSession(folder)
        rows = session.rows.to_pylist()
        images = list(session.frames())
        assert [row["frame"] for row in rows] == list(range(len(rows))) == [number_of(each, image) for each, image in enumerate(images)]
        lost_ns = offered[-1][1] - (rows[-1]["received_ns"] if rows else offered[0][1])
        assert lost_ns <= 1_000 * MS, "more than the last second is lost"
        assert (found.was_whole, found.closed.recovered, found.closed.frames) == (False, True, len(rows))
        numbers = np.array([row["frame"] for row in rows])
        segments = np.array([row["segment"] for row in rows])
        for segment, path in enumerate(video_files(folder), 1):
            numbers_of_video = numbers[segments == segment]
            video = cv2.VideoCapture(str(path))
            assert video.get(cv2.CAP_PROP_FRAME_COUNT) == len(numbers_of_video)
            for place in np.random.default_rng(attempt).permutation(len(numbers_of_video))[:30]:
                video.set(cv2.CAP_PROP_POS_FRAMES, int(place))
                there, image = video.read()
                assert there
                number = numbers_of_video[place]
                assert number_of(number, np.asarray(image, np.uint8)) == number, "a seek lands on exactly this frame"
        assert unfinished(tmp_path) == []
        assert recover(folder).was_whole


def test_an_empty_folder_is_said_to_hold_nothing_and_may_be_deleted(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="ended before the first frames had come, so nothing was recorded; delete the folder"):
        recover(tmp_path)


def test_a_folder_that_is_no_session_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(RecordingError, match=r"has no session.json, so it is not a recorded session"):
        recover(tmp_path)
    (tmp_path / "session.json").write_text("{")
    with pytest.raises(RecordingError, match="is damaged"):
        recover(tmp_path)


def cut_off(recorder: Recorder, folder: Path, *, frames: int = 40) -> list[Path]:
    """A session of several files as a kill leaves it."""
    recorder.start(ask(folder))
    feed(recorder, frames, rate_hz=20)
    recorder.stop()
    (folder / "closed.json").unlink()
    return video_files(folder)


def all_files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def break_video(videos: list[Path]) -> None:
    content = bytearray(videos[0].read_bytes())
    content[0] ^= 0xFF
    videos[0].write_bytes(content)


def tear_a_hole(videos: list[Path]) -> None:
    content = videos[0].read_bytes()
    middle = len(content) // 2
    videos[0].write_bytes(content[:middle] + bytes(600) + content[middle + 600 :])


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (break_video, "video-001.mkv: cannot be read as a video"),
        (tear_a_hole, "frames of video-001.mkv, other than a cut-off recording explains"),
        (lambda videos: videos[1].unlink(), "video-002.mkv: is missing"),
        (lambda videos: (videos[0].parent / FRAMES_FILE).unlink(), "frames.arrows: has rows for 0 of the"),
    ],
    ids=["first byte", "hole", "missing", "no rows"],
)
def test_recovery_changes_nothing_where_more_than_the_end_is_damaged(
    recording_config: Config, tmp_path: Path, damage: Callable[[list[Path]], object], sentence: str
) -> None:
    folder = tmp_path / "s"
    damage(cut_off(recorder_of(recording_config, segment_s=15.0, queue_frames=1000), folder, frames=700))
    before = all_files(folder)
    with pytest.raises(RecordingError, match=re.escape(sentence)):
        recover(folder)
    assert all_files(folder) == before


def test_what_is_cut_on_purpose_still_goes_together_frame_by_frame(recording_config: Config, tmp_path: Path) -> None:
    folder = tmp_path / "s"
    videos = cut_off(recorder_of(recording_config, segment_s=1.0), folder, frames=70)
    videos[1].unlink()
    found = recover(folder, cut=True)
    session = RecordedSession(folder)
    numbers = session.rows["frame"].to_pylist()
    assert numbers == [number_in(image) for image in session.frames()] == [*range(20), *range(40, 70)]
    assert (found.closed.cut_rows, found.closed.frames) == (20, 50)


def test_a_session_that_is_being_recorded_is_not_mended_nor_named(recorder: Recorder, tmp_path: Path) -> None:
    recorder.start(ask(tmp_path / "s"))
    feed(recorder, 30)
    wait_until(lambda: recorder.counts[0] == 30)
    with pytest.raises(RecordingError, match="is being recorded or mended at the moment"):
        recover(tmp_path / "s")
    assert unfinished(tmp_path) == []
    assert recorder.stop().frames == 30


NOW = datetime(2026, 1, 31, 15, tzinfo=timezone.utc)


def written_later(folder: Path, *, closed: bool, **said: object) -> None:
    """A session that began after all others beside it."""
    write_session(folder, range(3), closed=closed)
    created = f"2026-01-31T14:05:{len(list(folder.parent.iterdir())):02d}.000+00:00"
    write_part(folder, SESSION_FILE, msgspec.structs.replace(read_description(folder), created=created, **said))


def test_a_session_continues_the_newest_of_its_camera_if_that_was_cut_off(tmp_path: Path) -> None:
    def before(camera: str = "top") -> str | None:
        return session_to_continue(tmp_path, camera, {}, now=NOW)

    def later(name: str, *, closed: bool, **said: object) -> None:
        written_later(tmp_path / name, closed=closed, **said)

    assert before() is None
    later("z", closed=False)
    assert before() == "z"
    assert before("side") is None
    later("a", closed=False)
    assert before() == "a", "by time, not by name"
    later("other", closed=False, camera="side")
    later("analysed", closed=False, source=SourceVideo(path="/v.mp4", bytes=1, fingerprint="0"))
    (tmp_path / "damaged").mkdir()
    (tmp_path / "damaged" / SESSION_FILE).write_text("{", encoding="utf-8")
    os.utime(tmp_path / "damaged" / SESSION_FILE, (0, 0))  # older than the others
    assert before() == "a"
    recover(tmp_path / "a")
    assert before() is None, "it was mended, and what is older is not what goes on"


@pytest.mark.parametrize(
    ("reason", "is_continued"),
    [("the tracker ended", True), ("stopped", False), ("its time was over", False), ("stopped by hand", False)],
)
def test_of_closed_sessions_only_one_that_the_tracker_s_end_ended_is_continued(tmp_path: Path, reason: str, is_continued: bool) -> None:
    written_later(tmp_path / "cut", closed=False)
    written_later(tmp_path / "night", closed=True, meta={"animal": "M17"})
    closed = read_closed(tmp_path / "night")
    assert closed is not None
    write_part(tmp_path / "night", CLOSED_FILE, msgspec.structs.replace(closed, reason=reason))

    expected = "night" if is_continued else None
    assert session_to_continue(tmp_path, "top", {"temperature": "23"}, now=NOW) == expected
    assert session_to_continue(tmp_path, "top", {"animal": "M17"}, now=NOW) == expected
    assert session_to_continue(tmp_path, "top", {"animal": "M18"}, now=NOW) is None, "another animal's session stands for itself"


def test_a_session_of_a_clock_that_was_ahead_is_continued_by_none(tmp_path: Path) -> None:
    written_later(tmp_path / "ahead", closed=False)
    written_later(tmp_path / "now", closed=True)
    about = read_description(tmp_path / "ahead")
    write_part(tmp_path / "ahead", SESSION_FILE, msgspec.structs.replace(about, created="2099-01-01T00:00:00.000+00:00"))
    assert session_to_continue(tmp_path, "top", {}, now=NOW) is None, "the newest was stopped"


@pytest.mark.parametrize("last_is_cut_off", [True, False])
def test_no_session_is_continued_twice(tmp_path: Path, last_is_cut_off: bool) -> None:
    written_later(tmp_path / "last", closed=not last_is_cut_off, continues="night")
    written_later(tmp_path / "night", closed=False)  # by a clock that was put back afterwards
    assert session_to_continue(tmp_path, "top", {}, now=NOW) == ("last" if last_is_cut_off else None)


def test_nothing_is_continued_across_a_session_that_cannot_be_read(tmp_path: Path) -> None:
    written_later(tmp_path / "night", closed=False)
    assert session_to_continue(tmp_path, "top", {}, now=NOW) == "night"
    (tmp_path / "later").mkdir()
    (tmp_path / "later" / SESSION_FILE).write_text("{", encoding="utf-8")
    for text, continued in (("2026-01-31T14:30:00", None), ("2026-01-31T14:00:00", "night"), ("2099-01-31T14:00:00", "night")):
        changed = datetime.fromisoformat(f"{text}+00:00").timestamp()
        os.utime(tmp_path / "later" / SESSION_FILE, (changed, changed))
        assert session_to_continue(tmp_path, "top", {}, now=NOW) == continued, text


def test_recovery_says_how_many_frames_the_encoder_had_not_taken(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = write_session(tmp_path / "s", range(3), closed=False, dropped=48)
    options = _parser().parse_args(["recover", str(folder)])

    assert options.call(options) == 0
    assert "in 1 video file, each with its row; 48 others were dropped while it was recorded\n" in capsys.readouterr().out


def test_recovery_says_which_session_it_mends_and_how_far_it_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tracker.task_progress.LINE_EVERY_S", 0.0)
    folders = [str(write_session(tmp_path / name, range(30), closed=False)) for name in ("a", "b")]
    options = _parser().parse_args(["recover", *folders, "--json"])

    assert options.call(options) == 0
    told, said = capsys.readouterr()
    assert [json.loads(line)["folder"] for line in told.splitlines()] == folders
    begins = {line.partition(":")[0] for line in said.splitlines()}
    assert begins == {"mending a, 1 of 2", "mending b, 2 of 2"}


def test_a_session_that_cannot_be_mended_keeps_no_other_from_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = write_session(tmp_path / "s", range(3), closed=False)
    none = [str(tmp_path / "none"), str(tmp_path / "nothing")]

    assert main(["recover", none[0], str(folder), none[1]]) == 1
    told, said = capsys.readouterr()
    assert told.startswith(f"{folder}: ")
    assert RecordedSession(folder).closed is not None
    assert [line.partition(": there is no such folder")[0] for line in said.splitlines()] == [f"tracker recover: {path}" for path in none]


def test_recovery_counts_the_bytes_of_its_videos_up_to_all_of_them(tmp_path: Path) -> None:
    folder = write_session(tmp_path / "s", range(30), closed=False)
    told: list[tuple[int, int]] = []
    recover(folder, progress=lambda done, of: told.append((done, of)))
    done, of = zip(*told, strict=True)
    assert list(done) == sorted(done)
    assert len(set(of)) == 1
    assert 0.5 * of[0] < done[-1] <= of[0]


def test_other_files_beside_a_recording_do_no_harm(recorder: Recorder, tmp_path: Path) -> None:
    recorder.start(ask(tmp_path / "s"))
    feed(recorder, 20)
    wait_until(lambda: recorder.counts[0] == 20)
    (tmp_path / "s" / ".#notes.txt").symlink_to("nobody@nowhere.1")
    (tmp_path / "s" / "video-copy.mkv").touch()
    time.sleep(1.2)  # the size is looked at every second
    feed(recorder, 20, begin=20)
    assert recorder.stop().frames == 40
    (tmp_path / "s" / "closed.json").unlink()
    assert recover(tmp_path / "s").closed.frames == 40


def test_a_closed_session_whose_table_lost_rows_is_refused(recorder: Recorder, tmp_path: Path) -> None:
    recorder.start(ask(tmp_path / "s"))
    feed(recorder, 20)
    recorder.stop()
    for damage in (b"", b"nonsense" * 40):
        (tmp_path / "s" / FRAMES_FILE).write_bytes(damage)
        with pytest.raises(RecordingError, match=r"frames\.arrows"):
            RecordedSession(tmp_path / "s")
