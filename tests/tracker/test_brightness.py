"""The brightness of a rectangle: measured exactly, an event like any other, published, recorded and replayed."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]
import pytest

from tests.conftest import BundleMaker
from tests.tracker.daemon import write_config
from tests.tracker.rig import HEIGHT, WIDTH, Rig, rig
from tracker.brightness import Brightness
from tracker.config_rules import BrightnessSource, EventConfig, Rule
from tracker.errors import ConfigError, StreamError
from tracker.messages import EventMessage, PoseMessage, SetupMessage
from tracker.recording.tables import FRAMES, read_table
from tracker.replay import Rules, replay

LAMP = BrightnessSource(left=10, top=20, width=2, height=1)


def lamp(source: BrightnessSource = LAMP) -> EventConfig:
    return EventConfig(
        event="lamp", source=source, rule=Rule(when="above", on=0.4, off=0.4, end_after_ms=3_600_000)
    )  # on a slow machine too


@pytest.fixture(scope="module")
def bundle(make_bundle: BundleMaker, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_bundle(tmp_path_factory.mktemp("bundles") / "spot", height=HEIGHT, width=WIDTH)


@pytest.fixture
def lit(tmp_path: Path, bundle: Path) -> Iterator[Rig]:
    """A rig that watches two pixels."""
    config = write_config(tmp_path, bundle, {"source": "synthetic", "width": WIDTH, "height": HEIGHT})
    with rig(config, bundle, events=(lamp(),)) as made:
        made.change("start")
        made.start()
        yield made


def test_the_mean_of_a_rectangle_is_exact_in_grey_and_in_colour() -> None:
    image = np.zeros((30, 40), np.uint8)
    image[20, 10:12] = 51, 102
    image[19], image[21], image[20, 9], image[20, 12] = 255, 255, 255, 255
    subject = Brightness((lamp(),), image_size=(40, 30))

    assert subject.of(image) == {"10,20,2,1": 153 / 510}
    assert subject.of(np.dstack([image, image, image])) == {"10,20,2,1": 153 / 510}


@pytest.mark.parametrize("changed", [{"left": 39}, {"top": 30}, {"width": 31}, {"height": 11}], ids=lambda changed: next(iter(changed)))
def test_a_rectangle_outside_the_image_is_refused(changed: dict[str, int]) -> None:
    place = {"left": 10, "top": 20, "width": 30, "height": 10} | changed
    with pytest.raises(ConfigError, match=r"'lamp': the rectangle .* is not within the camera's image of 40x30"):
        Brightness((lamp(BrightnessSource(**place)),), image_size=(40, 30))


def test_a_light_is_an_event_and_a_replay_decides_the_same(lit: Rig) -> None:
    for x in (0, 0, 10, 11, 0, 0):
        lit.camera.show(x, 20)
    heard: list[PoseMessage | EventMessage | SetupMessage] = []

    def is_last(message: object) -> bool:
        if isinstance(message, PoseMessage | EventMessage | SetupMessage):
            heard.append(message)
        return isinstance(message, PoseMessage) and message.frame == 5

    lit.wait_for(object, is_last)
    live = [(each.event, each.state, each.frame, each.value) for each in heard if isinstance(each, EventMessage)]
    (again,) = replay(heard, None)

    assert [each.brightness for each in heard if isinstance(each, PoseMessage)] == [
        {"10,20,2,1": value} for value in (0.0, 0.0, 0.5, 0.5, 0.0, 0.0)
    ]
    assert [each[:3] for each in live] == [("lamp", "on", 2), ("lamp", "off", 4)]
    assert [(each.name, each.state, each.frame, each.value) for each in again.events] == live


def test_a_replay_with_a_rectangle_that_nobody_measured_is_refused(lit: Rig) -> None:
    lit.camera.show(10, 20)
    pose = lit.wait_for(PoseMessage)
    elsewhere = lamp(BrightnessSource(left=1, top=2, width=3, height=4))

    with pytest.raises(
        StreamError, match=r"brightness of 1,2,3,4, which behaviour 'lamp' asks for, was not recorded \(recorded: 10,20,2,1\)"
    ):
        list(replay([pose], Rules(events=(elsewhere,), zones=())))


@pytest.mark.parametrize(
    "lacking", [("without_network",), ("motion_full", "without_network"), ("brightness", "motion_full", "without_network")]
)
def test_a_session_from_before_columns_were_added_is_read(lacking: tuple[str, ...], tmp_path: Path) -> None:
    earlier = pa.schema([column for column in FRAMES if column.name not in lacking])
    with pa.OSFile(str(tmp_path / "frames.arrows"), "wb") as file, pa.ipc.new_stream(file, earlier) as stream:
        stream.write_batch(pa.RecordBatch.from_pylist([{"ordinal": 0, "frame": 7}], earlier))

    found = read_table(tmp_path / "frames.arrows", FRAMES)

    assert found.schema == FRAMES
    assert found.to_pylist()[0]["frame"] == 7
    assert [found.to_pylist()[0][name] for name in lacking] == [None] * len(lacking)
