"""A recorder of the test's own, for whoever asks for it."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from tests.tracker.daemon import ROOT
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
