"""A recorder of the test's own, and a V4L2 device in user space, for whoever asks for them."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from tests.tracker.daemon import ROOT
from tests.tracker.fake_device import FakeDevice, build
from tests.tracker.recorded import HIGH, WIDE, recorder_of
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


@pytest.fixture(params=["libx264", "h264_nvenc"])
def encoder(request: pytest.FixtureRequest) -> str:
    """Each encoder that a recording may use, tried as a recording tries it; skipped where this machine has none."""
    from tracker.recording.encoder_choice import choose_encoder  # PyAV is not needed by most tests of this folder

    asked: str = request.param
    choice = choose_encoder(asked, width=WIDE, height=HIGH)
    if choice.why_not is not None:
        pytest.skip(choice.why_not)
    return asked


@pytest.fixture(scope="module")
def fake_v4l2(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FakeDevice]:
    device = FakeDevice(build(tmp_path_factory.mktemp("v4l2")))
    yield device
    device.close()
