"""A recorded stream replays to the very events that were decided live, and a damaged one is refused or cut where it ends."""

import json
import math
from dataclasses import asdict
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracker.behaviour.behaviour import Behaviour
from tracker.config_rules import (
    Circle,
    DistanceSource,
    EventConfig,
    ForecastSource,
    MotionSource,
    Rule,
    Source,
    SpeedSource,
    Zone,
    ZoneSource,
)
from tracker.config_values import Section
from tracker.errors import ConfigError, StreamError
from tracker.event import Event, Reason
from tracker.listen import json_line
from tracker.messages import VERSION, AnimalMessage, EventMessage, PoseMessage, SetupMessage, StatusMessage, decode
from tracker.parsing.yaml_file import read_yaml
from tracker.pose import Pose
from tracker.recorded_stream import messages_in
from tracker.replay import Rules, replay, replay_events, replay_file

NAMES = ("nose", "tail")
ZONES: tuple[Zone, ...] = (
    Circle(name="spot", unit="px", centre=(100.0, 100.0), radius=40.0),
    Circle(name="mm_spot", unit="mm", centre=(30.0, 30.0), radius=12.0),
)


def item(name: str, source: Source, threshold: float) -> EventConfig:
    rule = Rule(when="above", on=threshold, off=threshold, minimum_ms=0, maximum_gap_ms=0, refractory_ms=0, confidence=0.3, missing="end")
    return EventConfig(event=name, source=source, rule=rule)


EVENTS = (
    item("in_spot", ZoneSource(point="nose", zone="spot"), 0.0),
    item("in_mm_spot", ZoneSource(point="tail", zone="mm_spot"), 0.0),
    item("fast", SpeedSource(point="nose", unit="px", window_ms=30), 4000.0),
    item("fast_in_mm", SpeedSource(point="tail", unit="mm", window_ms=50), 700.0),
    item("stretched", DistanceSource(point="nose", other_point="tail", unit="px"), 60.0),
    item("about_to_move", ForecastSource(past_frames=5, horizon_ms=200, least_range=0.005, level_slope=900), 0.5),
    item("moving", MotionSource(), 0.01),
)
IN_PX = tuple(event for event in EVENTS if event.event in ("in_spot", "fast", "stretched", "moving", "about_to_move"))


def message(frame: int, pose: Pose, *, motion: float | None = None, exposed: bool = True, **changes: Any) -> PoseMessage:
    """What the publisher makes of a pose."""
    mm = pose.mm.tolist() if pose.mm is not None else None
    animals = [
        AnimalMessage(id=i, points=dict(zip(NAMES, points, strict=True)), mm=dict(zip(NAMES, mm[i], strict=True)) if mm else {})
        for i, points in enumerate(pose.points.tolist())
    ]
    time_ns = frame * 10_000_000 + (frame * 7919) % 100_000  # uneven, as real ones are
    plain: dict[str, Any] = {
        "v": VERSION,
        "camera": "top",
        "session": "s1",
        "frame": frame,
        "received_ns": time_ns + 3_000_000 + (frame * 104_729) % 2_000_000,
        "taken_ns": time_ns + 3_100_000,
        "inferred_ns": time_ns + 3_900_000,
        "published_ns": time_ns + 6_000_000,
        "exposed_ns": time_ns if exposed else None,
        "lost": 0,
        "skipped": 0,
        "corrupt": 0,
        "setup": 1,
        "ended": [],
        "animals": animals,
        "scores": {},
        "motion": motion,
    }
    return PoseMessage(**(plain | changes))


def setup_of(number: int, cause: str, events: tuple[EventConfig, ...], zones: tuple[Zone, ...] = ZONES, **changes: Any) -> SetupMessage:
    """What the loop says when other rules take over."""
    plain: dict[str, Any] = {
        "v": VERSION,
        "camera": "top",
        "session": "s1",
        "frame": -1,
        "received_ns": 0,
        "published_ns": 0,
        "setup": number,
        "cause": cause,
        "bundle": "test",
        "bundle_sha256": "0" * 64,
        "point_names": list(NAMES),
        "calibrated": True,
        "zones": msgspec.to_builtins(zones),
        "behaviour": msgspec.to_builtins(events),
    }
    return SetupMessage(**(plain | changes))


def event_of(event: Event) -> EventMessage:
    """What the publisher makes of an event."""
    stamp: dict[str, Any] = {"v": VERSION, "camera": "top", "session": "s1", "frame": event.frame, "received_ns": 0, "published_ns": 0}
    rest = {name: value for name, value in asdict(event).items() if name not in ("name", "frame")}
    return EventMessage(**stamp, **rest, event=event.name, latency_ms=0.0)


