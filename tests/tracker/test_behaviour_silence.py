"""Nothing stays on unseen: when frames or values stop, events end."""

from collections.abc import Sequence
from typing import Any

import pytest

from tests.tracker.fed_rules import NAMES, NO_POINTS, STEP_MS, ZONES, at, behaviour, feed, rule
from tracker.behaviour.behaviour import Behaviour
from tracker.config_rules import EventConfig, MotionSource, SpeedSource
from tracker.event import Event

MS = 1_000_000


def why(events: Sequence[Event]) -> list[tuple[str, str, int]]:
    return [(event.state, event.reason, event.frame) for event in events]


@pytest.mark.parametrize("missing", ["hold", "end"])
@pytest.mark.parametrize(
    ("end_after_ms", "silent_ms", "ends"),
    [(None, 200, False), (None, 201, True), (50, 50, False), (50, 51, True), (1000, 999, False), (0, 30, False), (0, 31, True)],
)
def test_an_event_is_on_unseen_for_no_longer_than_stated(missing: str, end_after_ms: float | None, silent_ms: int, ends: bool) -> None:
    subject = behaviour(MotionSource(), missing=missing, end_after_ms=end_after_ms)
    feed(subject, [0.9] * 5)
    events = subject.wait(silent_ms * MS)
    assert why(events) == ([("off", "camera_lost", 4)] if ends else [])
    assert subject.wait(10**12) == [] if ends else subject.open() == [("it", 0, 0, 4 * STEP_MS * MS)]


@pytest.mark.parametrize(("interval_ms", "silent_ms", "ends"), [(100, 300, False), (100, 301, True), (10, 200, False), (10, 201, True)])
def test_by_default_three_intervals_may_pass_and_no_less_than_200_ms(interval_ms: int, silent_ms: int, ends: bool) -> None:
    subject = behaviour(MotionSource())
    feed(subject, [0.9] * 12, times_ms=[interval_ms * i for i in range(12)])
    assert bool(subject.wait(silent_ms * MS)) is ends


def test_before_the_second_frame_an_event_waits_for_the_camera_to_be_given_up() -> None:
    """A camera of one frame in two seconds is not lost after one."""
    subject = behaviour(MotionSource())
    feed(subject, [0.9])
    assert subject.wait(1_900 * MS, camera_lost=False) == []
    assert why(subject.wait(1_901 * MS, camera_lost=True)) == [("off", "camera_lost", 0)]


def test_at_half_a_frame_a_second_the_first_bout_lasts() -> None:
    subject = behaviour(MotionSource())
    feed(subject, [0.9])
    assert subject.wait(1_980 * MS) == []
    assert why(feed(subject, [0.9, 0.9, 0.1], times_ms=[2000, 4000, 6000], first_frame=1)) == [("off", "rule", 3)]


def test_before_the_second_frame_the_configured_rate_tells_the_interval() -> None:
    subject = Behaviour(
        (EventConfig(event="it", source=MotionSource(), rule=rule()),), ZONES, point_names=NAMES, animals=1, has_mm=False, rate_hz=10.0
    )
    feed(subject, [0.9])
    assert subject.wait(300 * MS) == []
    assert why(subject.wait(301 * MS)) == [("off", "camera_lost", 0)]


def test_a_first_frame_of_a_rate_that_nothing_tells_is_over_after_five_seconds() -> None:
    subject = behaviour(MotionSource())
    feed(subject, [0.9])
    assert subject.wait(5_000 * MS) == []
    assert why(subject.wait(5_001 * MS)) == [("off", "camera_lost", 0)]


def test_rules_that_take_over_know_the_interval_of_those_before() -> None:
    before, after, last = (behaviour(MotionSource()) for _ in range(3))
    feed(before, [0.1] * 5)  # 20 ms each
    after.follow(before)
    last.follow(after)  # at once, without a frame between
    for subject in (after, last):
        feed(subject, [0.9])
        assert subject.wait(200 * MS) == []
        assert why(subject.wait(201 * MS)) == [("off", "camera_lost", 0)]


@pytest.mark.parametrize("end_after_ms", [0, 5, 20])
def test_an_end_sooner_than_the_next_frame_does_not_make_an_event_strobe(end_after_ms: float) -> None:
    subject = behaviour(MotionSource(), end_after_ms=end_after_ms)
    assert why(feed(subject, [0.9] * 6 + [0.1])) == [("on", "rule", 0), ("off", "rule", 6)]
    feed(subject, [0.9] * 2, first_frame=7)
    assert subject.wait(30 * MS) == [], "one and a half intervals"
    assert why(subject.wait(31 * MS)) == [("off", "camera_lost", 8)]


def test_a_gap_that_nobody_waited_through_ends_the_event_all_the_same() -> None:
    """A recording, or a loop that was busy: the frame after the gap decides."""
    events = feed(behaviour(MotionSource()), [0.9] * 4 + [0.9], times_ms=[0, 20, 40, 60, 400])
    assert why(events) == [("on", "rule", 0), ("off", "camera_lost", 4), ("on", "rule", 4)]


def test_a_value_held_for_too_long_ends_the_event_as_missing() -> None:
    events = feed(behaviour(MotionSource(), end_after_ms=50), [0.9, 0.9, None, None, None, None, 0.9])
    assert why(events) == [("on", "rule", 0), ("off", "missing", 4), ("on", "rule", 6)]


def test_a_value_held_for_too_long_is_missing_also_where_no_frame_has_come_since() -> None:
    """The frames came in time: nothing is wrong with the camera."""
    subject = behaviour(MotionSource(), end_after_ms=50)
    feed(subject, [0.9, 0.9, None, None])
    assert why(subject.wait(15 * MS)) == [("off", "missing", 3)]


def test_an_end_by_a_missing_value_says_so_whatever_the_rule_does_about_it() -> None:
    events = feed(behaviour(MotionSource(), missing="end", maximum_gap_ms=20), [0.9, 0.9, None, None, None, 0.9, 0.1, 0.1, 0.1])
    assert why(events) == [("on", "rule", 0), ("off", "missing", 3), ("on", "rule", 5), ("off", "rule", 7)]


def test_a_bout_not_yet_announced_is_forgotten_unseen() -> None:
    events = feed(behaviour(MotionSource(), minimum_ms=100, end_after_ms=50), [0.9, 0.9, 0.9], times_ms=[0, 20, 500])
    assert events == [], "480 ms of which nothing is known are no bout of 100 ms"


def test_an_end_by_silence_is_not_told_twice_and_lets_a_new_bout_begin() -> None:
    subject = behaviour(MotionSource())
    feed(subject, [0.9] * 3)
    assert why(subject.wait(10**9)) == [("off", "camera_lost", 2)]
    again = subject.update(frame_number=3, time_ns=10**9, pose=NO_POINTS, motion=0.9)
    assert why(again) == [("on", "rule", 3)]


@pytest.mark.parametrize("reason", ["stopping", "reload", "swap", "engine", "error"])
def test_whatever_ends_the_rules_ends_their_events_with_its_reason(reason: Any) -> None:
    subject = behaviour(SpeedSource(point="nose", unit="px", window_ms=0), animals=2, on=-1, off=-1)
    pose = at([(0, 0, 1), (0, 0, 1)], [(0, 0, 1), (0, 0, 1)])
    for frame in range(3):
        subject.update(frame_number=frame, time_ns=frame * 20 * MS, pose=pose, motion=None)
    assert [(event.animal, event.reason, event.frame) for event in subject.end(reason)] == [(0, reason, 2), (1, reason, 2)]
    assert subject.end(reason) == []
