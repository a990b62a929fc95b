"""A bundle's graph with few bits: int8 as QDQ nodes calibrated on training frames, or fp16 between casts. Decoding stays in float.

Everything that TensorRT 8.6 … 11 and OpenVINO must agree on is in the graph: symmetric int8, one scale for each channel of a
weight and one for each activation, on the inputs of convolutions only, no quantised bias.
"""

import copy
import logging
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import ModelProto, TensorProto, helper, numpy_helper
from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, QuantFormat, QuantType, quantize_static  # type: ignore[import-untyped]

from tracker.frame import Image
from trainer.bundles.graph_body import body_places, first_places, tensor_types
from trainer.errors import TrainingError


def to_int8(model: bytes, frames: Iterable[Image]) -> bytes:
    """Insert QDQ nodes before every convolution but the first and the last.

    Args:
        model: fp32 graph, as `trainer.pipeline.export` writes it.
        frames: training frames of exactly the input's size, uint8 (h, w) or (h, w, 3); a hundred are plenty.

    Raises:
        TrainingError: there is nothing between the first and the last convolution, or no frame.
    """
    graph = _load(model)
    inner = sorted(set(body_places(graph)) - set(first_places(graph)))
    chosen = [graph.graph.node[place].name for place in inner if graph.graph.node[place].op_type == "Conv"]
    if not chosen:
        raise TrainingError("int8: the graph has no convolution between its first and its last; keep it in fp32")
    reader = _Frames(graph.graph.input[0].name, frames)
    if not len(reader):
        raise TrainingError("int8: no frame to calibrate on; give labelled frames with --data")
    with tempfile.TemporaryDirectory(prefix="rigtrack-int8-") as folder, _advice_kept_down():
        source, target = Path(folder) / "fp32.onnx", Path(folder) / "int8.onnx"
        source.write_bytes(graph.SerializeToString())
        quantize_static(
            str(source),
            str(target),
            reader,
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=["Conv"],
            nodes_to_quantize=chosen,
            per_channel=True,
            activation_type=QuantType.QInt8,
            weight_type=QuantType.QInt8,
            calibrate_method=CalibrationMethod.MinMax,
            extra_options={
                "ActivationSymmetric": True,
                "WeightSymmetric": True,
                "AddQDQPairToWeight": True,  # TensorRT 8.6 takes weights as numbers in float with a pair behind, not as int8
                "QuantizeBias": False,  # nor a bias in 32-bit integers
                "OpTypesToExcludeOutputQuantization": ["Conv"],  # the ReLU behind a convolution runs in its kernel
            },
        )
        return _as_the_tracker_reads_it(target.read_bytes(), like=graph)


def to_fp16(model: bytes) -> bytes:
    """Let the body of an fp32 graph compute in fp16, with casts where numbers go in and come out.

    Raises:
        TrainingError: the graph has no body.
    """
    graph = _load(model)
    types = tensor_types(graph)
    inside = set(body_places(graph))
    if not inside:
        raise TrainingError("fp16: the graph has nothing between its first and its last layer with weights; keep it in fp32")
    constants = {tensor.name: tensor for tensor in graph.graph.initializer}
    casts = _Casts(graph)
    nodes: list[onnx.NodeProto] = []
    for place, node in enumerate(graph.graph.node):
        halved = place in inside
        for slot, name in enumerate(node.input):
            if types.get(name) != TensorProto.FLOAT or (node.op_type == "Resize" and slot > 0):  # its scales are float in any case
                continue
            if halved and name in constants:
                node.input[slot] = casts.constant(constants[name])
            elif halved != (name in casts.halved):
                node.input[slot] = casts.of(name, to_half=halved, before=nodes)
        if halved:
            casts.halved.update(name for name in node.output if types.get(name) == TensorProto.FLOAT)
        nodes.append(node)
    fresh = copy.deepcopy(nodes)  # emptying the graph would empty what it holds
    del graph.graph.node[:]
    graph.graph.node.extend(fresh)
    _forget_unused(graph)
    del graph.graph.value_info[:]
    return bytes(_checked(graph).SerializeToString())


