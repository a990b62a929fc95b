"""How wrong an answer is, one function a head. Missing labels count nothing; a point outside the crop must answer "absent"."""

from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from trainer.networks.backbone_heads import BackboneCoordinates
from trainer.networks.blocks import CropPlan, to_planes
from trainer.networks.coarse import Finder
from trainer.networks.coarse_to_fine import SIGMA_CELLS
from trainer.networks.coordinates import Coordinates
from trainer.networks.decode import RADIUS, Maps
from trainer.networks.grouped import Grouped
from trainer.networks.map_network import HeatMaps, MapNetwork
from trainer.networks.trackrat import TrackRat
from trainer.networks.votes import CELL, Votes
from trainer.training.targets import Cells, centre, disk, gaussian, to_cells

Kind = TypeVar("Kind", bound=nn.Module)

COARSE_SIGMA_CELLS = 1.0
MASKED = -1e4  # a logit that soft-max turns into 0
VOTE_CELLS = 0.5  # scale of the Laplace distribution about a vote
SOFT_PX = 0.1  # a distance is smooth below this many cells, so that its gradient exists at 0


class Batch(NamedTuple):
    """Frames, labels, and the crop each is trained with."""

    frames: Tensor  # uint8 (n, h, w, c)
    points: Tensor  # float32 (n, A, K, 2), frame pixels, NaN where missing, outside the frame where out of sight
    left: Tensor  # int64 (n,), frame pixels
    top: Tensor  # int64 (n,)

    @property
    def one_animal(self) -> Tensor:
        """Labels float32 (n, K, 2) of the only animal."""
        return self.points[:, 0]


@dataclass(frozen=True, slots=True, kw_only=True)
class LossSettings:
    """What is minimised.

    Attributes:
        maps: heads of heat maps: cross-entropy with the target density, or squared error of the densities, about 1 for an even map.
        target: density around a label: a Gaussian, or the even disk that the first rectangle experiments used.
        coordinates: `xy` head: mean squared error or mean distance, both in crop (frame) widths.
        distance: weight of the decoded distance, in cells, beside the maps or the votes.
        coarse: weight of the coarse stage's cross-entropy.
        normaliser: weight of the squared log of soft-max's denominator (Chowdhery et al. 2022, "z-loss"). It keeps logits
            near the logarithms of probabilities, small at the peak, where bf16 would otherwise round them coarsely.
    """

    maps: Literal["cross_entropy", "mse"] = "cross_entropy"
    target: Literal["gaussian", "disk"] = "gaussian"
    coordinates: Literal["distance", "mse"] = "distance"
    distance: float = 0.1
    coarse: float = 0.2
    normaliser: float = 0.01


def heatmap_loss(network: nn.Module, batch: Batch, settings: LossSettings) -> Tensor:
    """Maps against their targets, decoded distance, and the coarse stage where there is one: one number."""
    if not isinstance(network, MapNetwork):
        raise TypeError(f"expected a network with heat maps, got a {type(network).__name__}")
    maps, finder = network.maps(batch.frames, batch.left, batch.top), network.searcher()
    grid = (maps.points.shape[2], maps.points.shape[3])
    cells = to_cells(batch.one_animal, left=batch.left, top=batch.top, cell=network.cell, grid=grid)
    loss = map_loss(maps, cells, settings, sigma=network.sigma, radius=network.radius)
    return loss if finder is None or maps.coarse is None else loss + settings.coarse * coarse_loss(finder, maps.coarse, batch)


def map_loss(maps: HeatMaps | Maps, cells: Cells, settings: LossSettings, *, sigma: float = SIGMA_CELLS, radius: int = RADIUS) -> Tensor:
    """Maps against their targets, and the decoded distance: one number.

    Args:
        maps: of n crops.
        cells: where the points are on the maps' grid.
        settings: what counts how much.
        sigma: of the Gaussian, and half the radius of the disk; cells.
        radius: of the decoder's window, cells.
    """
    grid = (maps.points.shape[2], maps.points.shape[3])
    drawn = gaussian(cells, grid=grid, sigma=sigma) if settings.target == "gaussian" else disk(cells, grid=grid, radius=2 * sigma)
    target = torch.cat([drawn.flatten(2), (cells.labelled & ~cells.inside).float()[..., None]], 2)
    logits = torch.cat([maps.points.flatten(2), maps.absent[..., None]], 2)
    if settings.maps == "cross_entropy":
        each = -(target * functional.log_softmax(logits, 2)).sum(2)
    else:
        square = (functional.softmax(logits, 2) - target).square().sum(2)
        each = square / target.square().sum(2).clamp_min(1e-9)  # densities are small numbers, their squares smaller still
    distance = _mean(_decoded_distance(maps.points, cells, radius), cells.inside)
    normaliser = _mean(logits.logsumexp(2).square(), cells.labelled)
    return _mean(each, cells.labelled) + settings.distance * distance + settings.normaliser * normaliser


