"""Boosted trees beside a network of images: their features, what they find, and what they do not see."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.trainer.blinking_images import arrays
from trainer.behaviour.boosted_trees import NAME, missing_library
from trainer.behaviour.division import DivisionAsked
from trainer.behaviour.reference import REFERENCE_FILE, write_reference
from trainer.behaviour_scores.behaviour_score import score_behaviour
from trainer.errors import TrainingError
from trainer.ethogram.read_options import ReadOptions
from trainer.image_behaviour.classes_asked import ClassesAsked
from trainer.image_behaviour.image_reference import ImageReference, answers_to_images, read_image_reference, train_image_reference
from trainer.image_behaviour.image_videos import ImageVideos, divide
from trainer.image_behaviour.plain_features import plain_features
from trainer.image_behaviour.read_images import read_image_videos
from trainer.image_behaviour.region import RegionAsked
from trainer.image_behaviour.settings import ImageSettings

if missing_library():
    pytest.skip(str(missing_library()), allow_module_level=True)


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> ImageVideos:
    table = arrays(tmp_path_factory.mktemp("colours"), frames=100)
    return divide(read_image_videos(table, RegionAsked(), asked=ReadOptions(), classes=ClassesAsked()), DivisionAsked())


@pytest.fixture(scope="module")
def trees(videos: ImageVideos) -> ImageReference:
    return train_image_reference(videos, ImageSettings(memory=4), say=lambda _: None)


def test_trees_tell_two_colours_apart_in_a_video_they_never_saw(videos: ImageVideos, trees: ImageReference) -> None:
    assert score_behaviour(NAME, answers_to_images(trees, videos.of("test"))).macro_f1 > 0.9
    assert (trees.lags, trees.memory, sorted(trees.class_names)) == ((1,), True, ["blue", "red"])


def test_no_answer_of_the_trees_depends_on_a_later_image(videos: ImageVideos, trees: ImageReference) -> None:
    one = videos.of("test")[0]
    altered = one.images.copy()
    altered[50:] = altered[50:, ..., ::-1]
    found = [answers_to_images(trees, [video])[0].probabilities for video in (one, replace(one, images=altered))]
    assert found[0] is not None
    assert found[1] is not None
    assert np.array_equal(found[0][:50], found[1][:50])
    assert not np.array_equal(found[0], found[1])


def test_features_are_means_and_deviations_of_cells_and_what_has_changed_in_them() -> None:
    images = np.zeros((3, 16, 16, 1), np.uint8)
    images[:, :2, :2] = [[[10], [30]], [[10], [30]]]
    images[2, 14:, 14:] = 8
    found = plain_features(images, lags=(1,), fps=10.0, memory=False)
    assert found.shape == (3, 2 * (2 * 64 + 2))
    assert (found[0, 0], found[0, 64], found[0, 1]) == pytest.approx((20, 10, 0))
    changed = found[:, 128 : 128 + 64]
    assert np.argwhere(changed).tolist() == [[2, 63]]
    assert (changed[2, 63], found[2, -2]) == pytest.approx((8, 8 * 4 / 256))
    assert plain_features(images, lags=(), fps=10.0, memory=True).shape == (3, 2 * 64 + 2 + 2 * 3 * 2)


def test_trees_of_images_are_kept_beside_a_bundle_and_refused_where_others_are(tmp_path: Path, trees: ImageReference) -> None:
    assert read_image_reference(tmp_path) is None
    write_reference(tmp_path, trees)
    assert read_image_reference(tmp_path) == trees
    (tmp_path / REFERENCE_FILE).write_text((tmp_path / REFERENCE_FILE).read_text().replace('"features":1', '"features":9', 1))
    with pytest.raises(TrainingError, match="of features that are defined otherwise by now"):
        read_image_reference(tmp_path)
    for name, text in (("lags", '"lags":[0]'), ("thresholds", '"thresholds":[]')):
        write_reference(tmp_path, trees)
        path = tmp_path / REFERENCE_FILE
        path.write_text(re.sub(rf'"{name}":\[[^]]*\]', text, path.read_text()))
        with pytest.raises(TrainingError, match=r"cannot be read \(.*\); delete it"):
            read_image_reference(tmp_path)
