"""A small hand-made bundle for measuring without a trained one: the coarse half of a key-point network, decode in the graph."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from tracker.bundle import Bundle, read_bundle, write_bundle
from tracker.bundle_description import Accuracy, Description, SelfTest, TensorShape, TrainingData, View

POINTS = 4
CELL = 8  # px of the input for each cell of the maps
WIDTHS = (1, 8, 16, 32)


def write_small_bundle(folder: Path, *, height: int, width: int) -> Bundle:
    """Three strided convolutions, maps at a stride of 8, soft-argmax; random weights, so its points mean nothing."""
    model = _model(height, width)
    image = np.random.default_rng(0).integers(0, 256, (height, width), dtype=np.uint8)
    expected = _answer(model, image)
    description = Description(
        schema=1,
        name=folder.name,
        task="keypoints",
        created="2026-01-01T00:00:00Z",
        point_names=tuple(f"point {index}" for index in range(POINTS)),
        skeleton=(),
        class_names=(),
        network="hand-made, random weights",
        view=View(crop=None, fit="letterbox", colour="grey"),
        input=TensorShape(name="image", shape=(1, height, width, 1), dtype="uint8"),
        output=TensorShape(name="pose", shape=(1, 1, POINTS, 3), dtype="float32"),
        states=(),
        precision="fp32",
        onnx_sha256="0" * 64,
        training=TrainingData(sha256="0" * 64, source="none", frames=1, held_out_frames=0, split="none"),
        accuracy=Accuracy(mean_px=None, median_px=None, p95_px=None, frames=0),
        self_test=SelfTest(image_sha256="0" * 64, expected=expected, tolerance_fp32=0.05, tolerance_reduced=20.0),
    )
    write_bundle(folder, model=model, self_test_image=image, description=description)
    return read_bundle(folder)


def _model(height: int, width: int) -> bytes:
    random = np.random.default_rng(0)
    rows, columns = height // CELL, width // CELL
    constants = [numpy_helper.from_array(np.array(1 / 255, np.float32), "scale")]
    nodes = [
        helper.make_node("Cast", ["image"], ["float"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["float", "scale"], ["unit"]),
        helper.make_node("Transpose", ["unit"], ["x0"], perm=[0, 3, 1, 2]),
    ]
    for layer, (before, after) in enumerate(pairwise(WIDTHS)):
        weights = random.normal(0, (2 / (9 * before)) ** 0.5, (after, before, 3, 3)).astype(np.float32)
        constants.append(numpy_helper.from_array(weights, f"w{layer}"))
        nodes.append(helper.make_node("Conv", [f"x{layer}", f"w{layer}"], [f"c{layer}"], strides=[2, 2], pads=[1, 1, 1, 1]))
        nodes.append(helper.make_node("Relu", [f"c{layer}"], [f"x{layer + 1}"]))
    grid = np.stack([np.tile(np.arange(columns), rows), np.repeat(np.arange(rows), columns), np.zeros(rows * columns)])
    grid[:2] = (grid[:2] + 0.5) * CELL - 0.5
    grid[2] = 1
    head = random.normal(0, 0.1, (POINTS, WIDTHS[-1], 1, 1)).astype(np.float32)
    constants += [numpy_helper.from_array(head, "head"), numpy_helper.from_array(grid.T.astype(np.float32), "grid")]
    constants += [numpy_helper.from_array(np.array([1, 1, POINTS, rows * columns]), "flat")]
    nodes += [
        helper.make_node("Conv", ["x3", "head"], ["maps"]),
        helper.make_node("Reshape", ["maps", "flat"], ["cells"]),
        helper.make_node("Softmax", ["cells"], ["weights"], axis=-1),
        helper.make_node("MatMul", ["weights", "grid"], ["pose"]),
    ]
    image = helper.make_tensor_value_info("image", TensorProto.UINT8, [1, height, width, 1])
    pose = helper.make_tensor_value_info("pose", TensorProto.FLOAT, [1, 1, POINTS, 3])
    graph = helper.make_graph(nodes, "small", [image], [pose], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


def _answer(model: bytes, image: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> list[float]:
    import onnxruntime as ort  # type: ignore[import-untyped]

    session = ort.InferenceSession(model, providers=["CPUExecutionProvider"])
    return [float(number) for number in session.run(None, {"image": image[None, :, :, None]})[0].ravel()]
