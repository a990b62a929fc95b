"""Several trained networks as one: their mean answer in one graph, with the features found once."""

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from trainer.behaviour.causal_convolutions import side_by_side
from trainer.behaviour.network import PoseBehaviour

_GATES = 3  # of the recurrent unit: reset, update, candidate


@torch.no_grad()
def together(networks: Sequence[PoseBehaviour]) -> PoseBehaviour:
    """A network whose logits are the mean of those of several that were built by one plan and see the same features.

    Its recurrent unit, or its convolutions, hold theirs side by side: in the weights, blocks along the diagonal.

    Args:
        networks: with the same mean and deviation of the features, none of them calibrated.
    """
    first = networks[0]
    if len(networks) == 1:
        return first
    made = PoseBehaviour(replace(first.plan, hidden=first.plan.hidden * len(networks)))
    made.mean.copy_(first.mean)
    made.deviation.copy_(first.deviation)
    if first.plan.network == "gru":
        _units_side_by_side(networks, made)
    else:
        side_by_side([network.convolutions for network in networks], made.convolutions)
    made.answer.weight.copy_(torch.cat([network.answer.weight for network in networks], dim=1) / len(networks))
    made.answer.bias.copy_(torch.stack([network.answer.bias for network in networks]).mean(dim=0))
    return made.eval()


def _units_side_by_side(networks: Sequence[PoseBehaviour], made: PoseBehaviour) -> None:
    for name in ("weight_ih_l0", "bias_ih_l0", "bias_hh_l0"):
        parts = [network.gru.get_parameter(name).chunk(_GATES) for network in networks]
        made.gru.get_parameter(name).copy_(torch.cat([torch.cat(gate) for gate in zip(*parts, strict=True)]))
    parts = [network.gru.get_parameter("weight_hh_l0").chunk(_GATES) for network in networks]
    onward: list[Tensor] = [torch.block_diag(*gate) for gate in zip(*parts, strict=True)]  # type: ignore[no-untyped-call]
    made.gru.get_parameter("weight_hh_l0").copy_(torch.cat(onward))
