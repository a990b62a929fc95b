"""Which key points one crop can hold: found from the labels, and one group unless smaller crops show the points in more detail."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tracker.synthetic.open_scene import open_scene
from trainer.formats.read_labels import read_labels
from trainer.networks.blocks import FrameShape, plan_crop
from trainer.networks.build import build, plan_from_plain, plan_to_plain
from trainer.networks.coarse_to_fine import CoarseToFine
from trainer.networks.grouped import Grouped
from trainer.networks.groups import FEWEST_FRAMES, find_groups
from trainer.networks.planning import plan_network

OPEN_FIELD = Path(__file__).resolve().parents[3] / "shared" / "data" / "dlc_openfield"


def labels(scene: str, *, width: int, height: int, count: int = 60) -> NDArray[np.float64]:
    """Truth of frames far apart, (n, K, 2), NaN where not in sight."""
    rendered = open_scene(scene, seed=1, width=width, height=height, rectangles=1)
    truths = [rendered.truth(number * 1009) for number in range(count)]
    return np.stack([np.where(truth.visible[:, None], truth.points, np.nan) for truth in truths])


def shape(width: int, height: int) -> FrameShape:
    return FrameShape(height=height, width=width, channels=1)


def walkers(count: int = 60, *, length: float, seed: int = 3) -> NDArray[np.float64]:
    """An animal of five points in a row that walks and turns in a frame of 800x800."""
    rng = np.random.default_rng(seed)
    turn = rng.uniform(0, 2 * np.pi, count)
    axis = np.stack([np.cos(turn), np.sin(turn)], 1)[:, None]
    middle = rng.uniform(length / 2, 800 - length / 2, (count, 1, 2))
    return np.asarray(middle + axis * length * np.linspace(-0.5, 0.5, 5)[:, None] + rng.normal(0, 4, (count, 5, 2)))


def draws(points: NDArray[np.float64], count: int, *, times: int = 6) -> list[NDArray[np.float64]]:
    """Sets of so many labelled frames, drawn from all of them."""
    rng = np.random.default_rng(0)
    return [points[rng.choice(len(points), count, replace=False)] for _ in range(times)]


@pytest.mark.parametrize(("width", "height"), [(256, 256), (320, 320), (396, 406), (512, 512), (832, 832)])
def test_two_views_of_an_animal_are_two_groups_at_any_size_and_count(width: int, height: int) -> None:
    every = labels("mirror", width=width, height=height, count=120)
    for count in (15, 32, 60):
        found = {find_groups(drawn, shape(width, height)) for drawn in draws(every, count)}
        assert found == {((0, 1, 2, 3, 4, 5), (6, 7, 8, 9, 10, 11))}, count


def test_a_thing_of_its_own_in_both_views_is_a_group_in_each() -> None:
    views = labels("mirror", width=512, height=512)
    along = np.random.default_rng(0).uniform(20, 490, 60)  # it passes below the animal, seen by both views
    thing = np.stack([np.stack([along, np.full(60, height)], 1) for height in (215.0, 400.0)], 1)
    found = find_groups(np.concatenate([views, thing], 1), shape(512, 512))
    assert found == ((0, 1, 2, 3, 4, 5), (6, 7, 8, 9, 10, 11), (12,), (13,))


@pytest.mark.parametrize("view", [slice(0, 6), slice(6, 12)], ids=["side", "below"])
def test_one_view_of_a_walking_animal_that_one_crop_shows_as_well_stays_whole(view: slice) -> None:
    assert find_groups(labels("mirror", width=256, height=256)[:, view], shape(256, 256)) == ((0, 1, 2, 3, 4, 5),)


@pytest.mark.parametrize(("width", "height"), [(256, 240), (448, 400), (832, 748)])
@pytest.mark.parametrize("count", [32, 200])
def test_a_hand_a_tongue_and_a_joystick_are_three_groups(width: int, height: int, count: int) -> None:
    found = find_groups(labels("reach", width=width, height=height, count=count), shape(width, height))
    assert found == ((0, 1, 2), (3,), (4, 5))


def test_few_labels_of_a_hand_a_tongue_and_a_joystick_are_three_groups() -> None:
    every = labels("reach", width=448, height=400, count=120)
    found = {find_groups(drawn, shape(448, 400)) for count in (26, 32) for drawn in draws(every, count)}
    assert found == {((0, 1, 2), (3,), (4, 5))}


@pytest.mark.parametrize("length", [120.0, 300.0, 600.0])
@pytest.mark.parametrize("seed", range(5))
def test_an_animal_that_walks_and_turns_is_one_group_however_large(length: float, seed: int) -> None:
    assert find_groups(walkers(length=length, seed=seed), shape(800, 800)) == ((0, 1, 2, 3, 4),)


def test_a_thing_that_passes_the_animal_is_a_group_of_its_own() -> None:
    animal = walkers(length=150.0)
    thing = np.random.default_rng(0).uniform(0, 800, (60, 1, 2))
    assert find_groups(np.concatenate([animal, thing], 1), shape(800, 800)) == ((0, 1, 2, 3, 4), (5,))
    thing[10:] = np.nan  # mostly absent
    assert find_groups(np.concatenate([animal, thing], 1), shape(800, 800)) == ((0, 1, 2, 3, 4), (5,))


def test_a_point_that_nobody_has_labelled_does_not_make_a_group() -> None:
    nobody = np.full((60, 1, 2), np.nan)
    assert find_groups(np.concatenate([walkers(length=300.0), nobody], 1), shape(800, 800)) == ((0, 1, 2, 3, 4, 5),)
    assert find_groups(np.full((60, 2, 2), np.nan), shape(800, 800)) == ((0, 1),)
    far_apart = np.concatenate([labels("reach", width=448, height=400), nobody], 1)
    assert find_groups(far_apart, shape(448, 400)) == ((0, 1, 2, 6), (3,), (4, 5))


def test_a_few_frames_and_a_crop_that_needs_no_reduction_stay_one_group() -> None:
    far_apart = labels("reach", width=448, height=400)
    assert len(find_groups(far_apart[: FEWEST_FRAMES - 1], shape(448, 400))) == 1
    small = labels("mirror", width=160, height=160)
    assert plan_crop(small, shape(160, 160)).shrink == 1
    assert len(find_groups(small, shape(160, 160))) == 1


def test_crops_of_groups_have_one_size_when_reduced_and_show_more_detail() -> None:
    found = labels("mirror", width=256, height=256)
    plan = plan_network(found[:, None], shape(256, 256), network="compact", head="heatmap", view="auto")
    assert {(group.crop.height // group.crop.shrink, group.crop.width // group.crop.shrink) for group in plan.groups} == {(192, 192)}
    assert plan.crop.shrink > max(group.crop.shrink for group in plan.groups)
    assert plan.title == "compact heatmap, on 2 crops"
    assert plan_from_plain(plan_to_plain(plan)) == plan
    assert isinstance(build(plan), Grouped)


@pytest.mark.parametrize(("head", "animals"), [("xy", 1), ("several", 2)])
def test_other_heads_see_one_crop(head: str, animals: int) -> None:
    found = np.repeat(labels("reach", width=256, height=240)[:, None], animals, 1)
    assert plan_network(found, shape(256, 240), network="compact", head=head, view="auto").groups == ()


def test_a_set_of_one_group_makes_the_network_without_groups() -> None:
    plan = plan_network(walkers(length=120.0)[:, None], shape(800, 800), network="compact", head="heatmap", view="auto")
    assert plan.groups == ()
    assert isinstance(build(plan), CoarseToFine)


def test_a_plan_from_before_there_were_groups_is_one_crop_inside_the_frame() -> None:
    plan = plan_network(walkers(length=120.0)[:, None], shape(800, 800), network="compact", head="heatmap", view="auto")
    plain = plan_to_plain(plan)
    crop = plain["crop"]
    assert isinstance(crop, dict)
    del plain["groups"], crop["beyond"]
    old = plan_from_plain(plain)
    assert old.groups == ()
    assert old.crop.beyond == 0


def test_the_open_field_mouse_is_one_group() -> None:
    if not OPEN_FIELD.exists():
        pytest.skip("the open-field set is not here")
    frames = read_labels(OPEN_FIELD)
    assert find_groups(frames.points[:, 0], shape(frames.size[1], frames.size[0])) == ((0, 1, 2, 3),)
