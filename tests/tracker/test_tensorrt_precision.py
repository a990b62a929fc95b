"""Which layers may compute in fp16: the body of a network as TensorRT 8 sees it after parsing, layer by layer, tensor by tensor."""

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from tracker.engines.network_body import Step, body
from tracker.engines.tensorrt.precision import keep_in_fp32

FLOAT32 = SimpleNamespace(name="FLOAT")


@dataclass
class Layer:
    """What the binding offers of an ILayer."""

    name: str
    kind: str
    inputs: list[Any]
    outputs: list[Any]
    precision: Any = None
    output_types: dict[int, Any] = field(default_factory=dict)

    type = property(lambda self: SimpleNamespace(name=self.kind))
    num_inputs = property(lambda self: len(self.inputs))
    num_outputs = property(lambda self: len(self.outputs))

    def get_input(self, index: int) -> Any:
        return self.inputs[index]

    def get_output(self, index: int) -> Any:
        return self.outputs[index]

    def set_output_type(self, index: int, dtype: Any) -> None:
        self.output_types[index] = dtype


def network(*rows: tuple[str, str, str, str]) -> Any:
    """Rows of (name, kind, tensors in, tensors out); a tensor is `name`, or `name:TYPE` where it is not FLOAT."""

    def tensors(text: str) -> list[Any]:
        parts = [part.partition(":") for part in text.split()]
        return [SimpleNamespace(name=name, dtype=SimpleNamespace(name=dtype or "FLOAT")) for name, _, dtype in parts]

    layers = [Layer(name, kind, tensors(given), tensors(made)) for name, kind, given, made in rows]
    return SimpleNamespace(num_layers=len(layers), get_layer=lambda index: layers[index], layers=layers)


def found_and_refined() -> Any:
    """A search in the reduced frame, a crop by its answer, a fine stage, and the reading of its maps: as the trainer's default network."""
    return network(
        ("cast", "IDENTITY", "frames:UINT8", "pixels"),
        ("pool", "POOLING", "pixels", "small"),
        ("scale", "ELEMENTWISE", "small", "scaled"),
        ("search 1", "CONVOLUTION", "scaled", "s1"),
        ("search relu", "ACTIVATION", "s1", "s2"),
        ("search head", "CONVOLUTION", "s2", "map"),
        ("search max", "REDUCE", "map", "rows"),
        ("search peak", "TOPK", "rows", "value place:INT32"),
        ("crop", "GATHER", "pixels place:INT32", "cut"),
        ("crop scale", "ELEMENTWISE", "cut", "crop"),
        ("fine 1", "CONVOLUTION", "crop", "f1"),
        ("fine relu", "ACTIVATION", "f1", "f2"),
        ("fine 2", "CONVOLUTION", "f2", "f3"),
        ("up", "RESIZE", "f3", "f4"),
        ("skip", "ELEMENTWISE", "f2 f4", "f5"),
        ("join", "CONVOLUTION", "f5", "f6"),
        ("head", "CONVOLUTION", "f6", "maps"),
        ("softmax", "SOFTMAX", "maps", "probability"),
        ("sizes", "SHAPE", "maps", "sizes:INT32"),
        ("grid", "CONSTANT", "", "grid"),
        ("mean", "ELEMENTWISE", "probability grid", "mean"),
        ("left", "IDENTITY", "place:INT32", "left"),
        ("add", "ELEMENTWISE", "mean left", "poses"),
    )


def test_only_the_layers_between_the_first_and_the_last_weights_may_compute_in_fp16() -> None:
    parsed = found_and_refined()

    bound = keep_in_fp32(parsed, FLOAT32)

    free = [layer.name for layer in parsed.layers if layer.precision is None and layer.kind not in ("IDENTITY", "SHAPE", "CONSTANT")]
    assert free == ["search 1", "search relu", "fine 1", "fine relu", "fine 2", "up", "skip", "join"]
    assert bound == [layer.name for layer in parsed.layers if layer.precision is FLOAT32]
    assert {"softmax", "mean", "add", "head", "search head", "search peak", "crop scale"} <= set(bound)


def test_an_index_keeps_its_type_where_a_layer_gives_one_beside_a_number() -> None:
    parsed = found_and_refined()

    keep_in_fp32(parsed, FLOAT32)

    assert parsed.layers[7].output_types == {0: FLOAT32}


def test_what_the_graph_itself_writes_in_fp16_is_left_as_it_is() -> None:
    parsed = network(
        ("to half", "IDENTITY", "scaled", "half:HALF"),
        ("first", "CONVOLUTION", "half:HALF", "a:HALF"),
        ("last", "CONVOLUTION", "a:HALF", "b:HALF"),
        ("to float", "IDENTITY", "b:HALF", "c"),
        ("decode", "SOFTMAX", "c", "d"),
    )

    assert keep_in_fp32(parsed, FLOAT32) == ["decode"]


@pytest.mark.parametrize(
    ("steps", "inside"),
    [
        ([], []),
        ([("other", "a", "b")], []),
        ([("weights", "a", "b")], []),
        ([("weights", "a", "b"), ("weights", "b", "c")], [0]),
        ([("weights", "a", "b"), ("other", "b", "c"), ("weights", "c", "d"), ("other", "d", "e")], [0, 1]),
        ([("weights", "a", "b"), ("decode", "b", "c"), ("weights", "c", "d")], []),
        ([("weights", "a", "b"), ("other", "b", "c"), ("other", "b", "d"), ("weights", "c", "e")], [0, 1]),
    ],
    ids=["nothing", "no weights", "one layer", "two layers", "relu between", "decoding between", "a branch that ends"],
)
def test_the_body_of_a_network(steps: list[tuple[Any, str, str]], inside: list[int]) -> None:
    found = body([Step(kind=kind, inputs=(given,), outputs=(made,)) for kind, given, made in steps])

    assert sorted(found) == inside
