"""A trained network → model.onnx, proved before it is given away: reloaded in two runtimes, compared with torch on real frames."""

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import numpy_helper
from torch import nn

from tracker.engines.openvino.runtime import core, openvino
from tracker.frame import Image
from trainer.bundles.parity import Parity, ReferenceEngine, sure_distances
from trainer.errors import TrainingError
from trainer.networks.onnx_graph import onnx_graph

INPUT, OUTPUT = "frames", "poses"
Poses = NDArray[np.float32]  # (n, animals, K, 3): x, y, confidence
Runtime = Callable[[NDArray[np.uint8]], Poses]  # (1, h, w, c) → (1, animals, K, 3)

# fp32 runtimes order their sums differently: 1e-4 px is usual; 0.02 px is a hundredth of what a label is good for
FP32_PX, FP32_CONFIDENCE = 0.02, 0.002
# bf16 has 8 bits of mantissa; measured 0.02 px mean on the open-field mouse
REDUCED_MEAN_PX, REDUCED_CONFIDENCE = 0.05, 0.05
CHANGE = 1.1  # factor on a weight that the comparison must notice


class UnprovableError(TrainingError):
    """A comparison with torch that a changed weight would pass as well."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportedNetwork:
    """What a bundle needs of a network.

    Attributes:
        model: the ONNX file.
        input_shape: (1, h, w, c), uint8.
        output_shape: (1, animals, K, 3), float32.
        answers: float32 (n, animals, K, 3), by torch, for the frames it was proved on.
        precision: expressed in the graph.
        parity: one for each runtime and precision compared.
    """

    model: bytes
    input_shape: tuple[int, ...]
    output_shape: tuple[int, ...]
    answers: Poses
    precision: Literal["fp32", "fp16"]
    parity: tuple[Parity, ...]


def export(
    network: nn.Module, frames: Sequence[Image], *, precision: Literal["fp32", "fp16"] = "fp32", must_fail_too: bool = True
) -> ExportedNetwork:
    """Write the graph and prove it.

    Args:
        network: in evaluation mode, on the CPU; left as it is.
        frames: a few real ones, uint8 (h, w) or (h, w, 3), of the network's size and colour.
        precision: of the weights in the graph; with fp16 the decoding and the output stay float32.
        must_fail_too: whether the comparison is shown able to fail; not asked of a network that was exported before and
            only had its confidences mapped since, for a map that flattens them hides a changed weight.

    Raises:
        TrainingError: a runtime disagrees with torch.
        UnprovableError: a changed weight goes unnoticed.
    """
    batch = np.stack([frame.reshape(1, *frame.shape[:2], -1) for frame in frames])
    answers = _answer(_torch_runtime(network), batch)
    model = to_onnx(network, batch[0], precision=precision)
    parity = compare(model, batch, answers, precision=precision)
    for one in parity:
        if not one.passed and one.precision == precision:
            raise TrainingError(
                f"{one.runtime} in {one.precision} differs from torch by up to {one.largest_px:.3f} px and "
                f"{one.largest_confidence:.4f} in confidence; expected at most {_tolerances(one.precision)}: the graph is not the network"
            )
    if precision == "fp32" and must_fail_too:
        _prove_that_it_can_fail(model, batch, answers)
    return ExportedNetwork(
        model=model,
        input_shape=batch[0].shape,
        output_shape=answers[:1].shape,
        answers=answers,
        precision=precision,
        parity=parity,
    )


def to_onnx(network: nn.Module, frame: NDArray[np.uint8], *, precision: Literal["fp32", "fp16"] = "fp32") -> bytes:
    """The graph for frames like this one, (1, h, w, c). No shape in it is dynamic."""
    written = copy.deepcopy(network).half() if precision == "fp16" else network
    return onnx_graph(written, (torch.from_numpy(frame),), input_names=[INPUT], output_names=[OUTPUT])


def compare(model: bytes, batch: NDArray[np.uint8], answers: Poses, *, precision: str = "fp32") -> tuple[Parity, ...]:
    """Reload a graph in each runtime and measure its distance from torch.

    Args:
        model: the ONNX file.
        batch: uint8 (n, 1, h, w, c).
        answers: float32 (n, animals, K, 3), by torch.
        precision: of the graph.
    """
    vino = f"openvino {openvino.get_version().split('-')[0]}"
    reference = ReferenceEngine(model)
    runtimes = [
        (vino, precision, _openvino_runtime(model, "f32")),
        (vino, "bf16", _openvino_runtime(model, "bf16")),
        (reference.runtime, precision, _onnx_runtime(reference)),
    ]
    return tuple(_parity(name, kind, _answer(runtime, batch), answers) for name, kind, runtime in runtimes)


def with_a_changed_weight(model: bytes) -> bytes:
    """The same graph with its largest weight tensor multiplied by 1.1."""
    graph = onnx.load_model_from_string(model)
    largest = max(graph.graph.initializer, key=lambda tensor: int(np.prod(tensor.dims)))
    changed = numpy_helper.to_array(largest) * np.float32(CHANGE)
    largest.CopyFrom(numpy_helper.from_array(changed.astype(numpy_helper.to_array(largest).dtype), largest.name))
    return bytes(graph.SerializeToString())


def _prove_that_it_can_fail(model: bytes, batch: NDArray[np.uint8], answers: Poses) -> None:
    changed = _parity("", "fp32", _answer(_onnx_runtime(ReferenceEngine(with_a_changed_weight(model))), batch), answers)
    if changed.passed:
        raise UnprovableError(
            f"the network's answers hardly depend on its weights (the largest tensor times {CHANGE:g} changes no confidence by more than "
            f"{changed.largest_confidence:.5f}), so that a comparison of its graph with torch proves nothing"
        )


def _parity(runtime: str, precision: str, found: Poses, expected: Poses) -> Parity:
    distance = sure_distances(found, expected)
    mean, largest = (float(distance.mean()), float(distance.max())) if distance.size else (0.0, 0.0)
    confidence = float(np.abs(found[..., 2] - expected[..., 2]).max())
    finite = bool(np.isfinite(found).all())
    if precision == "fp32":
        passed = finite and largest <= FP32_PX and confidence <= FP32_CONFIDENCE
    else:
        passed = finite and mean <= REDUCED_MEAN_PX and confidence <= REDUCED_CONFIDENCE
    return Parity(
        runtime=runtime,
        device="CPU",
        precision=precision,
        reference="torch",
        frames=len(found),
        points=int(distance.size),
        mean_px=mean,
        largest_px=largest,
        largest_confidence=confidence,
        passed=passed,
    )


def _tolerances(precision: str) -> str:
    if precision == "fp32":
        return f"{FP32_PX:g} px and {FP32_CONFIDENCE:g}"
    return f"{REDUCED_MEAN_PX:g} px on average and {REDUCED_CONFIDENCE:g}"


def _answer(runtime: Runtime, batch: NDArray[np.uint8]) -> Poses:
    return np.concatenate([runtime(frame) for frame in batch]).astype(np.float32)


def _torch_runtime(network: nn.Module) -> Runtime:
    @torch.no_grad()
    def run(frame: NDArray[np.uint8]) -> Poses:
        poses: Poses = network(torch.from_numpy(frame)).numpy()
        return poses

    return run


def _openvino_runtime(model: bytes, precision: str) -> Runtime:
    hints = {"INFERENCE_PRECISION_HINT": precision, "PERFORMANCE_HINT": "LATENCY", "NUM_STREAMS": "1"}
    compiled = core().compile_model(core().read_model(model, b""), "CPU", hints)

    def run(frame: NDArray[np.uint8]) -> Poses:
        return np.array(compiled([frame])[0], np.float32)

    return run


def _onnx_runtime(reference: ReferenceEngine) -> Runtime:
    return lambda frame: reference.infer(frame[0])[None]