def grouped_loss(network: nn.Module, batch: Batch, settings: LossSettings) -> Tensor:
    """The same for groups of key points, each in its own crop: one number.

    In half of the pictures without a group, its crop is where the coarse stage itself would look for it: what must be told
    from the group there is what it is most easily taken for.

    Args:
        network: which.
        batch: its left and top are (n, groups).
        settings: what counts how much.
    """
    network = of_kind(Grouped, network)
    planes = to_planes(batch.frames)
    coarse = network.search(planes).float()
    frame, finder = network.frame, network.fine.finder
    of_groups = (batch.one_animal[:, list(group.points)] for group in network.groups)
    middles = torch.cat([centre(points, width=frame.width, height=frame.height) for points in of_groups], 1)
    looked = network.corners(coarse.detach())
    instead = torch.isnan(middles).any(2) & ((batch.left + batch.top) % 2 == 0)
    left, top = (torch.where(instead, own, given) for own, given in zip(looked, (batch.left, batch.top), strict=True))
    maps = network.refine(planes, left, top)
    grid = (maps.points.shape[2], maps.points.shape[3])
    which = network.group_of
    cells = to_cells(batch.one_animal, left=left[:, which], top=top[:, which], cell=network.cells, grid=grid)
    return map_loss(maps, cells, settings) + settings.coarse * coarse_map_loss(finder, coarse, middles)


def xy_loss(network: nn.Module, batch: Batch, settings: LossSettings) -> Tensor:
    """Regressed coordinates in crop widths, their confidence, and the coarse stage where there is one: one number."""
    if isinstance(network, TrackRat):
        return whole_frame_loss(network, batch, settings)
    if isinstance(network, BackboneCoordinates):
        finder, plan = network.view.finder, network.plan
    else:
        network = of_kind(Coordinates, network)
        finder, plan = network.finder, network.finder.plan
    answer = network.regress(batch.frames, batch.left, batch.top)
    loss = _regression(answer.points, answer.present, _in_crop(batch, plan), settings)
    return loss if finder is None or answer.coarse is None else loss + settings.coarse * coarse_loss(finder, answer.coarse, batch)


def votes_loss(network: nn.Module, batch: Batch, settings: LossSettings) -> Tensor:
    """How unlikely the label is among the votes, distance of their mean, confidence, and the coarse stage: one number.

    The votes are a mixture density (Bishop 1994) with a Laplace distribution about each: places whose votes are near come to
    count, and are drawn to the label. By the distance of the mean alone, one place learns to make good what another is off by.
    """
    network = of_kind(Votes, network)
    plan = network.finder.plan
    coarse, ballot = network.coarse_and_ballot(batch.frames, batch.left, batch.top)
    truth = _in_crop(batch, plan)
    labelled = ~torch.isnan(truth).any(2)
    inside = labelled & (truth.abs() <= 0.5).all(2)
    at = torch.where(inside[..., None], truth, 0.0)
    cells = (plan.width / (CELL * plan.shrink), plan.height / (CELL * plan.shrink))
    distance = _length((ballot.x - at[..., :1]) * cells[0], (ballot.y - at[..., 1:]) * cells[1])
    unlikely = -torch.logsumexp(torch.log_softmax(ballot.weights, 2) - distance / VOTE_CELLS, 2)
    mean = ballot.mean
    off = _length((mean[..., 0] - at[..., 0]) * cells[0], (mean[..., 1] - at[..., 1]) * cells[1])
    confidence = functional.binary_cross_entropy_with_logits(ballot.present, inside.float(), reduction="none")
    found = _mean(unlikely + settings.distance * (off.square() if settings.coordinates == "mse" else off), inside)
    return found + _mean(confidence, labelled) + settings.coarse * coarse_loss(network.finder, coarse, batch)


