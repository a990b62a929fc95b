"""Rules, and the properties that every rule keeps: alternation, causality, time instead of counts."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tracker.fed_rules import GOOD, NO_POINTS, STEP_MS, at, behaviour, feed, said
from tracker.behaviour.behaviour import Behaviour
from tracker.behaviour.score import bouts_of_events
from tracker.config_rules import ClassSource, MotionSource, ZoneSource
from tracker.errors import ConfigError
from tracker.event import Event

# Rules, on frames 20 ms apart. Values as digits in tenths, "?" where missing.


@pytest.mark.parametrize(
    ("changes", "values", "expected"),
    [
        ({}, "00900", [("on", 2, 2), ("off", 3, 2)]),
        ({}, "05950", [("on", 2, 2), ("off", 3, 2)]),
        ({"on": 0.6, "off": 0.3}, "0475440530", [("on", 2, 2), ("off", 6, 2)]),
        ({"on": 0.6, "off": 0.3}, "07437", [("on", 1, 1), ("off", 3, 1), ("on", 4, 4)]),
        ({"when": "below"}, "99059", [("on", 2, 2), ("off", 3, 2)]),
        ({"when": "below", "on": 0.3, "off": 0.6}, "9425569", [("on", 2, 2), ("off", 5, 2)]),
        ({"minimum_ms": 60}, "09990099990", [("on", 9, 6), ("off", 10, 6)]),
        ({"minimum_ms": 59}, "0999990", [("on", 4, 1), ("off", 6, 1)]),
        ({"maximum_gap_ms": 40}, "0900990", [("on", 1, 1)]),
        ({"maximum_gap_ms": 40}, "09000990", [("on", 1, 1), ("off", 4, 1), ("on", 5, 5)]),
        ({"maximum_gap_ms": 20, "minimum_ms": 60}, "0909900", [("on", 4, 1), ("off", 6, 1)]),
        ({"refractory_ms": 80}, "0909990", [("on", 1, 1), ("off", 2, 1)]),
        ({"refractory_ms": 80}, "0900009", [("on", 1, 1), ("off", 2, 1), ("on", 6, 6)]),
        ({"refractory_ms": 40}, "0909999", [("on", 1, 1), ("off", 2, 1), ("on", 4, 4)]),
        ({"missing": "hold"}, "09???90", [("on", 1, 1), ("off", 6, 1)]),
        ({"missing": "end"}, "09?90", [("on", 1, 1), ("off", 2, 1), ("on", 3, 3), ("off", 4, 3)]),
        ({"missing": "end", "maximum_gap_ms": 20}, "09?90?", [("on", 1, 1), ("off", 5, 1)]),
        ({"missing": "hold", "minimum_ms": 60}, "09??90", [("on", 4, 1), ("off", 5, 1)]),
        ({"missing": "end"}, "??90", [("on", 2, 2), ("off", 3, 2)]),
        (
            {"minimum_ms": 60, "maximum_gap_ms": 50, "refractory_ms": 120},
            "0099999009900009999999",
            [("on", 5, 2), ("off", 14, 2), ("on", 20, 17)],
        ),
    ],
    ids=[
        "a crossing",
        "a tie is no crossing",
        "hysteresis keeps",
        "a tie with off ends",
        "below",
        "below with hysteresis",
        "minimum: a shorter bout is never announced",
        "minimum is reached between frames",
        "a gap of just the longest is bridged",
        "a longer gap ends",
        "a gap in a bout not yet announced is bridged",
        "refractory from the end of the bout",
        "refractory over at its last instant",
        "refractory over within a bout: it begins then",
        "hold keeps",
        "end ends",
        "end waits for the longest gap",
        "hold lets the time run",
        "missing from the start",
        "the diagram of docs/behaviour.md",
    ],
)
def test_a_rule_decides(changes: dict[str, Any], values: str, expected: list[tuple[str, int, int]]) -> None:
    """In milliseconds, causal."""
    numbers = [None if value == "?" else int(value) / 10 for value in values]
    assert said(feed(behaviour(MotionSource(), **changes), numbers)) == expected


def test_an_event_says_what_was_crossed_and_what_the_rule_waited() -> None:
    subject = behaviour(MotionSource(), on=0.6, off=0.3, minimum_ms=20, maximum_gap_ms=40)
    on, off = feed(subject, [0.0, 0.7, 0.8, 0.2, 0.1, 0.0])
    assert (on.name, on.animal, on.value, on.threshold, on.added_delay_ms) == ("it", 0, 0.7, 0.6, 20)
    assert (off.value, off.threshold, off.added_delay_ms) == (0.2, 0.3, 40)


def test_an_end_by_missing_points_gives_the_last_value_seen() -> None:
    events = feed(behaviour(MotionSource(), missing="end"), [0.7, 0.8, None])
    assert [event.value for event in events] == [0.7, 0.8]


def test_lost_frames_are_time_not_a_count() -> None:
    """After two lost frames a bout has lasted as long as with them."""
    subject = behaviour(MotionSource(), minimum_ms=60)
    assert said(feed(subject, [0.0, 0.9, 0.9, 0.0], times_ms=[0, 20, 80, 100])) == [("on", 2, 1), ("off", 3, 1)]


def test_an_interruption_longer_than_the_gap_ends_one_bout_and_starts_another() -> None:
    subject = behaviour(MotionSource(), maximum_gap_ms=40)
    assert said(feed(subject, [0.9, 0.0, 0.9], times_ms=[0, 20, 500])) == [("on", 0, 0), ("off", 2, 0), ("on", 2, 2)]


def test_a_clock_set_back_makes_no_bout_longer() -> None:
    """A camera that is opened again counts from zero."""
    subject = behaviour(MotionSource(), minimum_ms=60)
    assert said(feed(subject, [0.9, 0.9, 0.9, 0.9, 0.9], times_ms=[5000, 5020, 0, 20, 40])) == [("on", 4, 0)]


def test_reset_forgets() -> None:
    subject = behaviour(MotionSource(), refractory_ms=1000)
    feed(subject, [0.9, 0.0])
    subject.reset()
    assert said(feed(subject, [0.9])) == [("on", 0, 0)]


# Properties.

VALUES = st.lists(st.one_of(st.none(), st.sampled_from([0.0, 0.2, 0.4, 0.5, 0.6, 0.8, 1.0])), min_size=1, max_size=60)
RULES = st.fixed_dictionaries(
    {
        "when": st.just("above"),
        "on": st.sampled_from([0.5, 0.7]),
        "off": st.sampled_from([0.3, 0.5]),
        "minimum_ms": st.sampled_from([0, 20, 50, 100]),
        "maximum_gap_ms": st.sampled_from([0, 20, 50, 100]),
        "refractory_ms": st.sampled_from([0, 20, 50, 100]),
        "missing": st.sampled_from(["hold", "end"]),
    }
)


@given(values=VALUES, changes=RULES)
def test_on_and_off_alternate_and_begin_with_on(values: list[float | None], changes: dict[str, Any]) -> None:
    states = [event.state for event in feed(behaviour(MotionSource(), **changes), values)]
    assert states == ["on", "off"] * (len(states) // 2) + ["on"] * (len(states) % 2)


@given(values=VALUES, changes=RULES, cut=st.integers(0, 60))
def test_a_recording_cut_in_two_gives_the_same_events(values: list[float | None], changes: dict[str, Any], cut: int) -> None:
    whole, parts = behaviour(MotionSource(), **changes), behaviour(MotionSource(), **changes)
    first = feed(parts, values[:cut])
    assert first + feed(parts, values[cut:], first_frame=min(cut, len(values))) == feed(whole, values)


@given(values=VALUES, changes=RULES, cut=st.integers(1, 60))
def test_no_event_depends_on_a_later_frame(values: list[float | None], changes: dict[str, Any], cut: int) -> None:
    """What is decided up to a frame is the same whatever follows."""
    events = feed(behaviour(MotionSource(), **changes), values)
    assert feed(behaviour(MotionSource(), **changes), values[:cut]) == [event for event in events if event.frame < cut]


@given(values=VALUES, changes=RULES)
def test_no_event_comes_before_its_stated_delay(values: list[float | None], changes: dict[str, Any]) -> None:
    for event in feed(behaviour(MotionSource(), **changes), values):
        assert (event.frame - event.onset_frame) * STEP_MS >= event.added_delay_ms


@given(values=VALUES, changes=RULES)
def test_holding_is_the_same_as_not_having_had_the_frame(values: list[float | None], changes: dict[str, Any]) -> None:
    changes = changes | {"missing": "hold"}
    seen = [(i, value) for i, value in enumerate(values) if value is not None]
    subject = behaviour(MotionSource(), **changes)
    without: list[Event] = []
    subject.update(frame_number=0, time_ns=0, pose=NO_POINTS, motion=values[0])
    for i, value in seen[1:] if values[0] is not None else seen:
        without += subject.update(frame_number=i, time_ns=i * STEP_MS * 1_000_000, pose=NO_POINTS, motion=value)
    assert without == [event for event in feed(behaviour(MotionSource(), **changes), values) if event.frame > 0]


@given(values=VALUES, changes=RULES)
def test_below_is_above_upside_down(values: list[float | None], changes: dict[str, Any]) -> None:
    down = [None if value is None else -value for value in values]
    opposite = changes | {"when": "below", "on": -changes["on"], "off": -changes["off"]}
    assert said(feed(behaviour(MotionSource(), **opposite), down)) == said(feed(behaviour(MotionSource(), **changes), values))


@given(inside=st.lists(st.booleans(), min_size=1, max_size=80), minimum=st.integers(0, 5), gap=st.integers(0, 4))
def test_bouts_are_those_of_offline_cleaning(inside: list[bool], minimum: int, gap: int) -> None:
    """Fill gaps, then drop short bouts, done offline on the whole train, finds the same bouts."""
    runs: list[list[int]] = []  # first and last frame
    for i, is_in in enumerate(inside):
        if is_in and runs and i - runs[-1][1] - 1 <= gap:
            runs[-1][1] = i
        elif is_in:
            runs.append([i, i])
    kept = [first for first, last in runs if last - first >= minimum]
    subject = behaviour(MotionSource(), minimum_ms=minimum * STEP_MS, maximum_gap_ms=gap * STEP_MS)
    events = feed(subject, [float(is_in) for is_in in inside])
    assert [event.onset_frame for event in events if event.state == "on"] == kept


def of_class(values: str, times_ms: Sequence[int], *, delay_ms: float, **changes: Any) -> list[Event]:
    """What a rule makes of a class's score, digits in tenths, at these times."""
    subject = behaviour(ClassSource(classifier="net", class_name="rear", delay_ms=delay_ms), **changes)
    events: list[Event] = []
    for number, (digit, ms) in enumerate(zip(values, times_ms, strict=True)):
        pose = replace(NO_POINTS, scores={"net.rear": int(digit) / 10})
        events += subject.update(frame_number=number, time_ns=ms * 1_000_000, pose=pose, motion=None)
    return events


