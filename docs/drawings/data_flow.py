"""Draw how labels become an engine and frames become events.

python -m docs.drawings.data_flow         # writes docs/images/data_flow.svg
"""

import argparse
import itertools
from pathlib import Path

from docs.drawings.svg import BLUE, GREEN, GREY, PALE, ROSE, SAND, Box, Drawing

IMAGES = Path(__file__).resolve().parents[1] / "images"
BOX_PX = (120, 56)
OFFLINE_Y, LIVE_Y, OUT_Y = 52, 214, 314


def main() -> None:
    """Write the picture."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=IMAGES / "data_flow.svg")
    parser.parse_args().out.write_text(draw(), encoding="utf-8")


def draw() -> str:
    """The picture, as SVG."""
    drawing = Drawing(900, 386, "Data flow: videos and labels become an engine bundle; camera frames become poses and events")
    drawing.text((16, 30), "Once, offline", size=15, bold=True, anchor="start")
    offline = [
        _box(drawing, 16, OFFLINE_Y, ["videos", "of your rig"], PALE),
        _box(drawing, 196, OFFLINE_Y, ["choose frames", "trainer select"], SAND),
        _box(drawing, 376, OFFLINE_Y, ["label", "trainer label"], SAND),
        _box(drawing, 556, OFFLINE_Y, ["train", "trainer fit"], SAND),
        _box(drawing, 764, OFFLINE_Y, ["engine bundle", "a folder"], GREEN),
    ]
    _chain(drawing, offline)
    drawing.text((436, OFFLINE_Y + 74), "or labels of DeepLabCut, SLEAP, COCO", size=11, colour=GREY)
    drawing.text((616, OFFLINE_Y + 74), "and a report", size=11, colour=GREY)

    drawing.box(Box(x=172, y=LIVE_Y - 44, width=556, height=118), fill="#f7f8fa")
    drawing.text((226, LIVE_Y - 20), "Every frame, at the rig: tracker run", size=15, bold=True, anchor="start")
    camera = _box(drawing, 16, LIVE_Y, ["camera", "or a recording"], PALE)
    engine = _box(drawing, 190, LIVE_Y, ["engine", "key points in px"], BLUE)
    place = _box(drawing, 324, LIVE_Y, ["calibration", "px to mm, optional"], BLUE)
    rules = _box(drawing, 458, LIVE_Y, ["behaviour rules", "zones, speed, …"], BLUE)
    stream = _box(drawing, 592, LIVE_Y, ["publisher", "ZeroMQ, JSON"], BLUE)
    _chain(drawing, [camera, engine, place, rules, stream])
    bundle = offline[-1]
    drawing.arrow(bundle.bottom, (bundle.bottom[0], 154), (engine.x + 20, 154), (engine.x + 20, engine.y))
    drawing.text((bundle.bottom[0] - 8, 148), "copied to the rig; swapped while it runs", size=11, colour=GREY, anchor="end")

    yours = _box(drawing, 764, LIVE_Y, ["your program", "tracker.client", "laser, pump, log"], ROSE)
    drawing.arrow(stream.right, yours.left)
    drawing.text((746, LIVE_Y - 8), "poses, events, heartbeat", size=11, colour=GREY, anchor="start")
    view = _box(drawing, 764, OUT_Y, ["viewer", "tracker view"], ROSE)
    drawing.arrow((stream.bottom[0], stream.bottom[1]), (stream.bottom[0], view.left[1]), view.left, dashed=True)
    drawing.text((stream.bottom[0] + 10, view.left[1] - 8), "newest frame", size=11, colour=GREY, anchor="start")
    drawing.text((16, 372), "Nothing that listens can hold the loop up.", size=11.5, colour=GREY, anchor="start")
    return str(drawing)


def _box(drawing: Drawing, x: float, y: float, lines: list[str], fill: str) -> Box:
    return drawing.box(Box(x=x, y=y, width=BOX_PX[0], height=BOX_PX[1]), lines, fill=fill)


def _chain(drawing: Drawing, boxes: list[Box]) -> None:
    for before, after in itertools.pairwise(boxes):
        drawing.arrow(before.right, after.left)


if __name__ == "__main__":
    main()
