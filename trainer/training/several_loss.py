"""How wrong the network for several animals is: the map of their middles, and the key points of each in its own crop."""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from trainer.networks.map_network import HeatMaps
from trainer.networks.several import Several
from trainer.training.losses import Batch, LossSettings, map_loss, of_kind
from trainer.training.targets import centre, to_cells

SIGMA_CELLS = 1.0  # of the bell around a middle, inside which a high score costs less
PARTLY = 0.5  # of an animal's points: with fewer in sight it is neither demanded nor forbidden
NEAR = 0.1  # height of the bell that bounds "around" an animal
FAR_PX = -1e5  # outside every crop: the answer there is "absent"


class Middles(NamedTuple):
    """Where the coarse stage should find the animals of a batch."""

    rows: Tensor  # int64 (n, animals), cells of the coarse map
    columns: Tensor  # int64 (n, animals)
    seen: Tensor  # bool (n, animals): any of its points is in the frame
    whole: Tensor  # bool (n, animals): enough of its points are


def several_loss(network: nn.Module, batch: Batch, settings: LossSettings) -> Tensor:
    """Maps of every animal in its own crop, and the map of middles: one number."""
    network = of_kind(Several, network)
    middles = _middles(network, batch)
    rows, columns, points = _meant(network, batch, middles)
    maps = network.maps(batch.frames, rows, columns)
    grid = (maps.points.shape[2], maps.points.shape[3])
    cells = to_cells(points.flatten(0, 1), left=maps.left, top=maps.top, cell=network.fine.cell, grid=grid)
    fine = map_loss(HeatMaps(maps.coarse, maps.points, maps.absent), cells, settings)
    return fine + settings.coarse * middle_loss(maps.coarse, middles)


def middle_loss(logits: Tensor, middles: Middles) -> Tensor:
    """Focal loss of the map of middles (Zhou et al. 2019, "Objects as points", eq. 1), per animal.

    Args:
        logits: (n, 1, rows, columns).
        middles: of the batch.
    """
    bells = _bells(middles, rows=logits.shape[2], columns=logits.shape[3])
    target = torch.where(middles.whole[..., None, None], bells, 0.0).amax(1)
    partly = (middles.seen & ~middles.whole)[..., None, None]
    counted = (target == 1) | ~(partly & (bells > NEAR)).any(1)
    score = logits[:, 0]
    found = torch.sigmoid(score)
    positive = -((1 - found) ** 2) * functional.logsigmoid(score)
    negative = -((1 - target) ** 4) * found**2 * functional.logsigmoid(-score)
    each = torch.where(target == 1, positive, negative)
    return torch.where(counted, each, 0.0).sum() / middles.whole.sum().clamp_min(1)


def _middles(network: Several, batch: Batch) -> Middles:
    finder = network.finder
    frame = finder.frame
    points = batch.points.flatten(0, 1)
    middle = centre(points, width=frame.width, height=frame.height)[:, 0]
    limits = torch.tensor([frame.width - 0.5, frame.height - 0.5], device=points.device)
    in_frame = ((points >= -0.5) & (points < limits)).all(2).sum(1)
    seen = ~torch.isnan(middle).any(1)
    whole = seen & (in_frame >= PARTLY * (~torch.isnan(points).any(2)).sum(1))
    place = torch.where(seen[:, None], middle, 0.0)
    column = ((place[:, 0] + 0.5) / finder.cell).long().clamp(0, finder.columns - 1)
    row = ((place[:, 1] + 0.5) / finder.cell).long().clamp(0, finder.rows - 1)
    shape = batch.points.shape[:2]
    return Middles(row.view(shape), column.view(shape), seen.view(shape), whole.view(shape))


def _meant(network: Several, batch: Batch, middles: Middles) -> tuple[Tensor, Tensor, Tensor]:
    """Where to cut, and what is true there: rows, columns (n, animals), points (n, animals, K, 2).

    A middle is found a cell off now and then: so are these. The picture's own crop is the source of chance, so that a
    resumed run repeats it. The crop of an animal that is not in sight is cut opposite another one and shows nothing to find.
    """
    finder = network.finder
    number = torch.arange(network.animals, device=batch.left.device)
    across = (batch.left[:, None] + 7 * number) % 3 - 1
    down = (batch.top[:, None] + 5 * number) % 3 - 1
    best = middles.seen.float().argmax(1, keepdim=True)
    opposite_row = finder.rows - 1 - middles.rows.gather(1, best)
    opposite_column = finder.columns - 1 - middles.columns.gather(1, best)
    rows = torch.where(middles.seen, middles.rows, opposite_row)
    columns = torch.where(middles.seen, middles.columns, opposite_column)
    elsewhere = (rows[:, :, None] - middles.rows[:, None]).abs().maximum((columns[:, :, None] - middles.columns[:, None]).abs())
    reach = max(finder.plan.width, finder.plan.height) // (2 * finder.cell)
    clear = ((elsewhere > reach) | ~middles.seen[:, None]).all(2)
    nothing = torch.where(clear, FAR_PX, torch.nan)[..., None, None]
    points = torch.where(middles.seen[..., None, None], batch.points, nothing)
    return (rows + down).clamp(0, finder.rows - 1), (columns + across).clamp(0, finder.columns - 1), points


def _bells(middles: Middles, *, rows: int, columns: int) -> Tensor:
    """A bell around each middle, exactly 1 on its cell: (n, animals, rows, columns)."""
    down = torch.arange(rows, device=middles.rows.device) - middles.rows[..., None]
    right = torch.arange(columns, device=middles.rows.device) - middles.columns[..., None]
    square = (down**2)[..., None] + (right**2)[..., None, :]
    return torch.exp(-square / (2 * SIGMA_CELLS**2))
