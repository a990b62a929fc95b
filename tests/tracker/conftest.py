"""A recorder of the test's own, and a V4L2 device in user space, for whoever asks for them."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from tests.tracker.daemon import ROOT
from tests.tracker.fake_device import FakeDevice, build
from tests.tracker.recorded import recorder_of
from tracker.config import Config, RecordingConfig, load_config
from tracker.recording.recorder import Recorder


@pytest.fixture
def recording_config(tmp_path: Path) -> Config:
    found = load_config(ROOT / "examples" / "synthetic.yaml")
    return msgspec.structs.replace(found, recording=RecordingConfig(folder=str(tmp_path / "recordings"), minimum_free_gb=0))


@pytest.fixture
def recorder(recording_config: Config) -> Iterator[Recorder]:
    made = recorder_of(recording_config)
    yield made
    made.close()


@pytest.fixture(scope="module")
def fake_v4l2(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FakeDevice]:
    device = FakeDevice(build(tmp_path_factory.mktemp("v4l2")))
    yield device
    device.close()
