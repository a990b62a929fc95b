"""The classes' label on the picture: what it says, where it stands, how large and in which colour."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.tracker.test_overlay import differs, grey, pose
from tracker.config import OverlayConfig
from tracker.messages import StatusMessage
from tracker.viewer.class_label import configured, label_of
from tracker.viewer.legend import sections
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


def drawn(status: StatusMessage, overlay: dict[str, Any], settings: OverlaySettings | None = None) -> NDArray[np.bool_]:
    """Where a picture with key points and scores differs from the same without scores, as a tracker has it configured."""
    status, shown = replace(status, overlay=overlay), pose({"snout": (300.0, 200.0, 0.9)})
    pictures = (draw(grey(), settings=settings, status=status, pose=replace(shown, scores=scores)) for scores in (BEES, {}))
    changed: NDArray[np.bool_] = differs(*pictures)
    return changed


def extent(changed: NDArray[np.bool_]) -> tuple[int, int, int, int]:
    rows, columns = np.nonzero(changed)
    return int(columns.min()), int(rows.min()), int(columns.max()), int(rows.max())


@pytest.mark.parametrize(
    ("place", "near"), [("top_right", (630, 20)), ("bottom_right", (630, 470)), ("top_left", (10, 20)), ([250, 300], (250, 300))], ids=str
)
def test_the_label_stands_as_the_tracker_is_configured(place: Any, near: tuple[int, int], status: StatusMessage) -> None:
    left, top, right, bottom = extent(drawn(status, {"label": {"place": place}}))
    assert min(abs(left - near[0]), abs(right - near[0])) < 20
    assert min(abs(top - near[1]), abs(bottom - near[1])) < 20


def test_what_is_asked_for_at_the_viewer_goes_before_the_configuration(status: StatusMessage) -> None:
    left, *_ = extent(drawn(status, {"label": {"place": "top_right"}}, OverlaySettings(label=(100, 300))))
    assert abs(left - 100) < 10


def test_colour_and_thickness_of_the_label_are_those_of_the_configuration(status: StatusMessage) -> None:
    def green(thickness: float) -> int:
        style = {"label": {"place": [250, 300], "colour": [0, 255, 0], "thickness": thickness}}
        shown = replace(pose({}), scores=BEES)
        picture = draw(grey(), status=replace(status, overlay=style), pose=shown).astype(int)
        return int((picture[..., 1] - picture[..., 0] > 100).sum())

    assert green(6) > 1.6 * green(2) > 100


def test_a_label_that_is_not_wanted_is_not_drawn(status: StatusMessage) -> None:
    assert not drawn(status, {"label": {"place": "none"}}).any()


def test_score_bars_stand_in_their_corner_and_are_as_long_as_the_scores(status: StatusMessage) -> None:
    style = {"label": {"place": "none"}, "scores": {"place": "bottom_right", "scale": 1.5, "colour": [255, 0, 0]}}
    left, top, right, bottom = extent(drawn(status, style))
    assert (left > 380, top > 380, right > 620, bottom > 460) == (True, True, True, True)
    picture = draw(grey(), status=replace(status, overlay=style), pose=replace(pose({}), scores=BEES)).astype(int)
    red = picture[..., 0] - picture[..., 1] > 150
    rows = np.flatnonzero(red.any(axis=1))
    edges = [
        np.flatnonzero(red[row]).max() - np.flatnonzero(red[row]).min() for row in (rows[0], rows[-1])
    ]  # of the first bar and the last
    assert edges[1] / edges[0] == pytest.approx(0.79 / 0.21, rel=0.1)


def test_score_bars_on_the_picture_are_not_in_the_panel_too(status: StatusMessage) -> None:
    shown = replace(pose({}), scores=BEES, warming=["light"])
    for place, texts in (("panel", ["bees.without 0.21", "bees.pollen 0.79", "light: warming up"]), ("top_right", ["light: warming up"])):
        placed = replace(status, overlay={"scores": {"place": place, "colour": [1, 2, 3]}})
        found = next(part for part in sections(shown, placed, [], names=[], live=True) if part.title == "behaviour")
        assert [entry.text for entry in found.entries] == texts
    assert not any(part.title == "behaviour" for part in sections(replace(shown, warming=[]), placed, [], names=[], live=True))


def test_an_overlay_of_another_version_is_drawn_as_by_default() -> None:
    assert configured({"label": {"place": "middle"}}) == configured({}) == OverlayConfig()
