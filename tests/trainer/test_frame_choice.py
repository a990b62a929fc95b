"""`only_when` of a rig in training and scoring: the same frames as at the rig, runs that begin anew, and a score for every frame."""

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from numpy.typing import NDArray
from rich.console import Console

from tests.tracker.small_classifier import write_classifier, write_image_classifier
from tests.trainer.blinking_images import write_table as write_rows
from tests.trainer.pose_videos import video as walking
from tests.trainer.walkers import CLASSES, POINTS, write_table
from tracker.behaviour.preselection import preselections
from tracker.bundle import read_bundle
from tracker.bundle_description import Following, View
from tracker.classifiers.open_classifier import open_classifier
from tracker.classifiers.scores import Scores
from tracker.config import load_config
from tracker.pose import Pose
from trainer.__main__ import PROGRAM, main
from trainer.behaviour.answers import probabilities_of
from trainer.behaviour.behaviour_bundle import BehaviourBundle
from trainer.behaviour.bundle_request import BehaviourRequest
from trainer.behaviour.frame_choice import chosen, in_runs, read_choice
from trainer.behaviour.make_behaviour_bundle import make_behaviour_bundle
from trainer.behaviour.rule_answers import read_rules
from trainer.behaviour.settings import BehaviourSettings
from trainer.behaviour.video_table import PoseVideo, PoseVideos
from trainer.behaviour_scores.probability_file import read_probabilities
from trainer.commands.behaviour_request import behaviour_request
from trainer.commands.fit_behaviour import with_rig
from trainer.commands.image_options import image_request
from trainer.errors import TrainingError
from trainer.ethogram.read_options import ReadOptions
from trainer.image_behaviour.classes_asked import ClassesAsked
from trainer.image_behaviour.image_request import ImageRequest
from trainer.image_behaviour.make_image_bundle import make_image_bundle
from trainer.image_behaviour.read_images import read_image_videos
from trainer.image_behaviour.region import RegionAsked, plan_of
from trainer.image_behaviour.settings import ImageSettings

FPS = 100.0
NO_IMAGE = np.zeros((1, 1), np.uint8)
NEAR: dict[str, Any] = {
    "conditions": [{"source": {"kind": "distance", "point": "nose", "other_point": "tail"}, "below": 30}],
    "maximum_gap_ms": 30,
    "trial": {"from_ms": 200, "until_ms": 2500},
}


def tracker_yaml(folder: Path, only_when: dict[str, Any] | None, bundle: str = "place", **sections: Any) -> Path:
    classifiers = [{"name": "touch", "bundle": bundle, **({"only_when": only_when} if only_when is not None else {})}]
    path = folder / "tracker.yaml"
    values = {"camera": {"source": "opencv", "device": 0}, "engine": {"bundle": "none"}, "classifiers": classifiers, **sections}
    path.write_text(yaml.safe_dump(values))
    return path


def swinging(frames: int, *, seed: int = 0, size: float = 60) -> NDArray[np.float32]:
    """A nose that comes and goes past a tail that stays, (frames, 1, 2, 3); both are lost now and then."""
    rng = np.random.default_rng(seed)
    poses = np.ones((frames, 1, 2, 3), np.float32)
    poses[:, 0, 0, 0] = size * (0.5 + 0.5 * np.sin(np.arange(frames) / 11)) + rng.normal(0, 2, frames)
    poses[:, 0, 0, 1] = 10
    poses[:, 0, 1, :2] = (5, 10)
    poses[rng.random((frames, 1, 2)) < 0.05] = np.nan
    return poses


