"""Which loss a network learns by: that of its head."""

from collections.abc import Callable
from typing import TypeAlias

from torch import Tensor, nn

from trainer.networks.build import NetworkPlan
from trainer.training.losses import Batch, LossSettings, grouped_loss, heatmap_loss, votes_loss, xy_loss
from trainer.training.several_loss import several_loss

Loss: TypeAlias = Callable[[nn.Module, Batch, LossSettings], Tensor]

LOSSES: dict[str, Loss] = {
    "heatmap": heatmap_loss,
    "dense_heatmap": heatmap_loss,
    "xy": xy_loss,
    "votes": votes_loss,
    "several": several_loss,
}


def loss_of(plan: NetworkPlan) -> Loss:
    """The loss of a network that was built from a plan."""
    return grouped_loss if plan.groups else LOSSES[plan.head]