@pytest.mark.parametrize(
    ("delay_ms", "times_ms", "onset"),
    [
        (0, range(0, 200, 20), 5),
        (60, range(0, 200, 20), 2),
        (69, range(0, 200, 20), 2),
        (70, range(0, 200, 20), 1),
        (500, range(0, 200, 20), 0),
        (60, (0, 20, 25, 30, 35, 100, 120, 140, 160, 180), 4),
        (60, (0, 10, 20, 41, 61, 100, 120, 140, 160, 180), 3),
    ],
    ids=["at once", "three frames", "nearest", "a tie is the earlier", "before all frames", "after a gap", "uneven"],
)
def test_a_bout_told_late_begins_at_the_frame_that_the_score_was_of(delay_ms: float, times_ms: Sequence[int], onset: int) -> None:
    events = of_class("0000099990", times_ms, delay_ms=delay_ms)
    assert said(events) == [("on", 5, onset), ("off", 9, onset)]
    assert [event.added_delay_ms for event in events] == [delay_ms, delay_ms]


def test_the_rules_own_waiting_comes_on_top_of_the_sources() -> None:
    events = of_class("000009999000", range(0, 240, 20), delay_ms=60, minimum_ms=40, maximum_gap_ms=20)
    assert said(events) == [("on", 7, 2), ("off", 10, 2)]
    assert [event.added_delay_ms for event in events] == [100, 80]


