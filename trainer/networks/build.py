"""Name → network. Every network maps uint8 (n, h, w, c) to float32 (n, animals, K, 3)."""

from collections.abc import Callable
from dataclasses import asdict, dataclass

from torch import nn

from trainer.networks.blocks import CropPlan, FrameShape
from trainer.networks.coarse_to_fine import CoarseToFine
from trainer.networks.coordinates import Coordinates
from trainer.networks.resnet import ResNetCoordinates
from trainer.networks.trackrat import TrackRat


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkPlan:
    """Everything needed to build one network again; plain values, stored in every checkpoint."""

    head: str
    points: int
    frame: FrameShape
    crop: CropPlan


NETWORKS: dict[str, Callable[[NetworkPlan], nn.Module]] = {
    "heatmap": lambda plan: CoarseToFine(plan.points, frame=plan.frame, plan=plan.crop),
    "xy": lambda plan: Coordinates(plan.points, frame=plan.frame, plan=plan.crop),
    "trackrat": lambda plan: TrackRat(plan.points, frame=plan.frame),
    "resnet18": lambda plan: ResNetCoordinates(plan.points, frame=plan.frame),
}


def build(plan: NetworkPlan) -> nn.Module:
    """A network with new random weights, in training mode, on the CPU."""
    return NETWORKS[plan.head](plan)


def plan_to_plain(plan: NetworkPlan) -> dict[str, object]:
    """The plan as dictionaries, strings and numbers."""
    return asdict(plan)


def plan_from_plain(plain: dict[str, object]) -> NetworkPlan:
    """The plan again, as `plan_to_plain` gave it."""
    frame, crop = plain["frame"], plain["crop"]
    if not isinstance(frame, dict) or not isinstance(crop, dict):
        raise TypeError(f"not a plan of a network: {plain}")
    return NetworkPlan(head=str(plain["head"]), points=int(str(plain["points"])), frame=FrameShape(**frame), crop=CropPlan(**crop))
