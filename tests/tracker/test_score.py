"""Events against a person's marks: scoring in time, and freezing on a real session through the code that runs live."""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracker.behaviour.behaviour import Behaviour
from tracker.behaviour.score import Bouts, Labels, bouts_of_events, bouts_of_labels, labels_of, score
from tracker.config_rules import EventConfig, MotionSource, Rule, SpeedSource
from tracker.event import Event
from tracker.pose import Pose

NO_POINTS = Pose(points=np.empty((0, 0, 3), np.float32), mm=None)


def rule(*, minimum_ms: float = 0.0, maximum_gap_ms: float = 0.0) -> Rule:
    return Rule(
        when="above",
        on=0.5,
        off=0.5,
        minimum_ms=minimum_ms,
        maximum_gap_ms=maximum_gap_ms,
        refractory_ms=0.0,
        confidence=0.5,
        missing="hold",
    )


def events_of(values: Sequence[float], *, minimum_ms: float = 0.0, maximum_gap_ms: float = 0.0) -> list[Event]:
    """Frames 20 ms apart, through the motion source, which takes any number."""
    item = EventConfig(event="it", source=MotionSource(), rule=rule(minimum_ms=minimum_ms, maximum_gap_ms=maximum_gap_ms))
    subject = Behaviour((item,), (), point_names=(), animals=0, has_mm=False)
    events: list[Event] = []
    for i, value in enumerate(values):
        events += subject.update(frame_number=i, time_ns=i * 20_000_000, pose=NO_POINTS, motion=value)
    return events


TICKS = np.arange(10, dtype=np.int64) * 20_000_000


def bouts(*frames: tuple[int, int]) -> Bouts:
    return np.array(frames, np.int64).reshape(-1, 2) * 20_000_000


def test_frames_are_scored_one_by_one_and_onsets_in_ms() -> None:
    found = score(bouts((2, 5), (8, 9)), bouts((1, 4)), times_ns=TICKS)
    assert (found.precision, found.recall, found.f1, found.agreement) == (2 / 4, 2 / 3, 4 / 7, 7 / 10)
    assert (found.found, found.true, found.matched) == (2, 1, 1)
    assert (found.onset_error_ms.tolist(), found.end_error_ms.tolist()) == ([20.0], [20.0])


def test_an_error_is_in_ms_at_any_frame_rate() -> None:
    """The same bouts at uneven times."""
    times = np.array([0, 10, 15, 40, 80], np.int64) * 1_000_000
    said_labels, true_labels = np.array([0, 0, 1, 1, 0], np.bool_), np.array([0, 1, 1, 0, 0], np.bool_)
    found = score(bouts_of_labels(said_labels, times), bouts_of_labels(true_labels, times), times_ns=times)
    assert (found.onset_error_ms.tolist(), found.end_error_ms.tolist()) == ([5.0], [40.0])


def test_each_bout_is_matched_once_with_the_longest_overlap_first() -> None:
    found = score(bouts((0, 2), (2, 9)), bouts((0, 8)), times_ns=TICKS)
    assert found.matched == 1
    assert found.onset_error_ms.tolist() == [40.0]


def test_nothing_found_and_nothing_true_have_no_ratio() -> None:
    found = score(bouts(), bouts(), times_ns=TICKS)
    assert all(map(math.isnan, (found.precision, found.recall, found.f1)))
    assert found.agreement == 1


@given(labels=st.lists(st.booleans(), min_size=2, max_size=50))
def test_labels_become_bouts_and_labels_again(labels: list[bool]) -> None:
    times = np.arange(len(labels), dtype=np.int64) * 7
    array = np.array(labels, np.bool_)
    np.testing.assert_array_equal(labels_of(bouts_of_labels(array, times), times), array)


def test_events_become_the_bout_as_it_was_or_as_it_was_announced() -> None:
    events = events_of([0, 1, 1, 1, 1, 0, 0, 0, 0, 0], minimum_ms=40, maximum_gap_ms=40)
    frames = {i: int(ns) for i, ns in enumerate(TICKS)}
    as_it_was = bouts_of_events(events, frames, name="it", animal=0, marks="bout")
    announced = bouts_of_events(events, frames, name="it", animal=0, marks="announced")
    np.testing.assert_array_equal(as_it_was, bouts((1, 5)))
    np.testing.assert_array_equal(announced, bouts((3, 7)))


def test_a_bout_still_on_lasts_to_the_end() -> None:
    events = events_of([0] * 8 + [1, 1])
    frames = {i: int(ns) for i, ns in enumerate(TICKS)}
    np.testing.assert_array_equal(bouts_of_events(events, frames, name="it", animal=0, marks="bout"), bouts((8, 10)))


FREEZING = EventConfig(
    event="freezing",
    source=SpeedSource(point="Right Ear", unit="px", window_ms=100),
    rule=Rule(when="below", on=60.0, off=60.0, minimum_ms=900.0, maximum_gap_ms=0.0, refractory_ms=0.0, confidence=0.1, missing="hold"),
)


def freezing_session(folder: Path) -> tuple[list[str], list[Pose], Labels]:
    """Point names, one pose a frame, and the person's labels."""
    path = folder / "demo1_tracking.csv"
    names = path.read_text().splitlines()[1].split(",")[1::3]
    rows = np.loadtxt(path, delimiter=",", skiprows=3, dtype=np.float64)[:, 1:].astype(np.float32)
    poses = [Pose(points=points[None], mm=None) for points in rows.reshape(len(rows), len(names), 3)]
    h5py = pytest.importorskip("h5py")
    with h5py.File(folder / "hB_demo1_manual_annotations.mat.mat") as file:
        human = np.asarray(file["hBehavior/Freezing/Vector"]).ravel() > 0
    return names, poses, human


def test_freezing_agrees_with_a_person(shared_data: Path) -> None:
    """Frame by frame at 50 Hz. Point, window and threshold were chosen on the first half alone (F1 0.958 there).

    Scored by `onset_frame`, as the bout was: the announcement itself comes minimum_ms later.
    """
    folder = shared_data / "behaviour_freezing" / "demo1"
    if not folder.is_dir():
        pytest.skip("behaviour_freezing is not in the shared data")
    names, poses, human = freezing_session(folder)
    times = np.arange(len(poses), dtype=np.int64) * 20_000_000
    subject = Behaviour((FREEZING,), (), point_names=names, animals=1, has_mm=False)
    events: list[Event] = []
    for i, pose in enumerate(poses):
        events += subject.update(frame_number=i, time_ns=int(times[i]), pose=pose, motion=None)
    found = bouts_of_events(events, dict(enumerate(times.tolist())), name="freezing", animal=0, marks="bout")
    truth = bouts_of_labels(human, times)
    whole, second_half = score(found, truth, times_ns=times), score(found, truth, times_ns=times[3000:])
    assert whole.f1 >= 0.85
    assert second_half.f1 >= 0.85
    assert whole.matched >= 18
    assert np.median(np.abs(whole.onset_error_ms)) <= 100
