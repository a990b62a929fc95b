"""Frames that a classifier decides without its network: which they are, what is published of them, and how the network goes on."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from tests.conftest import BundleMaker
from tests.tracker.daemon import write_config
from tests.tracker.rig import HEIGHT, WIDTH
from tests.tracker.small_classifier import write_classifier
from tracker.behaviour.preselection import FramesToClassify, preselections
from tracker.bundle import read_bundle
from tracker.classifiers.classifier import Classifier
from tracker.classifiers.open_classifier import open_classifier
from tracker.classifiers.scores import Scores
from tracker.command_handler import _with_rules_of
from tracker.config import Config, load_config
from tracker.config_rules import Polygon, Preselection
from tracker.errors import ConfigError
from tracker.event import Event
from tracker.messages import PoseMessage
from tracker.pose import Pose
from tracker.replay import Rules, replay
from tracker.setup import check_rules, make_setup, setup_message

MS = 1_000_000
NO_IMAGE = np.zeros((1, 1), np.uint8)
NEAR = {"source": {"kind": "distance", "point": "tip", "other_point": "pole"}, "below": 10}
FAST = {"source": {"kind": "speed", "point": "tip", "window_ms": 0}, "above": 500}
LINE = Polygon(name="edge", corners=((0.0, 50.0), (100.0, 50.0)))


def chosen(*conditions: dict[str, Any], animals: int = 1, **others: Any) -> FramesToClassify:
    only_when = msgspec.convert({"conditions": conditions, **others}, Preselection)
    return FramesToClassify(only_when, (LINE,), classifier="touch", point_names=("tip", "pole"), animals=animals, has_mm=False)


def poses(*tips: tuple[float, float], pole: tuple[float, float] = (0, 0)) -> Any:
    """One animal: its tip wherever it is said to be, NaN where it is not seen."""
    return np.array([[[(x, y, 0.0 if np.isnan(x) else 1.0), (*pole, 1.0)]] for x, y in tips], np.float32)


def at(frames: FramesToClassify, taken: Any, step_ms: float = 10) -> list[bool]:
    return of_session(frames, taken, [round(number * step_ms * MS) for number in range(len(taken))])


def of_session(frames: FramesToClassify, taken: Any, times_ns: list[int]) -> list[bool]:
    """Of a whole session from its first frame on."""
    frames.reset()
    return [frames.goes(points, None, time_ns) for points, time_ns in zip(taken, times_ns, strict=True)]


def test_frames_go_by_distance_to_a_point_and_a_tie_does_not_hold() -> None:
    assert at(chosen(NEAR), poses((9, 0), (10, 0), (30, 0), (0, -9.5))) == [True, False, False, True]


def test_frames_go_by_distance_to_a_line_which_is_a_polygon_of_two_corners() -> None:
    near_line = {"source": {"kind": "zone", "point": "tip", "zone": "edge"}, "above": -5}
    assert at(chosen(near_line), poses((20, 46), (20, 44), (20, 54), (-4, 50), (-6, 50))) == [True, False, True, True, False]


def test_all_conditions_must_hold_and_each_may_be_a_band() -> None:
    fast = poses((0, 0), (1, 0), (9, 0), (20, 0), (9, 0), (8, 0))  # 100, 800, 1100, 1100 and 100 px/s
    assert at(chosen(NEAR, FAST), fast) == [True, False, True, False, True, False]
    assert at(chosen(FAST | {"below": 1000}), fast) == [True, False, True, False, False, False]


@pytest.mark.parametrize(("missing", "expected"), [("network", True), ("nothing", False)])
def test_frames_without_the_points_go_to_the_network_unless_told_otherwise(missing: str, expected: bool) -> None:
    assert at(chosen(NEAR, missing=missing), poses((30, 0), (np.nan, np.nan))) == [False, expected]
    assert at(chosen(NEAR), poses((30, 0), (np.nan, np.nan))) == [False, True]


def test_of_several_animals_any_one_is_enough_but_the_same_for_all_conditions() -> None:
    near_and_slow, far_and_fast = poses((5, 0), (5, 0)), poses((30, 0), (50, 0))
    both = np.concatenate([near_and_slow, far_and_fast], axis=1)
    assert at(chosen(NEAR, FAST | {"above": -1}, animals=2), both) == [True, True]
    assert at(chosen(NEAR, FAST, animals=2, missing="nothing"), both) == [False, False]


def test_an_interruption_of_the_conditions_up_to_the_gap_goes_to_the_network() -> None:
    taken = poses((5, 0), (30, 0), (30, 0), (30, 0), (5, 0))
    assert at(chosen(NEAR, maximum_gap_ms=20), taken) == [True, True, True, False, True]


def test_a_trial_begins_with_the_first_frame_and_after_a_gap() -> None:
    frames = chosen(trial={"from_ms": 20, "until_ms": 40, "gap_ms": 100})
    times = [1000, 1010, 1020, 1030, 1040, 1050, 1200, 1210, 1220]
    taken = poses(*[(0, 0)] * len(times))
    assert of_session(frames, taken, [time * MS for time in times]) == [
        *[False, False, True, True, False, False],
        *[False, False, True],
    ]


def test_a_trial_begins_with_its_event_and_there_is_none_before() -> None:
    frames = chosen(trial={"from_ms": 10, "until_ms": 30, "event": "cue"})
    frames.reset()
    found = []
    for number in range(8):
        found.append(frames.goes(poses((0, 0))[0], None, number * 10 * MS))
        frames.take_events([event("light", number)] + ([event("cue", number)] if number == 2 else []))
    assert found == [False, False, False, True, True, False, False, False]


def event(name: str, frame: int) -> Event:
    return Event(name=name, state="on", animal=0, frame=frame, onset_frame=frame, value=1, threshold=0, added_delay_ms=0)


def test_after_a_reload_in_the_middle_of_a_trial_frames_go_until_the_next_begins() -> None:
    frames = chosen(trial={"from_ms": 10, "until_ms": 20, "gap_ms": 100})  # made anew, and not told that a session begins
    assert [frames.goes(poses((0, 0))[0], None, time * MS) for time in (0, 10, 20, 30, 200, 210, 220)] == [True] * 4 + [False, True, False]


def opened(folder: Path, **changes: Any) -> Classifier:
    return open_classifier(read_bundle(write_classifier(folder / "place", points=("tip", "pole"), **changes)))


def scores_of(classifier: Classifier, frames: FramesToClassify) -> Scores:
    return Scores(
        {"touch": classifier}, point_names=("tip", "pole"), animals=1, source_shape=NO_IMAGE.shape, preselections={"touch": frames}
    )


def scored(scores: Scores, taken: Any) -> list[Pose]:
    return [scores.of(Pose(points=each, mm=None), NO_IMAGE, number * 100 * MS) for number, each in enumerate(taken)]


def test_a_swap_in_the_middle_of_a_trial_leaves_its_frames_to_the_network(tmp_path: Path) -> None:
    frames = chosen(trial={"event": "cue", "until_ms": 40})
    scores = scores_of(opened(tmp_path), frames)
    scores.reset_networks()
    assert [frames.goes(poses((1, 0))[0], None, time * MS) for time in (0, 10, 20)] == [True] * 3
    scores.reset()
    assert [frames.goes(poses((1, 0))[0], None, time * MS) for time in (30, 40)] == [False] * 2, "as a session begins"


def test_a_camera_clock_that_begins_again_begins_a_trial(tmp_path: Path) -> None:
    frames = chosen(trial={"from_ms": 20, "until_ms": 40, "gap_ms": 100})
    frames.reset()
    times_ms = (5000, 5010, 5020, 5030, 5040, 0, 10, 20, 30, 40)
    goes = [frames.goes(poses((1, 0))[0], None, time * MS) for time in times_ms]
    assert goes == [False, False, True, True, False] * 2


def test_a_frame_decided_without_the_network_has_scores_and_says_so(tmp_path: Path) -> None:
    scores = scores_of(opened(tmp_path), chosen(NEAR))

    found = scored(scores, poses((9, 0), (60, 0)))

    assert found[0].scores["touch.right"] == pytest.approx(0.09)
    assert (dict(found[1].scores), found[1].without_network, found[1].warming) == ({"touch.right": 0, "touch.late": 0}, ("touch",), ())
    assert (found[0].without_network, scores.frames_without_network) == ((), 1)


def test_where_nothing_is_a_class_it_has_probability_one(tmp_path: Path) -> None:
    by_name = scores_of(opened(tmp_path / "a", classes=("touch", "none")), chosen(NEAR))
    as_told = scores_of(opened(tmp_path / "b"), chosen(NEAR, otherwise="right"))
    assert dict(scored(by_name, poses((60, 0)))[0].scores) == {"touch.touch": 0, "touch.none": 1}
    assert dict(scored(as_told, poses((60, 0)))[0].scores) == {"touch.right": 1, "touch.late": 0}


def test_the_network_begins_anew_after_frames_that_it_was_not_asked_about(tmp_path: Path) -> None:
    """`late` is the seconds since the state was zeroed."""
    scores = scores_of(opened(tmp_path, warming_frames=1), chosen(NEAR))

    found = scored(scores, poses((1, 0), (1, 0), (1, 0), (60, 0), (1, 0), (1, 0)))

    assert [one.warming for one in found] == [("touch",), (), (), (), ("touch",), ()]
    assert [one.scores.get("touch.late") for one in found] == pytest.approx([None, 0.1, 0.2, 0.0, None, 0.1])


def test_a_network_that_is_never_asked_is_never_run(tmp_path: Path) -> None:
    classifier = opened(tmp_path)
    scores = scores_of(classifier, chosen(NEAR))
    steps: list[float] = []
    classifier.step = lambda taken, seconds: steps.append(seconds)  # type: ignore[method-assign]

    scored(scores, poses((60, 0), (70, 0), (1, 0)))

    assert len(steps) == 1


ON_RIGHT = {"event": "right", "source": {"kind": "class", "classifier": "touch", "class_name": "right"}, "rule": {"on": 0.05, "off": 0.05}}


def test_a_replay_of_frames_with_and_without_the_network_gives_the_live_events(tmp_path: Path, make_bundle: BundleMaker) -> None:
    config = rig_config(tmp_path, make_bundle, only_when={"conditions": [SPOT_NEAR]}, behaviour=[ON_SPOT])
    setup = whole_setup(config, tmp_path)
    live, messages = [], []
    rng = np.random.default_rng(3)
    for number, x in enumerate(np.abs(np.cumsum(rng.normal(0, 9, 200))) % 100):
        pose = setup.scores.of(
            Pose(points=np.array([[(x, 10, 1)]], np.float32), mm=None), np.zeros((HEIGHT, WIDTH), np.uint8), number * 10 * MS
        )
        live += setup.behaviour.update(frame_number=number, time_ns=number * 10 * MS, pose=pose, motion=None)
        messages.append(pose_message(pose, number))
    live += setup.behaviour.end("stopping")
    (stretch,) = replay(messages, Rules(events=config.behaviour, zones=config.zones))
    assert stretch.events == live
    assert len(live) > 6
    assert {tuple(each.without_network) for each in messages} == {(), ("touch",)}


SPOT_NEAR = {"source": {"kind": "zone", "point": "spot", "zone": "left"}, "above": 0}
ON_SPOT = ON_RIGHT | {"rule": {"on": 0.2, "off": 0.1}}


def rig_config(folder: Path, make_bundle: BundleMaker, *, only_when: dict[str, Any] | None, **sections: Any) -> Config:
    if not (folder / "spot").exists():
        make_bundle(folder / "spot", height=HEIGHT, width=WIDTH)
        write_classifier(folder / "place")
    zone = {"shape": "polygon", "name": "left", "corners": [[-10, 0], [50, 0], [50, 40], [-10, 40]]}
    place = {"name": "touch", "bundle": str(folder / "place"), "only_when": only_when}
    return load_config(
        write_config(folder, folder / "spot", {"source": "opencv", "device": 0}, classifiers=[place], zones=[zone], **sections)
    )


def whole_setup(config: Config, folder: Path) -> Any:
    classifier = open_classifier(read_bundle(folder / "place"))
    setup = make_setup(config, read_bundle(folder / "spot"), None, source_shape=(HEIGHT, WIDTH), classifiers={"touch": classifier})
    setup.scores.reset()
    return setup


def pose_message(pose: Pose, number: int) -> PoseMessage:
    (points,) = pose.points.tolist()
    animal = {"id": 0, "points": {"spot": points[0]}, "mm": {}}
    stamp = {"v": 2, "camera": "top", "session": "s", "frame": number, "received_ns": number * 10 * MS, "published_ns": 0}
    counts: dict[str, Any] = dict.fromkeys(("taken_ns", "inferred_ns", "lost", "skipped", "corrupt"), 0) | {
        "setup": 1,
        "ended": [],
        "motion": None,
    }
    told = {"scores": dict(pose.scores), "without_network": list(pose.without_network)}
    return msgspec.convert({**stamp, **counts, **told, "exposed_ns": None, "animals": [animal]}, PoseMessage)


def test_a_reload_takes_up_the_files_choice_of_frames_and_leaves_the_rest_of_a_classifier(tmp_path: Path, make_bundle: BundleMaker) -> None:
    running = rig_config(tmp_path, make_bundle, only_when=None)
    fresh = rig_config(tmp_path, make_bundle, only_when={"conditions": [SPOT_NEAR]})
    other = msgspec.structs.replace(fresh.classifiers[0], bundle="another", threads=2)

    (classifier,) = _with_rules_of(msgspec.structs.replace(fresh, classifiers=(other,)), running).classifiers

    assert classifier == msgspec.structs.replace(running.classifiers[0], only_when=fresh.classifiers[0].only_when)
    assert _with_rules_of(running, fresh).classifiers[0].only_when is None


def test_a_setup_says_which_frames_its_classifiers_take(tmp_path: Path, make_bundle: BundleMaker) -> None:
    config = rig_config(tmp_path, make_bundle, only_when={"conditions": [SPOT_NEAR]})
    setup = whole_setup(config, tmp_path)
    stream = type("Stream", (), {"camera": "top", "session": "s"})()
    (told,) = setup_message(setup, number=1, cause="start", after=None, publisher=stream).classifiers
    assert told.only_when == msgspec.to_builtins(config.classifiers[0].only_when)


def test_a_trial_that_its_own_classifier_would_have_to_begin_is_refused(tmp_path: Path, make_bundle: BundleMaker) -> None:
    own = {"event": "own", "source": {"kind": "class", "classifier": "touch", "class_name": "touch"}, "rule": {"on": 0.6, "off": 0.4}}
    with pytest.raises(ConfigError, match=r"trial.event .*is 'own', which comes from touch itself and could never begin"):
        rig_config(tmp_path, make_bundle, only_when={"trial": {"event": "own"}}, behaviour=[own])


@pytest.mark.parametrize(
    ("only_when", "complaint"),
    [
        (
            {"conditions": [SPOT_NEAR | {"above": None}]},
            r"tracker.yaml:\d+: classifiers\[0\].only_when.conditions\[0\] says neither above nor",
        ),
        ({"conditions": [SPOT_NEAR | {"below": -1}]}, "is above 0 and below -1, which no value is"),
        (
            {"conditions": [{"source": {"kind": "zone", "point": "spot", "zone": "lefd"}, "above": 0}]},
            r"conditions\[0\].source.zone .*is 'lefd'; expected one of left \(did you mean 'left'",
        ),
        ({"trial": {"from_ms": 10, "until_ms": 10}}, r"until_ms .*is 10; expected more than from_ms \(10\)"),
        ({"trial": {"event": "cue"}}, r"trial.event .*is 'cue'; expected an event of the section behaviour, which is empty"),
        (
            {"trial": {"event": "cue", "gap_ms": 500}},
            r"tracker.yaml:\d+: classifiers\[0\].only_when.trial.gap_ms is 500, which means nothing where "
            r"classifiers\[0\].only_when.trial.event begins every trial \('cue'\); leave out one of the two",
        ),
        ({"conditions": [{"source": {"kind": "motion"}, "above": 0}]}, "conditions"),
    ],
    ids=["no bound", "no value between", "zone", "window", "event", "gap beside an event", "kind"],
)
def test_a_choice_of_frames_that_cannot_be_is_refused(
    tmp_path: Path, make_bundle: BundleMaker, only_when: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(ConfigError, match=complaint):
        rig_config(tmp_path, make_bundle, only_when=only_when)


@pytest.mark.parametrize(
    ("only_when", "complaint"),
    [
        (
            {"conditions": [{"source": {"kind": "speed", "point": "nose"}, "above": 0}]},
            "only_when of classifier 'touch': point 'nose' is not",
        ),
        (
            {"conditions": [{"source": {"kind": "speed", "point": "spot", "unit": "mm"}, "above": 0}]},
            "is in mm but there is no calibration",
        ),
        ({"otherwise": "left"}, r"only_when of classifier 'touch': otherwise is 'left'; expected one of .* \(right, late\)"),
    ],
    ids=["point", "mm", "class"],
)
def test_a_choice_of_frames_that_does_not_fit_the_networks_is_refused_before_the_first_frame(
    tmp_path: Path, make_bundle: BundleMaker, only_when: dict[str, Any], complaint: str
) -> None:
    config = rig_config(tmp_path, make_bundle, only_when=only_when)
    with pytest.raises(ConfigError, match=complaint):
        check_rules(config, read_bundle(tmp_path / "spot"), {"touch": open_classifier(read_bundle(tmp_path / "place"))})


def test_a_choice_of_frames_is_refused_where_the_network_tells_of_them_later(tmp_path: Path, make_bundle: BundleMaker) -> None:
    config = rig_config(tmp_path, make_bundle, only_when={"conditions": [{"source": {"kind": "speed", "point": "spot"}, "above": 0}]})
    write_classifier(tmp_path / "late", delay_ms=200)
    with pytest.raises(ConfigError, match="the network tells of them 200 ms later; leave only_when out"):
        check_rules(config, read_bundle(tmp_path / "spot"), {"touch": open_classifier(read_bundle(tmp_path / "late"))})


def test_only_classifiers_with_a_choice_have_one(tmp_path: Path, make_bundle: BundleMaker) -> None:
    config = rig_config(tmp_path, make_bundle, only_when=None)
    assert preselections(config, point_names=("spot",), animals=1) == {}
    assert replace(Pose(points=np.zeros((0, 0, 3), np.float32), mm=None)).without_network == ()
