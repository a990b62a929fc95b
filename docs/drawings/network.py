"""Draw the default network with the shapes, parameters and multiplications of the real one. Needs torch.

python -m docs.drawings.network         # writes docs/images/network.svg
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from docs.drawings.svg import BLUE, GREEN, GREY, PALE, ROSE, SAND, Box, Drawing
from trainer.networks.blocks import FrameShape
from trainer.networks.build import NetworkPlan, build
from trainer.networks.decode import RADIUS
from trainer.networks.layer_table import NetworkLayer, NetworkTable, table_of
from trainer.networks.planning import plan_network

IMAGES = Path(__file__).resolve().parents[1] / "images"
FRAME = FrameShape(height=480, width=640, channels=1)
POINTS = 4
ANIMAL_PX = 140  # extent of the largest labelled animal; it sizes the crop
PARTS = (
    "finder.shallow", "finder.deep", "finder.lateral", "finder.head", "stem", "quarter", "eighth", "sixteenth",
    "from_sixteenth", "join_eighth", "from_eighth", "join_quarter", "head", "absent",
)  # fmt: skip


OFF = ("dropout",)  # does nothing unless it is asked for


def main() -> None:
    """Write the picture."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=IMAGES / "network.svg")
    parser.parse_args().out.write_text(draw(), encoding="utf-8")


def draw() -> str:
    """The picture, as SVG."""
    plan = example_plan()
    table = table_of(build(plan), plan)
    unknown = {
        layer.name
        for layer in table.layers
        if layer.name not in OFF and not any(layer.name == part or layer.name.startswith(f"{part}.") for part in PARTS)
    }
    if unknown:
        raise SystemExit(f"the network has layers that the picture does not show: {sorted(unknown)}; draw them")
    drawing = Drawing(900, 540, "The default network: find the animal, then refine its key points on a full-resolution crop")
    frame = Box(x=16, y=74, width=120, height=56)
    drawing.box(frame, ["frame", f"{FRAME.width}×{FRAME.height}×{FRAME.channels}, uint8"], fill=PALE)
    best = _find(drawing, table, plan, frame)
    _refine(drawing, table, plan, frame, best)
    total = f"{table.trainable / 1e6:.2f} M parameters, {table.macs / 1e9:.2f} GMAC a frame"
    example = f"Grey frames of {FRAME.width}×{FRAME.height}, {POINTS} key points, animals up to {ANIMAL_PX} px long: {total}."
    drawing.text((16, 524), example + " Shapes: width×height×channels.", size=11.5, colour=GREY, anchor="start")
    return str(drawing)


def example_plan() -> NetworkPlan:
    """The default choices of `trainer fit` for such frames and animals."""
    labels = np.full((1, 1, POINTS, 2), np.nan)
    labels[0, 0, :2] = (0.0, 0.0), (ANIMAL_PX, 0.0)
    return plan_network(labels, FRAME, network="compact", head="heatmap", view="auto")


def _find(drawing: Drawing, table: NetworkTable, plan: NetworkPlan, frame: Box) -> Box:
    """The upper half; returns the box of the map that the crop is cut by."""
    pool = plan.crop.pool
    drawing.text((16, 30), "1  Find the animal in the reduced frame", size=15, bold=True, anchor="start")
    drawing.text((16, 50), _cost(table, "finder"), size=11.5, colour=GREY, anchor="start")
    small = Box(x=166, y=74, width=120, height=56)
    drawing.box(small, [f"mean of {pool}×{pool} px", f"{FRAME.width // pool}×{FRAME.height // pool}×{FRAME.channels}"], fill=PALE)
    shallow = _layer(drawing, table, "finder.shallow", "shallow", x=316, y=74, fill=BLUE)
    deep = _layer(drawing, table, "finder.deep", "deep", x=436, y=158, fill=BLUE)
    sum_ = Box(x=556, y=74, width=120, height=56)
    drawing.box(sum_, ["add, ReLU", _shape(table, "finder.lateral")], fill=SAND)
    best = _layer(drawing, table, "finder.head", "where it is", x=756, y=74, fill=ROSE, width=128)
    drawing.arrow(frame.right, small.left)
    drawing.arrow(small.right, shallow.left)
    drawing.arrow(shallow.right, sum_.left)
    drawing.text((496, 95), "1×1 convolution", size=11, colour=GREY)
    drawing.arrow(shallow.bottom, (shallow.bottom[0], deep.left[1]), deep.left)
    drawing.arrow(deep.right, (sum_.bottom[0], deep.right[1]), sum_.bottom)
    drawing.text((624, 180), "doubled", size=11, colour=GREY, anchor="start")
    drawing.arrow(sum_.right, best.left)
    return best


