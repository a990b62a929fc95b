"""Behaviour that is learnt from images: what is cut, what an epoch shows, the network, and a bundle that the rig runs alike."""

import csv
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from msgspec.structs import replace as replace_struct
from numpy.typing import NDArray
from rich.console import Console

from tests.tracker.videos import write_video
from tracker.bundle import read_bundle
from tracker.bundle_description import Following, View
from tracker.classifiers.open_classifier import open_classifier
from tracker.classifiers.scores import Scores
from tracker.engines.openvino.step_engine import IMAGE, StepEngine
from tracker.pose import NO_KEY_POINTS, Pose
from tracker.recording.original_video import OriginalVideo
from trainer.behaviour.division import DivisionAsked
from trainer.behaviour.export import export_step
from trainer.behaviour.train import loss_of
from trainer.errors import LabelError, TrainingError
from trainer.ethogram.read_options import ReadOptions
from trainer.image_behaviour.classes_asked import ClassesAsked
from trainer.image_behaviour.image_request import ImageRequest
from trainer.image_behaviour.image_videos import ImageVideo, divide
from trainer.image_behaviour.make_image_bundle import make_image_bundle
from trainer.image_behaviour.networks import ImageBehaviour, ImagePlan
from trainer.image_behaviour.read_images import read_image_videos
from trainer.image_behaviour.region import RegionAsked
from trainer.image_behaviour.samples import NEAR_FRAMES, Batch, Samples, augmented
from trainer.image_behaviour.settings import ImageSettings
from trainer.image_behaviour.train_images import _loss, plan_for, train_images, whole_logits

FAST = ImageSettings(epochs=6, batch=16, learning_rate=4e-3, shift=0.0)
SQUARE = RegionAsked(side=12, follow="nose", colour="grey")
NO_CHANGE = replace(FAST, mirror=False, brightness=0.0)


def plan(**changes: Any) -> ImagePlan:
    values: dict[str, Any] = {
        "height": 20,
        "width": 24,
        "channels": 3,
        "inside": None,
        "contrast": False,
        "lags": (),
        "network": "small",
        "memory": 0,
        "dropout": 0.0,
        "classes": 2,
        "exclusive": True,
    }
    return ImagePlan(**values | changes)


def write_table(folder: Path, rows: list[dict[str, str]]) -> Path:
    path = folder / "videos.csv"
    with path.open("w", newline="") as file:
        table = csv.DictWriter(file, list(rows[0]))
        table.writeheader()
        table.writerows(rows)
    return path


