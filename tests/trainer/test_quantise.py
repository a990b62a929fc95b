"""Graphs with few bits: what is changed, what stays exact, and the gate that a bundle must pass (mean error on held-out frames)."""

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto

from tests.trainer.spot_network import spot_bundle, spot_labels, spot_model, without_division
from tracker.bundle import Bundle, read_bundle
from trainer.__main__ import main
from trainer.bundles.graph_body import WEIGHTS, body_places, first_places, tensor_types
from trainer.bundles.parity import ReferenceEngine
from trainer.bundles.quantise import to_fp16, to_int8
from trainer.errors import TrainingError
from trainer.formats.read_labels import read_labels
from trainer.networks.blocks import CropPlan, FrameShape
from trainer.networks.coarse_to_fine import CoarseToFine
from trainer.pipeline.export import to_onnx

FRAME = FrameShape(height=96, width=128, channels=1)


@pytest.fixture(scope="module")
def real_graph() -> onnx.ModelProto:
    """The default network as it is exported."""
    torch.manual_seed(0)
    network = CoarseToFine(3, frame=FRAME, plan=CropPlan(height=96, width=96, shrink=1, pool=2)).eval()
    return onnx.load_model_from_string(to_onnx(network, np.zeros((1, 96, 128, 1), np.uint8)))


@pytest.fixture(scope="module")
def labels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty frames with a bright disc each."""
    return spot_labels(tmp_path_factory.mktemp("spots"))


def frames_of(labels: Path) -> list[np.ndarray[tuple[int, ...], np.dtype[np.uint8]]]:
    frames = read_labels(labels)
    images = [frames.read(index) for index in range(len(frames))]
    return [image if image.ndim == 2 else np.ascontiguousarray(image[:, :, 0]) for image in images]


def test_decoding_and_the_last_layers_of_the_default_network_are_outside_its_body(real_graph: onnx.ModelProto) -> None:
    """The same division binds layers to fp32 in TensorRT 8: positions of up to some thousand pixels have no room in fp16."""
    nodes = real_graph.graph.node
    inside = {nodes[place].name for place in body_places(real_graph)}

    kinds = {nodes[place].op_type for place in body_places(real_graph)}
    assert kinds == {"Conv", "Relu", "Add", "Resize", "ReduceMean"}
    left_out = [node.name for node in nodes if node.op_type in WEIGHTS and node.name not in inside]
    assert sorted(left_out) == ["/absent/Gemm", "/finder/head/head.1/Conv", "/head/Conv"]
    assert {nodes[place].name for place in first_places(real_graph)} == {"/finder/shallow/shallow.0/shallow.0.0/Conv", "/stem/stem.0/Conv"}


def test_in_fp16_only_the_body_computes_in_half_and_the_output_stays_float(real_graph: onnx.ModelProto) -> None:
    halved = onnx.load_model_from_string(to_fp16(real_graph.SerializeToString()))

    types = tensor_types(halved)
    by_kind = {(node.op_type, types.get(node.output[0])) for node in halved.graph.node}
    exact = {"Softmax", "ReduceSum", "ReduceMax", "Less", "Clip", "Gemm", "AveragePool", "Div"}
    assert not {kind for kind, dtype in by_kind if dtype == TensorProto.FLOAT16} & exact
    assert {kind for kind, dtype in by_kind if dtype == TensorProto.FLOAT16} == {"Conv", "Relu", "Add", "Resize", "ReduceMean", "Cast"}
    assert types["poses"] == TensorProto.FLOAT
    (first,) = [node for node in halved.graph.node if "frames" in node.input]
    assert (first.op_type, types[first.output[0]]) == ("Cast", TensorProto.FLOAT)  # TensorRT 8.6 takes uint8 only so


def test_in_fp16_a_graph_gives_the_same_answers_to_a_hundredth_of_a_pixel(real_graph: onnx.ModelProto) -> None:
    model = real_graph.SerializeToString()
    frame = np.random.default_rng(0).integers(0, 256, (96, 128, 1), dtype=np.uint8)

    exact, halved = (ReferenceEngine(graph).infer(frame) for graph in (model, to_fp16(model)))

    assert np.abs(exact - halved).max() < 0.05  # random weights: a trained network is ten times closer
    assert np.any(exact != halved)


def test_in_int8_every_inner_convolution_has_a_pair_before_it_and_no_other(real_graph: onnx.ModelProto) -> None:
    frames = [np.zeros((96, 128), np.uint8), np.full((96, 128), 255, np.uint8)]

    graph = onnx.load_model_from_string(to_int8(real_graph.SerializeToString(), frames)).graph

    made_by = {name: node for node in graph.node for name in node.output}
    quantised = [node.name for node in graph.node if node.op_type == "Conv" and made_by[node.input[0]].op_type == "DequantizeLinear"]
    outer = {"/finder/head/head.1/Conv", "/head/Conv", "/finder/shallow/shallow.0/shallow.0.0/Conv", "/stem/stem.0/Conv"}
    assert sorted(quantised) == sorted(node.name for node in graph.node if node.op_type == "Conv" and node.name not in outer)
    fed = {
        node.op_type for node in graph.node if any(made_by[name].op_type == "DequantizeLinear" for name in node.input if name in made_by)
    }
    assert fed == {"Conv", "Add", "ReduceMean"}  # the others share a tensor with a convolution; no decoding is among them


def test_int8_weights_are_symmetric_per_channel_and_biases_stay_float(real_graph: onnx.ModelProto) -> None:
    """TensorRT takes no other zero point than 0, weights as float with a pair behind, and no bias in 32-bit integers."""
    graph = onnx.load_model_from_string(to_int8(real_graph.SerializeToString(), [np.full((96, 128), 128, np.uint8)])).graph

    constants = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in graph.initializer}
    pairs = [node for node in graph.node if node.op_type in ("QuantizeLinear", "DequantizeLinear")]
    assert all(not constants[node.input[2]].any() and constants[node.input[2]].dtype == np.int8 for node in pairs)
    weights = [node for node in pairs if node.op_type == "QuantizeLinear" and node.input[0] in constants]
    assert len(weights) > 10
    assert all(constants[node.input[1]].shape == constants[node.input[0]].shape[:1] for node in weights)
    biases = [constants[node.input[2]] for node in graph.node if node.op_type == "Conv"]
    assert all(bias.dtype == np.float32 for bias in biases)


def test_no_constant_is_handed_on_by_another_node(real_graph: onnx.ModelProto) -> None:
    """An untrained network's equal biases are merged by the exporter; TensorRT 8.6 wants each weight and bias as a constant."""
    assert [node for node in real_graph.graph.node if node.op_type == "Identity"]

    for changed in (to_fp16(real_graph.SerializeToString()), to_int8(real_graph.SerializeToString(), [np.zeros((96, 128), np.uint8)])):
        assert [node for node in onnx.load_model_from_string(changed).graph.node if node.op_type == "Identity"] == []


