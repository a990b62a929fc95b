"""The published forecasts as sources of events: equal to the published formula, blind to the future, missing after a gap."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]
import pytest
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from tracker.behaviour.behaviour import Behaviour
from tracker.behaviour.sources import Sight, measure_of
from tracker.config_rules import BinaryForecastSource, ClassSource, EventConfig, ForecastSource, MotionSource, Rule, Source
from tracker.errors import ConfigError
from tracker.event import Event
from tracker.messages import EventMessage
from tracker.motion import Motion
from tracker.pose import Pose
from tracker.recording.tables import EVENTS, Table, event_row, read_table

PUBLISHED = Path(__file__).resolve().parents[3] / "shared" / "data" / "fish_ytilde"
FRAME_NS = 33_333_333
RULE = Rule(on=0.6, off=0.5)
NOTHING = Pose(points=np.empty((0, 0, 3), np.float32), mm=None)
Values = NDArray[np.float64]


def live(source: Source, motion: Values) -> list[float | None]:
    """What the rig's source says at the arrival of each frame; element t of the motion belongs to the pair (t, t + 1)."""
    measure = measure_of(EventConfig(event="ahead", source=source, rule=RULE), {}, point_names=(), has_mm=False)
    arriving = [None, *motion[:-1].tolist()]
    return [measure.value(Sight(frame * FRAME_NS, (), None, value)) for frame, value in enumerate(arriving)]


def probabilistic(motion: Values) -> Values:
    """The published formula, from frame 89 on."""
    past = sliding_window_view(motion[:-1], 89)
    low, spread = past.min(axis=1), np.ptp(past, axis=1)
    lively, quiet = 5300 * (spread - 0.0006), -11000 * (past[:, -1] - (low + 0.2 * spread))
    return np.asarray((1 / (1 + np.exp(-lively)) + 1 / (1 + np.exp(-quiet))) / 2)


def binary(motion: Values) -> Values:
    """The published first version, from frame 45 on."""
    past = sliding_window_view(motion[:-1], 45)
    low, spread = past.min(axis=1), np.ptp(past, axis=1)
    return np.asarray((spread >= 0.001) & (past[:, -1] <= low + 0.1 * spread), np.float64)


