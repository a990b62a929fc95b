"""Answers are paired with labels by least distance, and what has no partner is counted."""

from itertools import permutations

import numpy as np
import pytest
from numpy.typing import NDArray

from trainer.scoring.assignment import answers_of_labels, best_pairs, in_order_of_labels, mean_distances, without_missed

ANIMALS = np.array([[[10.0, 10], [30, 10]], [[100, 10], [120, 10]], [[10, 100], [30, 100]]])
SPOT_PX = 5.0


def answers(points: NDArray[np.float64], *, off: float = 1.0) -> NDArray[np.float64]:
    return np.concatenate([points + off, np.full((*points.shape[:2], 1), 0.9)], axis=2)


ABSENT = np.zeros((1, 2, 3))


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_every_order_of_the_answers_is_put_right(order: tuple[int, ...]) -> None:
    found = answers_of_labels(answers(ANIMALS)[list(order)], ANIMALS, spot_px=SPOT_PX)
    np.testing.assert_allclose(found, answers(ANIMALS))


def test_the_pairing_is_best_in_all_not_for_each() -> None:
    """The first row's nearest column is taken from it, because the second has no other."""
    assert best_pairs(np.array([[1.0, 2.0], [1.5, 90.0]])).tolist() == [[0, 1], [1, 0]]


def test_as_many_as_possible_are_paired_before_distances_count() -> None:
    assert best_pairs(np.array([[1.0, 9.0], [2.0, np.nan]])).tolist() == [[0, 1], [1, 0]]


def test_a_missed_animal_a_false_one_and_one_too_far_are_counted() -> None:
    """How many were found of those present, not by eye."""
    rows = np.concatenate([answers(ANIMALS[:1]), answers(ANIMALS[1:2], off=60.0), ABSENT])
    found = answers_of_labels(rows, ANIMALS, spot_px=SPOT_PX)
    assert np.isnan(found[1:]).all()
    truth, counts = without_missed(found[None], ANIMALS[None], 2)
    assert (counts.labelled, counts.found, counts.missed, counts.false) == (3, 1, 2, 1)
    assert np.isnan(truth[0, 1:]).all()
    np.testing.assert_array_equal(truth[0, 0], ANIMALS[0])


def test_more_rows_than_animals_and_labels_that_are_not_there() -> None:
    labelled = np.concatenate([ANIMALS[:1], np.full((1, 2, 2), np.nan)])
    found = answers_of_labels(np.concatenate([ABSENT, answers(ANIMALS[:1]), ABSENT]), labelled, spot_px=SPOT_PX)
    np.testing.assert_allclose(found[0], answers(ANIMALS[:1])[0])
    assert np.isnan(found[1]).all()
    assert without_missed(found[None], labelled[None], 1)[1].missed == 0


def test_an_empty_row_is_no_answer_for_an_animal_in_the_corner() -> None:
    corner = np.array([[[0.0, 0], [3, 0]]])
    assert np.isnan(answers_of_labels(ABSENT, corner, spot_px=SPOT_PX)).all()
    assert np.isnan(answers_of_labels(ABSENT[:, :1], corner[:, :1], spot_px=SPOT_PX)).all()


def test_distances_are_over_the_points_that_both_have() -> None:
    half = ANIMALS[:1].copy()
    half[0, 1] = np.nan
    nothing = np.full((1, 2, 2), np.nan)
    assert mean_distances(half, ANIMALS[:1] + np.array([3, 4])).tolist() == [[5.0]]
    assert np.isnan(mean_distances(nothing, ANIMALS)).all()


@pytest.mark.parametrize(("off", "found"), [(3.0, True), (4.0, False)], ids=["near", "far"])
def test_an_animal_of_one_point_is_found_within_a_distance_of_its_own(off: float, found: bool) -> None:
    """The centre of a rectangle has no size of which half could be allowed."""
    spot = np.array([[[50.0, 50.0]]])
    assert np.isnan(answers_of_labels(answers(spot, off=off), spot, spot_px=SPOT_PX)).all() != found


def test_in_training_a_missed_animal_costs_the_distance_to_an_empty_row() -> None:
    rows = np.concatenate([answers(ANIMALS[1:2]), ABSENT])
    found = in_order_of_labels(rows[None], ANIMALS[None, :2])
    np.testing.assert_allclose(found[0, 1], rows[0])
    np.testing.assert_allclose(found[0, 0], 0)