def line_of(sent: PoseMessage | StatusMessage | SetupMessage | EventMessage) -> str:
    """Encoded by the publisher's encoder, read by the client, written by `tracker listen --json`."""
    kind = {PoseMessage: "pose", StatusMessage: "status", SetupMessage: "setup", EventMessage: "event"}[type(sent)]
    return json_line(decode([f"{kind}.{sent.camera}".encode(), msgspec.json.encode(sent)])) + "\n"


def wander(seed: int, frames: int, *, animals: int, with_mm: bool) -> list[tuple[Pose, float]]:
    """Animals that jump about, sometimes unseen, sometimes without a place on the plane."""
    random = np.random.default_rng(seed)
    poses = []
    for _ in range(frames):
        points = random.uniform(0, 200, (animals, len(NAMES), 3)).astype(np.float32)
        points[..., 2] = random.uniform(0, 1, points.shape[:2])
        points[random.uniform(size=points.shape) < 0.02] = np.nan
        mm = points[..., :2].astype(np.float64) / 3.3 if with_mm else None
        poses.append((Pose(points=points, mm=mm), float(random.uniform(0, 0.02))))
    return poses


@given(seed=st.integers(0, 2**32 - 1), animals=st.integers(1, 3), with_mm=st.booleans(), exposed=st.booleans())
def test_replayed_events_are_the_live_ones_to_the_last_bit(seed: int, animals: int, with_mm: bool, exposed: bool) -> None:
    rules = EVENTS if with_mm else IN_PX
    live = Behaviour(rules, ZONES, point_names=NAMES, animals=animals, has_mm=with_mm)
    decided: list[Event] = []
    lines: list[str] = []
    for frame, (pose, motion) in enumerate(wander(seed, 40, animals=animals, with_mm=with_mm)):
        sent = message(frame, pose, motion=motion, exposed=exposed)
        time_ns = sent.received_ns if sent.exposed_ns is None else sent.exposed_ns
        decided += live.update(frame_number=frame, time_ns=time_ns, pose=pose, motion=motion)
        lines.append(line_of(sent))
    decided += live.end("stopping")
    (found,) = replay(messages_in(lines, source="recording", camera=None), Rules(events=rules, zones=ZONES))
    assert found.events == decided
    assert len(found.times_ns) == 40


@given(
    seed=st.integers(0, 2**32 - 1),
    final=st.sampled_from(["stopping", "engine", "error"]),
    changes=st.lists(st.sampled_from(["none", "wait", "reload", "swap", "wait reload"]), min_size=30, max_size=30),
)
def test_a_recording_with_reloads_swaps_and_lost_cameras_replays_to_the_last_bit(seed: int, final: Reason, changes: list[str]) -> None:
    sets = [EVENTS, EVENTS[:2], tuple(reversed(EVENTS))]
    number = 1
    rules: tuple[EventConfig, ...] = EVENTS
    live = Behaviour(rules, ZONES, point_names=NAMES, animals=2, has_mm=True)
    decided: list[Event] = []
    lines = [line_of(setup_of(1, "start", rules))]
    for frame, (change, (pose, motion)) in enumerate(zip(changes, wander(seed, 30, animals=2, with_mm=True), strict=True)):
        ended: list[Event] = []
        if "wait" in change and frame:
            ended += live.wait(2_000_000_000)
        if change in ("reload", "swap", "wait reload") and frame:
            cause = "swap" if change == "swap" else "reload"
            ended += live.end("reload" if cause == "reload" else "swap")
            number, rules = number + 1, sets[number % len(sets)]
            live = Behaviour(rules, ZONES, point_names=NAMES, animals=2, has_mm=True)
            lines.append(line_of(setup_of(number, cause, rules)))
        decided += ended
        sent = message(frame, pose, motion=motion, setup=number, ended=[(event.name, event.animal, event.reason) for event in ended])
        assert sent.exposed_ns is not None
        decided += live.update(frame_number=frame, time_ns=sent.exposed_ns, pose=pose, motion=motion)
        lines.append(line_of(sent))
    last = [*live.wait(2_000_000_000), *live.end(final)]
    decided += last
    lines += [line_of(event_of(event)) for event in last]
    found = [event for stretch in replay(messages_in(lines, source="recording", camera=None), None) for event in stretch.events]
    assert found == decided


def test_that_comparison_sees_every_kind_of_event() -> None:
    subject = Behaviour(EVENTS, ZONES, point_names=NAMES, animals=2, has_mm=True)
    names = set()
    for frame, (pose, motion) in enumerate(wander(1, 60, animals=2, with_mm=True)):
        names |= {event.name for event in subject.update(frame_number=frame, time_ns=frame * 10_000_000, pose=pose, motion=motion)}
    assert names == {event.event for event in EVENTS}


