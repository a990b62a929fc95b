"""Learned behaviour at the rig: scores of every frame, warming up, beginning anew, events, swaps, refusals, and the same in a replay."""

import io
import json
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from tests.conftest import BundleMaker
from tests.tracker.daemon import Daemon, wait_for, write_config, write_images
from tests.tracker.rig import HEIGHT, WIDTH
from tests.tracker.small_classifier import write_classifier
from tracker.bundle import read_bundle
from tracker.check.check import Asked, check
from tracker.classifiers.classifier import Classifier
from tracker.classifiers.open_classifier import open_classifier
from tracker.classifiers.scores import Scores
from tracker.client import Client
from tracker.config import Config, EngineConfig, load_config
from tracker.engines.open_engine import open_engine
from tracker.errors import BundleError, ConfigError, EngineError
from tracker.messages import EventMessage, PoseMessage, SetupMessage, StatusMessage
from tracker.pose import Pose
from tracker.replay import replay_file
from tracker.setup import check_rules

MS = 1_000_000
NO_IMAGE = np.zeros((1, 1), np.uint8)
RULE = {"on": 0.5, "off": 0.5}
RIGHT: dict[str, Any] = {"event": "at_the_right", "source": {"kind": "class", "classifier": "place", "class_name": "right"}, "rule": RULE}


def opened(folder: Path, **changes: Any) -> Classifier:
    return open_classifier(read_bundle(write_classifier(folder / "place", **changes)))


def pose(*points: tuple[float, float, float]) -> Pose:
    return Pose(points=np.array([points], np.float32), mm=None)


def scores_of(classifier: Classifier, names: tuple[str, ...] = ("spot",), animals: int = 1) -> Scores:
    return Scores({"place": classifier}, point_names=names, animals=animals, source_shape=NO_IMAGE.shape)


def test_every_frame_gets_the_scores_of_its_pose(tmp_path: Path) -> None:
    scores = scores_of(opened(tmp_path))

    found = [scores.of(pose((x, 1, 1)), NO_IMAGE, number * 100 * MS).scores for number, x in enumerate((10.0, 60.0, np.nan))]

    assert [one["place.right"] for one in found] == pytest.approx([0.1, 0.6, 0.0])
    assert [one["place.late"] for one in found] == pytest.approx([0.0, 0.1, 0.2])
    assert scores.names == ("place.right", "place.late")


def test_a_classifier_takes_its_own_points_by_name_in_its_own_order(tmp_path: Path) -> None:
    scores = scores_of(opened(tmp_path, points=("tail", "spot")), ("spot", "ear", "tail"))

    assert scores.of(pose((10, 0, 1), (20, 0, 1), (90, 0, 1)), NO_IMAGE, 0).scores["place.right"] == pytest.approx(0.9)


def test_a_score_is_left_out_and_said_to_be_warming_until_enough_frames_have_come(tmp_path: Path) -> None:
    scores = scores_of(opened(tmp_path, warming_frames=2))

    found = [scores.of(pose((50, 1, 1)), NO_IMAGE, number * 10 * MS) for number in range(4)]

    assert [one.warming for one in found] == [("place",), ("place",), (), ()]
    assert [bool(one.scores) for one in found] == [False, False, True, True]


@pytest.mark.parametrize("step_ms", [1500, -500], ids=["a gap too long", "a clock set back"])
def test_the_state_is_zeroed_where_the_run_of_frames_is_broken(tmp_path: Path, step_ms: int) -> None:
    scores = scores_of(opened(tmp_path, warming_frames=1))
    times_ms = [1000, 1100, 1200, 1200 + step_ms, 1300 + step_ms]

    found = [scores.of(pose((50, 1, 1)), NO_IMAGE, time * MS) for time in times_ms]

    assert [one.warming for one in found] == [("place",), (), (), ("place",), ()]
    assert found[2].scores["place.late"] == pytest.approx(0.2)
    assert found[4].scores["place.late"] == pytest.approx(0.1)


def test_lost_frames_within_the_longest_gap_only_let_time_run(tmp_path: Path) -> None:
    scores = scores_of(opened(tmp_path))
    found = [scores.of(pose((50, 1, 1)), NO_IMAGE, time * MS).scores["place.late"] for time in (0, 100, 900)]
    assert found == pytest.approx([0.0, 0.1, 0.9])


