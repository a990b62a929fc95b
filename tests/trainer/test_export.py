"""The exported graph is the network, in every runtime; and the comparison that says so can fail."""

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from tests.trainer.learnable import SIZE, draw, labelled
from trainer.errors import TrainingError
from trainer.networks.blocks import CropPlan, FrameShape, Layers
from trainer.networks.build import NetworkPlan, build
from trainer.networks.onnx_graph import OPSET
from trainer.networks.planning import plan_network
from trainer.networks.trackrat import TrackRat
from trainer.pipeline.export import compare, export, to_onnx, with_a_changed_weight
from trainer.training.fit import fit
from trainer.training.fit_settings import FitSettings

FRAMES = [draw(number)[0] for number in range(3)]
SHAPE = FrameShape(height=SIZE[0], width=SIZE[1], channels=1)
CROP = CropPlan(height=64, width=64, shrink=1, pool=4)
LATER_THAN_TENSORRT_8_6 = {"Mod", "GridSample", "ScatterND", "NonZero", "If", "Loop", "OneHot"}  # or dynamic in shape


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> nn.Module:
    """A heat-map network that knows its frames a little: peaks stand out, as they do not with random weights."""
    folder = tmp_path_factory.mktemp("bars")
    frames = labelled(folder, 6)
    settings = FitSettings(epochs=2, batch=8, batches=25, workers=0, accelerator="cpu", precision="32", averaging=0.8)
    return fit(frames, frames.subset(np.array([], np.int64)), settings, folder / "run").network


def stacked() -> NDArray[np.uint8]:
    return np.stack([frame[None, :, :, None] for frame in FRAMES])


def test_the_graph_answers_as_torch_does(trained: nn.Module) -> None:
    exported = export(trained, FRAMES)
    assert exported.input_shape == (1, *SIZE, 1)
    assert exported.output_shape == (1, 1, 2, 3)
    with torch.no_grad():
        expected = trained(torch.from_numpy(np.concatenate(stacked())))
    assert np.allclose(exported.answers, expected, atol=1e-3)
    assert {(one.runtime.split()[0], one.precision) for one in exported.parity} == {
        ("openvino", "fp32"),
        ("openvino", "bf16"),
        ("onnxruntime", "fp32"),
    }
    assert all(one.passed for one in exported.parity if one.precision == "fp32")


def test_bf16_keeps_the_crop_and_the_decoding(trained: nn.Module) -> None:
    """Were the crop's corner or the final sum rounded to bf16, answers would be off by whole pixels."""
    (bf16,) = [one for one in export(trained, FRAMES).parity if one.precision == "bf16"]
    assert bf16.mean_px < 0.2  # a network this little trained has broad peaks; the mouse's is held to 0.05


def test_a_changed_weight_is_noticed(trained: nn.Module) -> None:
    exported = export(trained, FRAMES)
    parity = compare(with_a_changed_weight(exported.model), stacked(), exported.answers)
    assert [one.passed for one in parity if one.precision == "fp32"] == [False, False]


def test_a_graph_of_another_network_is_refused(trained: nn.Module, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(1)
    foreign = to_onnx(build(NetworkPlan(head="heatmap", points=2, frame=SHAPE, crop=CROP)), stacked()[0])
    monkeypatch.setattr("trainer.pipeline.export.to_onnx", lambda *_, **__: foreign)
    with pytest.raises(TrainingError, match="the graph is not the network"):
        export(trained, FRAMES)


def test_a_comparison_that_cannot_fail_is_refused(trained: nn.Module, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trainer.pipeline.export.with_a_changed_weight", lambda model: model)
    with pytest.raises(TrainingError, match="proves nothing"):
        export(trained, FRAMES)


@pytest.mark.parametrize(
    ("network", "head"),
    [
        ("compact", "heatmap"),
        ("compact", "xy"),
        ("compact", "votes"),
        ("trackrat", "xy"),
        ("alexnet", "heatmap"),
        ("resnet18", "heatmap"),
        ("resnet18", "xy"),
        ("resnet18", "dense_heatmap"),
        ("mobilenet_v3_small", "heatmap"),
        ("timm:convnext_atto", "heatmap"),
    ],
)
def test_every_head_exports_to_operators_that_tensorrt_8_6_has(network: str, head: str) -> None:
    torch.manual_seed(0)
    if network == "trackrat":
        built: nn.Module = TrackRat(2, frame=SHAPE, layers=Layers(width=1 / 16, depth=1))
    else:
        built = build(plan_network(np.zeros((1, 1, 2, 2)), SHAPE, network=network, head=head, view="auto"))
    built.eval()
    model = onnx.load_model_from_string(to_onnx(built, stacked()[0]))
    assert model.opset_import[0].version == OPSET
    assert {node.op_type for node in model.graph.node} & LATER_THAN_TENSORRT_8_6 == set()
    assert [node.op_type for node in model.graph.node if "frames" in node.input] == ["Cast"]  # of the uint8 input
    sides = [side.dim_value for side in model.graph.input[0].type.tensor_type.shape.dim]
    assert sides == [1, *SIZE, 1]
    with torch.no_grad():
        answers = np.concatenate([built(torch.from_numpy(frame)).numpy() for frame in stacked()])
    assert all(one.largest_confidence < 1e-3 for one in compare(model.SerializeToString(), stacked(), answers) if one.precision == "fp32")


def test_fp16_weights_keep_float32_outputs(trained: nn.Module) -> None:
    model = onnx.load_model_from_string(to_onnx(trained, stacked()[0], precision="fp16"))
    assert model.graph.output[0].type.tensor_type.elem_type == onnx.TensorProto.FLOAT
    kinds = {tensor.data_type for tensor in model.graph.initializer if len(tensor.dims) == 4}
    assert kinds == {onnx.TensorProto.FLOAT16}


def test_exporting_leaves_the_network_as_it_was(trained: nn.Module, tmp_path: Path) -> None:
    before = {name: value.clone() for name, value in trained.state_dict().items()}
    to_onnx(trained, stacked()[0], precision="fp16")
    assert all(torch.equal(before[name], value) for name, value in trained.state_dict().items())
