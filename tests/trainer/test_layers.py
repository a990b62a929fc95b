"""How many layers, how wide, how much is left out: by option, in a search, in the bundle and in a refresh."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from tests.trainer.learnable import labelled
from trainer.__main__ import main
from trainer.errors import TrainingError
from trainer.experiments.search_space import Dimension, changed, refuse_unknown
from trainer.networks.blocks import FrameShape, Layers
from trainer.networks.build import NetworkPlan, build, plan_from_plain, plan_to_plain
from trainer.networks.planning import plan_network
from trainer.pipeline.refresh import from_weights
from trainer.training.fit import fit
from trainer.training.fit_settings import FitSettings
from trainer.training.new_learner import untrained

FRAME = FrameShape(height=96, width=128, channels=1)
OURS = [("compact", "heatmap"), ("compact", "xy"), ("compact", "votes"), ("compact", "several"), ("trackrat", "xy")]


def plan(network: str, head: str, **layers: float) -> NetworkPlan:
    return plan_network(np.zeros((1, 1, 2, 2)), FRAME, network=network, head=head, view="auto", layers=Layers(**layers))  # type: ignore[arg-type]


def parameters(network: str, head: str, **layers: float) -> int:
    with torch.device("meta"):
        return sum(parameter.numel() for parameter in build(plan(network, head, **layers)).parameters())


@pytest.mark.parametrize(("network", "head"), OURS)
def test_a_wider_and_a_deeper_network_have_more_to_learn(network: str, head: str) -> None:
    usual = parameters(network, head)
    assert parameters(network, head, width=2.0) > 1.5 * usual
    assert parameters(network, head, width=0.5) < 0.7 * usual
    assert parameters(network, head, depth=6) > usual
    assert parameters(network, head, dropout=0.3) == usual


@pytest.mark.parametrize("head", [head for network, head in OURS if network == "compact"])
def test_a_wider_coarse_stage_leaves_every_other_layer_as_it_is(head: str) -> None:
    with torch.device("meta"):
        usual, wide = (dict(build(plan("compact", head, coarse_width=factor)).named_parameters()) for factor in (1.0, 2.0))
    differ = {name for name in usual if usual[name].shape != wide[name].shape}
    assert differ
    assert {name.removeprefix("fine.").split(".")[0] for name in differ} == {"finder"}
    assert sum(wide[name].numel() for name in differ) > 1.9 * sum(usual[name].numel() for name in differ)


@pytest.mark.parametrize(("network", "head"), [one for one in OURS if one[1] != "several"])  # whose fine stage is that of heatmap
def test_dropout_leaves_features_out_in_training_only(network: str, head: str) -> None:
    torch.manual_seed(0)
    built = build(plan(network, head, width=0.125, dropout=0.9))
    frames = torch.randint(0, 256, (2, 96, 128, 1), dtype=torch.uint8)
    for module in built.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.eval()
    with torch.no_grad():
        assert not torch.equal(built(frames), built(frames))
        assert torch.equal(built.eval()(frames), built(frames))


def test_a_plan_says_what_is_not_as_usual_and_survives_becoming_plain_values() -> None:
    made = plan("compact", "heatmap", width=1.5, depth=3, dropout=0.2, coarse_width=2)
    assert made.title == "compact heatmap, on a crop, 1.5 times the filters, depth 3, dropout 0.2, 2 times the filters in the coarse stage"
    assert plan("compact", "heatmap").title == "compact heatmap, on a crop"
    assert plan_from_plain(plan_to_plain(made)) == made


def test_a_plan_from_before_the_coarse_stage_had_a_width_has_the_usual_one() -> None:
    older: dict[str, object] = plan_to_plain(plan("compact", "heatmap")) | {"layers": {"width": 2.0, "depth": None, "dropout": 0.0}}
    assert plan_from_plain(older).layers == Layers(width=2.0, coarse_width=1.0)


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ({"width": 0.0}, "width is 0; expected a factor of 0.125 to 8"),
        ({"depth": 0}, "depth is 0; expected 1 to 16"),
        ({"dropout": 1.0}, "dropout is 1; expected a share from 0 to below 1"),
        ({"coarse_width": 0.0}, "coarse_width is 0; expected a factor of 0.5 to 8"),
    ],
    ids=["width", "depth", "dropout", "coarse_width"],
)
def test_numbers_that_no_network_can_have_are_refused(layers: dict[str, float], message: str) -> None:
    with pytest.raises(TrainingError, match=message):
        build(plan("compact", "heatmap", **layers))


def test_a_network_of_a_library_keeps_its_own_layers() -> None:
    with pytest.raises(TrainingError, match="'resnet18' has layers of its own; width, depth, dropout and coarse_width are for compact"):
        build(plan("resnet18", "heatmap", width=2.0))


def test_a_network_without_a_coarse_stage_has_no_width_of_it() -> None:
    with pytest.raises(TrainingError, match="'trackrat' sees the whole frame and has no coarse stage"):
        build(plan("trackrat", "xy", coarse_width=2.0))


def test_the_options_reach_the_network(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["network", "--width", "2", "--depth", "1", "--dropout", "0.1", "--coarse-width", "2", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["plan"]["layers"] == {"width": 2.0, "depth": 1, "dropout": 0.1, "coarse_width": 2.0}
    assert said["title"].endswith("on a crop, 2 times the filters, depth 1, dropout 0.1, 2 times the filters in the coarse stage")


def test_a_search_may_change_width_depth_and_dropout(tmp_path: Path) -> None:
    space = {"width": Dimension(choices=(0.5, 2.0)), "depth": Dimension(low=1, high=3, whole=True), "dropout": Dimension(low=0.0, high=0.5)}
    space["coarse_width"] = Dimension(choices=(1.0, 2.0))
    refuse_unknown(space, FitSettings())
    found = changed(FitSettings(), {"width": 0.5, "depth": 3, "dropout": 0.25, "coarse_width": 2.0})
    assert untrained(labelled(tmp_path, 2), found).plan.layers == Layers(width=0.5, depth=3, dropout=0.25, coarse_width=2.0)


def test_a_refresh_keeps_the_layers_of_the_bundle(tmp_path: Path) -> None:
    frames = labelled(tmp_path, 2)
    layers: dict[str, Any] = {"width": 0.25, "depth": 1, "dropout": 0.1, "coarse_width": 0.5}
    settings = FitSettings(epochs=1, batch=2, batches=1, **layers, workers=0, accelerator="cpu", precision="32")
    made = fit(frames, frames.subset(np.array([], np.int64)), settings, tmp_path / "run")
    again = from_weights(FitSettings(), made.checkpoint)
    assert {name: getattr(again, name) for name in layers} == layers
