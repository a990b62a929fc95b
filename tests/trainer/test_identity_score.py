"""Switches, misses and false animals of hand-made tracks are what they were made to be."""

import numpy as np
import pytest
from numpy.typing import NDArray

from trainer.scoring.identity_score import IdentityScore, score_identity

FRAMES = 10


def truth() -> NDArray[np.float64]:
    """Two animals of two points 20 px apart that walk side by side, 60 px between them: (10, 2, 2, 2)."""
    step = np.arange(FRAMES)[:, None, None, None] * np.array([3.0, 0.0])
    start = np.array([[[10.0, 10], [30, 10]], [[10, 70], [30, 70]]])
    return np.asarray(step + start, np.float64)


def tracked(points: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.concatenate([points + 1, np.full((*points.shape[:3], 1), 0.9)], axis=3)


def score(rows: NDArray[np.float64], labels: NDArray[np.float64] | None = None) -> IdentityScore:
    return score_identity(rows, truth() if labels is None else labels, spot_px=5)


def test_perfect_tracks_under_other_numbers_are_perfect() -> None:
    found = score(tracked(truth())[:, ::-1])
    assert (found.missed, found.false, found.switches, found.mota, found.idf1) == (0, 0, 0, 1.0, 1.0)


def test_two_animals_that_swap_once_are_two_switches() -> None:
    """20 animals in all; from frame 6 both have the other's identity."""
    rows = tracked(truth())
    rows[6:] = rows[6:, ::-1]
    found = score(rows)
    assert (found.switch_frames, found.missed, found.false) == ((6, 6), 0, 0)
    assert found.mota == pytest.approx(1 - 2 / 20)
    assert found.idf1 == pytest.approx(12 / 20)


def test_a_swap_that_is_undone_counts_again() -> None:
    rows = tracked(truth())
    rows[3:6] = rows[3:6, ::-1]
    assert score(rows).switch_frames == (3, 3, 6, 6)


def test_an_animal_lost_and_found_under_the_same_identity_is_missed_but_not_switched() -> None:
    rows = tracked(truth())
    rows[4:7, 0] = 0
    found = score(rows)
    assert (found.missed, found.false, found.switches) == (3, 0, 0)
    assert found.mota == pytest.approx(17 / 20)
    assert found.idf1 == pytest.approx(2 * 17 / (20 + 17))


def test_an_animal_found_again_under_a_third_identity_is_one_switch() -> None:
    rows = np.concatenate([tracked(truth()), np.zeros((FRAMES, 1, 2, 3))], axis=1)
    rows[5:, 2], rows[5:, 0] = rows[5:, 0], 0
    assert score(rows).switch_frames == (5,)


def test_an_animal_lost_and_found_under_another_identity_is_switched() -> None:
    """What it was called before it was lost is not forgotten."""
    rows = np.concatenate([tracked(truth()), np.zeros((FRAMES, 1, 2, 3))], axis=1)
    rows[7:, 2] = rows[7:, 0]
    rows[4:, 0] = 0
    found = score(rows)
    assert (found.switch_frames, found.missed) == ((7,), 3)


def test_an_identity_where_nobody_is_counts_as_false_in_every_frame() -> None:
    rows = np.concatenate([tracked(truth()), tracked(truth()[:, :1] + 300)], axis=1)
    found = score(rows)
    assert (found.false, found.missed, found.switches) == (10, 0, 0)
    assert found.mota == pytest.approx(0.5)
    assert found.idf1 == pytest.approx(2 * 20 / (20 + 30))


def test_a_track_that_strays_is_both_a_miss_and_false() -> None:
    rows = tracked(truth())
    rows[4, 0, :, :2] += 40
    found = score(rows)
    assert (found.missed, found.false) == (1, 1)


def test_a_pairing_lasts_while_the_two_are_near_although_another_is_nearer() -> None:
    """CLEAR MOT keeps a pairing: touching animals must not flicker between identities."""
    labels = truth()
    labels[:, 1] = labels[:, 0] + [0.0, 4.0]
    rows = tracked(labels)
    rows[5, :, :, 1] = rows[5, ::-1, :, 1]
    assert score(rows, labels).switches == 0


def test_an_animal_without_labels_is_neither_missed_nor_found() -> None:
    labels = truth()
    labels[2:5, 1] = np.nan
    rows = tracked(truth())
    rows[2:5, 1] = 0
    found = score(rows, labels)
    assert (found.labelled, found.missed, found.false) == (17, 0, 0)
