"""What a network begins with, and which of its layers learn."""

import functools
import json
import re
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

import trainer.networks
from tests.trainer.learnable import labelled
from trainer.errors import TrainingError
from trainer.labels.labelled_frames import LabelledFrames
from trainer.networks.backbone_library import timm
from trainer.networks.blocks import FrameShape
from trainer.networks.build import NetworkPlan, build
from trainer.networks.layer_table import NETWORK_FILE
from trainer.networks.planning import plan_network
from trainer.training.fit import fit
from trainer.training.fit_settings import FitSettings
from trainer.training.pretraining_advice import transfer_advice
from trainer.training.weights import load_pretrained

QUICK = FitSettings(network="mobilenet_v3_small", epochs=2, batch=2, batches=2, workers=0, accelerator="cpu", precision="32")
NAME = "mobilenetv3_small_100"  # what timm calls it


@functools.cache
def library_weights() -> dict[str, Tensor]:
    """A whole network of the library, classifier included, as its makers publish it."""
    torch.manual_seed(5)
    weights: dict[str, Tensor] = timm.create_model(NAME).state_dict()
    return weights


def plan(network: str = "mobilenet_v3_small", head: str = "heatmap", *, points: int = 2) -> NetworkPlan:
    labels = np.zeros((1, 1, points, 2))
    return plan_network(labels, FrameShape(height=96, width=128, channels=1), network=network, head=head, view="auto")


def empty(frames: LabelledFrames) -> LabelledFrames:
    return frames.subset(np.array([], np.int64))


@pytest.mark.parametrize("kind", ["torch", "safetensors", "checkpoint of torch"])
def test_a_librarys_weights_are_taken_from_a_file_its_classifier_left_out(kind: str, tmp_path: Path) -> None:
    path = tmp_path / ("weights.safetensors" if kind == "safetensors" else "weights.pth")
    if kind == "safetensors":
        save_file(library_weights(), path)
    else:
        torch.save(library_weights() if kind == "torch" else {"state_dict": library_weights(), "epoch": 3}, path)
    network = build(plan())
    pretrained = load_pretrained(network, plan(), str(path))
    assert pretrained is not None
    body = network.get_submodule("backbone.body").state_dict()
    assert [name for name, value in body.items() if not torch.equal(value, library_weights()[name])] == []
    assert "classifier.weight" in pretrained.left
    assert {name.split(".")[0] for name in pretrained.fresh} == {"head"}


def test_names_that_timm_writes_with_another_punctuation_are_found(tmp_path: Path) -> None:
    whole = timm.create_model("convnext_atto")  # stages.0.… there, stages_0.… in the network that gives maps
    torch.save(whole.state_dict(), tmp_path / "weights.pth")
    chosen = plan("timm:convnext_atto")
    network = build(chosen)
    load_pretrained(network, chosen, str(tmp_path / "weights.pth"))
    assert torch.equal(
        network.state_dict()["backbone.body.stages_1.blocks.0.conv_dw.weight"], whole.state_dict()["stages.1.blocks.0.conv_dw.weight"]
    )


def _without(name: str) -> dict[str, Tensor]:
    return {key: value for key, value in library_weights().items() if key != name}


def _with(name: str, value: Tensor) -> dict[str, Tensor]:
    return {**library_weights(), name: value}


@pytest.mark.parametrize(
    ("tensors", "message"),
    [
        (lambda: _with("conv_stem.weight", torch.zeros(8, 3, 3, 3)), r"conv_stem.weight is 8x3x3x3 \(expected 16x3x3x3\)"),
        (lambda: _without("bn1.weight"), r"bn1.weight is missing \(expected 16\)"),
        (lambda: _with("layer9.weight", torch.zeros(1)), "has layer9.weight, which 'mobilenet_v3_small' has not"),
        (lambda: timm.create_model("resnet18").state_dict(), "does not fit the network: conv_stem.weight is missing .* and [0-9]+ more"),
        (dict, "holds no tensors"),
        (lambda: [1, 2], "holds a list; expected names and tensors"),
    ],
    ids=["shape", "missing", "more", "another network", "nothing", "no dictionary"],
)
def test_weights_that_do_not_fit_are_refused_with_the_first_names(tensors: object, message: str, tmp_path: Path) -> None:
    assert callable(tensors)
    torch.save(tensors(), tmp_path / "weights.pth")
    network = build(plan())
    before = {name: value.clone() for name, value in network.state_dict().items()}
    with pytest.raises(TrainingError, match=message):
        load_pretrained(network, plan(), str(tmp_path / "weights.pth"))
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())


