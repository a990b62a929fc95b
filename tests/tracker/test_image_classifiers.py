"""Behaviour found in images at the rig: what of a frame a network takes, where a key point leads it, and a rig without key points."""

import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from tests.conftest import BundleMaker
from tests.tracker.daemon import Daemon, wait_for, write_config, write_images
from tests.tracker.engine_settings import engine_settings
from tests.tracker.rig import HEIGHT, WIDTH
from tests.tracker.small_classifier import write_classifier, write_image_classifier
from tracker.bundle import DESCRIPTION_FILE, SELF_TEST_CLIP, read_bundle
from tracker.bundle_description import Following, View
from tracker.check.check import Asked, check
from tracker.classifiers.classifier import Classifier
from tracker.classifiers.open_classifier import open_classifier
from tracker.classifiers.scores import Scores
from tracker.client import Client
from tracker.config import load_config
from tracker.engines.open_engine import open_engine
from tracker.errors import BundleError, ConfigError
from tracker.frame import Image
from tracker.messages import EventMessage, PoseMessage, SetupMessage, StatusMessage
from tracker.pose import NO_KEY_POINTS, Pose
from tracker.recording.read_session import RecordedSession
from tracker.recording.session_messages import session_messages
from tracker.replay import replay_file
from tracker.setup import check_rules, make_setup
from tracker.viewer.recorded_scene import RecordedScene

MS = 1_000_000
NOSE = Following(point="nose", confidence=0.5, hold_ms=100)
NO_POSE = Pose(points=NO_KEY_POINTS, mm=None)
BRIGHT: dict[str, Any] = {
    "event": "bright",
    "source": {"kind": "class", "classifier": "look", "class_name": "red"},
    "rule": {"on": 0.5, "off": 0.5},
}


def opened(folder: Path, **changes: Any) -> Classifier:
    return open_classifier(read_bundle(write_image_classifier(folder / "look", **changes)))


def alone(classifier: Classifier, shape: tuple[int, ...]) -> Scores:
    return Scores({"look": classifier}, point_names=(), animals=0, source_shape=shape)


def following(folder: Path, shape: tuple[int, ...], **changes: Any) -> Scores:
    classifier = opened(folder, height=5, width=5, region=NOSE, **changes)
    return Scores({"look": classifier}, point_names=("tail", "nose"), animals=1, source_shape=shape)


def at(x: float, y: float, confidence: float = 1.0) -> Pose:
    return Pose(points=np.array([[(1, 1, 1), (x, y, confidence)]], np.float32), mm=None)


def image_with(rows: slice, columns: slice, shape: tuple[int, int] = (40, 60)) -> Image:
    image = np.zeros(shape, np.uint8)
    image[rows, columns] = 255
    return image


def test_a_fixed_rectangle_is_what_the_network_takes_of_every_frame(tmp_path: Path) -> None:
    view = View(crop=(10, 20, 8, 4), fit="exact", colour="grey")
    scores = alone(opened(tmp_path, height=4, width=8, view=view), (40, 60))

    found = [scores.of(NO_POSE, image_with(slice(20, 24), slice(10, end)), end * MS).scores["look.red"] for end in (18, 14)]

    assert found == pytest.approx([1.0, 0.5])
    assert "x 10..17, y 20..23" in scores.fields_of_view["look"]


def test_the_whole_frame_is_fitted_as_its_view_says_and_that_is_stated(tmp_path: Path) -> None:
    view = View(crop=None, fit="letterbox", colour="grey")
    scores = alone(opened(tmp_path, height=30, width=30, view=view), (40, 60))

    white = np.full((40, 60), 255, np.uint8)

    assert scores.of(NO_POSE, white, 0).scores["look.red"] == pytest.approx(20 / 30)  # the rest is bars
    assert "all of the camera's 60x40 image" in scores.fields_of_view["look"]
    assert "black bars that fill 30x30" in scores.fields_of_view["look"]


