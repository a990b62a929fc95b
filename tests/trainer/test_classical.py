"""The tracker without learning, on a drawn rodent whose ends are known."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from trainer.errors import TrainingError
from trainer.labels.images import ImageRef
from trainer.labels.labelled_frames import LabelledFrames
from trainer.scoring.classical import ClassicalTracker, needed_names, score_classical

SIZE = (240, 320)
FLOOR = {"dark on light": 200, "light on dark": 40}
FUR = {"dark on light": 30, "light on dark": 220}


def draw(angle: float, middle: tuple[float, float], kind: str, *, tail: bool = True) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """An ellipse of 60 × 28 px with a tapered snout and a thin tail: image, and nose and tail base (2, 2)."""
    image = np.full(SIZE, FLOOR[kind], np.uint8)
    along = np.array([np.cos(angle), np.sin(angle)])
    across = np.array([-along[1], along[0]])
    centre = np.array(middle)
    nose, rump = centre + 42 * along, centre - 30 * along
    cv2.ellipse(image, tuple(centre.astype(int).tolist()), (30, 14), np.degrees(angle), 0, 360, FUR[kind], -1)
    head = np.array([nose, centre + 18 * along + 10 * across, centre + 18 * along - 10 * across])
    cv2.fillPoly(image, [head.round().astype(np.int32)], FUR[kind])
    if tail:
        cv2.line(image, tuple(rump.astype(int).tolist()), tuple((rump - 55 * along).astype(int).tolist()), FUR[kind], 3)
    return image, np.stack([nose, rump])


def walk(folder: Path, kind: str, *, names: tuple[str, ...] = ("snout", "tail_base"), count: int = 24) -> LabelledFrames:
    images, points = [], []
    for number in range(count):
        angle = 2 * np.pi * number / count
        image, ends = draw(angle, (160 + 60 * np.cos(3 * angle), 120 + 30 * np.sin(2 * angle)), kind)
        cv2.imwrite(str(folder / f"{number}.png"), image)
        images.append(ImageRef(path=folder / f"{number}.png", frame=None))
        points.append(ends[: len(names)])
    return LabelledFrames(
        images=tuple(images), points=np.array(points)[:, None], hidden=np.zeros((count, 1, len(names)), bool),
        tags=(frozenset(),) * count, point_names=names, skeleton=(), group=("walk",) * count, order=np.arange(count), size=SIZE,
    )  # fmt: skip


@pytest.mark.parametrize("kind", ["dark on light", "light on dark"])
def test_nose_and_tail_base_are_found_within_a_tenth_of_the_body(tmp_path: Path, kind: str) -> None:
    found = score_classical(walk(tmp_path, kind))
    assert found is not None
    assert found.names == ("snout", "tail_base")
    assert found.unseen == 0
    assert found.errors.spread.p95_px < 7  # a body of 72 px; rounding of the drawing alone costs 1


def test_labels_learnt_from_say_that_the_thin_end_is_the_nose(tmp_path: Path) -> None:
    """An animal drawn the other way round: what looks like a tail is a proboscis."""
    frames = walk(tmp_path, "dark on light")
    turned = replace(frames, points=frames.points[:, :, ::-1])
    alone = score_classical(turned.subset(np.arange(12)), scene=turned)
    told = score_classical(turned.subset(np.arange(12)), scene=turned, learnt=turned.subset(np.arange(12, 24)))
    usual = score_classical(frames.subset(np.arange(12)), scene=frames, learnt=frames.subset(np.arange(12, 24)))
    assert alone is not None
    assert told is not None
    assert usual is not None
    assert alone.errors.spread.median_px > 50
    assert "no frame that was learnt from could say otherwise" in alone.sentence
    assert told.errors.per_point[1].median_px < 15  # its rump tapers; exchanged ends are 72 px off
    assert "taken for the nose, by which errors are smaller on 12 frames learnt from" in told.sentence
    assert (usual.reversed, usual.oriented_by) == (False, 12)


def test_names_that_it_does_not_know_are_answered_with_those_that_it_does() -> None:
    said = needed_names(("Nase", "Schwanzansatz"))
    assert said is not None
    assert "knows none of Nase, Schwanzansatz; expected one of these in the labels" in said
    assert "nose: head, nose, nosetip, snout, tip; tail base: rump, tail, tailbase, tailroot; middle: body," in said
    assert needed_names(("Nase", "Tail Base")) is None


def test_points_that_are_no_end_are_not_scored(tmp_path: Path) -> None:
    assert score_classical(walk(tmp_path, "dark on light", names=("left_ear", "wing"))) is None
    found = score_classical(walk(tmp_path, "dark on light", names=("left_ear", "TailBase")))
    assert found is not None
    assert found.names == ("TailBase",)


def test_an_empty_frame_is_unseen_and_not_scored(tmp_path: Path) -> None:
    frames = walk(tmp_path, "dark on light")
    noise = np.random.default_rng(0).normal(200, 3, SIZE)  # a camera's, which must not be taken for an animal
    cv2.imwrite(str(frames.images[3].path), np.clip(noise, 0, 255).astype(np.uint8))
    found = score_classical(frames)
    assert found is not None
    assert found.unseen == 1
    assert np.isnan(found.predicted[3]).all()
    assert found.errors.found == 2 * 23


def test_a_larger_thing_outside_the_chamber_is_not_taken_for_the_animal(tmp_path: Path) -> None:
    """The user marks the chamber."""
    image, ends = draw(0.3, (90, 80), "dark on light")
    cv2.rectangle(image, (220, 140), (310, 230), 20, -1)
    background = np.full(SIZE, 200, np.uint8)
    inside = ClassicalTracker(background, chamber=(0, 0, 200, 240)).find(image, number=0)
    everywhere = ClassicalTracker(background).find(image, number=0)
    assert inside is not None
    assert everywhere is not None
    assert np.linalg.norm(inside.nose - ends[0]) < 6
    assert np.linalg.norm(everywhere.centre - [265, 185]) < 6


def test_of_two_large_blobs_the_one_near_the_last_place_is_followed() -> None:
    """The next frame is searched from the last."""
    tracker = ClassicalTracker(np.full(SIZE, 200, np.uint8))
    alone, _ = draw(0.0, (90, 60), "dark on light")
    both, ends = draw(0.1, (95, 62), "dark on light")
    cv2.circle(both, (240, 180), 30, 30, -1)  # larger than the animal
    assert tracker.find(alone, number=0) is not None
    found = tracker.find(both, number=1)
    assert found is not None
    assert np.linalg.norm(found.nose - ends[0]) < 6


def test_a_hidden_tail_leaves_the_ends_where_they_were() -> None:
    tracker = ClassicalTracker(np.full(SIZE, 200, np.uint8))
    tracker.find(draw(2.0, (150, 120), "dark on light")[0], number=0)
    found = tracker.find(draw(2.05, (152, 121), "dark on light", tail=False)[0], number=1)
    assert found is not None
    assert (found.nose - found.tail) @ np.array([np.cos(2.0), np.sin(2.0)]) > 40


@pytest.mark.parametrize("chamber", [(0, 0, 400, 10), (-1, 0, 10, 10), (0, 0, 0, 10)])
def test_a_chamber_outside_the_image_is_refused(chamber: tuple[int, int, int, int]) -> None:
    with pytest.raises(TrainingError, match="outside the 320×240 image"):
        ClassicalTracker(np.zeros(SIZE, np.uint8), chamber=chamber)


def test_the_open_field_mouse_is_found_within_a_few_pixels(shared_data: Path) -> None:
    """Every ninth frame; over all 116 the snout is 3.1 px off on average, the tail base 5.9."""
    from trainer.formats.read_labels import read_labels

    frames = read_labels(shared_data / "dlc_openfield").subset(np.arange(0, 116, 9))
    found = score_classical(frames)
    assert found is not None
    assert found.names == ("snout", "tailbase")
    assert found.errors.per_point[0].median_px < 5
    assert found.errors.per_point[1].median_px < 9
