"""The part of an ONNX graph that may compute with few bits, and what stays exact: see `tracker.engines.network_body`."""

from collections.abc import Mapping

import onnx
from onnx import ModelProto, NodeProto, TensorProto

from tracker.engines.network_body import Step, body

WEIGHTS = frozenset({"Conv", "ConvTranspose", "Gemm", "MatMul"})
_DECODE = frozenset({"Softmax", "ArgMax", "TopK"})
_FLOATS = frozenset({TensorProto.FLOAT, TensorProto.FLOAT16})


def body_places(model: ModelProto) -> list[int]:
    """Places of the nodes between the first and the last layer with weights; the last is none of them, and no cast is.

    Args:
        model: with every shape static, as `trainer.pipeline.export` writes it.
    """
    types = tensor_types(model)
    inside = body([_step(node, types) for node in model.graph.node])
    return [place for place, node in enumerate(model.graph.node) if place in inside and node.op_type != "Cast"]


def first_places(model: ModelProto) -> list[int]:
    """Places of the layers with weights that see nothing but scaled pixels: no other layer with weights lies before them."""
    types = tensor_types(model)
    behind: set[str] = set()
    first = []
    for place, node in enumerate(model.graph.node):
        step = _step(node, types)
        fed = any(name in behind for name in step.inputs)
        if node.op_type in WEIGHTS and not fed:
            first.append(place)
        if (node.op_type in WEIGHTS or fed) and step.kind != "decode":
            behind.update(step.outputs)
    return first


def tensor_types(model: ModelProto) -> dict[str, int]:
    """ONNX element type of every tensor by name: inputs, constants and what lies between."""
    graph = onnx.shape_inference.infer_shapes(model, strict_mode=True).graph
    types = {info.name: info.type.tensor_type.elem_type for info in (*graph.input, *graph.value_info, *graph.output)}
    return types | {tensor.name: tensor.data_type for tensor in graph.initializer}


def _step(node: NodeProto, types: Mapping[str, int]) -> Step:
    def floats(names: list[str]) -> tuple[str, ...]:
        return tuple(name for name in names if types.get(name) in _FLOATS)

    kind = node.op_type
    return Step(
        kind="weights" if kind in WEIGHTS else "decode" if kind in _DECODE else "other",
        inputs=floats(list(node.input)),
        outputs=floats(list(node.output)),
    )
