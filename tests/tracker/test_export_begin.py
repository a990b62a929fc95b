"""When the export of an analysed video begins: what is known is said, and what is not is left empty."""

from datetime import datetime, timezone
from pathlib import Path

import msgspec
import pandas as pd  # type: ignore[import-untyped]
import pytest

from tests.tracker.exported import EVENTS, received_ns, write_session
from tests.tracker.videos import write_video
from tracker.__main__ import main
from tracker.errors import RecordingError
from tracker.export.export_session import Wanted, export_session
from tracker.export.nwb_about import about
from tracker.export.session_poses import SessionPoses
from tracker.recording.original_video import OriginalVideo
from tracker.recording.read_session import RecordedSession
from tracker.recording.session import SESSION_FILE, SourceVideo, write_part

CHANGED, FILMED = "2026-01-31T14:05:09.000+00:00", "2026-01-31T12:00:00.000+00:00"
BEGUN = datetime(2026, 1, 31, 14, tzinfo=timezone.utc)


def analysed(folder: Path, *, filmed: str | None = None, changed: str | None = None) -> RecordedSession:
    """A session as of a video of which so much is known."""
    session = write_session(folder, events=EVENTS)
    source = SourceVideo(path="/videos/monday.mp4", bytes=1, fingerprint="0", filmed=filmed, changed=changed)
    write_part(folder, SESSION_FILE, msgspec.structs.replace(session.description, unix_offset_ns=0, source=source))
    return RecordedSession(folder)


def test_a_video_that_does_not_say_when_it_was_filmed_has_no_unix_times(tmp_path: Path) -> None:
    frames, events = export_session(analysed(tmp_path / "s", changed=CHANGED), Wanted(form="csv")).files
    assert pd.read_csv(frames)["unix_s"].isna().all()
    assert pd.read_csv(events)[["on_unix_s", "off_unix_s"]].isna().all(axis=None)
    assert "nan" not in frames.read_text()


def test_unix_times_of_a_video_begin_where_its_file_or_a_person_says(tmp_path: Path) -> None:
    session = analysed(tmp_path / "s", filmed=FILMED, changed=CHANGED)
    for start, begun in ((None, datetime.fromisoformat(FILMED)), (BEGUN, BEGUN)):
        frames, events = export_session(session, Wanted(form="csv", start=start, force=True)).files
        assert pd.read_csv(frames)["unix_s"][0] == begun.timestamp()
        bouts = pd.read_csv(events)
        assert (bouts["on_unix_s"] - bouts["on_s"]).dropna().round(6).eq(begun.timestamp()).all()


def test_an_nwb_file_says_where_the_start_of_an_analysed_video_comes_from(tmp_path: Path) -> None:
    length_s = (received_ns(39) - received_ns(0)) / 1e9
    live = SessionPoses(write_session(tmp_path / "live"))
    assert about(live, 0, {})["session_description"].endswith("camera synthetic")
    for place, (known, start, begun, says) in enumerate(
        (
            ({"filmed": FILMED, "changed": CHANGED}, BEGUN, BEGUN.timestamp(), "its start was given with --start"),
            ({"filmed": FILMED, "changed": CHANGED}, None, datetime.fromisoformat(FILMED).timestamp(), "the creation time that the video"),
            ({"changed": CHANGED}, None, datetime.fromisoformat(CHANGED).timestamp() - length_s, "not known, and its start stands as the"),
            ({}, None, None, "not known, and its start stands as when it was analysed"),
        )
    ):
        session = analysed(tmp_path / str(place), **known)
        said = about(SessionPoses(session, start=start), 0, {"session_description": "open field"})
        created = datetime.fromisoformat(session.description.created).timestamp()
        assert said["session_start_time"].timestamp() == pytest.approx(created if begun is None else begun, abs=1e-5)
        assert said["session_description"].startswith("open field; ")
        assert says in said["session_description"]


def test_a_start_that_nothing_can_be_made_of_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(RecordingError, match="was recorded live and knows when it began"):
        export_session(write_session(tmp_path / "s"), Wanted(form="csv", start=BEGUN))
    for options, sentence in (
        (["--to", "csv", "--start", "yesterday"], "'yesterday' is not a time; expected one such as 2026-01-31T14:05:09"),
        (["--to", "dlc", "--start", "2026-01-31"], "--start is for --to nwb, parquet and csv"),
    ):
        with pytest.raises(SystemExit):
            main(["export", str(tmp_path / "s"), *options])
        assert sentence in capsys.readouterr().err


@pytest.mark.parametrize(
    ("stated", "filmed"),
    [("2026-01-31T12:00:00.000000Z", datetime.fromisoformat(FILMED)), ("1970-01-01T00:00:00Z", None), (None, None)],
    ids=["stated", "a clock that was never set", "nothing"],
)
def test_a_video_says_its_codec_and_when_it_was_filmed(tmp_path: Path, stated: str | None, filmed: datetime | None) -> None:
    path = write_video(tmp_path / "monday.mp4", 3, codec="mpeg4", metadata={"creation_time": stated} if stated else {})
    video = OriginalVideo(path)
    assert (video.codec, video.filmed) == ("mpeg4", filmed)
