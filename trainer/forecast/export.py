"""A trained forecaster → model.onnx, one step with its states, proved: reloaded and carried over thousands of frames beside torch."""

import copy
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console

from tracker.engines.openvino.step_engine import IMAGE, StepEngine
from trainer.behaviour.carried_proof import PARITY_FP32, PROVED_FRAMES, difference, proved, step_to_onnx
from trainer.errors import TrainingError
from trainer.forecast.forecaster import Forecaster
from trainer.forecast.from_pixels import PixelForecaster
from trainer.forecast.recordings import small
from trainer.forecast.step_graph import StepGraph, step_of
from trainer.scoring.counted import counted

_PROVED_WHOLE = 300  # frames as they come; making them small costs more than the network
CHANGE = 1.1  # factor on weights that the comparison must notice
Pictures = NDArray[np.uint8]  # (n, height, width, channels)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportedForecaster:
    """What a bundle needs of a network.

    Attributes:
        model: the ONNX file.
        state_shapes: name and shape of every state, with the first axis of 1.
        phase_states: names of those of which there is a set for every phase.
        phases: how many sets.
        frames: carried in the proof.
        largest: difference of any probability from torch.
        changed: largest difference of a network with changed weights: what the proof would have noticed.
    """

    model: bytes
    state_shapes: dict[str, tuple[int, ...]]
    phase_states: tuple[str, ...]
    phases: int
    frames: int
    largest: float
    changed: float


def export(network: Forecaster, pictures: Pictures, *, frames: int = PROVED_FRAMES, console: Console | None = None) -> ExportedForecaster:
    """Write the graph and prove it, carried without a reset: over some frames as they come, and over all as small as the network sees them.

    Args:
        network: in evaluation mode.
        pictures: as they come from the camera; they are walked forth and back where they are too few.
        frames: how many are carried.
        console: told how far it is.

    Raises:
        TrainingError: the graph's probabilities differ from torch's, or changed weights go unnoticed.
    """
    step = step_of(network, pictures.shape[1:])
    model = to_onnx(step)
    little = _as_seen(network, pictures)
    reduced = step_of(network, little.shape[1:])
    largest = max(
        _proof(step, model, pictures, min(frames, _PROVED_WHOLE), console), _proof(reduced, to_onnx(reduced), little, frames, console)
    )
    few = min(frames, 200)
    found = _engine(step, model).run(_walked(pictures, range(few)), np.zeros(few, np.float32))
    changed = difference(_torch_run(_with_changed_weights(step), _walked(pictures, range(few))), found)
    if changed <= PARITY_FP32:
        raise TrainingError(
            f"a network with weights changed by {CHANGE:g} answers the same to {changed:.2g}: the comparison proves nothing; give "
            "recordings in which something moves"
        )
    return ExportedForecaster(
        model=model,
        state_shapes=step.states,
        phase_states=tuple(step.phase_states),
        phases=step.phases,
        frames=frames,
        largest=largest,
        changed=changed,
    )


def to_onnx(step: StepGraph) -> bytes:
    """The graph of one step. No shape in it is dynamic, and every state `s` comes back as `s_next`."""
    image = torch.zeros((1, *step.shape), dtype=torch.uint8)
    inputs = (image, torch.zeros(1, 1), *(torch.zeros(shape) for shape in step.states.values()))
    return step_to_onnx(step, inputs, name=IMAGE, states=list(step.states))


def pictures_of(motion: Sequence[float], shape: tuple[int, int, int], *, seed: int = 0) -> Pictures:
    """Pictures whose motion is nearly the one given, for proving a network that was trained without any.

    Args:
        motion: of each pair.
        shape: (height, width, channels).
        seed: of which pixels change.

    Returns:
        One more than pairs.
    """
    rng, size, step = np.random.default_rng(seed), int(np.prod(shape)), 20
    pictures = [np.full(size, 100, np.uint8)]
    for value in motion:
        picture = pictures[-1].copy()
        chosen = rng.permutation(size)[: round(min(1.0, value * 255 / step) * size)]
        picture[chosen] = np.where(picture[chosen] > 110, 100, 120)
        pictures.append(picture)
    return np.stack(pictures).reshape(-1, *shape)


def _as_seen(network: Forecaster, pictures: Pictures) -> Pictures:
    """As small as a network from pixels sees them; for one from motion, some of the pixels."""
    if isinstance(network, PixelForecaster):
        return small(list(pictures), network.plan.size)[:, :, :, None]
    return np.ascontiguousarray(pictures[:, :: max(1, pictures.shape[1] // 48), :: max(1, pictures.shape[2] // 64), :1])


def _engine(step: StepGraph, model: bytes) -> StepEngine:
    return StepEngine(model, step.states, phases=step.phases, phase_states=step.phase_states)


def _proof(step: StepGraph, model: bytes, pictures: Pictures, frames: int, console: Console | None) -> float:
    found = _engine(step, model).run(_walked(pictures, range(frames)), np.zeros(frames, np.float32))
    numbers = counted(frames, console, doing="comparing the graph with the network", done="compared")
    return proved(found, _torch_run(step, _walked(pictures, numbers)))


def _walked(pictures: Pictures, numbers: Iterable[int]) -> Iterator[NDArray[np.uint8]]:
    """Forth and back, so that nothing jumps."""
    last = len(pictures) - 1
    for number in numbers:
        place = number % (2 * last) if last else 0
        yield np.ascontiguousarray(pictures[place if place <= last else 2 * last - place])


@torch.no_grad()
def _torch_run(step: StepGraph, pictures: Iterator[NDArray[np.uint8]]) -> NDArray[np.float32]:
    step.eval()
    shared = [torch.zeros(shape) for shape in step.frame_states.values()]
    sets = [[torch.zeros(shape) for shape in step.phase_states.values()] for _ in range(step.phases)]
    answers = []
    for number, picture in enumerate(pictures):
        answer, *after = step(torch.from_numpy(picture)[None], torch.zeros(1, 1), *shared, *sets[number % step.phases])
        shared, sets[number % step.phases] = after[: len(shared)], after[len(shared) :]
        answers.append(answer[0].numpy())
    return np.stack(answers)


def _with_changed_weights(step: StepGraph) -> StepGraph:
    changed = copy.deepcopy(step)
    with torch.no_grad():
        for parameter in changed.parameters():
            parameter.mul_(CHANGE)
    return changed