def test_what_the_graph_resizes_itself_is_stated(tmp_path: Path) -> None:
    view = View(crop=(10, 20, 8, 4), fit="exact", colour="grey")
    scores = alone(opened(tmp_path, height=4, width=8, view=view, resized=(32, 16)), (40, 60))
    assert scores.fields_of_view["look"].endswith("in grey. It resizes them to 32x16 itself.")


def test_a_rectangle_outside_the_cameras_image_is_refused_by_name(tmp_path: Path) -> None:
    classifier = opened(tmp_path, height=4, width=8, view=View(crop=(55, 20, 8, 4), fit="exact", colour="grey"))
    with pytest.raises(BundleError, match=r"classifier 'look' .* outside the camera's 60x40 image"):
        alone(classifier, (40, 60))


def test_the_first_channel_of_a_colour_network_is_red_whatever_the_camera(tmp_path: Path) -> None:
    view = View(crop=None, fit="exact", colour="rgb")
    classifier = opened(tmp_path, height=4, width=4, view=view)
    image = np.zeros((4, 4, 3), np.uint8)
    image[..., 0] = 255

    assert alone(classifier, image.shape).of(NO_POSE, image, 0).scores["look.red"] == 1
    assert alone(classifier, (4, 4)).of(NO_POSE, image[..., 0].copy(), MS).scores["look.red"] == 1  # of a grey camera
    assert alone(classifier, image.shape).of(NO_POSE, image[..., ::-1].copy(), 2 * MS).scores["look.red"] == 0


@pytest.mark.parametrize("colour", ["grey", "rgb"])
@pytest.mark.parametrize("source", ["grey", "rgb"])
def test_the_square_goes_with_the_key_point(tmp_path: Path, colour: Any, source: str) -> None:
    image = image_with(slice(8, 13), slice(18, 23))
    image = image if source == "grey" else np.repeat(image[:, :, None], 3, axis=2)
    scores = following(tmp_path, image.shape, view=View(crop=None, fit="exact", colour=colour))

    found = [scores.of(at(x, y), image, n * MS).scores["look.red"] for n, (x, y) in enumerate([(20, 10), (21.4, 10), (22.5, 10), (40, 10)])]

    assert found == pytest.approx([1.0, 0.8, 0.4, 0.0])
    assert (scores.frames_padded, scores.frames_without_region) == (0, 0)


@pytest.mark.parametrize("place", [(0, 0), (59, 39), (-3, 20), (300, -200)], ids=["corner", "far corner", "outside", "far outside"])
def test_a_square_over_the_edge_repeats_the_edge_and_is_counted(tmp_path: Path, place: tuple[int, int]) -> None:
    image = np.random.default_rng(1).integers(0, 255, (40, 60)).astype(np.uint8)
    scores = following(tmp_path, image.shape)
    wide = np.pad(image, 400, mode="edge")

    found = scores.of(at(*place), image, 0).scores["look.red"]

    x, y = place[0] + 400, place[1] + 400
    assert found == pytest.approx(wide[y - 2 : y + 3, x - 2 : x + 3].mean() / 255, abs=1e-6)
    assert scores.frames_padded == 1


@pytest.mark.parametrize("place", [(1e6, 5), (9.3e18, 1), (-3e38, 3e38)], ids=str)
def test_a_key_point_however_far_outside_takes_the_edge_and_ends_nothing(tmp_path: Path, place: tuple[float, float]) -> None:
    image = np.random.default_rng(1).integers(0, 255, (40, 60)).astype(np.uint8)
    scores = following(tmp_path, image.shape)
    x, y = (int(np.clip(value, 0, size - 1)) for value, size in zip(place, (60, 40), strict=True))
    wide = np.pad(image, 2, mode="edge")
    columns = slice(x, x + 5) if 0 <= place[0] < 60 else [x + 2] * 5
    rows = slice(y, y + 5) if 0 <= place[1] < 40 else [y + 2] * 5

    found = scores.of(at(*place), image, 0).scores["look.red"]

    assert found == pytest.approx(wide[rows][:, columns].mean() / 255, abs=1e-6)
    assert scores.frames_padded == 1