def motion_of_fish(frames: int = 600) -> Values:
    """Bursts on a quiet ground."""
    rng = np.random.default_rng(7)
    burst = np.repeat(rng.random(frames // 20) < 0.3, 20) * 0.006
    return np.asarray(np.abs(rng.normal(0.001, 0.0004, len(burst))) + burst)


@pytest.mark.parametrize("part", ["train", "validation"])
def test_forecasts_of_the_published_motion_are_those_published(part: str) -> None:
    folder = PUBLISHED / part
    if not folder.exists():
        pytest.skip("the published arrays are not here")
    motion, label = np.load(folder / "Y_tilde.npy"), np.load(folder / "Y_label.npy")
    found, first = live(ForecastSource(), motion), live(BinaryForecastSource(), motion)
    assert np.abs(np.array(found[89:], float) - probabilistic(motion)).max() <= 1e-12
    assert (np.array(first[45:], float) == binary(motion)).all()
    valid = slice(119, len(motion) - 46)
    on, said = label[valid] == 1, np.array(first[valid], float) == 1
    hits, false_alarms = {"train": (0.304, 0.106), "validation": (0.396, 0.097)}[part]  # as published
    assert (said[on].mean(), said[~on].mean()) == pytest.approx((hits, false_alarms), abs=5e-4)


def test_forecasts_equal_the_formula_on_motion_of_any_kind() -> None:
    motion = motion_of_fish()
    assert live(ForecastSource(), motion)[89:] == pytest.approx(probabilistic(motion), abs=1e-12)
    assert live(BinaryForecastSource(), motion)[45:] == binary(motion).tolist()


@pytest.mark.parametrize(("source", "needed"), [(ForecastSource(), 89), (BinaryForecastSource(), 45)], ids=["forecast", "binary"])
def test_a_forecast_is_missing_until_its_past_is_full(source: Source, needed: int) -> None:
    found = live(source, motion_of_fish())
    assert found[:needed] == [None] * needed
    assert None not in found[needed:]


def test_a_very_lively_image_overflows_no_forecast() -> None:
    motion = np.tile([0.0, 1.0], 100)
    assert all(value is None or 0 <= value <= 1 for value in live(ForecastSource(range_slope=1e9, level_slope=1e9), motion))


@pytest.mark.parametrize("fault", ["gap", "no motion", "clock set back"])
def test_a_gap_in_the_frames_makes_a_forecast_begin_anew(fault: str) -> None:
    measure = measure_of(EventConfig(event="ahead", source=ForecastSource(past_frames=3), rule=RULE), {}, point_names=(), has_mm=False)
    said: list[float | None] = []
    late_ns = 0
    for frame in range(12):
        late_ns += {"gap": 1_100_000_000, "clock set back": -FRAME_NS}.get(fault, 0) if frame == 6 else 0
        motion = None if frame == 0 or (fault == "no motion" and frame == 6) else 0.001 * frame
        said.append(measure.value(Sight(frame * FRAME_NS + late_ns, (), None, motion)))
    assert [value is None for value in said] == [frame in (0, 1, 2, 6, 7, 8) for frame in range(12)]


def events_of(images: NDArray[np.uint8], source: Source) -> list[Event]:
    motion = Motion()
    subject = Behaviour((EventConfig(event="ahead", source=source, rule=RULE),), (), point_names=(), animals=0, has_mm=False)
    return [
        event
        for frame, image in enumerate(images)
        for event in subject.update(frame_number=frame, time_ns=frame * FRAME_NS, pose=NOTHING, motion=motion.update(image))
    ]


def flickering(frames: int) -> NDArray[np.uint8]:
    rng = np.random.default_rng(3)
    lively = np.repeat(rng.random(frames // 10) < 0.4, 10)
    return np.stack([rng.integers(0, 40 if fast else 2, (12, 16), np.uint8) for fast in lively])


@pytest.mark.parametrize("source", [ForecastSource(past_frames=20), BinaryForecastSource(past_frames=20)], ids=["forecast", "binary"])
def test_no_live_forecast_depends_on_a_later_frame(source: Source) -> None:
    images = flickering(200)
    other = images.copy()
    other[120:] = 255 - other[120:] // 2
    before, after = events_of(images, source), events_of(other, source)
    assert [event for event in before if event.frame < 120] == [event for event in after if event.frame < 120] != []


@pytest.mark.parametrize(
    ("source", "horizon_ms"),
    [(ForecastSource(past_frames=20, horizon_ms=700), 700.0), (BinaryForecastSource(past_frames=20), 1500.0), (MotionSource(), None)],
    ids=["forecast", "binary", "motion"],
)
def test_every_event_of_a_forecast_states_its_horizon(source: Any, horizon_ms: float | None) -> None:
    rule = RULE if horizon_ms else Rule(on=0.01, off=0.01)
    motion = Motion()
    subject = Behaviour((EventConfig(event="ahead", source=source, rule=rule),), (), point_names=(), animals=0, has_mm=False)
    found = [
        event
        for frame, image in enumerate(flickering(200))
        for event in subject.update(frame_number=frame, time_ns=frame * FRAME_NS, pose=NOTHING, motion=motion.update(image))
    ]
    assert {event.horizon_ms for event in found} == {horizon_ms}


def test_a_class_that_is_forecast_states_its_horizon_in_the_event() -> None:
    source = ClassSource(classifier="fish", class_name="burst", horizon_ms=1500)
    subject = Behaviour((EventConfig(event="ahead", source=source, rule=RULE),), (), point_names=(), animals=0, has_mm=False)
    pose = Pose(points=NOTHING.points, mm=None, scores={"fish.burst": 0.9})
    (event,) = subject.update(frame_number=0, time_ns=0, pose=pose, motion=None)
    assert event.horizon_ms == 1500


def test_a_forecast_of_a_picture_is_refused_for_a_rig_of_several() -> None:
    item = EventConfig(event="ahead", source=ForecastSource(), rule=RULE)
    with pytest.raises(ConfigError, match="'ahead' is motion of a picture"):
        Behaviour((item,), (), point_names=(), animals=1, has_mm=True, dimensions=3)


def test_the_horizon_is_recorded_and_earlier_recordings_are_still_read(tmp_path: Path) -> None:
    message = EventMessage(
        v=1, camera="c", session="s", frame=7, received_ns=1, published_ns=2, event="ahead", state="on", animal=0, onset_frame=7, value=0.7,
        threshold=0.6, added_delay_ms=0.0, latency_ms=1.0, reason="rule", horizon_ms=1500.0,
    )  # fmt: skip
    earlier = pa.schema([column for column in EVENTS if column.name != "horizon_ms"])
    found = []
    for name, schema in (("now", EVENTS), ("earlier", earlier)):
        table = Table(tmp_path / name, schema)
        table.append([{name: value for name, value in event_row(message).items() if name in schema.names}])
        table.close()
        found.append(read_table(tmp_path / name, EVENTS).to_pylist()[0]["horizon_ms"])
    assert found == [1500.0, None]