def scored(subject: Behaviour, scores: Sequence[float], times_ms: Sequence[int], *, first: int = 0) -> list[Event]:
    """The same of scores as numbers, for a rule that goes on."""
    events: list[Event] = []
    for number, (score, ms) in enumerate(zip(scores, times_ms, strict=True), first):
        pose = replace(NO_POINTS, scores={"net.rear": score})
        events += subject.update(frame_number=number, time_ns=ms * 1_000_000, pose=pose, motion=None)
    return events


LATE = ClassSource(classifier="net", class_name="rear", delay_ms=60)


@pytest.mark.parametrize(
    ("times_ms", "expected"),
    [((0, 20, 40, 60, 80, 100), (1, 80)), ((0, 20, 500, 560, 565, 570), (2, 70)), ((0, 1, 2, 3, 4, 5), (0, 5))],
    ids=["even", "uneven", "before all frames"],
)
def test_a_bout_told_late_is_said_to_be_open_since_its_frame_came(times_ms: Sequence[int], expected: tuple[int, int]) -> None:
    subject = behaviour(LATE)
    scored(subject, (0.0, 0.0, 0.0, 0.0, 0.9, 0.9), times_ms)
    onset, since_ms = expected
    assert subject.open() == [("it", 0, onset, since_ms * 1_000_000)]


