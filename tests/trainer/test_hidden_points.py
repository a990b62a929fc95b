"""Confidence in points that labels say are out of sight."""

from pathlib import Path

import numpy as np
import pytest

from tests.trainer.scored import noise_frames
from trainer.scoring.hidden_points import absence, auc


def test_the_auc_is_the_share_of_pairs_that_stand_the_right_way() -> None:
    """Of 3 · 2 pairs, 0.9 is above both, 0.4 above 0.1 and level with 0.4, 0.2 above 0.1 alone: 2 + 1.5 + 1."""
    assert auc(np.array([0.9, 0.4, 0.2]), np.array([0.4, 0.1])) == pytest.approx(4.5 / 6)


def test_points_out_of_sight_are_told_from_present_ones_point_by_point(tmp_path: Path) -> None:
    labels = noise_frames(tmp_path, 10)
    labels.hidden[:4, 0, 1] = True
    labels.points[:4, 0, 1] = np.nan
    labels.points[4, 0, 1] = np.nan  # nobody said anything of this one
    confidence = np.full((10, 1, 2), 0.9)
    confidence[:4, 0, 1] = [0.1, 0.2, 0.6, 0.95]
    predicted = np.concatenate([np.nan_to_num(labels.points), confidence[..., None]], axis=3)
    every, tail = absence(predicted, labels)
    assert (every.name, every.present, every.absent) == ("all points", 15, 4)
    assert (tail.name, tail.present, tail.absent, tail.sure) == ("tail <base>", 5, 4, 2)
    assert tail.auc == pytest.approx(0.75)
    assert tail.absent_confidence == pytest.approx(0.4625)


def test_without_a_label_that_says_so_nothing_is_claimed(tmp_path: Path) -> None:
    labels = noise_frames(tmp_path, 3)
    assert absence(np.concatenate([labels.points, np.ones((3, 1, 2, 1))], axis=3), labels) == ()