def videos_of(poses: NDArray[np.float32]) -> PoseVideos:
    one = walking(0)
    marks = np.zeros((len(poses), 2), np.int8)
    marks[: len(poses) // 2, 0] = 1
    video = PoseVideo(name="monday", poses=poses, marks=marks, fps=FPS, labels=one.labels, part="train")
    return PoseVideos(class_names=("right", "late"), point_names=("nose", "tail"), exclusive=False, videos=(video,), notes=())


def test_every_frame_is_scored_offline_as_at_the_rig(tmp_path: Path) -> None:
    """Frames with and without the network, warming up after each run, and a trial's window; `late` tells when the state was zeroed."""
    write_classifier(tmp_path / "place", points=("nose", "tail"), warming_frames=2)
    path = tracker_yaml(tmp_path, NEAR)
    poses = swinging(300)
    classifier = open_classifier(read_bundle(tmp_path / "place"))
    frames = preselections(load_config(path), point_names=("nose", "tail"), animals=1)
    rig = Scores({"touch": classifier}, point_names=("nose", "tail"), animals=1, source_shape=NO_IMAGE.shape, preselections=frames)
    rig.reset()
    seen = [rig.of(Pose(points=pose, mm=None), NO_IMAGE, round(number * 1e9 / FPS)) for number, pose in enumerate(poses)]

    (video,) = chosen(videos_of(poses), read_choice(path, None)).videos
    found = probabilities_of(classifier, video)

    assert video.to_network is not None
    assert video.to_network.tolist() == [not pose.without_network for pose in seen]
    wanted = [[pose.scores.get(name, np.nan) for name in ("touch.right", "touch.late")] for pose in seen]
    np.testing.assert_allclose(found, np.array(wanted, np.float32), atol=1e-6)
    assert 50 < np.isfinite(found).all(axis=1).sum() < 300
    assert 50 < video.to_network.sum() < 250


def test_each_run_of_frames_for_the_network_is_learnt_from_as_a_video_of_its_own() -> None:
    one = walking(0, frames=60)
    flags = np.zeros(60, np.bool_)
    flags[5:20] = flags[40:60] = True

    runs = in_runs([PoseVideo(**{**_fields(one), "to_network": flags})])

    assert [(run.name, len(run.poses), run.part) for run in runs] == [("v frames 5 to 19", 15, "train"), ("v frames 40 to 59", 20, "train")]
    np.testing.assert_array_equal(runs[1].marks, one.marks[40:60])
    assert [float(run.seconds[0]) for run in runs] == [0, 0]
    assert in_runs([one]) == (one,)
    with pytest.raises(TrainingError, match="no frame goes to the network; widen only_when"):
        in_runs([PoseVideo(**{**_fields(one), "to_network": np.zeros(60, np.bool_)})])


def _fields(video: PoseVideo) -> dict[str, Any]:
    return {name: getattr(video, name) for name in video.__slots__}


def write_poses(folder: Path, count: int, frames: int, *, fps: float = FPS) -> Path:
    rows = ["video,poses,labels,fps"]
    for number in range(count):
        poses = swinging(frames, seed=number)
        np.save(folder / f"{number}.npy", poses)
        near = poses[:, 0, 0, 0] < 20
        np.save(folder / f"{number}-labels.npy", np.where(near, "right", "none"))
        rows.append(f"v{number},{number}.npy,{number}-labels.npy,{fps:g}")
    (folder / "videos.csv").write_text("\n".join(rows) + "\n")
    return folder / "videos.csv"


def test_an_evaluation_covers_every_frame_and_its_tables_say_which_had_no_network(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_classifier(tmp_path / "place", points=("point0", "point1"))
    table = write_poses(tmp_path, 1, 200)
    near = {"conditions": [{"source": {"kind": "distance", "point": "point0", "other_point": "point1"}, "below": 20}]}
    path = tracker_yaml(tmp_path, near)

    asked = ["evaluate", str(tmp_path / "place"), "--data", str(table), "--only-when", str(path), "--json"]
    assert main([*asked, "--predictions", str(tmp_path / "found")]) == 0

    told = json.loads(capsys.readouterr().out)
    assert any(note.startswith("only_when of 'touch' in tracker.yaml: ") for note in told["notes"])
    with (tmp_path / "found" / "v0.csv").open() as file:
        rows = list(csv.DictReader(file))
    without = [row for row in rows if row["without_network"] == "1"]
    assert (len(rows), 20 < len(without) < 180) == (200, True)
    assert {(row["right"], row["late"]) for row in without} == {("0", "0")}
    assert read_probabilities(tmp_path / "found" / "v0.csv", ()).class_names == ("right", "late")


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> BehaviourBundle:
    """From poses, with a choice of frames, rules beside it, and an earlier bundle that finds what is not there."""
    folder = tmp_path_factory.mktemp("walkers")
    table = write_table(folder, videos=3, frames=180)
    moves = {"kind": "speed", "point": POINTS[0], "window_ms": 100}
    rule = {"event": "walk", "source": moves, "rule": {"on": 40, "off": 40}}
    near = {"conditions": [{"source": moves, "above": 60}], "maximum_gap_ms": 200, "missing": "nothing"}
    path = tracker_yaml(folder, near, identity={}, behaviour=[rule])
    request = BehaviourRequest(
        table=table,
        out=folder / "bundle",
        settings=BehaviourSettings(epochs=1, hidden=4, window=60, mirror=False),
        asked=ReadOptions(),
        proved_frames=30,
        reference=False,
        choice=read_choice(path, None),
        rules=read_rules(path, [f"walk={CLASSES[0]}"]),
        hard_negatives_from=write_classifier(folder / "earlier", points=POINTS, animals=2, classes=CLASSES),
    )
    return make_behaviour_bundle(request, Console(quiet=True))


def test_a_network_learns_from_the_frames_that_go_to_it_and_is_scored_on_all(fitted: BehaviourBundle) -> None:
    (video,) = fitted.run.answers[0][1]
    assert video.to_network is not None
    assert (len(video.truth), video.probabilities is not None and len(video.probabilities)) == (180, 180)
    assert 0 < video.to_network.sum() < 180
    assert any("frames go to the network; the others are decided without it" in note for note in fitted.run.notes)
    description = read_bundle(fitted.bundle).description
    about = description.behaviour
    assert about is not None
    assert description.training.split.endswith("; learnt from the frames that only_when of 'touch' chose")
    assert len(about.seen) == 2  # whole videos, by which an evaluation knows them again


def test_a_training_from_poses_says_how_many_false_bouts_it_shows_again(fitted: BehaviourBundle) -> None:
    (said,) = [note for note in fitted.run.notes if note.startswith("every epoch shows every frame")]
    assert int(said.split(" of ")[1].split()[0]) > 0


def test_rules_are_scored_on_the_same_frames_as_a_network_that_was_trained(fitted: BehaviourBundle) -> None:
    assert [name for name, _ in fitted.run.answers] == ["network", "rules of tracker.yaml", "always the commonest"]
    assert len(fitted.run.answers[1][1][0].said) == 180


def write_squares(folder: Path, videos: int, frames: int) -> Path:
    rows = []
    for number in range(videos):
        poses = swinging(frames, seed=number, size=50)
        images = np.random.default_rng(number).integers(0, 255, (frames, 24, 64)).astype(np.uint8)
        np.save(folder / f"{number}.npy", images)
        write_deeplabcut_of_one(folder / f"{number}.csv", poses)
        np.save(folder / f"{number}-labels.npy", np.where(np.arange(frames) % 20 < 9, "red", "none"))
        rows.append({"images": f"{number}.npy", "labels": f"{number}-labels.npy", "poses": f"{number}.csv", "fps": f"{FPS:g}"})
    return write_rows(folder, rows)


def write_deeplabcut_of_one(path: Path, poses: NDArray[np.float32]) -> None:
    """Predictions of one animal with a nose and a tail."""
    lines = ["scorer" + ",net" * 6, "bodyparts" + ",nose" * 3 + ",tail" * 3, "coords" + ",x,y,likelihood" * 2]
    for frame, row in enumerate(poses.reshape(len(poses), -1)):
        lines.append(",".join([str(frame), *("" if np.isnan(value) else repr(float(value)) for value in row)]))
    path.write_text("\n".join(lines) + "\n")


def test_frames_of_images_go_to_the_network_as_at_the_rig_and_all_are_there(tmp_path: Path) -> None:
    """A square that follows the nose, which is lost now and then."""
    follow = Following(point="nose", confidence=0.2, hold_ms=20)
    view = View(crop=None, fit="exact", colour="grey")
    bundle = read_bundle(write_image_classifier(tmp_path / "place", height=5, width=5, region=follow, view=view, warming_frames=1))
    path = tracker_yaml(tmp_path, NEAR)
    table = write_squares(tmp_path, 1, 200)
    classifier = open_classifier(bundle)
    frames = preselections(load_config(path), point_names=("nose", "tail"), animals=1)
    images, poses = np.load(tmp_path / "0.npy"), swinging(200, size=50)
    rig = Scores({"touch": classifier}, point_names=("nose", "tail"), animals=1, source_shape=images.shape[1:], preselections=frames)
    rig.reset()
    seen = [
        rig.of(Pose(points=pose, mm=None), image, round(n * 1e9 / FPS)) for n, (pose, image) in enumerate(zip(poses, images, strict=True))
    ]

    plan = plan_of(bundle.description)
    assert plan is not None
    classes = ClassesAsked(known=("red", "moved"))
    (video,) = read_image_videos(table, plan, asked=ReadOptions(), classes=classes, choice=read_choice(path, None)).videos
    found = probabilities_of(classifier, video)

    scored = [pose for pose in seen if not pose.no_region]
    assert len(found) == len(scored)
    wanted = [[pose.scores.get(name, np.nan) for name in ("touch.red", "touch.moved")] for pose in scored]
    np.testing.assert_allclose(found, np.array(wanted, np.float32), atol=1e-6)
    assert video.to_network is not None
    assert video.to_network.tolist() == [not pose.without_network for pose in scored]
    assert 20 < video.to_network.sum() < 180


@pytest.fixture(scope="module")
def fitted_to_images(tmp_path_factory: pytest.TempPathFactory) -> BehaviourBundle:
    folder = tmp_path_factory.mktemp("squares")
    follow = Following(point="nose", confidence=0.2, hold_ms=100)
    rule = {"event": "red", "source": {"kind": "speed", "point": "nose"}, "rule": {"on": 5, "off": 5}}
    path = tracker_yaml(folder, {**NEAR, "trial": None}, behaviour=[rule])
    request = ImageRequest(
        data=write_squares(folder, 3, 60),
        out=folder / "bundle",
        region=RegionAsked(side=12, follow="nose", colour="grey"),
        settings=ImageSettings(epochs=1, shift=0.0),
        asked=ReadOptions(),
        proved_frames=20,
        choice=read_choice(path, None),
        rules=read_rules(path, []),
        reference=False,
        hard_negatives_from=write_image_classifier(folder / "earlier", height=12, width=12, region=follow, classes=("red", "none")),
    )
    return make_image_bundle(request, Console(quiet=True))


def test_a_network_of_images_learns_from_the_frames_that_go_to_it_and_is_scored_on_all(fitted_to_images: BehaviourBundle) -> None:
    (video,) = fitted_to_images.run.answers[0][1]
    assert video.to_network is not None
    assert (len(video.truth) > 55, 0 < video.to_network.sum() < 55) == (True, True)
    assert video.probabilities is not None
    nothing = video.class_names.index("none")  # a class here, so that it is the one that is on
    assert (video.probabilities[~video.to_network, nothing] == 1).all()
    assert read_bundle(fitted_to_images.bundle).description.training.split.endswith("that only_when of 'touch' chose")
    assert (np.delete(video.probabilities[~video.to_network], nothing, axis=1) == 0).all()


def test_a_training_from_images_says_what_an_epoch_shows_and_scores_the_rules(fitted_to_images: BehaviourBundle) -> None:
    assert any(note.startswith("every epoch shows the ") for note in fitted_to_images.run.notes)
    assert [name for name, _ in fitted_to_images.run.answers] == ["network", "rules of tracker.yaml", "always the commonest"]


@pytest.mark.parametrize(
    ("only_when", "name", "complaint"),
    [
        (None, None, "0 classifiers have only_when"),
        (NEAR, "tuoch", "classifier 'tuoch' has no only_when"),
        ({"trial": {"event": "cue"}}, None, "a trial begins with 'cue', which key points do not tell"),
    ],
    ids=["none", "name", "event"],
)
def test_a_choice_that_cannot_be_followed_offline_is_refused(
    tmp_path: Path, only_when: dict[str, Any] | None, name: str | None, complaint: str
) -> None:
    cue = {"event": "cue", "source": {"kind": "motion"}, "rule": {"on": 1, "off": 1}}
    path = tracker_yaml(tmp_path, only_when, behaviour=[cue])
    with pytest.raises(TrainingError, match=complaint):
        chosen(videos_of(swinging(10)), read_choice(path, name))


def test_what_a_rigs_file_says_is_asked_of_a_training_from_poses_and_from_images(tmp_path: Path) -> None:
    cue = {"event": "cue", "source": {"kind": "speed", "point": "nose"}, "rule": {"on": 1, "off": 1}}
    path = tracker_yaml(tmp_path, NEAR, behaviour=[cue])
    words = f"fit --task behaviour --data t.csv --out b --only-when {path} touch --rules {path} cue=lick --hard-negatives-from old"
    of_poses = behaviour_request(PROGRAM.parser().parse_args(words.split()))
    options = PROGRAM.parser().parse_args([*words.split(), "--region", "frame", "--negatives", "near"])
    of_images = with_rig(image_request(options), options)
    for request in (of_poses, of_images):
        assert (request.choice, request.rules) == (read_choice(path, "touch"), read_rules(path, ["cue=lick"]))
        assert request.hard_negatives_from == Path("old")
    assert of_images.settings.negatives == "near"