def test_a_reset_begins_anew(tmp_path: Path) -> None:
    scores = scores_of(opened(tmp_path, warming_frames=1))
    for number in range(3):
        scores.of(pose((50, 1, 1)), NO_IMAGE, number * 100 * MS)

    scores.reset()

    assert scores.of(pose((50, 1, 1)), NO_IMAGE, 300 * MS).warming == ("place",)
    assert scores.of(pose((50, 1, 1)), NO_IMAGE, 400 * MS).scores["place.late"] == pytest.approx(0.1)


def test_time_runs_on_where_other_rules_take_over_between_two_frames(tmp_path: Path) -> None:
    classifier = opened(tmp_path)
    before, after = scores_of(classifier), scores_of(classifier)  # as a reload makes them anew

    found = [scores.of(pose((50, 1, 1)), NO_IMAGE, time * MS) for scores, time in ((before, 0), (before, 100), (after, 200))]

    assert [one.scores["place.late"] for one in found] == pytest.approx([0.0, 0.1, 0.2])


def test_an_answer_that_is_no_probability_is_missing_and_said_and_the_state_begins_anew(tmp_path: Path) -> None:
    classifier = opened(tmp_path, faulty=True, warming_frames=1, longest_gap_s=2.0)
    scores = scores_of(classifier)
    places = (10.0, 10.0, 150.0, 10.0, 10.0)

    found = [scores.of(pose((x, 1, 1)), NO_IMAGE, number * 100 * MS) for number, x in enumerate(places)]

    assert [one.warming for one in found] == [("place",), (), ("place",), ("place",), ()]
    assert all(np.isfinite(list(one.scores.values())).all() for one in found)
    assert found[4].scores["place.late"] == pytest.approx(np.sqrt(1 - 0.1))  # zeroed at the fault
    before = scores.fault
    scores.of(pose((150.0, 1, 1)), NO_IMAGE, 500 * MS)
    assert (before, str(scores.fault)[:35]) == (None, "classifier 'place': place gave [nan")


def test_a_classifier_of_other_points_or_animals_is_refused(tmp_path: Path) -> None:
    classifier = opened(tmp_path, points=("spot", "nose"))
    with pytest.raises(ConfigError, match="needs the key points nose, which the key-point network does not find"):
        scores_of(classifier)
    with pytest.raises(ConfigError, match="was trained on 1 animals, the key-point network finds 2"):
        scores_of(classifier, ("spot", "nose"), animals=2)


def test_a_state_that_the_network_does_not_carry_is_refused_in_a_sentence(tmp_path: Path) -> None:
    bundle = read_bundle(write_classifier(tmp_path / "place"))
    state = msgspec.structs.replace(bundle.description.states[0], name="memory")
    with pytest.raises(EngineError, match="expected the state 'memory', coming back as 'memory_next'"):
        open_classifier(msgspec.structs.replace(bundle, description=msgspec.structs.replace(bundle.description, states=(state,))))


def test_a_classifier_proves_itself_when_it_is_opened(tmp_path: Path) -> None:
    bundle = read_bundle(write_classifier(tmp_path / "place"))
    test = msgspec.structs.replace(bundle.description.self_test, expected=[0.9, 0.9])
    with pytest.raises(EngineError, match=r"the self-test fails on openvino .* a probability is off by 0.7"):
        open_classifier(msgspec.structs.replace(bundle, description=msgspec.structs.replace(bundle.description, self_test=test)))


def test_bundles_of_the_other_kind_are_refused_with_the_place_where_they_belong(tmp_path: Path, make_bundle: BundleMaker) -> None:
    points = read_bundle(make_bundle(tmp_path / "spot", height=HEIGHT, width=WIDTH))
    with pytest.raises(BundleError, match="finds key points; expected a network of behaviour"):
        open_classifier(points)
    place = read_bundle(write_classifier(tmp_path / "place"))
    with pytest.raises(BundleError, match="it belongs into the section classifiers"):
        open_engine(place, EngineConfig(bundle=str(place.folder)), say=print)


def configured(folder: Path, bundle: Path, *, classifier: Path, events: list[dict[str, Any]]) -> Config:
    return load_config(
        write_config(
            folder,
            bundle,
            {"source": "opencv", "device": 0},
            classifiers=[{"name": "place", "bundle": str(classifier)}],
            behaviour=events,
        )
    )


