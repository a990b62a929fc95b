"""A trained network → model.onnx, one step with its states, proved: reloaded and carried over thousands of frames beside torch."""

import copy
import io
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import onnx
import torch
from numpy.typing import NDArray

from tracker.engines.declared_tensors import NEXT_STATE
from tracker.engines.openvino.runtime import core, openvino
from trainer.behaviour.network import PoseBehaviour
from trainer.behaviour.video_table import PoseVideo
from trainer.errors import TrainingError

OPSET = 17  # the newest that TensorRT 8.6 reads
POSES, SECONDS, OUTPUT = "poses", "seconds", "probabilities"
PROVED_FRAMES = 10_000
PARITY_FP32 = 1e-5  # of a probability, after any number of carried frames
CHANGE = 1.1  # factor on a weight that the comparison must notice


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


class StepEngine:
    """model.onnx in OpenVINO on the CPU in fp32, carried from frame to frame as the rig carries it.

    Args:
        model: the ONNX file.
        states: names of its states.
        threads: cores to use.
    """

    def __init__(self, model: bytes, states: Iterable[str], *, threads: int = 1) -> None:
        hints = {
            "INFERENCE_PRECISION_HINT": "f32",
            "PERFORMANCE_HINT": "LATENCY",
            "NUM_STREAMS": "1",
            "INFERENCE_NUM_THREADS": str(threads),
        }
        compiled = core().compile_model(core().read_model(model, b""), "CPU", hints)
        self._request = compiled.create_infer_request()
        self._arrays: dict[str, NDArray[np.float32]] = {}
        for port in (*compiled.inputs, *compiled.outputs):
            array = np.zeros(tuple(port.shape), np.float32)
            self._arrays[port.get_any_name()] = array
            self._request.set_tensor(port.get_any_name(), openvino.Tensor(array, shared_memory=True))
        self._states = tuple(states)

    def reset(self) -> None:
        """Forget everything."""
        for name in self._states:
            self._arrays[name].fill(0)

    def step(self, poses: NDArray[np.float32], seconds: float) -> NDArray[np.float32]:
        """One frame: (animals, K, 3) in, float32 (C,) out, a copy."""
        np.copyto(self._arrays[POSES][0], poses)
        self._arrays[SECONDS].fill(seconds)
        self._request.infer(share_outputs=True)
        for name in self._states:
            np.copyto(self._arrays[name], self._arrays[name + NEXT_STATE])
        answer: NDArray[np.float32] = self._arrays[OUTPUT][0].copy()
        return answer

    def run(self, poses: NDArray[np.float32], seconds: NDArray[np.float32]) -> NDArray[np.float32]:
        """A whole video from zeroed states: float32 (frames, C)."""
        self.reset()
        return np.stack([self.step(one, float(time)) for one, time in zip(poses, seconds, strict=True)])


def export(network: PoseBehaviour, videos: Sequence[PoseVideo], *, frames: int = PROVED_FRAMES) -> ExportedBehaviour:
    """Write the graph and prove it on real poses, carried without a reset.

    Args:
        network: in evaluation mode.
        videos: whose frames are carried, one video after the other, from the first again where they are too few.
        frames: how many.

    Raises:
        TrainingError: the graph's probabilities differ from torch's, or a changed weight goes unnoticed.
    """
    shapes = {name: (1, *shape) for name, shape in network.state_shapes.items()}
    model = to_onnx(network)
    poses, seconds = carried_frames(videos, frames)
    expected = _torch_run(network, poses, seconds)
    found = StepEngine(model, shapes).run(poses, seconds)
    largest = _difference(found, expected)
    if largest > PARITY_FP32:
        raise TrainingError(
            f"the graph's probabilities differ from torch's by up to {largest:.2g} over {frames} carried frames; expected at most "
            f"{PARITY_FP32:g}: the graph is not the network"
        )
    few = min(frames, 200)
    changed = _difference(_torch_run(_with_a_changed_weight(network), poses[:few], seconds[:few]), found[:few])
    if changed <= PARITY_FP32:
        raise TrainingError(
            f"a network with a weight changed by {CHANGE:g} answers the same to {changed:.2g}: the comparison proves nothing; give poses "
            "in which the animals move"
        )
    return ExportedBehaviour(model=model, state_shapes=shapes, frames=frames, largest=largest, changed=changed)


def to_onnx(network: PoseBehaviour) -> bytes:
    """The graph of one step. No shape in it is dynamic, and every state `s` comes back as `s_next`."""
    body = network.plan.body
    inputs = (torch.rand(1, body.animals, body.points, 3), torch.full((1, 1), 0.03), *network.zero_states())
    names = list(network.state_shapes)
    graph = io.BytesIO()
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            copy.deepcopy(network).eval(),
            inputs,
            graph,  # type: ignore[arg-type]  # torch's stub lacks the file-like form, which the older exporter takes
            opset_version=OPSET,
            input_names=[POSES, SECONDS, *names],
            output_names=[OUTPUT, *(name + NEXT_STATE for name in names)],
            dynamo=False,
        )
        onnx.checker.check_model(graph.getvalue(), full_check=True)
    return graph.getvalue()


def carried_frames(videos: Sequence[PoseVideo], frames: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Poses and seconds of so many frames, as if the videos were one."""
    poses = np.concatenate([video.poses for video in videos])
    seconds = np.concatenate([np.full(len(video.poses), 1 / video.fps, np.float32) for video in videos])
    places = np.arange(frames) % len(poses)
    seconds = seconds[places]
    seconds[0] = 0
    return np.ascontiguousarray(poses[places]), seconds


@torch.no_grad()
def _torch_run(network: PoseBehaviour, poses: NDArray[np.float32], seconds: NDArray[np.float32]) -> NDArray[np.float32]:
    states: Sequence[torch.Tensor] = network.zero_states()
    answers = []
    for one, time in zip(torch.from_numpy(poses), torch.from_numpy(seconds), strict=True):
        answer, *states = network(one[None], time.reshape(1, 1), *states)
        answers.append(answer[0].numpy())
    return np.stack(answers)


def _with_a_changed_weight(network: PoseBehaviour) -> PoseBehaviour:
    changed = copy.deepcopy(network)
    with torch.no_grad():
        changed.answer.weight.mul_(CHANGE)
    return changed


def _difference(found: NDArray[np.float32], expected: NDArray[np.float32]) -> float:
    difference = np.abs(found.astype(np.float64) - expected)
    return float(np.where(np.isfinite(difference), difference, np.inf).max())
