"""Several peaks of one map: local maxima, the highest few of them, and where each is between the cells.

Written for every runtime and precision to give the same peaks: cells are only compared, never added to, and a tie is
decided by place. Static shapes, and no operator newer than TensorRT 8.6.
"""

import torch
from torch import Tensor, nn

LOW = -1e4  # below every score; a finite number, as bf16 and fp16 hold it too


def local_maxima(scores: Tensor) -> Tensor:
    """Which cells are peaks: none of the eight around is higher. Of equal neighbours the first in reading order is the peak.

    Args:
        scores: (n, 1, h, w).

    Returns:
        bool (n, 1, h, w).
    """
    row_best = nn.functional.max_pool2d(scores, (1, 3), 1, (0, 1))
    framed = nn.functional.pad(row_best, (0, 0, 1, 1), value=LOW)
    beside = nn.functional.pad(scores, (1, 1, 0, 0), value=LOW)
    before = torch.maximum(framed[:, :, :-2], beside[:, :, :, :-2])
    after = torch.maximum(framed[:, :, 2:], beside[:, :, :, 2:])
    return (scores > before) & (scores >= after)


def highest_peaks(scores: Tensor, count: int) -> tuple[Tensor, Tensor, Tensor]:
    """The `count` highest local maxima, highest first, of equals the first in reading order.

    One after the other, by maxima of rows and columns: for the few that are asked for this is faster than a TopK over the
    map, whose order of equals also differs between runtimes.

    Args:
        scores: (n, 1, h, w).
        count: how many.

    Returns:
        Rows and columns, int64 (n, count), and scores (n, count). Where there are fewer, the rest have a score of `LOW`.
    """
    left = torch.where(local_maxima(scores), scores, LOW)
    down = torch.arange(scores.shape[2], device=scores.device)[:, None]
    right = torch.arange(scores.shape[3], device=scores.device)
    found = []
    for _ in range(count):
        row = left.amax(3).argmax(2)
        in_row = torch.where(down == row[..., None, None], left, LOW)
        column = in_row.amax(2).argmax(2)
        found.append((row, column, left.amax((2, 3))))
        left = torch.where((down == row[..., None, None]) & (right == column[..., None, None]), LOW, left)
    rows, columns, heights = zip(*found, strict=True)
    return torch.cat(rows, 1), torch.cat(columns, 1), torch.cat(heights, 1)