def blinking(frames: int, *, seed: int, on: NDArray[np.bool_] | None = None) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Noise with a red (or, for the other class, blue) square for some frames at a time; labels 0 and 1."""
    rng = np.random.default_rng(seed)
    labels = np.repeat(rng.integers(0, 2, frames // 10 + 1), 10)[:frames]
    images = rng.integers(0, 90, (frames, 20, 24, 3)).astype(np.uint8)
    for number, label in enumerate(labels):
        images[number, 4:16, 6:18, 0 if label else 2] = 230
    return images, labels


def arrays(folder: Path, count: int = 3, frames: int = 80) -> Path:
    rows = []
    for number in range(count):
        images, labels = blinking(frames, seed=number)
        np.save(folder / f"images{number}.npy", images)
        np.save(folder / f"labels{number}.npy", np.array(["blue", "red"])[labels])
        rows.append({"video": f"video{number}", "images": f"images{number}.npy", "labels": f"labels{number}.npy", "fps": "50"})
    return write_table(folder, rows)


def request(data: Path, out: Path, **changes: Any) -> ImageRequest:
    values: dict[str, Any] = {"region": RegionAsked(), "settings": FAST, "asked": ReadOptions(), "proved_frames": 60, "reference": False}
    return ImageRequest(data=data, out=out, **values | changes)


def made(folder: Path, **changes: Any) -> Path:
    out = folder / "model"
    make_image_bundle(request(arrays(folder), out, **changes), Console(quiet=True))
    return out


@pytest.fixture(scope="module")
def colours(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made(tmp_path_factory.mktemp("colours"))


def accuracy(bundle: Path, images: NDArray[np.uint8], labels: NDArray[np.int64]) -> float:
    classifier = open_classifier(read_bundle(bundle))
    red = classifier.bundle.description.class_names.index("red")
    answers = np.stack([classifier.engine.step(image, 0.02) for image in images])
    return float(((answers.argmax(axis=1) == red) == (labels == 1)).mean())


def test_two_colours_are_told_apart_and_swapped_channels_are_not(colours: Path) -> None:
    images, labels = blinking(100, seed=77)

    assert accuracy(colours, images, labels) > 0.97
    assert accuracy(colours, np.ascontiguousarray(images[..., ::-1]), labels) < 0.1


def test_the_rig_gives_what_training_scored_frame_for_frame(tmp_path: Path, colours: Path) -> None:
    """A video through the live source, the rig's fit and classifier, beside the trainer's own reading."""
    images, _ = blinking(30, seed=5)
    video = write_video(tmp_path / "one.mp4", 30, image=lambda number: np.kron(images[number], np.ones((4, 4, 1), np.uint8)))
    np.save(tmp_path / "one.npy", np.zeros(30, np.int64))
    table = write_table(tmp_path, [{"video": "one", "images": "one.mp4", "labels": "one.npy"}])
    names = read_bundle(colours).description.class_names
    asked = RegionAsked(size=(24, 20), fit="stretch")
    one = read_image_videos(table, asked, asked=ReadOptions(class_names=names), classes=ClassesAsked(known=names)).videos[0]
    bundle = read_bundle(colours)
    fitted = replace_struct(bundle.description, view=View(crop=None, fit="stretch", colour="rgb"))
    source = OriginalVideo(video)
    rig = Scores(
        {"look": open_classifier(replace_struct(bundle, description=fitted))}, point_names=(), animals=0, source_shape=source.shape
    )

    live = [
        list(rig.of(Pose(points=NO_KEY_POINTS, mm=None), source.converter().image(each), each.time_ns).scores.values())
        for each in source.frames()
    ]

    classifier = open_classifier(bundle)
    scored = [classifier.step(image, float(seconds)) for image, seconds in zip(one.images, one.seconds, strict=True)]
    assert np.array_equal(np.array(live, np.float32), np.stack([each for each in scored if each is not None]))


def test_a_square_is_cut_around_the_key_point_as_at_the_rig(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    images = rng.integers(0, 255, (6, 40, 60)).astype(np.uint8)
    poses = np.zeros((6, 1, 1, 3), np.float32)
    poses[..., :] = (30, 20, 1)
    poses[1, 0, 0] = (31.4, 20, 1)
    poses[2:5, 0, 0, :2] = np.nan
    poses[5, 0, 0] = (1, 20, 1)
    np.save(tmp_path / "i.npy", images)
    np.save(tmp_path / "l.npy", np.array([1, 0, 1, 0, 1, 0]))
    header = "scorer,net,net,net\nbodyparts,nose,nose,nose\ncoords,x,y,likelihood\n"
    rows = [f"{number},{x},{y},{c}" if np.isfinite(x) else f"{number},,," for number, (x, y, c) in enumerate(poses[:, 0, 0].tolist())]
    (tmp_path / "p.csv").write_text(header + "\n".join(rows) + "\n")
    table = write_table(tmp_path, [{"video": "one", "images": "i.npy", "labels": "l.npy", "poses": "p.csv", "fps": "10"}])
    asked = replace(SQUARE, hold_ms=100.0)

    found = read_image_videos(table, asked, asked=ReadOptions(class_names=("lick",)), classes=ClassesAsked())

    one = found.videos[0]
    assert one.images.shape == (4, 12, 12, 1)  # frames 0, 1, 2 (held) and 5
    assert np.array_equal(one.images[1, ..., 0], images[1, 14:26, 25:37])
    assert np.array_equal(one.images[2, ..., 0], images[2, 14:26, 25:37])
    assert one.times_s is not None
    assert one.times_s.tolist() == pytest.approx([0, 0.1, 0.2, 0.5])
    assert one.marks[:, 0].tolist() == [1, 0, 1, 0]
    assert found.plan.region == Following(point="nose", confidence=0.2, hold_ms=100.0)
    assert ["1 of 4 squares reach over" in found.notes[0], "2 of 6 frames have no region" in found.notes[1]] == [True, True]


@pytest.mark.parametrize("place", ["1e19", "-3e38"])
def test_a_key_point_however_far_outside_is_learnt_from_at_the_edge(tmp_path: Path, place: str) -> None:
    images = np.random.default_rng(3).integers(0, 255, (4, 40, 60)).astype(np.uint8)
    np.save(tmp_path / "i.npy", images)
    np.save(tmp_path / "l.npy", np.array([1, 0, 1, 0]))
    header = "scorer,net,net,net\nbodyparts,nose,nose,nose\ncoords,x,y,likelihood\n"
    (tmp_path / "p.csv").write_text(header + "".join(f"{number},{place},20,1\n" for number in range(4)))
    table = write_table(tmp_path, [{"video": "one", "images": "i.npy", "labels": "l.npy", "poses": "p.csv", "fps": "10"}])

    found = read_image_videos(table, SQUARE, asked=ReadOptions(class_names=("lick",)), classes=ClassesAsked())

    column = images[:, 14:26, 59 if float(place) > 0 else 0]
    assert np.array_equal(found.videos[0].images[..., 0], np.repeat(column[:, :, None], 12, axis=2))
    assert "4 of 4 squares reach over" in found.notes[0]


@pytest.mark.parametrize(
    ("row", "region", "complaint"),
    [
        ({"images": "gone.mp4"}, RegionAsked(), "gone.mp4: is not there"),
        ({"images": "floats.npy"}, RegionAsked(), "expected images: uint8"),
        ({}, SQUARE, "names no poses, and the region follows 'nose'"),
        ({}, RegionAsked(rectangle=(10, 10, 50, 50)), "--region 10,10,50,50 reaches out of images of 24x20"),
    ],
    ids=["no file", "floats", "no poses", "outside"],
)
def test_images_that_cannot_be_learnt_from_are_refused(tmp_path: Path, row: dict[str, str], region: RegionAsked, complaint: str) -> None:
    arrays(tmp_path, 1, 20)
    np.save(tmp_path / "floats.npy", np.zeros((3, 4, 4), np.float32))
    table = write_table(tmp_path, [{"images": "images0.npy", "labels": "labels0.npy", "fps": "50"} | row])
    with pytest.raises((LabelError, TrainingError), match=complaint):
        read_image_videos(table, region, asked=ReadOptions(), classes=ClassesAsked())


def test_folders_by_class_are_cut_into_blocks_and_no_moment_is_on_both_sides(tmp_path: Path) -> None:
    for number in range(20):
        name = "P" if number % 3 else "NP"
        (tmp_path / "bees" / name).mkdir(parents=True, exist_ok=True)
        for item in range(2):
            image = np.full((6, 8, 3), 10 * number, np.uint8)
            image[0, 0] = (255, 0, item)  # blue in the file's order
            cv2.imwrite(str(tmp_path / "bees" / name / f"{name}{number + 100}-{item}r.png"), image)

    found = read_image_videos(tmp_path / "bees", RegionAsked(), asked=ReadOptions(), classes=ClassesAsked())

    assert [video.name for video in found.videos] == [f"block {number}" for number in range(1, 6)]
    moments = [set(video.images[:, 3, 3, 0].tolist()) for video in found.videos]
    assert sum(map(len, moments)) == len(set().union(*moments)) == 20
    assert moments[0] < set(range(0, 50))
    assert found.class_names == ("NP", "P")
    for video in found.videos:
        for image, mark in zip(video.images, video.marks, strict=True):
            assert mark.tolist() == ([0, 1] if (int(image[3, 3, 0]) // 10) % 3 else [1, 0])
    assert found.videos[0].images[0, 0, 0].tolist()[2] == 255  # blue is last
    with pytest.raises(TrainingError, match="need frames that follow one another"):
        train_images(divide(found, DivisionAsked()), replace(FAST, lags=(1,)), tmp_path / "run", say=print)


def video_of(marks: list[int], size: int = 8) -> ImageVideo:
    images = np.arange(len(marks), dtype=np.uint8)[:, None, None, None] * np.ones((1, size, size, 1), np.uint8)
    return ImageVideo(
        name="one", images=images, marks=np.array(marks, np.int8)[:, None], fps=10.0, part="train", times_s=np.arange(len(marks)) / 10
    )


def test_half_of_the_negatives_lie_near_bouts_and_all_positives_are_shown() -> None:
    marks = [0] * 240
    marks[100:110] = [1] * 10
    settings = replace(NO_CHANGE, batch=8)
    samples = Samples([video_of(marks)], settings, exclusive=True, reach=0)

    shown = [int(frame) for batch in samples.batches(np.random.default_rng(0)) for frame in (batch.images[:, 0, 0, 0, 0] * 255).round()]

    off = [frame for frame in shown if not 100 <= frame < 110]
    near = [frame for frame in off if 100 - NEAR_FRAMES <= frame < 110 + NEAR_FRAMES]
    assert sorted(set(shown) - set(off)) == list(range(100, 110))
    assert (len(off), len(near)) == (20, 10)


def test_of_images_by_class_an_epoch_shows_images_and_speaks_of_no_bout() -> None:
    unordered = replace(video_of([1, 1, 0, 0, 0]), times_s=None)
    assert (
        Samples([unordered], FAST, exclusive=True, reach=0).sentence == "every epoch shows the 2 images with a class on, and 3 of 3 without"
    )


def test_images_are_changed_about_what_they_are() -> None:
    clip = torch.full((1, 3, 20, 20), 0.4)
    rng = np.random.default_rng(0)
    changed = torch.stack([augmented(clip, replace(FAST, brightness=0.2), rng) for _ in range(200)])
    assert float(changed.mean()) == pytest.approx(0.4, abs=0.02)
    assert 0.219 < float(changed.min()) < 0.26
    assert 0.54 < float(changed.max()) < 0.581


def test_frames_before_a_videos_beginning_were_never_seen() -> None:
    samples = Samples([video_of([1] * 6)], replace(NO_CHANGE, lags=(1, 3)), exclusive=True, reach=3)
    for batch in samples.batches(np.random.default_rng(0)):
        current = (batch.images[:, 3, 0, 0, 0] * 255).round()
        assert torch.equal(batch.seen.sum(dim=1), (current + 1).clamp(max=4).long())


@pytest.mark.parametrize("memory", [0, 6], ids=["lags alone", "with a memory"])
def test_a_step_a_frame_gives_what_the_whole_video_gives(memory: int) -> None:
    torch.manual_seed(1)
    network = ImageBehaviour(plan(lags=(1, 3), memory=memory, contrast=True, inside=(16, 18))).eval()
    images, _ = blinking(12, seed=2)
    video = ImageVideo(name="one", images=images, marks=np.zeros((12, 2), np.int8), fps=10.0, part="train", times_s=np.arange(12) / 10)
    states = network.zero_states()
    stepped = []
    with torch.no_grad():
        for image in images:
            answer, *states = network(torch.from_numpy(image[None]), torch.zeros(1, 1), *states)
            stepped.append(answer[0])

    whole = network.probabilities(whole_logits(network, [video]))

    assert torch.allclose(torch.stack(stepped), whole, atol=1e-6)


def test_averaged_mirrors_answer_the_same_to_an_image_and_its_mirror() -> None:
    settings = ImageSettings(upside_down=True, average_mirrors=True)
    assert settings.mirrors == ((), (-1,), (-2,), (-2, -1))
    assert replace(settings, mirror=False).mirrors == ((), (-2,))
    torch.manual_seed(0)
    network = ImageBehaviour(plan(mirrors=settings.mirrors, lags=(1,))).eval()
    images, _ = blinking(6, seed=4)
    seconds = np.full(6, 0.03, np.float32)

    exported = export_step(network, IMAGE, images, seconds)

    answers = [
        StepEngine(exported.model, exported.state_shapes).run(seen, seconds) for seen in (images, images[:, ::-1], images[:, :, ::-1])
    ]
    assert np.allclose(answers[0], answers[1], atol=1e-5)
    assert np.allclose(answers[0], answers[2], atol=1e-5)
    plain = ImageBehaviour(plan(lags=(1,))).eval()
    plain.load_state_dict(network.state_dict())
    stacked = torch.rand(1, 6, 20, 24)
    assert not torch.allclose(plain.features(stacked), plain.features(stacked.flip(-1)))
    assert torch.equal(network.train().features(stacked), plain.features(stacked)), "what is learnt from is one view"


def test_mirrors_that_are_not_learnt_from_cannot_be_averaged() -> None:
    with pytest.raises(TrainingError, match="--average-mirrors has nothing to average with --no-mirror"):
        ImageSettings(mirror=False, average_mirrors=True).check(height=20, width=24, in_time=True)


@pytest.mark.parametrize("network", ["small", "shallow", "deep", "dense"])
def test_what_is_learnt_from_has_been_through_no_softmax(network: str) -> None:
    torch.manual_seed(0)
    built = ImageBehaviour(plan(network=network, height=30, width=30)).eval()
    features = built.features(torch.rand(4, 3, 30, 30) - 0.5)
    logits = built.logits(features[:, None])[:, 0]
    assert not torch.allclose(logits.sum(dim=1), torch.ones(4), atol=1e-2)
    sure = torch.tensor([[30.0, -30.0, -30.0]])
    assert float(loss_of(sure, torch.tensor([[1.0, 0.0, 0.0]]), None, exclusive=True)) < 1e-6  # after a soft-max it could not be


def test_the_loss_of_a_training_is_that_of_the_answers_before_any_softmax() -> None:
    built = ImageBehaviour(plan(exclusive=True)).eval()
    sure = torch.full((built.answers,), -30.0)
    sure[0] = 30.0
    with torch.no_grad():
        built.answer.weight.zero_()
        built.answer.bias.copy_(sure)
    targets = torch.zeros(1, 3, built.answers)
    targets[..., 0] = 1
    batch = Batch(images=torch.rand(1, 3, 3, 20, 24), seen=torch.ones(1, 3), targets=targets)
    loss = _loss(built, batch, (torch.ones(built.answers), torch.ones(built.answers)), "cross_entropy")
    assert loss.item() < 1e-6


def test_an_image_too_small_for_a_network_is_refused_in_a_sentence() -> None:
    with pytest.raises(TrainingError, match="images of 8x8 are too small for the network 'deep'; take --network small"):
        ImageBehaviour(plan(network="deep", height=8, width=8))


def test_a_network_with_memory_and_lags_becomes_a_bundle_that_warms_up(tmp_path: Path) -> None:
    settings = replace(FAST, epochs=2, lags=(1, 2), memory=8, window=8)

    folder = made(tmp_path, settings=settings)

    bundle = read_bundle(folder)
    about = bundle.description.behaviour
    assert about is not None
    assert about.warming_frames >= 2
    assert {state.name: state.shape for state in bundle.description.states} == {"before": (1, 6, 20, 24), "memory": (1, 8)}
    classifier = open_classifier(bundle)
    images, _ = blinking(about.warming_frames + 1, seed=9)
    answers = [classifier.step(image, 0.02) for image in images]
    assert [answer is None for answer in answers] == [True] * about.warming_frames + [False]


@pytest.mark.parametrize("lags", [(1,), (2,), (1, 2)], ids=str)
@pytest.mark.parametrize("memory", [0, 4])
def test_a_graph_whose_whole_state_is_one_slice_keeps_its_declared_names(lags: tuple[int, ...], memory: int) -> None:
    torch.manual_seed(0)
    network = ImageBehaviour(plan(lags=lags, memory=memory)).eval()
    images, _ = blinking(30, seed=4)

    exported = export_step(network, IMAGE, images, np.full(30, 0.03, np.float32))

    engine = StepEngine(exported.model, exported.state_shapes)
    assert set(engine.inputs) == {IMAGE, "seconds", *exported.state_shapes}
    assert set(engine.outputs) == {"probabilities", *(f"{name}_next" for name in exported.state_shapes)}


def test_a_training_that_was_stopped_ends_as_one_that_was_not(tmp_path: Path) -> None:
    table = arrays(tmp_path)
    read = read_image_videos(table, RegionAsked(), asked=ReadOptions(), classes=ClassesAsked())
    videos = divide(read, DivisionAsked())
    settings = replace(FAST, epochs=3)
    whole = train_images(videos, settings, tmp_path / "whole", say=lambda _: None)
    said: list[str] = []

    def stop_after_two(sentence: str) -> None:
        said.append(sentence)
        if sentence.startswith("epoch 2"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_images(videos, settings, tmp_path / "cut", say=stop_after_two)
    again = train_images(videos, settings, tmp_path / "cut", say=said.append)

    assert "going on after epoch 2" in said
    assert all(torch.equal(a, b) for a, b in zip(whole.network.state_dict().values(), again.network.state_dict().values(), strict=True))
    with pytest.raises(TrainingError, match="holds a training in which mirror differ"):
        train_images(videos, replace(settings, mirror=False), tmp_path / "cut", say=said.append)


def test_only_the_last_layer_of_a_librarys_network_learns_and_the_rest_stays_bit_for_bit(tmp_path: Path) -> None:
    pytest.importorskip("timm")
    read = read_image_videos(arrays(tmp_path, frames=24), RegionAsked(size=(32, 32)), asked=ReadOptions(), classes=ClassesAsked())
    videos = divide(read, DivisionAsked())
    settings = replace(FAST, epochs=1, network="mobilenet_v3_small", head_only=True)
    torch.manual_seed(settings.seed)
    before = ImageBehaviour(plan_for(videos, settings)).state_dict()

    after = train_images(videos, settings, tmp_path / "run", say=lambda _: None).network.state_dict()

    changed = {name for name, value in after.items() if not torch.equal(value, before[name])}
    assert changed == {"answer.weight", "answer.bias"}


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"network": "vgg"}, "there is no network 'vgg' for behaviour in images"),
        ({"network": "small", "head_only": True}, "--weights and --train head are for a library's networks"),
        ({"network": "resnet18", "lags": (1,)}, "--lags and --contrast whole are not for 'resnet18'"),
        ({"lags": (2, 2)}, "--lags is 2 2; expected different numbers"),
        ({"turns": True}, "--turns needs square images; these are 24x20"),
        ({"batch": 0}, "batch is 0; expected more than 0"),
    ],
    ids=["network", "head", "lags of a library", "lags", "turns", "batch"],
)
def test_settings_that_do_not_go_together_are_refused(changes: dict[str, Any], complaint: str) -> None:
    with pytest.raises(TrainingError, match=complaint):
        replace(FAST, **changes).check(height=20, width=24, in_time=True)
