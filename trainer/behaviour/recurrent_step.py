"""A gated recurrent unit: one step of it written out, in a graph products and sums that every runtime has, and how long it remembers."""

import math

import torch
from torch import Tensor, nn


@torch.no_grad()
def spread_memories(unit: nn.GRU, longest: float) -> None:
    """Begin with numbers that remember for 2 to `longest` + 1 frames, drawn so that all scales are equally likely.

    A number of which each step keeps the share z remembers for 1 / (1 − z) frames. With the usual small biases z begins at a half, and
    all numbers have forgotten after two frames; behaviour lasts for seconds (Tallec and Ollivier 2018, "Can recurrent neural networks
    warp time?", there evenly from 1 to the longest).

    Args:
        unit: of one layer, not yet trained.
        longest: in frames, 1 or more.
    """
    size = unit.hidden_size
    unit.get_parameter("bias_ih_l0")[size : 2 * size] = torch.rand(size) * math.log(longest)  # z = sigmoid(bias): 1 / (1 − z) = 1 + e^bias
    unit.get_parameter("bias_hh_l0")[size : 2 * size] = 0.0


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