def test_an_absent_key_point_is_taken_to_stay_for_a_while_then_there_is_no_region(tmp_path: Path) -> None:
    image = image_with(slice(8, 13), slice(18, 23))
    scores = following(tmp_path, image.shape)
    poses = [at(20, 10), at(np.nan, np.nan, np.nan), at(40, 30, 0.4), at(np.nan, np.nan), at(20, 10)]

    found = [scores.of(pose, image, time * MS) for pose, time in zip(poses, (0, 50, 100, 150, 200), strict=True)]

    assert [one.scores.get("look.red") for one in found] == [1.0, 1.0, 1.0, None, 1.0]
    assert [one.no_region for one in found] == [(), (), (), ("look",), ()]
    assert [one.warming for one in found] == [()] * 5
    assert scores.frames_without_region == 1


def test_before_the_key_point_is_seen_there_is_no_region_and_the_network_does_not_begin(tmp_path: Path) -> None:
    image = image_with(slice(8, 13), slice(18, 23))
    scores = following(tmp_path, image.shape, warming_frames=1)
    poses = [at(np.nan, np.nan), at(20, 10), at(20, 10)]

    found = [scores.of(pose, image, n * 10 * MS) for n, pose in enumerate(poses)]

    assert [(one.no_region, one.warming, dict(one.scores)) for one in found[:2]] == [(("look",), (), {}), ((), ("look",), {})]
    assert found[2].scores["look.moved"] == 0


@pytest.mark.parametrize("step_ms", [1500, -500], ids=["a gap too long", "a clock set back"])
def test_the_kept_frame_is_forgotten_where_the_run_is_broken(tmp_path: Path, step_ms: int) -> None:
    scores = alone(opened(tmp_path, height=4, width=4), (4, 4))
    white = np.full((4, 4), 255, np.uint8)

    found = [scores.of(NO_POSE, white, time * MS).scores["look.moved"] for time in (1000, 1100, 1100 + step_ms, 1200 + step_ms)]

    assert found == [1.0, 0.0, 1.0, 0.0]


def test_a_reset_forgets_the_last_place_too(tmp_path: Path) -> None:
    image = image_with(slice(8, 13), slice(18, 23))
    scores = following(tmp_path, image.shape)
    scores.of(at(20, 10), image, 0)
    scores.reset()
    assert scores.of(at(np.nan, np.nan), image, MS).no_region == ("look",)


def test_a_network_that_follows_needs_its_key_point_and_one_animal(tmp_path: Path) -> None:
    classifier = opened(tmp_path, height=5, width=5, region=NOSE)
    with pytest.raises(ConfigError, match=r"needs the key points nose, and no network finds key points; give engine\.bundle"):
        alone(classifier, (40, 60))
    with pytest.raises(ConfigError, match="follows 'nose' of one animal, the key-point network finds 2"):
        Scores({"look": classifier}, point_names=("nose",), animals=2, source_shape=(40, 60))


def test_a_bundle_from_before_there_were_regions_still_takes_poses(tmp_path: Path) -> None:
    folder = write_classifier(tmp_path / "place")
    text = json.loads((folder / DESCRIPTION_FILE).read_text())
    del text["behaviour"]["region"]
    (folder / DESCRIPTION_FILE).write_text(json.dumps(text))

    assert open_classifier(read_bundle(folder)).square is None


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"view": {"crop": None, "fit": "exact", "colour": "rgb"}}, "contradict each other"),
        ({"class_names": ["red"]}, "behaviour.accuracy.f1 has 2 numbers; expected one for each of 1 classes"),
        ({"point_names": ["tail"]}, "contradict each other"),
        ({"task": "keypoints"}, "contradict each other"),
    ],
    ids=["colour", "classes", "point", "task"],
)
def test_a_description_of_images_that_contradicts_itself_is_refused(tmp_path: Path, change: dict[str, Any], complaint: str) -> None:
    folder = write_image_classifier(tmp_path / "look", height=5, width=5, region=NOSE)
    text = json.loads((folder / DESCRIPTION_FILE).read_text()) | change
    (folder / DESCRIPTION_FILE).write_text(json.dumps(text))
    with pytest.raises(BundleError, match=complaint):
        read_bundle(folder)


