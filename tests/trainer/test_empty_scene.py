"""What a network answers for its arena without the animal is measured on a scene made from labelled frames, and said."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.conftest import BundleMaker
from tests.trainer.learnable import SIZE, labelled
from tracker.bundle import read_bundle
from trainer.labels.empty_scene import empty_scenes
from trainer.labels.images import ImageRef
from trainer.pipeline.empty_confidence import empty_confidence
from trainer.pipeline.train_and_write import ENGINE


def test_the_scene_without_the_animal_is_made_from_frames_that_it_does_not_cover(tmp_path: Path) -> None:
    frames = labelled(tmp_path, 40)
    ((name, scene),) = empty_scenes(frames)
    assert name == "bars"
    assert scene.shape == SIZE
    assert np.all(scene == 90), "the floor, with nothing of the bars"


def test_an_animal_that_never_moves_leaves_no_empty_scene(tmp_path: Path) -> None:
    frames = labelled(tmp_path, 6)
    one = frames.subset(np.zeros(6, np.int64))
    assert list(empty_scenes(one)) == []


def test_images_of_several_sizes_in_one_video_make_no_empty_scene(tmp_path: Path) -> None:
    frames = labelled(tmp_path, 30)
    path = tmp_path / "wide.png"
    cv2.imwrite(str(path), np.full((96, 160), 90, np.uint8))
    images = (ImageRef(path=path, frame=None), *frames.images[1:])
    sizes = ((96, 160), *((SIZE,) * 29))
    assert list(empty_scenes(replace(frames, images=images, sizes=sizes))) == []


def test_the_surest_answer_for_the_empty_scene_is_measured(tmp_path: Path, make_bundle: BundleMaker) -> None:
    """The engine takes the brightest pixel, and is as sure as it is bright."""
    frames = labelled(tmp_path, 40)
    bundle = make_bundle(tmp_path / "bundle", height=SIZE[0], width=SIZE[1])
    found = empty_confidence(read_bundle(bundle), frames, engine=ENGINE)
    assert found is not None
    assert (found.group, found.point) == ("bars", "spot")
    assert found.confidence == pytest.approx(90 / 255, abs=0.01)
    assert empty_confidence(read_bundle(bundle), frames.subset(np.zeros(4, np.int64)), engine=ENGINE) is None
