"""A trained network → model.onnx, one step with its states, proved: reloaded and carried over thousands of frames beside torch."""

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console
from torch import Tensor, nn

from tracker.engines.openvino.step_engine import POSES, StepEngine
from trainer.behaviour.carried_proof import PARITY_FP32, PROVED_FRAMES, difference, step_to_onnx
from trainer.behaviour.float_resolution import PLACES, float_resolution
from trainer.behaviour.network import PoseBehaviour
from trainer.behaviour.video_table import PoseVideo
from trainer.errors import TrainingError
from trainer.scoring.counted import counted

PARITY_MOST = 1e-4  # where float32 itself knows the scores no better; what a bundle's self-test bears
CHANGES = (1.1, 0.5, 0.0)  # factors on the last weights, one of which the comparison must notice; a sure network needs the larger ones


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportedBehaviour:
    """What a bundle needs of a network.

    Attributes:
        model: the ONNX file.
        state_shapes: name and shape of every state, with the first axis of 1.
        frames: carried in the proof.
        largest: difference of any probability from torch.
        changed: largest difference of a graph with one weight changed: what the proof would have noticed.
    """

    model: bytes
    state_shapes: dict[str, tuple[int, ...]]
    frames: int
    largest: float
    changed: float


class StepNetwork(Protocol):
    """One step a frame: what it takes, seconds and states in; class probabilities and the next states out."""

    @property
    def answer(self) -> nn.Linear:
        """The last layer."""
        ...

    @property
    def state_shapes(self) -> dict[str, tuple[int, ...]]:
        """Name and shape of every state, without the first axis of 1."""
        ...

    def zero_states(self, count: int = 1) -> list[Tensor]:
        """As every run begins."""
        ...

    def parameters(self) -> Iterator[nn.Parameter]:
        """All weights."""
        ...

    def __call__(self, taken: Tensor, seconds: Tensor, *states: Tensor) -> tuple[Tensor, ...]:
        """One frame."""
        ...


def export(
    network: PoseBehaviour, videos: Sequence[PoseVideo], *, frames: int = PROVED_FRAMES, console: Console | None = None
) -> ExportedBehaviour:
    """Write the graph and prove it on real poses, carried without a reset.

    Args:
        network: in evaluation mode.
        videos: whose frames are carried, one video after the other, from the first again where they are too few.
        frames: how many.
        console: told how far it is.

    Raises:
        TrainingError: the graph's probabilities differ from torch's, or a changed weight goes unnoticed.
    """
    return export_step(network, POSES, *carried_frames(videos, frames), console=console)


def export_step(
    network: StepNetwork, name: str, taken: NDArray[Any], seconds: NDArray[np.float32], *, console: Console | None = None
) -> ExportedBehaviour:
    """Write the graph and prove it on what it takes of real frames, carried without a reset.

    Args:
        network: in evaluation mode.
        name: of the tensor that it takes.
        taken: (frames, ...), of each frame.
        seconds: float32 (frames,) since the frame before.
        console: told how far it is.

    Raises:
        TrainingError: the graph's probabilities differ from torch's, or a changed weight goes unnoticed.
    """
    shapes = {state: (1, *shape) for state, shape in network.state_shapes.items()}
    model = to_onnx(network, name, taken[:1])
    frames = len(taken)
    expected = _torch_run(network, taken, seconds, console)
    found = StepEngine(model, shapes).run(taken, seconds)
    largest = difference(found, expected)
    if largest > PARITY_FP32:
        _refuse_another(network, largest, taken, seconds)
    few = min(frames, 200)
    changed = 0.0
    for factor in CHANGES:
        changed = difference(_torch_run(_with_changed_weights(network, factor), taken[:few], seconds[:few]), found[:few])
        if changed > PARITY_FP32:
            break
    else:
        raise TrainingError(
            f"a network without its last weights answers the same to {changed:.2g}: the comparison proves nothing; give frames in which "
            "something happens"
        )
    return ExportedBehaviour(model=model, state_shapes=shapes, frames=frames, largest=largest, changed=changed)


def _refuse_another(network: StepNetwork, largest: float, taken: NDArray[Any], seconds: NDArray[np.float32]) -> None:
    """Refuse a graph whose difference is more than the rounding of float32 explains.

    Raises:
        TrainingError: it is.
    """
    resolution = float_resolution(network, lambda moved: _torch_run(moved, taken, seconds))
    allowed = min(PARITY_MOST, PLACES * resolution)
    if largest > allowed:
        raise TrainingError(
            f"the graph's probabilities differ from torch's by up to {largest:.2g} over {len(taken)} carried frames; expected at most "
            f"{max(PARITY_FP32, allowed):.2g}: the graph is not the network, or its scores hang on the last digits; the training is kept "
            "beside the bundle's place"
        )


def to_onnx(network: StepNetwork, name: str, example: NDArray[Any]) -> bytes:
    """The graph of one step. No shape in it is dynamic, and every state `s` comes back as `s_next`."""
    inputs = (torch.from_numpy(example), torch.full((1, 1), 0.03), *network.zero_states())
    return step_to_onnx(network, inputs, name=name, states=list(network.state_shapes))  # type: ignore[arg-type]


def carried_frames(videos: Sequence[PoseVideo], frames: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Poses and seconds of so many frames, as if the videos were one."""
    poses = np.concatenate([video.poses for video in videos])
    seconds = np.concatenate([np.concatenate([[1 / video.fps], video.seconds[1:]]) for video in videos]).astype(np.float32)
    places = np.arange(frames) % len(poses)
    seconds = seconds[places]
    seconds[0] = 0
    return np.ascontiguousarray(poses[places]), seconds


@torch.no_grad()
def _torch_run(
    network: StepNetwork, taken: NDArray[Any], seconds: NDArray[np.float32], console: Console | None = None
) -> NDArray[np.float32]:
    states: Sequence[Tensor] = network.zero_states()
    answers = []
    for number in counted(len(taken), console, doing="comparing the graph with the network", done="compared"):
        answer, *states = network(
            torch.from_numpy(taken[number : number + 1]), torch.from_numpy(seconds[number : number + 1]).reshape(1, 1), *states
        )
        answers.append(answer[0].numpy())
    return np.stack(answers)


def _with_changed_weights(network: StepNetwork, factor: float) -> StepNetwork:
    changed = copy.deepcopy(network)
    with torch.no_grad():
        changed.answer.weight.mul_(factor)
    return changed
