"""Scoring a bundle through the engine that the rig runs: a real ONNX graph that finds a bright and a grey square, in OpenVINO."""

import io
import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from rich.console import Console

import tracker.engines.openvino.engine  # noqa: F401  (its import starts a thread of the library's own; here, before a test counts threads)
from tracker.bundle import Bundle, read_bundle, write_bundle
from tracker.bundle_description import Accuracy, Description, SelfTest, TensorShape, TrainingData, View
from tracker.errors import BundleError
from tracker.frame import Image
from trainer.errors import TrainingError
from trainer.labels.images import ImageRef
from trainer.labels.labelled_frames import LabelledFrames
from trainer.scoring.baseline import score_baselines
from trainer.scoring.engine_choice import EngineChoice
from trainer.scoring.evaluate import evaluate
from trainer.scoring.evaluation import Evaluation, image_name

INPUT = (48, 64)  # the network's height and width
SOURCE = (96, 128)  # the camera's: twice as large, so the view's mapping is part of what is scored
CPU = EngineChoice(runtime="openvino", precision="fp32", threads=1, gpu=0)
NAMES = ("bright", "grey")
JSON_KEYS = {
    "mean_px", "median_px", "p95_px", "per_point", "within_px", "frames", "points", "missing", "baseline", "rmse_px", "rms_distance_px",
    "log_mse", "r2", "latency_ms", "runtime", "device", "precision", "worst",
}  # fmt: skip


def square_finder() -> bytes:
    """An ONNX graph: the centroid of what is brighter than 200, and of what lies within 30 of 100."""
    height, width = INPUT
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    constants = {"limit": 200.0, "middle": 100.0, "range": 30.0, "tiny": 1e-6, "x": columns, "y": rows, "full": 50.0}
    nodes = [
        helper.make_node("Cast", ["image"], ["float"], to=TensorProto.FLOAT),
        helper.make_node("Reshape", ["float", "plane"], ["grey"]),
        helper.make_node("Sub", ["grey", "limit"], ["over"]),
        helper.make_node("Relu", ["over"], ["bright"]),
        helper.make_node("Sub", ["grey", "middle"], ["from_middle"]),
        helper.make_node("Abs", ["from_middle"], ["away"]),
        helper.make_node("Sub", ["range", "away"], ["near"]),
        helper.make_node("Relu", ["near"], ["dim"]),
        helper.make_node("Concat", ["bright", "dim"], ["weight"], axis=0),
        helper.make_node("ReduceSum", ["weight", "axes"], ["mass"], keepdims=0),
        helper.make_node("Add", ["mass", "tiny"], ["safe"]),
        helper.make_node("Min", ["mass", "full"], ["some"]),
        helper.make_node("Div", ["some", "full"], ["confidence"]),
    ]
    for axis in ("x", "y"):
        nodes += [
            helper.make_node("Mul", ["weight", axis], [f"weighted_{axis}"]),
            helper.make_node("ReduceSum", [f"weighted_{axis}", "axes"], [f"sum_{axis}"], keepdims=0),
            helper.make_node("Div", [f"sum_{axis}", "safe"], [f"centre_{axis}"]),
        ]
    columns_of_answer = ["centre_x", "centre_y", "confidence"]
    nodes += [helper.make_node("Reshape", [name, "column"], [f"{name}_column"]) for name in columns_of_answer]
    nodes.append(helper.make_node("Concat", [f"{name}_column" for name in columns_of_answer], ["points"], axis=3))
    tensors = [numpy_helper.from_array(np.asarray(value, np.float32), name) for name, value in constants.items()]
    shapes = {"plane": [1, height, width], "axes": [1, 2], "column": [1, 1, 2, 1]}
    tensors += [numpy_helper.from_array(np.array(value, np.int64), name) for name, value in shapes.items()]
    image = helper.make_tensor_value_info("image", TensorProto.UINT8, [1, height, width, 1])
    points = helper.make_tensor_value_info("points", TensorProto.FLOAT, [1, 1, 2, 3])
    graph = helper.make_graph(nodes, "square_finder", [image], [points], tensors)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return bytes(model.SerializeToString())