def _refine(drawing: Drawing, table: NetworkTable, plan: NetworkPlan, frame: Box, best: Box) -> None:
    """The lower half."""
    drawing.text((166, 262), "2  Refine on the crop", size=15, bold=True, anchor="start")
    fine = [part for part in PARTS if not part.startswith("finder")]
    drawing.text((350, 262), _cost(table, *fine), size=11.5, colour=GREY, anchor="start")
    crop = Box(x=16, y=286, width=120, height=56)
    size = f"{plan.crop.width // plan.crop.shrink}×{plan.crop.height // plan.crop.shrink}×{FRAME.channels}"
    drawing.box(crop, ["crop", size, f"1 of {plan.crop.shrink} px a side" if plan.crop.shrink > 1 else "full resolution"], fill=PALE)
    drawing.arrow(frame.bottom, crop.top)
    drawing.arrow(best.bottom, (best.bottom[0], 232), (106, 232), (106, crop.y), dashed=True)
    drawing.text(
        (best.bottom[0] - 10, 226),
        "the mean near the best cell is the middle of the crop, which may reach beyond the frame",
        size=11,
        colour=GREY,
        anchor="end",
    )
    stem = _layer(drawing, table, "stem", "stem", x=166, y=286, fill=BLUE)
    quarter = _layer(drawing, table, "quarter", "quarter", x=316, y=286, fill=BLUE)
    eighth = _layer(drawing, table, "eighth", "eighth", x=386, y=366, fill=BLUE)
    sixteenth = _layer(drawing, table, "sixteenth", "sixteenth", x=466, y=446, fill=BLUE)
    join_eighth = _layer(drawing, table, "join_eighth", "add, convolve", x=546, y=366, fill=SAND)
    join_quarter = _layer(drawing, table, "join_quarter", "add, convolve", x=616, y=286, fill=SAND)
    head = _layer(drawing, table, "head", "one map a point", x=756, y=286, fill=ROSE, width=128)
    absent = Box(x=616, y=446, width=112, height=56)
    drawing.box(absent, ["absent", f"mean, linear: {_output(table, 'absent')[-1]}", "not in the crop?"], fill=ROSE)
    decode = Box(x=756, y=366, width=128, height=56)
    cells = 2 * RADIUS + 1
    drawing.box(decode, ["soft-max", f"mean of {cells}×{cells} cells", "about the peak"], fill=GREEN)
    answer = Box(x=756, y=446, width=128, height=56)
    drawing.box(answer, ["x, y, confidence", f"of {POINTS} points, in px", "of the frame"], fill=PALE)
    for start, end in ((crop, stem), (stem, quarter), (join_quarter, head), (sixteenth, absent)):
        drawing.arrow(start.right, end.left)
    for start, end in ((quarter, join_quarter), (eighth, join_eighth)):
        drawing.arrow(start.right, end.left)
    for start, end in ((quarter, eighth), (eighth, sixteenth)):  # down the encoder
        drawing.arrow((start.x + 30, start.y + start.height), (start.x + 30, end.left[1]), end.left)
    for start, end in ((sixteenth, join_eighth), (join_eighth, join_quarter)):  # up the decoder
        drawing.arrow((start.x + 100, start.y), (start.x + 100, end.y + end.height))
    drawing.text((start.x + 92, 359), "1×1, doubled", size=11, colour=GREY, anchor="end")
    drawing.text((558, 440), "1×1, doubled", size=11, colour=GREY, anchor="end")
    drawing.text((526, 308), "skip", size=11, colour=GREY)
    drawing.arrow(head.bottom, decode.top)
    drawing.arrow(absent.right, (742, absent.right[1]), (742, decode.left[1]), decode.left)
    drawing.arrow(decode.bottom, answer.top)


def _layer(drawing: Drawing, table: NetworkTable, part: str, title: str, *, x: float, y: float, fill: str, width: float = 120) -> Box:
    """A box for a part of the network: its name, the shape that leaves it, how many convolutions it has."""
    layers = _layers(table, part)
    count = sum(layer.kind == "Conv2d" for layer in layers)
    lines = [title, _shape(table, part), f"{count} convolution{'s' if count > 1 else ''}"]
    return drawing.box(Box(x=x, y=y, width=width, height=56), lines, fill=fill)


def _layers(table: NetworkTable, *parts: str) -> list[NetworkLayer]:
    return [layer for layer in table.layers if any(layer.name == part or layer.name.startswith(f"{part}.") for part in parts)]


def _output(table: NetworkTable, part: str) -> Sequence[int]:
    """Shape of what leaves a part."""
    shape: Sequence[int] = _layers(table, part)[-1].outputs[0]
    return shape


def _shape(table: NetworkTable, part: str) -> str:
    _, channels, height, width = _output(table, part)
    return f"{width}×{height}×{channels}"


def _cost(table: NetworkTable, *parts: str) -> str:
    layers = _layers(table, *parts)
    return f"{sum(layer.trainable for layer in layers) / 1e6:.2f} M parameters, {sum(layer.macs for layer in layers) / 1e9:.3f} GMAC"


if __name__ == "__main__":
    main()