def test_an_event_of_a_class_that_the_classifier_does_not_find_is_refused(tmp_path: Path, make_bundle: BundleMaker) -> None:
    bundle = read_bundle(make_bundle(tmp_path / "spot", height=HEIGHT, width=WIDTH))
    classifier = opened(tmp_path)
    event = RIGHT | {"source": {"kind": "class", "classifier": "place", "class_name": "left"}}
    config = configured(tmp_path, bundle.folder, classifier=tmp_path / "place", events=[event])

    with pytest.raises(ConfigError, match="class 'left' is not one of those that classifier 'place' finds \\(right, late\\)"):
        check_rules(config, bundle, {"place": classifier})


def test_an_event_of_a_classifier_that_is_not_configured_is_refused_with_its_line(tmp_path: Path) -> None:
    event = RIGHT | {"source": {"kind": "class", "classifier": "plaice", "class_name": "right"}}
    with pytest.raises(
        ConfigError,
        match=r"tracker.yaml:\d+: behaviour\[0\].source.classifier .* is 'plaice'; expected one of place \(did you mean 'place'",
    ):
        configured(tmp_path, tmp_path / "spot", classifier=tmp_path / "place", events=[event])


def test_a_check_names_the_classes_and_refuses_a_damaged_classifier(tmp_path: Path, make_bundle: BundleMaker) -> None:
    write_images(tmp_path / "images", [(10, 10)] * 3)
    bundle, place = make_bundle(tmp_path / "spot"), write_classifier(tmp_path / "place")
    camera = {"source": "image_folder", "folder": str(tmp_path / "images"), "rate_hz": 100, "loop_folder": True}
    path = write_config(tmp_path, bundle, camera, classifiers=[{"name": "place", "bundle": str(place)}], behaviour=[RIGHT])

    assert (
        "place: place, right (threshold 0.50), late (threshold 0.50); self-test passed; no score in the first"
        in _checked(path, "classifiers")["found"]
    )
    (place / "model.onnx").write_bytes(b"not a network")
    broken = _checked(path, "classifiers")
    assert not broken["ok"]
    assert "is damaged or was changed" in broken["found"]


@pytest.mark.parametrize(
    ("learnt", "ok", "words"),
    [
        (None, None, "not judged: place does not say what its training poses were like"),
        ({"seen": 0.5, "speed_px_s": 1e6}, True, "medians: 100% of its points are seen (usually 50% or more), it moves by "),
        ({"seen": 0.5, "speed_px_s": 50.0}, True, "unlike what place was trained on: if an animal is in sight, put the camera as it was"),
    ],
    ids=["not noted", "alike", "faster"],
)
def test_a_check_says_whether_poses_resemble_those_that_a_classifier_learnt_from(
    tmp_path: Path, make_bundle: BundleMaker, learnt: dict[str, Any] | None, ok: bool | None, words: str
) -> None:
    write_images(tmp_path / "images", [(10, 10), (20, 10)] * 10)
    bundle, place = make_bundle(tmp_path / "spot"), write_classifier(tmp_path / "place")
    noted = {"learnt_poses": learnt and {"least_confidence": 0.2, "length_px": None} | learnt}
    described = place / "bundle.json"
    described.write_text(json.dumps(json.loads(described.read_text()) | noted))
    camera = {"source": "image_folder", "folder": str(tmp_path / "images"), "rate_hz": 100, "loop_folder": True}
    path = write_config(tmp_path, bundle, camera, classifiers=[{"name": "place", "bundle": str(place)}], behaviour=[RIGHT])

    found = _checked(path, "resemblance of place", Asked(seconds=0.3))
    assert (found["ok"], found["warning"]) == (ok, "unlike" in words)
    assert words in found["found"]


def _checked(path: Path, part: str, asked: Asked | None = None) -> dict[str, Any]:
    out = io.StringIO()
    check(path, as_json=True, out=out, asked=asked or Asked())
    found: dict[str, Any] = next(one for one in json.loads(out.getvalue())["checks"] if one["check"] == part)
    return found