def _load(model: bytes) -> ModelProto:
    """The graph with every constant under one name: the exporter merges equal ones and hands them on through Identity nodes."""
    graph = onnx.load_model_from_string(model)
    constants = {tensor.name for tensor in graph.graph.initializer}
    aliases = {node.output[0]: node.input[0] for node in graph.graph.node if node.op_type == "Identity" and node.input[0] in constants}
    kept = [copy.deepcopy(node) for node in graph.graph.node if node.output[0] not in aliases]
    for node in kept:
        node.input[:] = [aliases.get(name, name) for name in node.input]
    del graph.graph.node[:]
    graph.graph.node.extend(kept)
    return graph


class _Casts:
    """Each tensor cast once, whoever needs it in the other type."""

    def __init__(self, graph: ModelProto) -> None:
        self.halved: set[str] = set()  # tensors that are fp16 under their own name
        self._graph = graph
        self._made: dict[tuple[str, bool], str] = {}

    def constant(self, tensor: TensorProto) -> str:
        """The constant in fp16, under another name."""
        name = f"{tensor.name}_fp16"
        if (tensor.name, True) not in self._made:
            numbers = numpy_helper.to_array(tensor).astype(np.float16)
            self._graph.graph.initializer.append(numpy_helper.from_array(numbers, name))
            self._made[tensor.name, True] = name
        return name

    def of(self, name: str, *, to_half: bool, before: list[onnx.NodeProto]) -> str:
        """The tensor in the other type; a new cast is put at the end of `before`."""
        if (name, to_half) not in self._made:
            made = f"{name}_{'fp16' if to_half else 'fp32'}"
            to = TensorProto.FLOAT16 if to_half else TensorProto.FLOAT
            before.append(helper.make_node("Cast", [name], [made], name=f"{made}_cast", to=to))
            self._made[name, to_half] = made
        return self._made[name, to_half]


class _Frames(CalibrationDataReader):  # type: ignore[misc]
    """Frames as the calibration asks for them, one by one."""

    def __init__(self, name: str, frames: Iterable[Image]) -> None:
        self._feeds: list[dict[str, NDArray[np.uint8]]] = [{name: frame.reshape(1, *frame.shape[:2], -1)} for frame in frames]
        self._next = 0

    def __len__(self) -> int:
        return len(self._feeds)

    def get_next(self) -> dict[str, NDArray[np.uint8]] | None:
        """The next frame, or None at the end."""
        self._next += 1
        return self._feeds[self._next - 1] if self._next <= len(self._feeds) else None


def _as_the_tracker_reads_it(quantised: bytes, *, like: ModelProto) -> bytes:
    """The quantiser's graph with the operator set and format of the one it came from."""
    graph = onnx.load_model_from_string(quantised)
    graph.ir_version = like.ir_version
    for mine, theirs in zip(graph.opset_import, like.opset_import, strict=False):
        if (mine.domain, mine.version) != (theirs.domain, theirs.version):
            raise TrainingError(f"int8: the quantiser changed operator set {theirs.version} to {mine.domain or 'onnx'} {mine.version}")
    del graph.opset_import[len(like.opset_import) :]  # a domain of the quantiser's own, of which no node is
    return bytes(_checked(graph).SerializeToString())


@contextmanager
def _advice_kept_down() -> Iterator[None]:
    """The quantiser advises its own simplification of the graph, which would change what was proved."""

    def keep(record: logging.LogRecord) -> bool:
        return "pre-processing" not in record.getMessage()

    root = logging.getLogger()
    root.addFilter(keep)
    try:
        yield
    finally:
        root.removeFilter(keep)


def _forget_unused(graph: ModelProto) -> None:
    used = {name for node in graph.graph.node for name in node.input}
    kept = [tensor for tensor in graph.graph.initializer if tensor.name in used]
    del graph.graph.initializer[:]
    graph.graph.initializer.extend(kept)


def _checked(graph: ModelProto) -> ModelProto:
    onnx.checker.check_model(graph, full_check=True)
    return graph
