"""The commands that start and stop recording, answered in this process."""

from collections.abc import Iterator

import msgspec
import pytest

from tests.tracker.daemon import DEADLINE_S
from tests.tracker.recorded import feed, recorder_of, wait_until
from tracker.config import Config
from tracker.errors import RecordingError
from tracker.record_handler import RecordHandler
from tracker.recording.recorder import Recorder


@pytest.fixture
def named_config(recording_config: Config) -> Config:
    """Every session has the same name, as all of one second have with the usual one."""
    assert recording_config.recording is not None
    return msgspec.structs.replace(recording_config, recording=msgspec.structs.replace(recording_config.recording, name="{camera}"))


@pytest.fixture
def named_recorder(named_config: Config) -> Recorder:
    return recorder_of(named_config)


@pytest.fixture
def handler(named_config: Config, named_recorder: Recorder) -> Iterator[RecordHandler]:
    made = RecordHandler(named_config, named_recorder)
    yield made
    made.close(hurried=lambda: True)


def recorded(handler: RecordHandler, recorder: Recorder, **asked: str) -> str:
    """Name of the folder of a session that was started and stopped."""
    starting = handler.start(asked)
    wait_until(lambda: recorder.status is not None or starting.done())
    feed(recorder, 12)
    folder = str(starting.result(DEADLINE_S)["folder"])
    assert handler.stop({}).result(DEADLINE_S)["folder"] == folder
    return folder.rpartition("/")[2]


def test_two_starts_within_a_second_have_a_folder_each(handler: RecordHandler, named_recorder: Recorder) -> None:
    assert [recorded(handler, named_recorder) for _ in range(3)] == ["synthetic", "synthetic-2", "synthetic-3"]


def test_a_name_that_somebody_chose_is_refused_where_it_is_taken(handler: RecordHandler, named_recorder: Recorder) -> None:
    assert recorded(handler, named_recorder, name="M17") == "M17"
    with pytest.raises(RecordingError, match="M17: exists; a session begins in a folder of its own, so choose another name"):
        handler.start({"name": "M17"}).result(DEADLINE_S)
    assert named_recorder.status is None