def test_a_running_tracker_scores_sends_events_swaps_a_classifier_and_replays_alike(tmp_path: Path, make_bundle: BundleMaker) -> None:
    """From 20 px to 80 and back, 40 images each: the event is on from the first frame beyond 50 px."""
    write_images(tmp_path / "images", [(20, 9)] * 40 + [(80, 9)] * 40)
    camera = {"source": "image_folder", "folder": str(tmp_path / "images"), "rate_hz": 100, "loop_folder": True}
    place, other = write_classifier(tmp_path / "place", warming_frames=3), write_classifier(tmp_path / "other", classes=("right", "age"))
    path = write_config(
        tmp_path, make_bundle(tmp_path / "spot"), camera, classifiers=[{"name": "place", "bundle": str(place)}], behaviour=[RIGHT]
    )
    with (
        Client(f"ipc://{tmp_path}/stream", high_water_mark=100_000) as client,
        Daemon(path) as daemon,
        (tmp_path / "told.jsonl").open("wb") as told,
    ):
        listening = Listening(client, told)
        first = listening.until(PoseMessage)
        assert first.warming in (["place"], [])
        on = listening.until(EventMessage)
        assert (on.event, on.state, on.animal) == ("at_the_right", "on", 0)
        assert on.value == pytest.approx(0.8)
        listening.until(EventMessage)
        refused = daemon.ask("swap", str(other), "--classifier", "plaice")
        assert (refused.returncode, refused.stderr.count("\n")) == (1, 1)
        assert "there is no classifier 'plaice'" in refused.stderr
        swapped = daemon.ask("swap", str(other), "--classifier", "place")
        assert swapped.returncode == 0, swapped.stderr
        assert "is in use as classifier place" in swapped.stdout
        setup = listening.until(SetupMessage)
        while setup.cause != "swap":
            setup = listening.until(SetupMessage)
        assert [(one.name, one.bundle, one.class_names) for one in setup.classifiers] == [("place", "other", ["right", "age"])]
        status = listening.until(StatusMessage)
        while status.class_names != ["place.right", "place.age"]:
            status = listening.until(StatusMessage)
        listening.until(EventMessage)
        daemon.stop()
        listening.rest()
        assert daemon.process.returncode == 0, daemon.words
    live = [(one.frame, one.state, one.value, one.reason) for one in listening.events]
    replayed = [
        (event.frame, event.state, event.value, event.reason)
        for stretch in replay_file(tmp_path / "told.jsonl", None, camera=None)
        for event in stretch.events
    ]
    assert replayed == live


class Listening:
    """Everything that a subscriber hears, also as `tracker listen --json` writes it."""

    def __init__(self, client: Client, told: Any) -> None:
        self._client, self._told = client, told
        self.events: list[EventMessage] = []

    def until(self, kind: type[Any]) -> Any:
        return wait_for(self._client, lambda message: self._noted(message) and isinstance(message, kind))

    def rest(self) -> None:
        while (message := self._client.receive(1.0)) is not None:
            self._noted(message)

    def _noted(self, message: Any) -> bool:
        if isinstance(message, EventMessage):
            self.events.append(message)
        name = {PoseMessage: "pose", EventMessage: "event", SetupMessage: "setup"}.get(type(message))
        if name is not None:
            line = {"topic": f"{name}.{message.camera}"} | msgspec.to_builtins(message)
            self._told.write(json.dumps(line).encode() + b"\n")
            self._told.flush()
        return True


@pytest.mark.parametrize(("told", "remedy"), [(0, "write `delay_ms: 200`"), (100, "write `delay_ms: 200`")], ids=["nothing", "another"])
def test_an_event_that_does_not_say_how_late_its_classifier_is_is_refused(
    tmp_path: Path, make_bundle: BundleMaker, told: int, remedy: str
) -> None:
    bundle = read_bundle(make_bundle(tmp_path / "spot", height=HEIGHT, width=WIDTH))
    classifier = opened(tmp_path, delay_ms=200.0)
    event = RIGHT | {"source": {"kind": "class", "classifier": "place", "class_name": "right", "delay_ms": told}}
    config = configured(tmp_path, bundle.folder, classifier=tmp_path / "place", events=[event])
    with pytest.raises(ConfigError, match=f"delay_ms is {told}, but classifier 'place' tells of frames 200 ms later; {remedy}"):
        check_rules(config, bundle, {"place": classifier})


def test_an_event_that_says_a_delay_of_a_classifier_that_has_none_is_refused(tmp_path: Path, make_bundle: BundleMaker) -> None:
    bundle = read_bundle(make_bundle(tmp_path / "spot", height=HEIGHT, width=WIDTH))
    event = RIGHT | {"source": {"kind": "class", "classifier": "place", "class_name": "right", "delay_ms": 50}}
    config = configured(tmp_path, bundle.folder, classifier=tmp_path / "place", events=[event])
    with pytest.raises(ConfigError, match="delay_ms is 50, but classifier 'place' tells at once; leave it out"):
        check_rules(config, bundle, {"place": opened(tmp_path)})