def scene(bright: tuple[int, int], grey: tuple[int, int], *, size: tuple[int, int] = SOURCE, side: int = 8) -> Image:
    """A black image with two squares whose upper left corners are at (x, y)."""
    image = np.zeros(size, np.uint8)
    for (x, y), value in ((bright, 255), (grey, 100)):
        image[y : y + side, x : x + side] = value
    return image


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    picture = scene((10, 10), (40, 30), size=INPUT, side=4)
    expected = [11.5, 11.5, 1.0, 41.5, 31.5, 1.0]
    description = Description(
        schema=1, name="squares", task="keypoints", created="2026-01-01T00:00:00Z", point_names=NAMES, skeleton=(), class_names=(),
        network="square finder", view=View(crop=None, fit="stretch", colour="grey"),
        input=TensorShape(name="image", shape=(1, *INPUT, 1), dtype="uint8"),
        output=TensorShape(name="points", shape=(1, 1, 2, 3), dtype="float32"), states=(), precision="fp32", onnx_sha256="0" * 64,
        training=TrainingData(sha256="0" * 64, source="made here", frames=1, held_out_frames=0, split="none"),
        accuracy=Accuracy(mean_px=None, median_px=None, p95_px=None, frames=0),
        self_test=SelfTest(image_sha256="0" * 64, expected=expected, tolerance_fp32=0.01, tolerance_reduced=0.5),
    )  # fmt: skip
    write_bundle(tmp_path / "bundle", model=square_finder(), self_test_image=picture, description=description)
    return read_bundle(tmp_path / "bundle")


def frames_in(folder: Path, *, colour: bool = False) -> LabelledFrames:
    """Six scenes whose labels are exact, in pixels of the source."""
    corners = [((8 * i + 2, 4 * i + 10), (100 - 8 * i, 60)) for i in range(6)]
    images = []
    for i, (bright, grey) in enumerate(corners):
        picture = scene(bright, grey)
        cv2.imwrite(str(folder / f"img{i}.png"), cv2.cvtColor(picture, cv2.COLOR_GRAY2BGR) if colour else picture)
        images.append(ImageRef(path=folder / f"img{i}.png", frame=None))
    return LabelledFrames(
        images=tuple(images),
        points=np.array(corners, np.float64)[:, None] + 3.5,
        hidden=np.zeros((6, 1, len(NAMES)), bool),
        tags=(frozenset(),) * 6,
        point_names=NAMES,
        skeleton=(),
        group=("squares",) * 6,
        order=np.arange(6),
        size=SOURCE,
    )


def relabelled(frames: LabelledFrames, points: NDArray[np.float64], names: tuple[str, ...] = NAMES) -> LabelledFrames:
    return replace(frames, points=points, point_names=names)


def moved(frames: LabelledFrames, *, frame: int, point: int, by: tuple[float, float]) -> LabelledFrames:
    points = frames.points.copy()
    points[frame, 0, point] += by
    return relabelled(frames, points)


@pytest.mark.parametrize("colour", [False, True], ids=["grey files", "colour files"])
def test_exact_predictions_cost_nothing(bundle: Bundle, tmp_path: Path, *, colour: bool) -> None:
    assert evaluate(bundle, frames_in(tmp_path, colour=colour), engine=CPU).errors.distance_px.max() < 1e-3


def test_one_label_moved_by_three_and_four_pixels_is_found_as_five(bundle: Bundle, tmp_path: Path) -> None:
    """The figure is a distance in source pixels, through the same resize as on the rig."""
    frames = moved(frames_in(tmp_path), frame=4, point=1, by=(3.0, 4.0))
    found = evaluate(bundle, frames, engine=CPU).as_json()
    assert found["mean_px"] == pytest.approx(5 / 12, abs=1e-3)
    assert found["per_point"]["grey"]["mean_px"] == pytest.approx(5 / 6, abs=1e-3)
    assert (found["within_px"]["2"], found["within_px"]["10"]) == (pytest.approx(11 / 12), 1.0)
    assert found["worst"][0]["image"] == str(tmp_path / "img4.png")
    assert found["worst"][0]["point"] == "grey"
    assert found["worst"][0]["error_px"] == pytest.approx(5.0, abs=1e-3)