def test_a_damaged_self_test_of_images_is_refused(tmp_path: Path) -> None:
    folder = write_image_classifier(tmp_path / "look", height=5, width=5)
    content = bytearray((folder / SELF_TEST_CLIP).read_bytes())
    content[len(content) // 2] ^= 255
    (folder / SELF_TEST_CLIP).write_bytes(content)
    with pytest.raises(BundleError, match="is damaged or was changed"):
        read_bundle(folder)


def test_rules_over_key_points_are_refused_where_classifiers_run_alone(tmp_path: Path) -> None:
    classifier = opened(tmp_path, height=4, width=4)
    path = tmp_path / "tracker.yaml"
    speed = "- {event: fast, source: {kind: speed, point: nose}, rule: {on: 5, off: 4}}"
    path.write_text(f"camera: {{source: opencv, device: 0}}\nclassifiers: [{{name: look, bundle: look}}]\nbehaviour:\n{speed}\n")
    with pytest.raises(ConfigError, match="nose"):
        check_rules(load_config(path), None, {"look": classifier})


def test_a_key_point_leads_a_classifier_through_a_whole_setup(tmp_path: Path, make_bundle: BundleMaker) -> None:
    bundle = read_bundle(make_bundle(tmp_path / "spot", height=HEIGHT, width=WIDTH))
    point = bundle.description.point_names[0]
    region = Following(point=point, confidence=0.0, hold_ms=100)
    classifier = opened(tmp_path, height=5, width=5, region=region)
    path = write_config(
        tmp_path, bundle.folder, {"source": "opencv", "device": 0}, classifiers=[{"name": "look", "bundle": str(tmp_path / "look")}]
    )
    engine = open_engine(bundle, engine_settings(bundle), say=print)
    setup = make_setup(load_config(path), bundle, engine, source_shape=(HEIGHT, WIDTH), classifiers={"look": classifier})
    image = np.zeros((HEIGHT, WIDTH), np.uint8)
    image[12, 10] = 255

    pose = setup.scores.of(Pose(points=setup.points(image), mm=None), image, 0)

    assert pose.scores["look.red"] == pytest.approx(1 / 25)
    engine.close()


def until(client: Client, wanted: Callable[[Any], bool]) -> Any:
    return wait_for(client, wanted)


def checked(path: Path, asked: Asked | None = None) -> dict[str, dict[str, Any]]:
    out = io.StringIO()
    check(path, as_json=True, out=out, asked=asked or Asked())
    return {one["check"]: one for one in json.loads(out.getvalue())["checks"]}


def rig_without_key_points(folder: Path, **sections: Any) -> Path:
    """20 black images, 20 with a white square where the classifier looks, and again."""
    write_images(folder / "images", [(20, 9)] * 20 + [(2, 2)] * 20, size=(64, 48))
    look = write_image_classifier(folder / "look", height=1, width=1, view=View(crop=(2, 2, 1, 1), fit="exact", colour="grey"))
    camera = {"source": "image_folder", "folder": str(folder / "images"), "rate_hz": 100, "loop_folder": True}
    path = write_config(folder, Path("none"), camera, classifiers=[{"name": "look", "bundle": str(look)}], behaviour=[BRIGHT], **sections)
    text = msgspec.yaml.decode(path.read_bytes())
    del text["engine"]
    path.write_bytes(msgspec.yaml.encode(text))
    return path


@pytest.mark.parametrize(
    ("learnt", "ok", "words"),
    [
        (None, None, "not judged: look does not say what its training images looked like"),
        ({"brightness": [0, 255], "contrast": [0, 128], "confidence": None}, True, "medians: mean grey level 255 (0 to 255 learnt from)"),
        (
            {"brightness": [20, 90], "contrast": [0, 128], "confidence": None},
            True,
            "unlike what look was trained on: mend the light, or label",
        ),
    ],
    ids=["not noted", "alike", "other light"],
)
def test_a_check_says_whether_a_classifier_sees_what_it_has_learnt_from(
    tmp_path: Path, learnt: dict[str, Any] | None, ok: bool | None, words: str
) -> None:
    path = rig_without_key_points(tmp_path)
    described = tmp_path / "look" / "bundle.json"
    described.write_text(json.dumps(json.loads(described.read_text()) | {"learnt": learnt}))
    shutil.rmtree(tmp_path / "images")
    write_images(tmp_path / "images", [(2, 2)] * 10, size=(64, 48))
    found = checked(path, Asked(seconds=0.5))["resemblance of look"]
    assert (found["ok"], found["warning"]) == (ok, "unlike" in words)
    assert words in found["found"]
    assert "confidence" not in found["found"]


def test_a_rig_of_classifiers_alone_is_checked_runs_records_swaps_and_replays(tmp_path: Path) -> None:
    path = rig_without_key_points(tmp_path, recording={"folder": str(tmp_path / "recordings"), "minimum_free_gb": 0})
    other = write_image_classifier(
        tmp_path / "other", height=1, width=1, view=View(crop=(2, 2, 1, 1), fit="exact", colour="grey"), classes=("red", "still")
    )
    found = checked(path)
    assert found["bundle"]["found"] == "none configured: no key points, classifiers take the image"
    assert "1 events fit the classifiers; classifier 'look': The network sees x 2..2, y 2..2" in found["rules"]["found"]
    assert found["keeps up"]["ok"] is not None

    with Client(f"ipc://{tmp_path}/stream", high_water_mark=100_000) as client, Daemon(path) as daemon:
        setup = until(client, lambda message: isinstance(message, SetupMessage))
        assert (setup.bundle, setup.point_names, setup.classifiers[0].bundle) == ("", [], "look")
        pose = until(client, lambda message: isinstance(message, PoseMessage))
        assert (pose.animals, sorted(pose.scores)) == ([], ["look.moved", "look.red"])
        assert daemon.ask("record", "start", "--name", "one").returncode == 0
        on = until(client, lambda message: isinstance(message, EventMessage) and message.state == "on")
        assert (on.event, on.animal, on.value) == ("bright", 0, 1.0)
        refused = daemon.ask("swap", str(other))
        assert (refused.returncode, refused.stderr.count("\n")) == (1, 1)
        swapped = daemon.ask("swap", str(other), "--classifier", "look")
        assert (swapped.returncode, "The network sees x 2..2" in swapped.stdout) == (0, True), swapped.stderr
        status = until(client, lambda m: isinstance(m, StatusMessage) and m.class_names == ["look.red", "look.still"])
        assert (status.bundle, status.runtime[:8]) == ("", "openvino")
        assert status.field_of_view.startswith("Classifier 'look': The network sees")
        until(client, lambda message: isinstance(message, EventMessage) and message.state == "off")
        assert daemon.ask("record", "stop").returncode == 0
        daemon.stop()
        assert daemon.process.returncode == 0, daemon.words

    session = tmp_path / "recordings" / "one"
    messages = list(session_messages(RecordedSession(session)))
    last = max(m.frame for m in messages if isinstance(m, PoseMessage))
    live = [(m.frame, m.state, m.value) for m in messages if isinstance(m, EventMessage) and m.frame <= last]
    replayed = [(e.frame, e.state, e.value) for stretch in replay_file(session, None, camera=None) for e in stretch.events]
    first = next(index for index, each in enumerate(replayed) if each == live[0])
    assert replayed[first : first + len(live)] == live
    assert len(live) > 2
    scene = RecordedScene(RecordedSession(session))
    assert scene.point_names(0) == []
    scene.close()