@pytest.mark.parametrize("precision", ["int8", "fp16"])
def test_a_bundle_is_written_again_with_fewer_bits_and_its_new_error(labels: Path, tmp_path: Path, precision: str) -> None:
    spot_bundle(tmp_path / "spot", labels, spot_model())

    status = main(["compile", str(tmp_path / "spot"), "--precision", precision, "--in-graph", "--data", str(labels), "--threads", "1"])

    made = read_bundle(tmp_path / f"spot-{precision}").description
    assert (status, made.precision, made.accuracy.frames) == (0, precision, 4)
    assert made.accuracy.mean_px is not None
    assert made.accuracy.mean_px < 1.5


def test_a_bundle_whose_error_would_grow_too_much_is_refused_with_the_figures(
    labels: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spot_bundle(tmp_path / "spot", labels, spot_model(blown_up=1000.0))

    status = main(["compile", str(tmp_path / "spot"), "--precision", "int8", "--data", str(labels), "--threads", "1"])

    said = capsys.readouterr()
    assert (status, said.out) == (1, "")
    assert "in int8 the mean error on 4 held-out frames grows from" in said.err
    assert "no bundle was written, keep fp32" in said.err
    assert [path.name for path in tmp_path.iterdir() if "int8" in path.name] == []


def test_frames_it_has_learnt_from_may_not_judge_it(labels: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bundle = spot_bundle(tmp_path / "spot", labels, spot_model())
    without_division(bundle)

    status = main(["compile", str(bundle.folder), "--precision", "int8", "--data", str(labels)])

    assert status == 1
    assert "does not say which frames were held out, and no .run folder is beside it (block 3 of 5" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--precision", "int8"], "give --data with the labels it was trained on"),
        (["--precision", "fp32", "--in-graph"], "--in-graph takes --precision fp16 or int8; given fp32"),
    ],
    ids=["no labels", "fp32"],
)
def test_what_cannot_be_quantised_is_refused_in_one_sentence(
    labels: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    bundle: Bundle = spot_bundle(tmp_path / "spot", labels, spot_model())

    assert main(["compile", str(bundle.folder), *arguments]) == 1
    assert message in capsys.readouterr().err


def test_a_graph_that_is_all_first_and_last_layers_is_refused() -> None:
    graph = onnx.load_model_from_string(spot_model())
    del graph.graph.node[:]

    with pytest.raises(TrainingError, match="no convolution between its first and its last"):
        to_int8(graph.SerializeToString(), [np.zeros((64, 64), np.uint8)])
