"""Poses of a recorded session as training data: a row for each frame of the video, none where the loop skipped it."""

from pathlib import Path

import msgspec
import numpy as np
import pytest

from tests.tracker.daemon import ROOT
from tests.tracker.recorded import ask, feed, recorder_of
from tracker.config import load_config
from tracker.messages import VERSION, SetupMessage
from trainer.behaviour.tracks import read_tracks
from trainer.errors import LabelError


def setup(number: int = 1, names: tuple[str, ...] = ("snout", "tail")) -> SetupMessage:
    return SetupMessage(
        v=VERSION, camera="synthetic", session="a", frame=-1, received_ns=0, published_ns=0, setup=number, cause="start", bundle="b",
        bundle_sha256="0" * 64, point_names=list(names), calibrated=False, zones=[], behaviour=[],
    )  # fmt: skip


def record(folder: Path, *setups: SetupMessage) -> Path:
    recorder = recorder_of(load_config(ROOT / "examples" / "synthetic.yaml"))
    recorder.setup(setups[0])
    recorder.start(ask(folder))
    feed(recorder, 40)
    for each in setups[1:]:
        recorder.setup(each)
    recorder.stop()
    return folder


def test_a_session_gives_a_pose_for_each_frame_and_nan_where_there_was_none(tmp_path: Path) -> None:
    tracks = read_tracks(record(tmp_path / "session", setup()))

    assert tracks.point_names == ("snout", "tail")
    assert tracks.poses.shape == (40, 1, 2, 3)
    skipped = np.arange(40) % 5 == 4
    assert np.isnan(tracks.poses[skipped]).all()
    np.testing.assert_array_equal(tracks.poses[~skipped, 0, 1], [(number, 2.0, 0.75) for number in np.flatnonzero(~skipped)])
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
