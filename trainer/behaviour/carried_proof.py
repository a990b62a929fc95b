"""The graph of a network that carries states from frame to frame, and how near its answers must be to the network's."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from tracker.engines.declared_tensors import NEXT_STATE
from tracker.engines.openvino.step_engine import PROBABILITIES, SECONDS
from trainer.errors import TrainingError
from trainer.networks.onnx_graph import onnx_graph

PROVED_FRAMES = 10_000
PARITY_FP32 = 1e-5  # of a probability, after any number of carried frames


def step_to_onnx(network: nn.Module, inputs: tuple[Tensor, ...], *, name: str, states: Sequence[str]) -> bytes:
    """The graph of one step, in which every state `s` comes back as `s_next`.

    Args:
        network: what a frame is, seconds and states in; class probabilities and the next states out.
        inputs: like those that it takes.
        name: of the first.
        states: names of the states.
    """
    return onnx_graph(
        network,
        inputs,
        input_names=[name, SECONDS, *states],
        output_names=[PROBABILITIES, *(state + NEXT_STATE for state in states)],
    )


def difference(found: NDArray[np.float32], expected: NDArray[np.float32]) -> float:
    """The largest, of probabilities of the same shape; infinite where one is not a number."""
    apart: NDArray[Any] = np.abs(found.astype(np.float64) - expected)
    return float(np.where(np.isfinite(apart), apart, np.inf).max())


def proved(found: NDArray[np.float32], expected: NDArray[np.float32]) -> float:
    """The largest difference of a graph's probabilities (frames, classes) from torch's.

    Raises:
        TrainingError: it is larger than PARITY_FP32.
    """
    largest = difference(found, expected)
    if largest > PARITY_FP32:
        raise TrainingError(
            f"the graph's probabilities differ from torch's by up to {largest:.2g} over {len(found)} carried frames; expected at most "
            f"{PARITY_FP32:g}: the graph is not the network"
        )
    return largest
