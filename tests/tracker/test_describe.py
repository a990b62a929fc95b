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
