"""Places from what several cameras see: against the truth, with wrong and uncertain points among them."""

from typing import Any

import numpy as np
import pytest

from tracker.triangulation.places import RigTriangulation
from tracker.triangulation.synthetic import seen_by, synthetic_rig

ALL = ("top", "side", "back", "front")
RNG = np.random.default_rng(3)
PLACES = RNG.uniform([-150, -150, 0], [150, 150, 80], (40, 3))


def points(names: tuple[str, ...], *, confidence: float = 0.9, noise_px: float = 0.0) -> Any:
    pixels = seen_by(synthetic_rig(*names), PLACES)
    pixels = pixels + np.random.default_rng(5).normal(0, noise_px, pixels.shape)
    return np.concatenate((pixels, np.full((*pixels.shape[:2], 1), confidence)), axis=2)


def found(names: tuple[str, ...], what: Any, *, largest_error_px: float = 10.0) -> Any:
    return RigTriangulation(synthetic_rig(*names), confidence=0.3, largest_error_px=largest_error_px)(what)


@pytest.mark.parametrize("names", [ALL[:2], ALL[:3], ALL])
def test_places_are_found_to_a_thousandth_of_a_millimetre_without_noise(names: tuple[str, ...]) -> None:
    places = found(names, points(names))

    assert places.mm == pytest.approx(PLACES, abs=1e-3)
    assert places.error_px.max() < 0.01
    assert places.used.all()
    assert places.confidence == pytest.approx(0.9)


def test_the_error_of_a_place_in_the_pictures_is_that_of_the_noise() -> None:
    places = found(ALL, points(ALL, noise_px=1.0))

    # 8 coordinates less the 3 that are solved for, over 4 cameras, each with a variance of 1: 1.12 px
    assert np.sqrt(np.mean(places.error_px**2)) == pytest.approx(np.sqrt(5 / 4), rel=0.15)


@pytest.mark.parametrize("names", [ALL[:3], ALL])
@pytest.mark.parametrize("wrong", [0, 1, 2])
def test_a_camera_that_contradicts_the_others_is_left_out(names: tuple[str, ...], wrong: int) -> None:
    what = points(names)
    what[wrong, ::2, :2] += [60.0, -45.0]

    places = found(names, what)

    assert places.mm == pytest.approx(PLACES, abs=1e-3)
    assert not places.used[wrong, ::2].any()
    assert places.used.sum() == len(names) * 40 - 20


def test_two_wrong_cameras_of_four_are_left_out_one_after_the_other() -> None:
    what = points(ALL)
    what[0, :, :2] += [90.0, -45.0]
    what[2, :, :2] += [-30.0, 80.0]

    places = found(ALL, what, largest_error_px=2.0)

    right = np.linalg.norm(places.mm - PLACES, axis=1) < 0.01
    assert right.mean() > 0.9
    assert (places.used[:, right] == np.array([False, True, False, True])[:, None]).all()


def test_two_cameras_that_contradict_each_other_give_no_place_but_their_distance() -> None:
    what = points(ALL[:2])
    what[0, 0, :2] += [0.0, 200.0]

    places = found(ALL[:2], what)

    assert np.isnan(places.mm[0]).all()
    assert np.isnan(places.confidence[0])
    assert places.error_px[0] > 10
    assert not places.used[:, 0].any()
    assert places.mm[1:] == pytest.approx(PLACES[1:], abs=1e-3)


def test_points_below_the_threshold_and_absent_ones_are_not_used() -> None:
    what = points(ALL[:3])
    what[0, 0, 2], what[1, 1, :], what[2, 2, 0] = 0.29, np.nan, np.nan
    what[:2, 3, 2] = 0.0

    places = found(ALL[:3], what)

    assert places.used[:, :4].T.tolist() == [[False, True, True], [True, False, True], [True, True, False], [False] * 3]
    assert places.mm[:3] == pytest.approx(PLACES[:3], abs=1e-3)
    assert np.isnan(places.mm[3]).all()
    assert np.isnan(places.error_px[3])


def test_a_sure_camera_counts_more_than_an_unsure_one() -> None:
    what = points(ALL[:3])
    what[0, :, :2] += [3.0, 0.0]
    even = found(ALL[:3], what)
    what[0, :, 2] = 0.31

    unsure = found(ALL[:3], what)

    apart = [np.linalg.norm(each.mm - PLACES, axis=1).mean() for each in (even, unsure)]
    assert apart[1] < 0.6 * apart[0]
    assert unsure.confidence == pytest.approx(0.31)


def test_a_moment_that_nobody_sees_has_no_places_and_no_warnings() -> None:
    places = found(ALL, np.full((4, 3, 3), np.nan))

    assert np.isnan(places.mm).all()
    assert places.mm.shape == (3, 3)
