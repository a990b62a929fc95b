"""What a network is made of, and what that costs."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from trainer.__main__ import main
from trainer.networks.blocks import FrameShape
from trainer.networks.build import build
from trainer.networks.frozen import freeze_all_but_head
from trainer.networks.layer_table import table_of, table_of_calls
from trainer.networks.planning import plan_network


@pytest.mark.parametrize(
    ("network", "published_gmac"),
    [("alexnet", 0.71), ("resnet18", 1.81), ("resnet50", 4.09), ("mobilenet_v3_large", 0.219), ("mobilenet_v3_small", 0.057)],
)
def test_multiplications_are_those_that_others_have_published(network: str, published_gmac: float) -> None:
    """At 224×224, as torchvision's tables and the papers count them, their classifier of 1000 classes included."""
    plan = plan_network(np.zeros((1, 1, 1, 2)), FrameShape(height=224, width=224, channels=3), network=network, head="xy", view="full")
    with torch.device("meta"):
        table = table_of(build(plan), plan)
    assert table.macs / 1e9 == pytest.approx(published_gmac, rel=0.05)
    assert sum(layer.macs for layer in table.layers) <= table.macs


class TwoIn(nn.Module):
    """Two pictures in; their sum, and one of them, out."""

    def __init__(self) -> None:
        super().__init__()
        self.left, self.right = nn.Linear(4, 2), nn.Linear(6, 2, bias=False)
        self.merge = nn.Bilinear(2, 2, 3)

    def forward(self, left: Tensor, right: Tensor) -> tuple[Tensor, Tensor]:
        a, b = self.left(left), self.right(right)
        return self.merge(a, b), a


def test_several_inputs_outputs_and_merges_are_shown() -> None:
    network = TwoIn()
    network.left.requires_grad_(False)
    table = table_of_calls(network, [torch.zeros(5, 4), torch.zeros(5, 6)], title="two")
    assert table.inputs == ((5, 4), (5, 6))
    assert table.outputs == ((5, 3), (5, 2))
    merge = table.layers[-1]
    assert (merge.name, merge.inputs, merge.outputs) == ("merge", ((5, 2), (5, 2)), ((5, 3),))
    assert (table.layers[0].trainable, table.layers[0].untrainable, table.layers[0].macs) == (0, 10, 5 * 4 * 2)
    assert (table.trainable, table.untrainable) == (12 + 15, 10)


def test_looking_at_a_network_leaves_it_as_it_was() -> None:
    plan = plan_network(
        np.zeros((1, 1, 2, 2)), FrameShape(height=96, width=128, channels=1), network="compact", head="heatmap", view="auto"
    )
    network = build(plan)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    freeze_all_but_head(network)
    table = table_of(network, plan)
    assert network.training
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())
    assert table.trainable == sum(value.numel() for name, value in before.items() if name.startswith(("head.", "absent.")))
    assert not any(module._forward_hooks for module in network.modules())


def test_the_command_prints_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["network", "--size", "96x96", "--points", "2"]) == 0
    printed = capsys.readouterr().out
    assert "finder.shallow.0.0" in printed
    assert "compact heatmap, on a crop: 0.42 M parameters learn, 0.00 M are held" in printed


def test_the_command_prints_json_for_programs(capsys: pytest.CaptureFixture[str]) -> None:
    given = ["--network", "resnet18", "--head", "xy", "--size", "96x64", "--points", "3", "--train", "head", "--colour", "rgb", "--json"]
    assert main(["network", *given]) == 0
    table = json.loads(capsys.readouterr().out)
    assert table["inputs"] == [[1, 64, 96, 3]]
    assert table["outputs"] == [[1, 1, 3, 3]]
    assert table["trainable"] == 512 * 9 + 9
    assert table["layers"][-1]["name"] == "head"


@pytest.mark.parametrize(
    ("given", "status", "message"),
    [
        (["--network", "hourglass"], 2, "there is no network 'hourglass'"),
        (["--size", "640"], 2, "'640' is not a size; expected width and height"),
        (["--points", "0"], 2, "'0' is not a number above 0"),
        (["--network", "trackrat", "--head", "heatmap"], 1, "trainer network: the network 'trackrat' has no head 'heatmap'"),
        (["--size", "20x20"], 1, "the frames are 20×20 pixels"),
    ],
    ids=["name", "size", "points", "misfit", "small"],
)
def test_bad_choices_end_in_a_sentence(given: list[str], status: int, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    try:
        ended = main(["network", *given])
    except SystemExit as exit_:  # argparse ends so
        ended = int(exit_.code or 0)
    assert ended == status
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["--head", "xy", "--loss", "cross_entropy"], "the head 'xy' cannot learn with --loss cross_entropy; expected distance or mse"),
        (["--loss", "distance"], "the head 'heatmap' cannot learn with --loss distance; expected cross_entropy or mse"),
        (["--head", "xy", "--target", "disk"], "the head 'xy' has no heat map that --target disk could be drawn on"),
    ],
    ids=["xy", "maps", "target"],
)
def test_a_loss_that_does_not_fit_the_head_is_refused_before_labels_are_read(
    given: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["fit", "--data", str(tmp_path), "--out", str(tmp_path / "mine"), *given]) == 1
    assert message in capsys.readouterr().err
