"""Small networks whose answers are known, and their descriptions: a centre of brightness, and one that remembers."""

from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from tracker.bundle_description import Accuracy, Description, SelfTest, TensorShape, TrainingData, View

HEIGHT, WIDTH = 24, 40
IMAGE = TensorShape(name="image", shape=(1, HEIGHT, WIDTH, 1), dtype="uint8")
POSE = TensorShape(name="pose", shape=(1, 1, 1, 3), dtype="float32")
FORECAST = TensorShape(name="forecast", shape=(1, 1), dtype="float32")
MEMORY = TensorShape(name="memory", shape=(1, 2), dtype="float32")


def spot(x: int, y: int) -> NDArray[np.uint8]:
    """A grey image (h, w, 1) with one bright square of 3x3 pixels around (x, y)."""
    image = np.zeros((HEIGHT, WIDTH, 1), np.uint8)
    image[y - 1 : y + 2, x - 1 : x + 2] = 200
    return image


def declare(tensor: TensorShape, name: str | None = None) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(
        name or tensor.name, TensorProto.UINT8 if tensor.dtype == "uint8" else TensorProto.FLOAT, tensor.shape
    )


def constant(name: str, value: Any, dtype: str = "float32") -> onnx.TensorProto:
    return numpy_helper.from_array(np.asarray(value, dtype), name)


def serialise(nodes: list[onnx.NodeProto], *, inputs: list[Any], outputs: list[Any], constants: list[onnx.TensorProto]) -> bytes:
    model = helper.make_model(
        helper.make_graph(nodes, "test", inputs, outputs, constants), opset_imports=[helper.make_opsetid("", 17)], ir_version=8
    )
    onnx.checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString())


def centroid_model() -> bytes:
    """Centre of brightness after a 3x3 blur: x, y in input pixels, and the brightest value as confidence."""
    columns, rows = np.meshgrid(np.arange(WIDTH), np.arange(HEIGHT))
    kernel = np.full((1, 1, 3, 3), 1 / 9)
    nodes = [
        helper.make_node("Cast", ["image"], ["float"], to=TensorProto.FLOAT),
        helper.make_node("Transpose", ["float"], ["planes"], perm=[0, 3, 1, 2]),
        helper.make_node("Conv", ["planes", "kernel"], ["soft"], pads=[1, 1, 1, 1]),
        helper.make_node("ReduceSum", ["soft"], ["mass"]),
        helper.make_node("Mul", ["soft", "grid"], ["moments"]),
        helper.make_node("ReduceSum", ["moments", "spatial"], ["sums"]),
        helper.make_node("Div", ["sums", "mass"], ["centre"]),
        helper.make_node("ReduceMax", ["planes"], ["brightest"]),
        helper.make_node("Div", ["brightest", "white"], ["confidence"]),
        helper.make_node("Reshape", ["centre", "two"], ["xy"]),
        helper.make_node("Reshape", ["confidence", "one"], ["c"]),
        helper.make_node("Concat", ["xy", "c"], ["pose"], axis=3),
    ]
    constants = [
        constant("kernel", kernel),
        constant("grid", np.stack([columns, rows])[None]),
        constant("spatial", [2, 3], "int64"),
        constant("white", 255.0),
        constant("two", [1, 1, 1, 2], "int64"),
        constant("one", [1, 1, 1, 1], "int64"),
    ]
    return serialise(nodes, inputs=[declare(IMAGE)], outputs=[declare(POSE)], constants=constants)


def recurrent_model() -> bytes:
    """Memory halves with every frame and takes the brightest value in; the forecast is the sum of the memory."""
    nodes = [
        helper.make_node("Cast", ["image"], ["float"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMax", ["float"], ["brightest"], keepdims=0),
        helper.make_node("Mul", ["memory", "half"], ["faded"]),
        helper.make_node("Add", ["faded", "brightest"], ["memory_next"]),
        helper.make_node("ReduceSum", ["memory_next", "axis"], ["forecast"]),
    ]
    return serialise(
        nodes,
        inputs=[declare(IMAGE), declare(MEMORY)],
        outputs=[declare(FORECAST), declare(MEMORY, "memory_next")],
        constants=[constant("half", 0.5), constant("axis", [1], "int64")],
    )


def describe(*, expected: list[float], output: TensorShape = POSE, states: tuple[TensorShape, ...] = ()) -> Description:
    return Description(
        schema=1,
        name="centroid",
        task="keypoints",
        created="2026-01-01T00:00:00Z",
        point_names=("spot",),
        skeleton=(),
        class_names=(),
        network="test",
        view=View(crop=None, fit="exact", colour="grey"),
        input=IMAGE,
        output=output,
        states=states,
        precision="fp32",
        onnx_sha256="0" * 64,
        training=TrainingData(sha256="0" * 64, source="none", frames=1, held_out_frames=0, split="none"),
        accuracy=Accuracy(mean_px=None, median_px=None, p95_px=None, frames=0),
        self_test=SelfTest(image_sha256="0" * 64, expected=expected, tolerance_fp32=1e-3, tolerance_reduced=0.5),
    )
