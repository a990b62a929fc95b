"""Name → network. Every network maps uint8 (n, h, w, c) to float32 (n, animals, K, 3)."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from torch import nn

from trainer.errors import TrainingError
from trainer.networks.backbone_heads import LATENT, BackboneCoordinates, BackboneMaps
from trainer.networks.blocks import USUAL, CropPlan, FrameShape, Layers, PointGroup
from trainer.networks.coarse_to_fine import CoarseToFine
from trainer.networks.coordinates import Coordinates
from trainer.networks.grouped import Grouped
from trainer.networks.names import is_backbone, refuse_misfits
from trainer.networks.several import Several
from trainer.networks.trackrat import TrackRat
from trainer.networks.votes import Votes


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkPlan:
    """Everything needed to build one network again; plain values, stored in every checkpoint."""

    head: str
    points: int
    frame: FrameShape
    crop: CropPlan
    animals: int = 1  # rows of the answer
    network: str = "compact"
    view: str = "crop"
    layers: Layers = USUAL
    groups: tuple[PointGroup, ...] = ()  # at least two, each with a crop of its own; none where `crop` holds all key points

    @property
    def crops(self) -> tuple[CropPlan, ...]:
        """Every crop that is looked at."""
        return tuple(group.crop for group in self.groups) or (self.crop,)

    @property
    def title(self) -> str:
        """Network, head and view in words."""
        seen = "whole frame" if self.view == "full" else f"on {len(self.groups)} crops" if self.groups else "on a crop"
        return f"{self.network} {self.head}, {seen}{self.layers.words}"


def _one_animal(plan: NetworkPlan) -> nn.Module:
    if plan.groups:
        return Grouped(plan.points, frame=plan.frame, groups=plan.groups, layers=plan.layers)
    return CoarseToFine(plan.points, frame=plan.frame, plan=plan.crop, layers=plan.layers)


OURS: dict[tuple[str, str], Callable[[NetworkPlan], nn.Module]] = {
    ("compact", "heatmap"): _one_animal,
    ("compact", "several"): lambda plan: Several(plan.points, animals=plan.animals, frame=plan.frame, plan=plan.crop, layers=plan.layers),
    ("compact", "xy"): lambda plan: Coordinates(plan.points, frame=plan.frame, plan=plan.crop, layers=plan.layers),
    ("compact", "votes"): lambda plan: Votes(plan.points, frame=plan.frame, plan=plan.crop, layers=plan.layers),
    ("trackrat", "xy"): lambda plan: TrackRat(plan.points, frame=plan.frame, layers=plan.layers),
}


def build(plan: NetworkPlan) -> nn.Module:
    """A network with new random weights, in training mode, on the CPU.

    Raises:
        TrainingError: choices that do not go together, or a library that is not installed.
    """
    refuse_misfits(plan.network, plan.head, plan.view)
    _refuse_bad(plan.layers, plan.network)
    if not is_backbone(plan.network):
        return OURS[plan.network, plan.head](plan)
    crop = plan.view == "crop"
    if plan.head == "xy":
        return BackboneCoordinates(plan.network, plan.points, frame=plan.frame, plan=plan.crop, crop=crop)
    dense = plan.head == "dense_heatmap"
    seen = min(plan.crop.height, plan.crop.width) // plan.crop.shrink
    if dense and seen < LATENT:
        raise TrainingError(f"the head 'dense_heatmap' would see {seen} pixels; expected at least {LATENT} on each side")
    return BackboneMaps(plan.network, plan.points, frame=plan.frame, plan=plan.crop, crop=crop, dense=dense)


def plan_to_plain(plan: NetworkPlan) -> dict[str, object]:
    """The plan as dictionaries, strings and numbers."""
    return asdict(plan)


def plan_from_plain(plain: dict[str, object]) -> NetworkPlan:
    """The plan again, as `plan_to_plain` gave it."""
    frame, crop = plain["frame"], plain["crop"]
    if not isinstance(frame, dict) or not isinstance(crop, dict):
        raise TypeError(f"not a plan of a network: {plain}")
    return NetworkPlan(
        head=str(plain["head"]),
        points=int(str(plain["points"])),
        frame=FrameShape(**frame),
        crop=CropPlan(**crop),
        animals=int(str(plain["animals"])),
        network=str(plain["network"]),
        view=str(plain["view"]),
        layers=Layers(**_layers(plain.get("layers", {}))),
        groups=_groups(plain.get("groups", ())),
    )


def _layers(plain: object) -> dict[str, Any]:
    if not isinstance(plain, dict):
        raise TypeError(f"not layers of a network: {plain}")
    return plain


def _refuse_bad(layers: Layers, network: str) -> None:
    """Refuse numbers that no network can have, and those that a library's network does not take."""
    if not 0.125 <= layers.width <= 8:
        raise TrainingError(f"width is {layers.width:g}; expected a factor of 0.125 to 8 on the number of filters")
    if layers.depth is not None and not 1 <= layers.depth <= 16:
        raise TrainingError(f"depth is {layers.depth}; expected 1 to 16 convolutions at each resolution")
    if not 0.5 <= layers.coarse_width <= 8:
        raise TrainingError(f"coarse_width is {layers.coarse_width:g}; expected a factor of 0.5 to 8 on the filters of the coarse stage")
    if network == "trackrat" and layers.coarse_width != 1:
        raise TrainingError("the network 'trackrat' sees the whole frame and has no coarse stage; leave --coarse-width out")
    if not 0 <= layers.dropout < 1:
        raise TrainingError(f"dropout is {layers.dropout:g}; expected a share from 0 to below 1")
    if is_backbone(network) and layers != USUAL:
        raise TrainingError(
            f"the network '{network}' has layers of its own; width, depth, dropout and coarse_width are for compact and trackrat"
        )


def _groups(plain: object) -> tuple[PointGroup, ...]:
    if not isinstance(plain, tuple | list):
        raise TypeError(f"not groups of key points: {plain}")
    return tuple(PointGroup(points=tuple(group["points"]), crop=CropPlan(**group["crop"])) for group in plain)