def test_the_json_has_exactly_the_promised_keys(bundle: Bundle, tmp_path: Path) -> None:
    found = json.loads(json.dumps(evaluate(bundle, frames_in(tmp_path), engine=CPU).as_json(), allow_nan=False))
    assert set(found) == JSON_KEYS
    assert set(found["baseline"]) == {"mean_position_px", "image_centre_px", "fitted_on"}
    assert set(found["latency_ms"]) == {"p50", "p99"}
    assert set(found["per_point"]) == set(NAMES)
    assert set(found["per_point"]["grey"]) == {"mean_px", "median_px", "p95_px"}
    assert (found["frames"], found["points"], found["missing"]) == (6, 12, 0)
    assert found["runtime"].startswith("openvino ")
    assert found["precision"] == "fp32"


def test_missing_labels_are_counted_and_cost_nothing(bundle: Bundle, tmp_path: Path) -> None:
    frames = frames_in(tmp_path)
    points = frames.points.copy()
    points[0] = np.nan
    found = evaluate(bundle, relabelled(frames, points), engine=CPU).as_json()
    assert (found["points"], found["missing"]) == (10, 2)
    assert found["mean_px"] < 1e-3
    assert str(tmp_path / "img0.png") not in {entry["image"] for entry in found["worst"]}


def test_labels_in_another_order_are_matched_by_name(bundle: Bundle, tmp_path: Path) -> None:
    frames = frames_in(tmp_path)
    swapped = relabelled(frames, frames.points[:, :, ::-1], NAMES[::-1])
    evaluation = evaluate(bundle, swapped, engine=CPU)
    assert evaluation.frames.point_names == NAMES
    assert evaluation.errors.distance_px.max() < 1e-3


def test_the_mean_position_baseline_is_fitted_on_the_training_labels(bundle: Bundle, tmp_path: Path) -> None:
    frames = frames_in(tmp_path)
    train, held_out = frames.subset(np.arange(3)), frames.subset(np.arange(3, 6))
    found: Evaluation = evaluate(bundle, held_out, engine=CPU, train=train)
    assert found.baseline == score_baselines(held_out.points[:, 0], train=train.points[:, 0], size=SOURCE)
    assert found.baseline.mean_position_px > evaluate(bundle, held_out, engine=CPU).baseline.mean_position_px


def test_other_point_names_are_refused_with_both_lists(bundle: Bundle, tmp_path: Path) -> None:
    frames = frames_in(tmp_path)
    with pytest.raises(TrainingError, match=r"bright, grey.*hold nose, tail"):
        evaluate(bundle, relabelled(frames, frames.points, ("nose", "tail")), engine=CPU)


def test_frames_without_any_label_are_refused(bundle: Bundle, tmp_path: Path) -> None:
    frames = frames_in(tmp_path)
    with pytest.raises(TrainingError, match="none of the 6 frames has a labelled point"):
        evaluate(bundle, relabelled(frames, np.full_like(frames.points, np.nan)), engine=CPU)


def test_an_image_of_which_the_bundles_crop_lies_outside_is_refused(bundle: Bundle, tmp_path: Path) -> None:
    path = bundle.folder / "bundle.json"
    path.write_text(path.read_text().replace('"crop": null', '"crop": [100, 0, 64, 48]'))
    with pytest.raises(BundleError, match="outside the camera's 128x96 image"):
        evaluate(read_bundle(bundle.folder), frames_in(tmp_path), engine=CPU)


def test_the_progress_bar_goes_where_it_is_told(bundle: Bundle, tmp_path: Path) -> None:
    screen = io.StringIO()
    evaluate(bundle, frames_in(tmp_path), engine=CPU, console=Console(file=screen, force_terminal=True, width=200))
    assert "scoring" in screen.getvalue()


def test_a_frame_of_a_video_is_named_with_its_number() -> None:
    assert image_name(ImageRef(path=Path("a.mp4"), frame=12)) == "a.mp4#12"
    assert image_name(ImageRef(path=Path("img1.png"), frame=None)) == "img1.png"