class _Harmful:
    """Pickled as a call, as weights from a stranger may be."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (print, ("harm",))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.pth", b"", "cannot be read as weights of torch"),
        ("a.pth", b"PK\x03\x04 cut short", "cannot be read as weights of torch"),
        ("a.pth", _Harmful(), "cannot be read as weights of torch"),
        ("a.safetensors", b"\x00" * 40, "cannot be read as safetensors"),
        ("missing.pth", None, "there is no such file of weights; expected scratch, imagenet, or a file"),
    ],
    ids=["empty", "cut short", "code", "no safetensors", "missing"],
)
def test_a_file_that_holds_no_weights_is_refused_in_a_sentence(name: str, content: object, message: str, tmp_path: Path) -> None:
    path = tmp_path / name
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content is not None:
        torch.save(content, path)
    with pytest.raises(TrainingError, match=message):
        load_pretrained(build(plan()), plan(), str(path))


def test_imagenet_is_refused_where_no_weights_of_it_exist() -> None:
    with pytest.raises(TrainingError, match="no ImageNet weights for the network 'compact'; give --weights FILE"):
        load_pretrained(build(plan("compact")), plan("compact"), "imagenet")


@pytest.mark.parametrize("network", ["mobilenet_v3_small", "alexnet"])
def test_imagenet_without_a_network_names_the_file_option(network: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy that nobody runs is a network that is not there, on every machine."""
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("urllib.request._opener", None)  # it keeps the proxies of the first request of the process
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with torch.device("meta"):
        built = build(plan(network))
    with pytest.raises(
        TrainingError, match=rf"ImageNet's weights of '{network}' cannot be fetched from https.*give the file with --weights FILE"
    ):
        load_pretrained(built, plan(network), "imagenet")


def test_a_network_of_ours_begins_with_another_training_of_it(tmp_path: Path) -> None:
    frames = labelled(tmp_path, 3)
    settings = replace(QUICK, network="compact", epochs=1)
    first = fit(frames, empty(frames), settings, tmp_path / "first")
    chosen = replace(first.plan, points=5)
    network = build(chosen)
    pretrained = load_pretrained(network, chosen, str(first.checkpoint))
    assert pretrained is not None
    assert pretrained.fresh == ("head.weight", "head.bias", "absent.weight", "absent.bias")  # these depend on the key points
    assert torch.equal(network.state_dict()["stem.0.weight"], first.network.state_dict()["stem.0.weight"])
    with pytest.raises(TrainingError, match=r"is of the network 'compact'; this run trains 'resnet18'"):
        load_pretrained(network, replace(chosen, network="resnet18"), str(first.checkpoint))


def test_frozen_layers_are_bit_identical_after_training(tmp_path: Path) -> None:
    """Weights and running statistics, in the averaged copy that is kept; everything else has moved."""
    frames = labelled(tmp_path, 4)
    torch.save(library_weights(), tmp_path / "weights.pth")
    settings = replace(QUICK, weights=str(tmp_path / "weights.pth"), trained="head")
    result = fit(frames, frames, settings, tmp_path / "run")
    after = result.network.state_dict()
    frozen = {name: value for name, value in after.items() if name.startswith("backbone.body.")}
    assert len(frozen) > 100
    assert any("running_mean" in name for name in frozen)
    changed = [name for name, value in frozen.items() if not torch.equal(value, library_weights()[name.removeprefix("backbone.body.")])]
    assert changed == []
    stored = torch.load(result.checkpoint, weights_only=True)["state_dict"]
    assert all(torch.equal(stored[f"network.{name}"], value) for name, value in frozen.items())
    torch.manual_seed(settings.seed)
    before = build(result.plan).state_dict()
    assert [name for name, value in after.items() if name.startswith("head.") and torch.equal(value, before[name])] == []


