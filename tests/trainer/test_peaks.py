"""Peaks of a map are found once each, wherever they are and whatever they tie with."""

import pytest
import torch

from trainer.networks.peaks import LOW, highest_peaks, local_maxima


def scores(*cells: tuple[int, int, float], rows: int = 6, columns: int = 7, ground: float = 0.0) -> torch.Tensor:
    """A flat map with some cells raised, sloping a little away from the first so that its ground has no peak of its own."""
    made = torch.full((1, 1, rows, columns), ground) - torch.arange(rows * columns).reshape(rows, columns) * 1e-3
    for row, column, height in cells:
        made[0, 0, row, column] = height
    return made


def peaks(made: torch.Tensor) -> list[tuple[int, int]]:
    return [(row, column) for _, _, row, column in local_maxima(made).nonzero().tolist()]


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        ([(2, 2, 5.0), (2, 4, 4.0)], [(2, 2), (2, 4)]),
        ([(2, 2, 5.0), (2, 3, 4.0)], [(2, 2)]),
        ([(2, 2, 4.0), (3, 3, 5.0)], [(3, 3)]),
        ([(2, 2, 5.0), (2, 3, 5.0)], [(2, 2)]),
        ([(2, 2, 5.0), (3, 2, 5.0)], [(2, 2)]),
        ([(2, 3, 5.0), (3, 2, 5.0)], [(2, 3)]),
        ([(2, 2, 5.0), (2, 3, 5.0), (3, 2, 5.0), (3, 3, 5.0)], [(2, 2)]),
        ([(2, 1, 5.0), (2, 2, 5.0), (2, 3, 5.0), (2, 4, 5.0)], [(2, 1)]),
        ([(0, 6, 5.0), (5, 0, 4.0), (5, 6, 3.0)], [(0, 6), (5, 0), (5, 6)]),
    ],
    ids=["two apart", "beside a higher", "diagonal", "tie across", "tie down", "tie diagonal", "square plateau", "long plateau", "corners"],
)
def test_a_peak_is_higher_than_its_neighbours_and_of_equals_the_first(
    cells: list[tuple[int, int, float]], expected: list[tuple[int, int]]
) -> None:
    """Non-maximum suppression in the graph."""
    assert [cell for cell in peaks(scores(*cells)) if cell != (0, 0)] == expected


def test_a_flat_map_has_one_peak() -> None:
    assert peaks(torch.zeros(1, 1, 4, 5)) == [(0, 0)]


def test_the_highest_are_given_in_order_with_their_own_rows_and_columns() -> None:
    """Two peaks of one height must not lend each other a row or a column."""
    rows, columns, heights = highest_peaks(scores((1, 5, 3.0), (4, 2, 3.0), (3, 4, 2.0)), 3)
    assert list(zip(rows[0].tolist(), columns[0].tolist(), heights[0].tolist(), strict=True)) == [(1, 5, 3.0), (4, 2, 3.0), (3, 4, 2.0)]


def test_more_peaks_asked_for_than_there_are_have_the_lowest_score() -> None:
    _, _, heights = highest_peaks(scores((2, 2, 5.0), ground=-1.0), 4)
    assert heights[0].tolist() == [5.0, pytest.approx(-1.0), LOW, LOW]


def test_frames_of_a_batch_do_not_mix() -> None:
    both = torch.cat([scores((1, 1, 5.0)), scores((4, 5, 5.0))])
    rows, columns, _ = highest_peaks(both, 1)
    assert (rows[:, 0].tolist(), columns[:, 0].tolist()) == ([1, 4], [1, 5])


def test_peaks_are_the_same_in_half_precision() -> None:
    made = scores((1, 5, 3.0), (4, 2, 2.5), (4, 5, 2.5))
    assert [part.tolist() for part in highest_peaks(made.bfloat16(), 3)] == [part.tolist() for part in highest_peaks(made, 3)]