def recording(folder: Path, lines: list[str]) -> Path:
    path = folder / "stream.jsonl"
    path.write_text("".join(lines), encoding="utf-8")
    return path


def at(x: float) -> Pose:
    return Pose(points=np.array([[(x, 100.0, 1.0), (0.0, 0.0, 1.0)]], np.float32), mm=None)


INSIDE, OUTSIDE = at(100), at(900)
SPOT = EVENTS[:1]


def said(path: Path, camera: str | None = None) -> list[list[tuple[str, int]]]:
    found = replay_file(path, Rules(events=SPOT, zones=ZONES), camera=camera)
    return [[(event.state, event.frame) for event in stretch.events] for stretch in found]


def test_a_recording_is_replayed_from_its_file(tmp_path: Path, status: StatusMessage) -> None:
    """Other topics and empty lines are ignored."""
    lines = [line_of(status), line_of(message(0, OUTSIDE)), "\n", line_of(message(1, INSIDE)), line_of(message(2, OUTSIDE))]
    assert said(recording(tmp_path, lines)) == [[("on", 1), ("off", 2)]]


def test_events_of_a_replay_come_as_they_are_decided_with_how_far_it_is(tmp_path: Path) -> None:
    path = recording(tmp_path, [line_of(message(number, INSIDE if number % 2 else OUTSIDE)) for number in range(4)])
    size, reached = path.stat().st_size / 1e6, [(0.0, 0.0)]
    found = replay_events(path, Rules(events=SPOT, zones=ZONES), camera=None, progress=lambda done, total: reached.append((done, total)))
    at = [(each.session, each.event.state, each.event.frame, reached[-1][0] / size) for each in found]
    assert [each[:3] for each in at] == [("s1", "on", 1), ("s1", "off", 2), ("s1", "on", 3), ("s1", "off", 3)]
    assert [round(4 * each[3]) for each in at] == [1, 2, 3, 4], "in quarters of the file"
    assert reached[-1] == pytest.approx((size, size))


def test_a_new_session_starts_afresh(tmp_path: Path) -> None:
    lines = [line_of(message(0, INSIDE)), line_of(message(0, INSIDE, session="s2"))]
    path = recording(tmp_path, lines)
    assert said(path) == [[("on", 0), ("off", 0)], [("on", 0), ("off", 0)]]
    assert [stretch.session for stretch in replay_file(path, Rules(events=SPOT, zones=ZONES), camera=None)] == ["s1", "s2"]


def test_another_setup_starts_afresh_with_its_own_rules(tmp_path: Path) -> None:
    first = [line_of(setup_of(1, "start", SPOT)), line_of(message(0, INSIDE)), line_of(message(1, INSIDE))]
    second = [line_of(setup_of(2, "reload", EVENTS[-1:])), line_of(message(2, INSIDE, motion=0.5, setup=2))]
    path = recording(tmp_path, first + second)
    found = replay_file(path, None, camera=None)
    assert [[(event.name, event.state, event.reason) for event in stretch.events] for stretch in found] == [
        [("in_spot", "on", "rule"), ("in_spot", "off", "reload")],
        [("moving", "on", "rule"), ("moving", "off", "stopping")],
    ]
    assert [stretch.setup for stretch in found] == [1, 2]


def test_rules_that_a_recording_does_not_hold_are_asked_for(tmp_path: Path) -> None:
    with pytest.raises(StreamError, match=r"holds no rules for frame 0 of session s1 \(setup 1\); give some with --config"):
        replay_file(recording(tmp_path, [line_of(message(0, INSIDE))]), None, camera=None)


def test_recorded_rules_that_make_no_sense_are_refused(tmp_path: Path) -> None:
    lines = [line_of(setup_of(1, "start", SPOT, behaviour=[{"event": "x"}])), line_of(message(0, INSIDE))]
    with pytest.raises(StreamError, match="rules recorded in setup 1 of session s1 cannot be read"):
        replay_file(recording(tmp_path, lines), None, camera=None)


def test_a_frame_without_animals_is_no_reason_to_stop(tmp_path: Path) -> None:
    lines = [line_of(message(i, Pose(points=np.empty((0, 2, 3), np.float32), mm=None), motion=i / 100)) for i in range(4)]
    (found,) = replay_file(recording(tmp_path, lines), Rules(events=EVENTS[-1:], zones=ZONES), camera=None)
    assert [(event.state, event.frame) for event in found.events] == [("on", 2), ("off", 3)]


