"""Errors by tag and by video."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.trainer.scored import noise_frames, scored_with
from trainer.scoring.breakdown import UNTAGGED, TagErrors, by_group, by_tag
from trainer.scoring.evaluation import Evaluation

REARING, GROOMING = frozenset({"rearing"}), frozenset({"grooming"})


def tagged(folder: Path, tags: list[frozenset[str]], error_px: NDArray[np.float64]) -> Evaluation:
    labels = replace(noise_frames(folder, len(tags)), tags=tuple(tags))
    return scored_with(labels, np.broadcast_to(error_px[:, None], (len(tags), 2)))


def found(evaluation: Evaluation) -> dict[str, TagErrors]:
    return {one.tag: one for one in by_tag(evaluation)}


def test_every_tag_and_the_frames_without_any_have_a_row_with_their_counts(tmp_path: Path) -> None:
    """Rearing is hidden in the mean over all frames."""
    tags = [REARING, REARING | GROOMING, frozenset[str](), frozenset[str](), frozenset[str]()]
    rows = found(tagged(tmp_path, tags, np.array([9.0, 7.0, 1.0, 2.0, 3.0])))
    assert {name: row.frames for name, row in rows.items()} == {"grooming": 1, "rearing": 2, UNTAGGED: 3}
    means = {name: row.errors.spread.mean_px for name, row in rows.items()}
    assert means == pytest.approx({"grooming": 7.0, "rearing": 8.0, UNTAGGED: 2.0})
    assert rows["rearing"].larger_px == pytest.approx(6.0)


def test_large_errors_are_said_to_be_related_to_rearing_where_they_are(tmp_path: Path) -> None:
    """The claim "large errors could be related to rearing" is a statement with a p-value."""
    rng = np.random.default_rng(1)
    rearing = np.zeros(120, bool)
    rearing[[*range(20, 30), *range(60, 66), *range(90, 99)]] = True
    tags = [REARING if one else frozenset[str]() for one in rearing]
    row = found(tagged(tmp_path, tags, np.where(rearing, 6.0, 2.0) + rng.uniform(0, 1, 120)))["rearing"]
    assert row.p is not None
    assert row.p < 0.02
    assert row.sentence.endswith("Large errors are related to rearing.")


def test_one_bad_stretch_that_happens_to_be_tagged_is_no_evidence(tmp_path: Path) -> None:
    """Neighbouring frames are alike; a free permutation would take 20 bad frames in a row for 20 pieces of evidence (p < 0.001)."""
    error = 2.0 + 1.5 * np.sin(np.arange(80) * 2 * np.pi / 40)  # wanders slowly, twice up and down
    tags = [REARING if 5 <= place < 20 else frozenset[str]() for place in range(80)]
    row = found(tagged(tmp_path, tags, error))["rearing"]
    assert row.larger_px > 1.0
    assert row.p is not None
    assert row.p > 0.05
    assert "do not show" in row.sentence


@pytest.mark.parametrize("count", [4, 12])
def test_too_few_frames_are_said_to_be_too_few(tmp_path: Path, count: int) -> None:
    tags = [REARING, *[frozenset[str]()] * (count - 1)]
    row = found(tagged(tmp_path, tags, np.arange(count, 0, -1.0)))["rearing"]
    assert row.p is None
    assert "too few to tell" in row.sentence


def test_where_every_frame_is_rearing_there_is_nothing_to_compare_with(tmp_path: Path) -> None:
    assert found(tagged(tmp_path, [REARING] * 30, np.ones(30)))["rearing"].sentence == "rearing: no frame to compare with."


def test_frames_without_tags_give_no_table(tmp_path: Path) -> None:
    assert by_tag(tagged(tmp_path, [frozenset[str]()] * 3, np.ones(3))) == ()


def test_every_video_has_its_own_row(tmp_path: Path) -> None:
    labels = replace(noise_frames(tmp_path, 4), group=("b", "a", "b", "a"))
    rows = by_group(scored_with(labels, np.array([[1.0, 1.0], [5.0, 5.0], [3.0, 3.0], [5.0, 5.0]])))
    assert [(row.group, row.frames) for row in rows] == [("b", 2), ("a", 2)]
    assert [row.errors.spread.mean_px for row in rows] == pytest.approx([2.0, 5.0])
