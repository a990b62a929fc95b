"""The classes' label on the picture: what it says, where it stands, how large and in which colour."""

from dataclasses import replace

import numpy as np
import pytest

from tests.tracker.test_overlay import differs, grey, pose
from tracker.viewer.class_label import label_of
from tracker.viewer.overlay import OverlaySettings, draw

BEES = {"bees.without": 0.21, "bees.pollen": 0.79}


def test_the_label_is_the_likeliest_class_of_each_classifier() -> None:
    shown = replace(pose({}), scores=BEES)
    assert label_of(shown) == "pollen 0.79"
    assert label_of(replace(shown, scores={**BEES, "light.on": 0.5})) == "bees: pollen 0.79   light: on 0.50"
    assert [label_of(replace(shown, scores={})), label_of(None)] == ["", ""]


@pytest.mark.parametrize("at", [(50, 100), (300, 400)])
def test_the_label_stands_where_it_is_told_in_its_colour(at: tuple[int, int]) -> None:
    settings = OverlaySettings(label=at, label_colour=(0, 255, 0))
    labelled, bare = (draw(grey(), settings=settings, pose=replace(pose({}), scores=scores)) for scores in (BEES, {}))
    rows, columns = np.nonzero(differs(labelled, bare))
    assert abs(int(columns.min()) - at[0]) < 8
    assert abs(int(rows.max()) - at[1]) < 12
    assert (labelled[..., 1].astype(int) - labelled[..., 0] > 150).any()


def test_the_label_grows_with_its_scale() -> None:
    heights = []
    for scale in (1.0, 3.0):
        drawn = draw(grey(), settings=OverlaySettings(label=(20, 300), label_scale=scale), pose=replace(pose({}), scores=BEES))
        rows, _ = np.nonzero(differs(drawn, draw(grey())))
        heights.append(int(rows[rows > 200].max() - rows[rows > 200].min()))
    assert heights[1] > 2 * heights[0]


def test_without_key_points_the_label_stands_at_the_bottom_left_and_beside_them_it_is_asked_for() -> None:
    alone = replace(pose({}), scores=BEES, animals=[])
    rows, columns = np.nonzero(differs(draw(grey(), pose=alone), draw(grey(), pose=replace(alone, scores={}))))
    assert (int(rows.max()) > 440, int(columns.min()) < 30) == (True, True)
    beside = pose({"snout": (300.0, 200.0, 0.9)})
    assert (draw(grey(), pose=replace(beside, scores=BEES)) == draw(grey(), pose=beside)).all()


def test_a_long_label_stays_on_the_picture() -> None:
    draw(grey(60, 80), settings=OverlaySettings(label=(70, 50)), pose=replace(pose({}), scores={"x." + "long" * 50: 1.0}))
