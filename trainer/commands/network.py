"""`trainer network`: what a network is made of and what it costs, before anything is trained."""

import argparse
import json
import re
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from trainer.commands.choices import NOTHING_KEPT, Commands, add_command, add_network

if TYPE_CHECKING:
    from trainer.networks.build import NetworkPlan
    from trainer.networks.layer_table import NetworkTable, Shape

ANIMAL_SHARE = 0.2  # of the frame's longer side: a mouse in an open field


def add(commands: Commands) -> None:
    """Declare the command."""
    parser = add_command(
        commands,
        "network",
        call=network,
        interrupted=NOTHING_KEPT,
        text="Show a network layer by layer: shapes, parameters, multiplications.",
        example="trainer network --network resnet18 --head heatmap --size 640x480 --points 4",
    )
    add_network(parser)
    parser.add_argument("--size", type=_size, default=(640, 480), metavar="WxH", help="of the frames (640x480)")
    parser.add_argument("--points", type=_count, default=4, help="number of key points (%(default)s)")
    parser.add_argument("--animals", type=_count, default=1, help="with --head several, the most in a frame (%(default)s)")
    parser.add_argument("--colour", choices=("grey", "rgb"), default="grey", help="(%(default)s)")
    parser.add_argument("--animal-px", type=_count, metavar="PX", help="length of the animal, which sizes the crop (a fifth of the frame)")
    parser.add_argument("--train", dest="trained", choices=("all", "head"), default="all", help="which layers would learn (%(default)s)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def network(options: argparse.Namespace) -> int:
    """Print the table."""
    import torch  # only the table needs torch; --help does without

    from trainer.networks.build import build, plan_to_plain
    from trainer.networks.frozen import freeze_all_but_head
    from trainer.networks.layer_table import table_of

    plan = _plan(options)
    with torch.device("meta"):  # shapes alone: no memory, no arithmetic
        built = build(plan)
    if options.trained == "head":
        freeze_all_but_head(built)
    table = table_of(built, plan)
    if options.json:
        print(json.dumps({"plan": plan_to_plain(plan), **table.as_json()}))
    else:
        _show(table)
    return 0


def _plan(options: argparse.Namespace) -> "NetworkPlan":
    import numpy as np

    from trainer.networks.blocks import FrameShape, Layers
    from trainer.networks.planning import plan_network

    width, height = options.size
    animal = options.animal_px or round(ANIMAL_SHARE * max(width, height))
    labels = np.full((1, options.animals, options.points, 2), np.nan)
    labels[:, :, 0] = 0.0
    labels[:, :, 1:2] = animal, 0.0
    frame = FrameShape(height=height, width=width, channels=1 if options.colour == "grey" else 3)
    choices = {"network": options.network or "compact", "head": options.head or "heatmap", "view": options.view or "auto"}
    layers = Layers(
        width=options.width or 1.0, depth=options.depth, dropout=options.dropout or 0.0, coarse_width=options.coarse_width or 1.0
    )
    return plan_network(labels, frame, layers=layers, **choices)


def _show(table: "NetworkTable") -> None:
    console = Console(width=None if Console().is_terminal else 140)
    shown = Table("layer", "kind", "in", "out", box=None, header_style="bold")
    for title in ("learn", "held", "MMAC"):
        shown.add_column(title, justify="right")
    for layer in table.layers:
        if layer.kind == "Identity":  # a library's place for what is not used
            continue
        macs = f"{layer.macs / 1e6:.2f}" if layer.macs else ""
        numbers = (f"{number:,}" if number else "" for number in (layer.trainable, layer.untrainable))
        shown.add_row(layer.name, layer.kind, _shapes(layer.inputs), _shapes(layer.outputs), *numbers, macs)
    shown.add_section()
    totals = (f"{table.trainable:,}", f"{table.untrainable:,}", f"{table.macs / 1e6:.2f}")
    shown.add_row("all", "", _shapes(table.inputs), _shapes(table.outputs), *totals, style="bold")
    console.print(shown)
    console.print(table.sentence, soft_wrap=True, highlight=False)


def _shapes(shapes: "tuple[Shape, ...]") -> str:
    return ", ".join("x".join(map(str, shape)) for shape in shapes)


def _size(text: str) -> tuple[int, int]:
    found = re.fullmatch(r"([1-9]\d*)[x×]([1-9]\d*)", text)
    if found is None:
        raise argparse.ArgumentTypeError(f"'{text}' is not a size; expected width and height, such as 640x480")
    return int(found[1]), int(found[2])


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"'{text}' is not a number above 0")
    return int(text)
