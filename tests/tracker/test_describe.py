"""What session.json says of the bundle that made a session's poses."""

import json
from pathlib import Path

import msgspec
import numpy as np
import pytest

from tests.conftest import BundleMaker
from tests.tracker.daemon import ROOT
from tracker.bundle import read_bundle
from tracker.config import Config, RecordingConfig, load_config
from tracker.frame import Frame
from tracker.recording.describe import NameAndHash, describe
from tracker.recording.session import SESSION_FILE, Description, read_description, write_part


def described(bundle: Path, *, in_use: NameAndHash | None = None) -> Description:
    rig = load_config(ROOT / "examples" / "synthetic.yaml")
    config: Config = msgspec.structs.replace(rig, engine=msgspec.structs.replace(rig.engine, bundle=str(bundle)))
    first = Frame(image=np.zeros((48, 64), np.uint8), number=0, exposed_ns=None, received_ns=0)
    return describe(config, RecordingConfig(), [first], camera_description="a camera", stream_session="a", meta={}, bundle=in_use)


def test_session_json_names_the_bundle_of_the_configuration_with_its_hash(tmp_path: Path, make_bundle: BundleMaker) -> None:
    folder = make_bundle(tmp_path / "spot")
    write_part(tmp_path, SESSION_FILE, described(folder))
    said, bundle = json.loads((tmp_path / SESSION_FILE).read_text()), read_bundle(folder).description
    assert (said["bundle"], said["bundle_sha256"]) == (bundle.name, bundle.onnx_sha256)


def test_session_json_names_the_bundle_in_use_rather_than_the_configured_one(tmp_path: Path, make_bundle: BundleMaker) -> None:
    said = described(make_bundle(tmp_path / "spot"), in_use=("swapped in", "1" * 64))
    assert (said.bundle, said.bundle_sha256) == ("swapped in", "1" * 64)


def test_a_session_without_a_readable_bundle_is_described_all_the_same(tmp_path: Path) -> None:
    said = described(tmp_path / "none")
    assert (said.bundle, said.bundle_sha256) == (None, None)


@pytest.mark.parametrize("field", ["bundle", "bundle_sha256"])
def test_a_session_of_before_the_bundle_was_noted_still_loads(tmp_path: Path, field: str) -> None:
    write_part(tmp_path, SESSION_FILE, described(tmp_path / "none", in_use=("mouse", "1" * 64)))
    said = json.loads((tmp_path / SESSION_FILE).read_text())
    del said[field]
    (tmp_path / SESSION_FILE).write_text(json.dumps(said))
    assert getattr(read_description(tmp_path), field) is None


def stamped(times_ms: list[float], numbers: list[int] | None = None, **said: float) -> float:
    """The rate of the time stamps of a session that begins so."""
    rig = load_config(ROOT / "examples" / "synthetic.yaml")
    image = np.zeros((48, 64), np.uint8)
    first = [
        Frame(image=image, number=number, exposed_ns=None, received_ns=round(at * 1e6))
        for number, at in zip(numbers or range(len(times_ms)), times_ms, strict=True)
    ]
    about = describe(rig, RecordingConfig(), first, camera_description="", camera_settings=said, stream_session="a", meta={})
    return about.video.rate_hz


def test_one_late_frame_changes_nothing_in_the_rate_of_the_time_stamps() -> None:
    on_time = [10.0 * number for number in range(10)]
    assert stamped(on_time) == 100
    for late in range(10):
        assert stamped([at + 9 * (place == late) for place, at in enumerate(on_time)]) == 100


def test_lost_frames_change_nothing_in_the_rate_of_the_time_stamps() -> None:
    numbers = [0, 3, 6, 7, 12, 14, 15, 16, 20, 30]
    assert stamped([10.0 * number for number in numbers], numbers) == 100


@pytest.mark.parametrize(
    ("rate_hz", "expected"), [(29.97, 29.97), (30000 / 1001, 29.97), (29.5, 29.5), (59.94, 59.94), (1000, 500), (0.2, 1)]
)
def test_a_rate_that_is_not_whole_is_kept_up_to_500_hz(rate_hz: float, expected: float) -> None:
    assert stamped([1000 * number / rate_hz for number in range(10)]) == expected


def test_the_cameras_own_rate_is_taken_unless_its_frames_come_otherwise() -> None:
    jitter = [33.4 * number + (1.5 if number % 2 else -1.0) for number in range(10)]
    assert 29.5 < stamped(jitter) < 30.4
    assert stamped(jitter, rate_hz=29.97) == 29.97
    assert stamped(jitter, rate_hz=60.0, resulting_rate_hz=29.97) == 29.97
    assert stamped([0.0], rate_hz=25.0) == 25
    assert stamped([66.9 * number for number in range(10)], rate_hz=30.0) == 14.95
