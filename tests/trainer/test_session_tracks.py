"""Poses of a recorded session as training data: a row for each frame of the video, none where the loop skipped it."""

import time
from pathlib import Path

import msgspec
import numpy as np
import pytest

from tests.tracker.daemon import ROOT
from tests.tracker.recorded import MS, ask, picture, pose_of, recorder_of
from tests.trainer.test_labels import write_video
from tracker.config import load_config
from tracker.frame import Frame
from tracker.messages import VERSION, SetupMessage
from tracker.recording.original_video import identify
from trainer.behaviour.tracks import read_tracks
from trainer.behaviour.video_table import read_videos
from trainer.errors import LabelError
from trainer.ethogram.read_options import ReadOptions
from trainer.timeline.labelled_videos import open_videos


def setup(number: int = 1, names: tuple[str, ...] = ("snout", "tail")) -> SetupMessage:
    return SetupMessage(
        v=VERSION, camera="synthetic", session="a", frame=-1, received_ns=0, published_ns=0, setup=number, cause="start", bundle="b",
        bundle_sha256="0" * 64, point_names=list(names), calibrated=False, zones=[], behaviour=[],
    )  # fmt: skip


def record(folder: Path, *setups: SetupMessage) -> Path:
    recorder = recorder_of(load_config(ROOT / "examples" / "synthetic.yaml"))
    recorder.setup(setups[0])
    recorder.start(ask(folder))
    begin = time.monotonic_ns()
    for number in range(40):
        frame = Frame(image=picture(number), number=number, exposed_ns=None, received_ns=begin + number * 10 * MS)
        recorder.offer(frame)
        if number % 5 != 4:
            recorder.pose(pose_of(frame))
    for each in setups[1:]:
        recorder.setup(each)
    recorder.stop()
    return folder


def test_a_session_gives_its_poses_at_their_own_times_and_none_for_skipped_frames(tmp_path: Path) -> None:
    tracks = read_tracks(record(tmp_path / "session", setup()))

    assert tracks.point_names == ("snout", "tail")
    taken = [number for number in range(40) if number % 5 != 4]
    assert tracks.numbers is not None
    assert tracks.numbers.tolist() == taken
    np.testing.assert_array_equal(tracks.poses[:, 0, 1], [(number, 2.0, 0.75) for number in taken])
    assert tracks.times_s is not None
    np.testing.assert_allclose(tracks.times_s, [number / 100 for number in taken], atol=1e-9)
    assert np.isnan(tracks.poses[:, 0, 0]).all()  # its y is not known, so it is not there


def test_a_session_whose_key_points_changed_is_refused(tmp_path: Path) -> None:
    folder = record(tmp_path / "session", setup(), setup(2, ("snout", "paw")))
    with pytest.raises(LabelError, match="its setups have different key points \\(snout, paw; snout, tail\\)"):
        read_tracks(folder)


def test_a_folder_that_is_no_session_is_refused_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(LabelError, match=r"session\.json"):
        read_tracks(tmp_path)


def test_a_damaged_setup_is_named(tmp_path: Path) -> None:
    folder = record(tmp_path / "session", setup())
    (folder / "setups.jsonl").write_bytes(msgspec.json.encode({"v": 2}) + b"\n")
    with pytest.raises(LabelError, match=r"setups\.jsonl"):
        read_tracks(folder)


def test_labels_follow_the_frames_that_have_poses_and_a_wrong_rate_is_refused(tmp_path: Path) -> None:
    folder = record(tmp_path / "session", setup())
    (tmp_path / "labels.csv").write_text("frame,poke\n" + "".join(f"{number},{int(number in (4, 5, 6))}\n" for number in range(40)))
    table = tmp_path / "videos.csv"
    table.write_text(f"video,poses,labels\none,{folder.name},labels.csv\n")

    [video] = read_videos(table, asked=ReadOptions()).videos

    assert np.flatnonzero(video.marks[:, 0]).tolist() == [4, 5]  # frame 4 had no pose: frames 5 and 6 are the fifth and sixth that had
    assert video.fps == pytest.approx(100)
    assert video.seconds[:5].tolist() == pytest.approx([0, 0.01, 0.01, 0.01, 0.02])
    table.write_text(f"video,poses,labels,fps\none,{folder.name},labels.csv,25\n")
    with pytest.raises(LabelError, match=r"fps is 25, the session was recorded at 100\.0; leave fps out"):
        read_videos(table, asked=ReadOptions())


def test_the_timeline_shows_the_video_that_a_session_was_analysed_from(tmp_path: Path) -> None:
    write_video(tmp_path / "film.mp4", frames=40)
    folder = record(tmp_path / "monday", setup())
    about = msgspec.json.decode((folder / "session.json").read_bytes())
    known = identify(tmp_path / "film.mp4")
    source = {"path": str(tmp_path / "film.mp4"), "bytes": known.bytes, "fingerprint": known.fingerprint, "decoder": "pyav"}
    (folder / "session.json").write_bytes(msgspec.json.encode({**about, "source": source}))
    [shown] = open_videos([], [folder], fps=None, say=lambda _: None)
    assert (shown.name, shown.path, shown.frames, shown.size) == ("monday", tmp_path / "film.mp4", 40, (48, 64))
    assert shown.tracks is not None
    (tmp_path / "film.mp4").unlink()
    [alone] = open_videos([], [folder], fps=None, say=lambda _: None)
    assert (alone.name, alone.path) == ("monday", None)
