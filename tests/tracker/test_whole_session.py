"""Closed sessions that lost files, or parts of them, since: what is missing is named, and nothing is changed."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from tests.tracker.sessions import write_session
from tracker.__main__ import main
from tracker.errors import RecordingError
from tracker.recording.read_session import RecordedSession
from tracker.recording.recover import recover
from tracker.recording.session import SESSION_FILE, SourceVideo, read_description, write_part


def all_files(folder: Path) -> dict[str, bytes | None]:
    return {path.name: path.read_bytes() if path.is_file() else None for path in folder.iterdir()}


def cut(path: Path, share: float) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])


def folder_instead(path: Path) -> None:
    path.unlink()
    path.mkdir()


def other_video_instead(path: Path) -> None:
    shutil.copyfile(path.with_name("video-002.mkv"), path)


@pytest.mark.parametrize(
    ("file", "damage", "sentence"),
    [
        ("video-001.mkv", Path.unlink, "video-001.mkv: is missing; closed.json counts 60 frames in it"),
        ("video-001.mkv", folder_instead, "video-001.mkv: is not a file; closed.json counts 60 frames in it"),
        ("video-002.mkv", lambda path: path.write_bytes(b""), "video-002.mkv: is empty; closed.json counts 40 frames in it"),
        ("video-001.mkv", lambda path: cut(path, 0.5), "video-001.mkv: is cut short, "),
        ("video-001.mkv", lambda path: cut(path, 0.999), "video-001.mkv: is cut short, "),
        ("video-001.mkv", lambda path: path.write_bytes(b"nonsense" * 400), "video-001.mkv: cannot be read as a video ("),
        ("video-001.mkv", other_video_instead, "video-001.mkv: ends after 40 frames; closed.json counts 60 frames in it"),
        ("frames.arrows", Path.unlink, "frames.arrows: is missing; closed.json counts 100 rows in it"),
        ("frames.arrows", lambda path: path.write_bytes(b""), "frames.arrows: holds 0 whole rows; closed.json counts 100"),
        ("frames.arrows", lambda path: path.write_bytes(b"nonsense" * 40), "frames.arrows: is not an Arrow stream"),
        ("events.arrows", Path.unlink, "events.arrows: is missing"),
        ("events.arrows", lambda path: cut(path, 0.9), "events.arrows: is cut short"),
    ],
    ids=[
        "missing", "folder", "empty", "half", "last bytes", "no video", "other video", "no rows", "empty rows", "no table", "no events",
        "events cut",
    ],
)  # fmt: skip
def test_a_closed_session_that_lost_something_is_not_called_whole(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], file: str, damage: Callable[[Path], object], sentence: str
) -> None:
    folder = write_session(tmp_path / "s", range(100), segments=[60], events=[("poke", 10, 20)])
    damage(folder / file)
    before = all_files(folder)

    assert main(["recover", str(folder)]) == 1

    told, said = capsys.readouterr()
    assert told == ""
    assert f"{folder}/{sentence}" in said
    assert "nothing was changed" in said
    assert all_files(folder) == before


def test_every_file_that_is_missing_is_named_at_once(tmp_path: Path) -> None:
    folder = write_session(tmp_path / "s", range(100), segments=[60])
    for name in ("video-001.mkv", "video-002.mkv"):
        (folder / name).unlink()
    with pytest.raises(RecordingError, match=r"video-001\.mkv: is missing.*; .*video-002\.mkv: is missing"):
        recover(folder)


def test_rows_that_name_another_video_than_was_closed_are_noticed(tmp_path: Path) -> None:
    folder = write_session(tmp_path / "s", range(100), segments=[60])
    closed = json.loads((folder / "closed.json").read_text())
    (folder / "closed.json").write_text(json.dumps({**closed, "segments": [50, 50]}))
    with pytest.raises(RecordingError, match=r"frames\.arrows: 60 rows name video-001\.mkv; closed\.json counts 50 frames in it"):
        recover(folder)


def test_a_session_is_whole_once_it_was_closed_or_mended(tmp_path: Path) -> None:
    for name, closed in (("mended", False), ("closed", True)):
        folder = write_session(tmp_path / name, range(101), segments=[60], closed=closed)
        assert recover(folder).was_whole == closed
        assert recover(folder).was_whole


def test_what_is_left_of_a_closed_session_is_mended_on_purpose(tmp_path: Path) -> None:
    folder = write_session(tmp_path / "s", range(100), segments=[60])
    (folder / "video-001.mkv").unlink()

    found = recover(folder, cut=True)

    assert (found.was_whole, found.closed.frames, found.closed.cut_rows) == (False, 40, 60)
    session = RecordedSession(folder)
    assert session.rows["frame"].to_pylist() == list(range(60, 100))
    assert len(list(session.frames())) == 40
    assert recover(folder).was_whole


def test_an_analysis_needs_no_video_of_its_own_and_is_made_again_where_it_lost_rows(tmp_path: Path) -> None:
    folder = write_session(tmp_path / "s", range(100))
    about = read_description(folder)
    source = SourceVideo(path="/v.mp4", bytes=1, fingerprint="0")
    write_part(folder, SESSION_FILE, msgspec.structs.replace(about, source=source))
    (folder / "video-001.mkv").unlink()
    assert recover(folder).was_whole
    cut(folder / "frames.arrows", 0.5)
    with pytest.raises(RecordingError, match="without one, `tracker analyse --force` makes the analysis again"):
        recover(folder, cut=True)
