"""One step of a gated recurrent unit, written out: in a graph it is products and sums that every runtime has."""

import torch
from torch import Tensor, nn


def recurrent_step(unit: nn.GRU, features: Tensor, memory: Tensor) -> Tensor:
    """The memory after one frame.

    Args:
        unit: of one layer; Cho et al. 2014 as torch defines it.
        features: (n, count) of the frame.
        memory: (n, hidden) before it.
    """
    names = ("weight_ih_l0", "bias_ih_l0", "weight_hh_l0", "bias_hh_l0")
    weight_in, bias_in, weight_on, bias_on = (unit.get_parameter(name) for name in names)
    inward = nn.functional.linear(features, weight_in, bias_in)
    onward = nn.functional.linear(memory, weight_on, bias_on)
    size = unit.hidden_size
    reset = torch.sigmoid(inward[:, :size] + onward[:, :size])
    update = torch.sigmoid(inward[:, size : 2 * size] + onward[:, size : 2 * size])
    candidate = torch.tanh(inward[:, 2 * size :] + reset * onward[:, 2 * size :])
    return (1 - update) * candidate + update * memory