def test_rules_that_take_over_know_the_frames_of_those_before() -> None:
    before, after = behaviour(LATE), behaviour(LATE)
    scored(before, (0.0,) * 5, range(0, 100, 20))
    after.follow(before)
    assert said(scored(after, (0.9, 0.0), (100, 120), first=5)) == [("on", 5, 2), ("off", 6, 2)]


def test_a_clock_set_back_leaves_no_earlier_frames() -> None:
    subject = behaviour(LATE)
    assert said(scored(subject, (0.0, 0.0, 0.0, 0.0, 0.9), (1000, 1020, 1040, 1060, 10))) == [("on", 4, 4)]


def test_a_bout_that_was_over_before_the_first_frame_is_none() -> None:
    times_ms = list(range(0, 200, 20))
    events = of_class("9990000000", times_ms, delay_ms=60)
    assert said(events) == [("on", 0, 0), ("off", 3, 0)]
    frames = {number: ms * 1_000_000 for number, ms in enumerate(times_ms)}
    assert bouts_of_events(events, frames, name="it", animal=0, marks="bout").tolist() == []
    assert bouts_of_events(events, frames, name="it", animal=0, marks="announced").tolist() == [[0, 60_000_000]]


def test_each_animal_has_its_own_state() -> None:
    subject = behaviour(ZoneSource(point="nose", zone="square"), animals=2, on=0.0, off=0.0)
    inside, outside = [(5, 5, 1), GOOD], [(50, 50, 1), GOOD]
    events: list[Event] = []
    for i, pose in enumerate([at(outside, outside), at(outside, inside), at(inside, inside), at(inside, outside)]):
        events += subject.update(frame_number=i, time_ns=i, pose=pose, motion=None)
    assert [(event.state, event.animal, event.frame) for event in events] == [("on", 1, 1), ("on", 0, 2), ("off", 1, 3)]


def test_a_threshold_that_no_value_can_cross_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"rule.on is nan"):
        behaviour(MotionSource(), on=math.nan)
