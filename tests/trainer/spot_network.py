"""A small network with a hand-made truth for quantising: four convolutions that keep a bright spot bright, and soft-argmax."""

import itertools
import json
from pathlib import Path

import cv2
import msgspec
import numpy as np
from onnx import TensorProto, helper, numpy_helper

from tracker.bundle import Bundle, read_bundle, write_bundle
from tracker.bundle_description import Accuracy, Description, SelfTest, TensorShape, TrainingData, View
from trainer.formats.read_labels import read_labels
from trainer.labels.fingerprint import labels_sha256
from trainer.labels.split import division_of, split_block

SIDE, FRAMES, WIDTH, STRIDE = 64, 20, 4, 2


def spot_model(*, blown_up: float = 1.0) -> bytes:
    """uint8 (1, 64, 64, 1) → (1, 1, 1, 3). `blown_up` makes one channel so large that eight bits lose all others."""
    smooth = np.array([[1, 2, 1], [2, 4, 2], [1, 2, 1]], np.float32) / 16
    layers = []
    for place, (before, after) in enumerate(itertools.pairwise([1, WIDTH, WIDTH, WIDTH, 1])):
        kernels = np.zeros((after, before, 3, 3), np.float32)
        for channel in range(after):
            kernels[channel, channel % before] = smooth
        if place == 1:
            kernels[-1] *= blown_up
        if place == 3:
            kernels[0, :-1] = smooth * 20
            kernels[0, -1] = 0
        layers.append(kernels)
    rows = SIDE // STRIDE
    grid = np.stack([np.tile(np.arange(rows), rows), np.repeat(np.arange(rows), rows), np.ones(rows * rows)], 1).astype(np.float32)
    grid[:, :2] *= STRIDE
    constants = {f"w{place}": kernels for place, kernels in enumerate(layers)}
    constants |= {"scale": np.array(1 / 255, np.float32), "grid": grid, "flat": np.array([1, 1, 1, rows * rows])}
    nodes = [
        helper.make_node("Cast", ["frames"], ["pixels"], name="cast", to=TensorProto.FLOAT),
        helper.make_node("Mul", ["pixels", "scale"], ["scaled"], name="scaling"),
        helper.make_node("Transpose", ["scaled"], ["x0"], name="planes", perm=[0, 3, 1, 2]),
    ]
    for place in range(len(layers)):
        strides = [STRIDE, STRIDE] if place == 0 else [1, 1]
        last = place == len(layers) - 1
        nodes.append(
            helper.make_node(
                "Conv",
                [f"x{place}", f"w{place}"],
                ["map" if last else f"c{place}"],
                name=f"conv {place}",
                strides=strides,
                pads=[1, 1, 1, 1],
            )
        )
        if not last:
            nodes.append(helper.make_node("Relu", [f"c{place}"], [f"x{place + 1}"], name=f"relu {place}"))
    nodes += [
        helper.make_node("Reshape", ["map", "flat"], ["cells"], name="cells"),
        helper.make_node("Softmax", ["cells"], ["probability"], name="softmax", axis=-1),
        helper.make_node("MatMul", ["probability", "grid"], ["poses"], name="mean"),
    ]
    graph = helper.make_graph(
        nodes,
        "spot",
        [helper.make_tensor_value_info("frames", TensorProto.UINT8, [1, SIDE, SIDE, 1])],
        [helper.make_tensor_value_info("poses", TensorProto.FLOAT, [1, 1, 1, 3])],
        [numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    return bytes(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8).SerializeToString())


def spot_labels(folder: Path, *, seed: int = 3) -> Path:
    """A DeepLabCut project of twenty frames with one bright disc each."""
    rng = np.random.default_rng(seed)
    images = folder / "labeled-data" / "run"
    images.mkdir(parents=True)
    lines = ["scorer,,,me,me", "bodyparts,,,spot,spot", "coords,,,x,y"]
    for number in range(FRAMES):
        image = rng.integers(0, 12, (SIDE, SIDE), dtype=np.uint8)
        x, y = rng.integers(12, SIDE - 12, 2).tolist()
        cv2.circle(image, (x, y), 4, 255, -1)
        cv2.imwrite(str(images / f"img{number:03d}.png"), image)
        lines.append(f"labeled-data,run,img{number:03d}.png,{x},{y}")
    (images / "CollectedData_me.csv").write_text("\n".join(lines) + "\n")
    (folder / "config.yaml").write_text(json.dumps({"scorer": "me", "bodyparts": ["spot"]}))
    return folder


def spot_bundle(folder: Path, data: Path, model: bytes) -> Bundle:
    """The network as a bundle that says it was trained on those labels with their middle block held out."""
    from trainer.bundles.parity import ReferenceEngine

    frames = read_labels(data)
    split = split_block(frames, 2, folds=5)
    image = frames.read(0)
    grey = image if image.ndim == 2 else image[:, :, 0]
    answer = ReferenceEngine(model).infer(grey[:, :, None])
    description = Description(
        schema=1,
        name=folder.name,
        task="keypoints",
        created="2026-01-01T00:00:00Z",
        point_names=("spot",),
        skeleton=(),
        class_names=(),
        network="spot",
        view=View(crop=None, fit="exact", colour="grey"),
        input=TensorShape(name="frames", shape=(1, SIDE, SIDE, 1), dtype="uint8"),
        output=TensorShape(name="poses", shape=(1, 1, 1, 3), dtype="float32"),
        states=(),
        precision="fp32",
        onnx_sha256="0" * 64,
        training=TrainingData(
            sha256=labels_sha256(frames),
            source="spots",
            frames=len(split.train),
            held_out_frames=len(split.held_out),
            split=split.description,
            division=division_of(split),
        ),
        accuracy=Accuracy(mean_px=None, median_px=None, p95_px=None, frames=0),
        self_test=SelfTest(
            image_sha256="0" * 64, expected=[float(number) for number in answer.ravel()], tolerance_fp32=0.05, tolerance_reduced=1.5
        ),
    )
    write_bundle(folder, model=model, self_test_image=np.ascontiguousarray(grey), description=description)
    return read_bundle(folder)


def without_division(bundle: Bundle) -> Bundle:
    """The bundle as it was written before bundles said as data which frames were held out."""
    training = msgspec.structs.replace(bundle.description.training, division=None)
    description = msgspec.structs.replace(bundle.description, training=training)
    write_bundle(bundle.folder, model=bundle.model.read_bytes(), self_test_image=bundle.self_test_image, description=description)
    return read_bundle(bundle.folder)