def _length(across: Tensor, down: Tensor) -> Tensor:
    return torch.sqrt(across.square() + down.square() + SOFT_PX**2)


def whole_frame_loss(network: TrackRat, batch: Batch, settings: LossSettings) -> Tensor:
    """Regressed coordinates in frame widths and their confidence: one number."""
    answer = network.regress(batch.frames)
    size = torch.tensor([network.frame.width, network.frame.height], device=batch.points.device)
    return _regression(answer[..., :2], answer[..., 2], (batch.one_animal + 0.5) / size - 0.5, settings)


def coarse_loss(finder: Finder, logits: Tensor, batch: Batch) -> Tensor:
    """Cross-entropy of the coarse map with a Gaussian at the animal's middle; frames without the animal count nothing."""
    return coarse_map_loss(finder, logits, centre(batch.one_animal, width=finder.frame.width, height=finder.frame.height))


def coarse_map_loss(finder: Finder, logits: Tensor, middles: Tensor) -> Tensor:
    """The same for given middles.

    Args:
        finder: whose logits they are.
        logits: (n, m, rows, columns).
        middles: (n, m, 2), frame pixels, NaN where there is none, which counts nothing.
    """
    grid = (logits.shape[2], logits.shape[3])
    zero = torch.zeros(len(middles), dtype=torch.int64, device=middles.device)
    # what the coarse pooling leaves over at the edge belongs to the last cell
    limit = torch.tensor([grid[1] * finder.cell - 1, grid[0] * finder.cell - 1], device=middles.device)
    cells = to_cells(torch.minimum(middles, limit), left=zero, top=zero, cell=finder.cell, grid=grid)
    target = gaussian(cells, grid=grid, sigma=COARSE_SIGMA_CELLS).flatten(2)
    return _mean(-(target * functional.log_softmax(logits.flatten(2), 2)).sum(2), cells.inside)


def _in_crop(batch: Batch, plan: CropPlan) -> Tensor:
    """Labels from the crop's middle, in crop widths and heights."""
    corner = torch.stack([batch.left, batch.top], 1)[:, None]
    size = torch.tensor([plan.width, plan.height], device=batch.points.device)
    return (batch.one_animal - corner + 0.5) / size - 0.5


def _regression(points: Tensor, present: Tensor, truth: Tensor, settings: LossSettings) -> Tensor:
    labelled = ~torch.isnan(truth).any(2)
    inside = labelled & (truth.abs() <= 0.5).all(2)
    off = torch.where(inside[..., None], points - truth, 0.0)
    square = off.square().sum(2)
    each = square if settings.coordinates == "mse" else torch.sqrt(square + 1e-6)
    confidence = functional.binary_cross_entropy_with_logits(present, inside.float(), reduction="none")
    return _mean(each, inside) + 0.05 * _mean(confidence, labelled)


def _decoded_distance(logits: Tensor, cells: Cells, radius: int) -> Tensor:
    """Distance in cells between the label and the soft-argmax around it: (n, K), meaningless where not inside."""
    rows, columns = logits.shape[2:]
    x, y = torch.where(cells.inside, cells.x, 0.0), torch.where(cells.inside, cells.y, 0.0)
    right = torch.arange(columns, device=logits.device) - x.round()[..., None]
    down = torch.arange(rows, device=logits.device) - y.round()[..., None]
    # one cell wider than the decoder's window: the peak may be found one cell off
    near = (down.abs() <= radius + 1)[..., None] & (right.abs() <= radius + 1)[:, :, None]
    probability = torch.softmax(logits.masked_fill(~near, MASKED).flatten(2), 2).reshape(logits.shape)
    off_x = (probability.sum(2) * right).sum(2) + x.round() - x
    off_y = (probability.sum(3) * down).sum(2) + y.round() - y
    return torch.sqrt(off_x.square() + off_y.square() + SOFT_PX**2)


def _mean(each: Tensor, counted: Tensor) -> Tensor:
    """Mean over the counted; 0 where none is."""
    return torch.where(counted, each, 0.0).sum() / counted.sum().clamp_min(1)


def of_kind(kind: type[Kind], network: nn.Module) -> Kind:
    """The network as what its loss asks for.

    Raises:
        TypeError: it is of another kind.
    """
    if not isinstance(network, kind):
        raise TypeError(f"expected a {kind.__name__}, got a {type(network).__name__}")
    return network
