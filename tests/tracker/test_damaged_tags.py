"""A title that is no UTF-8, or whatever else a video says of itself so, costs none of its frames."""

from fractions import Fraction
from pathlib import Path

import pytest

from tests.conftest import BundleMaker
from tests.tracker.exported import write_session
from tests.tracker.recorded import number_in
from tests.tracker.videos import numbered, with_damaged_tags, write_video
from tracker.__main__ import main
from tracker.analysis.job import job_for
from tracker.analysis.video import open_video
from tracker.export.export_session import Wanted, export_session
from tracker.recording.copied_video import copy_video, put_aside, tagged_frames
from tracker.recording.read_session import RecordedSession
from tracker.recording.recover import recover
from tracker.recording.recover_waiting import frames_encoded
from tracker.recording.session import CLOSED_FILE, video_files
from tracker.recording.whole_session import video_faults
from trainer.video_files.reader import VideoReader


@pytest.fixture
def session(tmp_path: Path) -> RecordedSession:
    """A session of three videos whose tags are damaged."""
    written = write_session(tmp_path / "s", segment=15)
    for path in video_files(written.folder):
        with_damaged_tags(path)
    return RecordedSession(written.folder)


def test_a_film_is_analysed_exported_and_read_by_the_trainer(tmp_path: Path, make_bundle: BundleMaker) -> None:
    film = with_damaged_tags(write_video(tmp_path / "film.mp4", 12))
    height, width = numbered(0).shape[:2]
    bundle = make_bundle(tmp_path / "spot", height=height, width=width)
    assert main(["analyse", str(film), "--bundle", str(bundle), "--out", str(tmp_path / "an")]) == 0
    for form in ("nwb", "sleap"):
        assert main(["export", str(tmp_path / "an" / "film"), "--to", form]) == 0
    with VideoReader(film) as video:
        assert len(list(video.pictures())) == 12


def test_a_session_is_read_exported_and_analysed(session: RecordedSession, tmp_path: Path) -> None:
    numbers = session.rows["frame"].to_pylist()
    assert [number_in(image) for image in session.frames()] == numbers
    assert export_session(session, Wanted(form="nwb")).files
    assert len(list(open_video(job_for(session.folder, tmp_path / "an", taken={}), threads=1).frames())) == len(numbers)


def test_a_whole_session_is_found_whole(session: RecordedSession) -> None:
    assert session.closed is not None
    rate_hz = session.description.video.rate_hz
    assert video_faults(session.video_paths(), session.closed.segments, rate_hz=rate_hz) == []


def test_a_session_that_was_cut_off_is_recovered(session: RecordedSession) -> None:
    (session.folder / CLOSED_FILE).unlink()
    assert recover(session.folder).closed.frames == len(session.rows)
    first = video_files(session.folder)[0]
    assert frames_encoded(first) == 0, "no recovery has"
    copy_video(first, keep=5, of=9, rate=Fraction(100), read=lambda _: None)
    aside = put_aside(first)
    assert aside is not None
    assert tagged_frames(with_damaged_tags(aside)) == 4