def test_one_of_several_cameras_is_chosen_by_name(tmp_path: Path) -> None:
    lines = [line_of(message(0, INSIDE)), line_of(message(0, OUTSIDE, camera="side")), line_of(message(1, INSIDE, camera="side"))]
    assert said(recording(tmp_path, lines), camera="side") == [[("on", 1), ("off", 1)]]


def test_several_cameras_and_no_choice_are_refused(tmp_path: Path) -> None:
    lines = [line_of(message(0, INSIDE)), line_of(message(0, INSIDE, camera="side"))]
    with pytest.raises(StreamError, match=r"stream.jsonl:2: holds poses of cameras 'top' and 'side'"):
        said(recording(tmp_path, lines))


def test_a_last_line_that_was_cut_off_is_left_out_with_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    lines = [line_of(message(0, INSIDE)), line_of(message(1, OUTSIDE))[:-30]]
    assert said(recording(tmp_path, lines)) == [[("on", 0), ("off", 0)]]
    assert "cut off" in caplog.text
    assert "line=2" in caplog.text


GOOD_LINE = line_of(message(0, INSIDE))


def changed(**values: Any) -> str:
    return json.dumps(json.loads(GOOD_LINE) | values) + "\n"


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("not json\n", r"stream.jsonl:2: is not a JSON object with a topic"),
        ("[1, 2]\n", r"stream.jsonl:2: is not a JSON object with a topic"),
        ('{"topic": "pose.top"}\n', r"stream.jsonl:2: .*unreadable"),
        (changed(v=99), r"stream.jsonl:2: .*version 99"),
        (
            changed(animals=[{"id": 0, "points": {"nose": [1, 2], "tail": [3, 4]}, "mm": {}}]),
            r"stream.jsonl:2: .*animals: points: is a list; expected a list of 3",
        ),
        (
            changed(animals=[{"id": 0, "points": {"nose": ["left", 2, 1], "tail": [3, 4, 1]}, "mm": {}}]),
            r"stream.jsonl:2: .*unreadable payload .animals: points",
        ),
    ],
    ids=["no JSON", "no object", "no fields", "another version", "two numbers", "text"],
)
def test_a_damaged_line_is_refused(tmp_path: Path, line: str, complaint: str) -> None:
    with pytest.raises(StreamError, match=complaint):
        said(recording(tmp_path, [GOOD_LINE, line, GOOD_LINE]))


def test_animals_with_different_points_are_refused(tmp_path: Path) -> None:
    animals = [{"id": 0, "points": {"nose": [1, 2, 1]}, "mm": {}}, {"id": 1, "points": {"tail": [1, 2, 1]}, "mm": {}}]
    with pytest.raises(StreamError, match="the same for all animals"):
        said(recording(tmp_path, [changed(animals=animals)]))


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "is empty: whatever was to write it ended before the first message"),
        (b"\n\n", "holds no pose message"),
        (json.dumps({"topic": "status.top"}).encode(), "holds no pose message"),
    ],
)
def test_a_file_without_poses_is_refused(tmp_path: Path, content: bytes, sentence: str) -> None:
    path = tmp_path / "empty.jsonl"
    path.write_bytes(content)
    with pytest.raises(StreamError, match=sentence):
        said(path)


def test_an_absent_or_foreign_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        StreamError, match=r"there is no such folder or file; give the folder of a recorded session, or a file that `tracker listen"
    ):
        said(tmp_path / "none.jsonl")
    (tmp_path / "video.avi").write_bytes(b"RIFF\xff\xfe\x00\n")
    with pytest.raises(StreamError, match="not UTF-8"):
        said(tmp_path / "video.avi")


def test_rules_that_do_not_fit_the_recording_are_refused(tmp_path: Path) -> None:
    path = recording(tmp_path, [GOOD_LINE])
    with pytest.raises(ConfigError, match="in mm but there is no calibration"):
        replay_file(path, Rules(events=EVENTS, zones=ZONES), camera=None)


def test_null_is_read_as_a_missing_place() -> None:
    """The stream says null where a live array holds NaN."""
    line = line_of(message(0, at(math.nan)))
    assert "null" in line
    (found,) = replay(messages_in([line], source="recording", camera=None), Rules(events=SPOT, zones=ZONES))
    assert found.events == []


def test_the_example_of_the_page_on_behaviour_is_accepted(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "behaviour.md").read_text(encoding="utf-8")
    (tmp_path / "part.yaml").write_text(page.split("```yaml\n")[1].split("```")[0])

    class Shown(Section, frozen=True, kw_only=True):
        zones: tuple[Zone, ...]
        behaviour: tuple[EventConfig, ...]

    shown = read_yaml(tmp_path / "part.yaml", kind=Shown, error=ConfigError)
    Behaviour(shown.behaviour, shown.zones, point_names=("nose", "right_ear"), animals=1, has_mm=True)
