"""Behaviour that is learnt from images: what is cut, what an epoch shows, the network, and a bundle that the rig runs alike."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from msgspec.structs import replace as replace_struct
from numpy.typing import NDArray

from tests.tracker.videos import write_video
from tests.trainer.blinking_images import FAST, NO_CHANGE, SQUARE, arrays, blinking, made, video_of, write_table
from tracker.bundle import read_bundle
from tracker.bundle_description import Following, View
from tracker.classifiers.open_classifier import open_classifier
from tracker.classifiers.scores import Scores
from tracker.pose import NO_KEY_POINTS, Pose
from tracker.recording.original_video import OriginalVideo
from trainer.behaviour.division import DivisionAsked
from trainer.errors import LabelError, TrainingError
from trainer.ethogram.read_options import ReadOptions
from trainer.image_behaviour.classes_asked import ClassesAsked
from trainer.image_behaviour.image_videos import divide
from trainer.image_behaviour.read_images import read_image_videos
from trainer.image_behaviour.region import RegionAsked
from trainer.image_behaviour.samples import NEAR_FRAMES, Samples, augmented
from trainer.image_behaviour.train_images import train_images


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


def test_images_of_a_rare_class_are_shown_more_often_and_what_that_adds_is_known() -> None:
    one = video_of([0] * 8)
    marks = np.zeros((8, 3), np.int8)
    marks[:4, 0] = marks[4:6, 1] = marks[6, 2] = 1
    videos = [replace(one, marks=marks)]
    plain, more = (Samples(videos, replace(NO_CHANGE, oversample_classes=asked), exclusive=True, reach=0) for asked in (False, True))

    shown = [int(frame) for batch in more.batches(np.random.default_rng(0)) for frame in (batch.images[:, 0, 0, 0, 0] * 255).round()]

    assert sorted(shown) == [0, 1, 2, 3, 4, 4, 5, 5, 6, 6, 6, 6, 7]
    assert more.shares.tolist() == [1, 2, 4, 1]
    assert more.oversampled(["walk", "rear", "jump"]) == "oversampled: of those every epoch shows 'rear' 2 times, 'jump' 4 times"
    assert (plain.shares.tolist(), plain.oversampled(["walk", "rear", "jump"])) == ([1, 1, 1, 1], None)
    with pytest.raises(TrainingError, match="--memory learns from clips"):
        replace(NO_CHANGE, oversample_classes=True, memory=4).check(height=3, width=3, in_time=True)
    assert "oversample_classes" not in NO_CHANGE.as_plain()  # trainings begun before go on


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
