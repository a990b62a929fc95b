"""Labels of bursts that follow: equal to the published ones, absent where past or horizon lie outside, offline."""

from pathlib import Path

import numpy as np
import pytest

from trainer.errors import TrainingError
from trainer.forecast.labels import NOT_LABELLED, BurstRule, burst_frames, burst_labels

PUBLISHED = Path(__file__).resolve().parents[3] / "shared" / "data" / "fish_ytilde"
SHORT = BurstRule(horizon=3, share=0.1, least_range=0.5, past=2)


@pytest.mark.parametrize(("part", "labelled", "runs"), [("train", 44791, 1569), ("validation", 3428, 131)])
def test_the_published_labels_are_made_without_a_mismatch(part: str, labelled: int, runs: int) -> None:
    folder = PUBLISHED / part
    if not folder.exists():
        pytest.skip("the published arrays are not here")
    motion, published = np.load(folder / "Y_tilde.npy"), np.load(folder / "Y_label.npy")
    found = burst_labels(motion, BurstRule())
    judged = found != NOT_LABELLED
    assert (judged.sum(), (found[judged] != published[judged]).sum(), len(burst_frames(motion, found, BurstRule()))) == (labelled, 0, runs)


@pytest.mark.parametrize(
    ("changes", "labels"),
    [
        ({}, [-1, 0, 0, 1, 1, 0, -1, -1, -1, -1]),
        ({"horizon": 2}, [-1, 0, 0, 0, 1, 0, 0, -1, -1, -1]),
        ({"share": 0.5}, [-1, 0, 0, 1, 1, 1, -1, -1, -1, -1]),
        ({"least_range": 1.5}, [-1, 0, 0, 0, 0, 0, -1, -1, -1, -1]),
        ({"past": 4}, [-1, -1, -1, 1, 1, 0, -1, -1, -1, -1]),
    ],
    ids=["as it is", "a shorter horizon", "a larger share", "a larger range", "a longer past"],
)
def test_every_number_of_the_rule_counts(changes: dict[str, float], labels: list[int]) -> None:
    motion = np.array([0.0, 0.2, 0.2, 0.0, 0.0, 0.4, 1.0, 0.2, 0.0, 0.0])
    plain = {"horizon": 3, "share": 0.1, "least_range": 0.5, "past": 2}
    assert burst_labels(motion, BurstRule(**(plain | changes))).tolist() == labels  # type: ignore[arg-type]


def test_frames_whose_past_or_horizon_lies_outside_are_not_labelled() -> None:
    labels = burst_labels(np.tile([0.0, 0.0, 1.0], 100), BurstRule(past=120, horizon=45))
    assert np.flatnonzero(labels != NOT_LABELLED).tolist() == list(range(119, 300 - 1 - 45))
    assert (burst_labels(np.zeros(100), BurstRule()) == NOT_LABELLED).all()


def test_the_last_frame_has_no_pair_and_is_not_looked_at() -> None:
    motion = np.zeros(20)
    other = np.append(motion[:-1], 9.0)
    assert burst_labels(other, SHORT).tolist() == burst_labels(motion, SHORT).tolist()


def test_a_burst_comes_when_motion_has_risen_half_way() -> None:
    motion = np.array([0.5, 0.5, 0.0, 0.0, 0.4, 1.0, 1.0, 0.5, 0.5, 0.5, 0.5])
    labels = burst_labels(motion, SHORT)
    assert burst_frames(motion, labels, SHORT).tolist() == [[2, 5, 6]]  # pair 5 is complete with frame 6


def test_a_rule_that_labels_nothing_is_refused() -> None:
    with pytest.raises(TrainingError, match="a horizon of 0"):
        burst_labels(np.zeros(9), BurstRule(horizon=0))