def test_with_all_layers_trained_the_pretrained_ones_move_more_slowly(tmp_path: Path) -> None:
    frames = labelled(tmp_path, 4)
    torch.save(library_weights(), tmp_path / "weights.pth")
    settings = replace(QUICK, weights=str(tmp_path / "weights.pth"), weight_decay=0.0, averaging=0.0, optimiser="adam")
    network = fit(frames, empty(frames), settings, tmp_path / "run").network
    moved = (network.state_dict()["backbone.body.conv_stem.weight"] - library_weights()["conv_stem.weight"]).abs().mean()
    torch.manual_seed(settings.seed)
    fresh = build(plan()).state_dict()["head.points.weight"]
    assert 0 < float(moved) < 0.3 * float((network.state_dict()["head.points.weight"] - fresh).abs().mean())


def test_the_run_keeps_what_its_network_was_and_began_with(tmp_path: Path) -> None:
    frames = labelled(tmp_path, 4)
    torch.save(library_weights(), tmp_path / "weights.pth")
    settings = replace(QUICK, weights=str(tmp_path / "weights.pth"), trained="head", epochs=1)
    network = fit(frames, empty(frames), settings, tmp_path / "run").network
    kept = json.loads((tmp_path / "run" / NETWORK_FILE).read_text())
    body = sum(parameter.numel() for parameter in network.get_submodule("backbone").parameters())
    assert kept["untrainable"] == body
    assert kept["trainable"] == sum(parameter.numel() for parameter in network.parameters()) - body
    assert kept["plan"]["network"] == "mobilenet_v3_small"
    assert kept["pretrained"]["source"] == "weights.pth"


@pytest.mark.parametrize(
    ("network", "frames", "weights", "advice"),
    [
        (
            "resnet50",
            100,
            "scratch",
            "resnet50 learns 33 M numbers from 100 labelled frames and may memorise them: .*--weights imagenet",
        ),
        ("resnet50", 20_000, "scratch", None),
        ("resnet50", 100, "mine.pth", None),
        ("resnet50", 100, "imagenet", "on grey frames of a whole arena they can end worse than random ones: train both"),
        ("compact", 100, "scratch", None),
    ],
    ids=["few frames", "many frames", "a file", "photographs for an arena", "compact"],
)
def test_what_is_said_of_pretrained_weights_depends_on_the_data(network: str, frames: int, weights: str, advice: str | None) -> None:
    said = transfer_advice(plan(network), frames=frames, weights=weights, parameters=33_000_000)
    assert said is None if advice is None else re.search(advice, said or "")


def test_training_a_large_network_on_little_says_so(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    frames = labelled(tmp_path, 2)
    fit(frames, empty(frames), replace(QUICK, epochs=1, batches=1), tmp_path / "run")
    assert "M numbers from 2 labelled frames" in caplog.text


def test_random_layers_are_never_frozen(tmp_path: Path) -> None:
    frames = labelled(tmp_path, 2)
    with pytest.raises(TrainingError, match="all layers would stay random: give --weights imagenet or a file"):
        fit(frames, frames, replace(QUICK, trained="head"), tmp_path / "run")


def test_a_backbone_needs_its_extra_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(trainer.networks, "backbone_library")
    monkeypatch.setitem(sys.modules, "trainer.networks.backbone_library", None)
    with pytest.raises(TrainingError, match=r"'resnet18' needs timm and torchvision: pip install '\.\[backbones\]'"):
        build(plan("resnet18"))
    assert isinstance(build(plan("compact")), nn.Module)
