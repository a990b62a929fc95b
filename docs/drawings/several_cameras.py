"""Draw how the poses of several cameras become moments, and moments places.

python -m docs.drawings.several_cameras         # writes docs/images/several_cameras.svg
"""

import argparse
from pathlib import Path

from docs.drawings.svg import BLUE, GREEN, GREY, PALE, ROSE, SAND, Box, Drawing

IMAGES = Path(__file__).resolve().parents[1] / "images"
CAMERAS = ("top", "side", "back")
ROW_PX, FIRST_Y, TRACKER_X = 66, 54, 130
AXIS_X, AXIS_WIDTH, AXIS_Y = 130, 640, 316
PULSES, PERIOD_PX = 6, 100
COLOURS = (BLUE, SAND, GREEN)


def main() -> None:
    """Write the picture."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=IMAGES / "several_cameras.svg")
    parser.parse_args().out.write_text(draw(), encoding="utf-8")


def draw() -> str:
    """The picture, as SVG."""
    drawing = Drawing(900, 476, "Several cameras: the poses of their trackers are joined into moments, and moments give places in mm")
    _processes(drawing)
    _moments(drawing)
    return str(drawing)


def _processes(drawing: Drawing) -> None:
    drawing.text((16, 30), "Processes", size=15, bold=True, anchor="start")
    rig = drawing.box(
        Box(x=414, y=FIRST_Y + 16, width=170, height=156),
        ["tracker triangulate", "joins by number or time", "lens, least squares,", "outliers left out", "rules in mm"],
        fill=SAND,
    )
    for row, name in enumerate(CAMERAS):
        y = FIRST_Y + row * ROW_PX
        camera = drawing.box(Box(x=16, y=y, width=84, height=48), ["camera", name], fill=PALE)
        tracker = drawing.box(Box(x=TRACKER_X, y=y, width=150, height=48), ["tracker run", "px, confidence"], fill=BLUE)
        drawing.arrow(camera.right, tracker.left)
        drawing.arrow(tracker.right, (rig.x, tracker.right[1]))
        drawing.text((347, tracker.right[1] - 7), f"pose.{name}", size=11.5, colour=GREY)
    yours = drawing.box(Box(x=736, y=FIRST_Y + 24, width=148, height=60), ["your program", "tracker.client"], fill=ROSE)
    listen = drawing.box(Box(x=736, y=FIRST_Y + 110, width=148, height=50), ["tracker listen", "--json for a file"], fill=ROSE)
    drawing.arrow((rig.x + rig.width, yours.left[1]), yours.left)
    drawing.arrow((rig.x + rig.width, listen.left[1]), listen.left)
    drawing.text((660, yours.left[1] - 24), "pose3d.rig3d", size=11.5, colour=GREY)
    drawing.text((660, yours.left[1] - 8), "event, alive, status", size=11.5, colour=GREY)


def _moments(drawing: Drawing) -> None:
    drawing.text((16, AXIS_Y - 30), "Moments, by the poses' own time stamps", size=15, bold=True, anchor="start")
    lost, late = {(1, 2)}, {(2, 4)}
    for pulse in range(PULSES):
        x = AXIS_X + pulse * PERIOD_PX
        drawing.box(Box(x=x, y=AXIS_Y - 8, width=56, height=104), fill="#f7f8fa")
        seen = 3 - sum((row, pulse) in lost | late for row in range(len(CAMERAS)))
        drawing.text((x + 28, AXIS_Y + 112), f"{seen} cameras", size=11, colour=GREY)
    for row, name in enumerate(CAMERAS):
        y = AXIS_Y + row * 32
        drawing.text((100, y + 17), name, size=12, anchor="end")
        for pulse in range(PULSES):
            x = AXIS_X + pulse * PERIOD_PX + 6 + 7 * row
            if (row, pulse) in lost:
                drawing.text((x + 15, y + 17), "lost", size=11.5, colour=GREY)
            elif (row, pulse) in late:
                place = drawing.box(Box(x=AXIS_X + pulse * PERIOD_PX + 61, y=y, width=30, height=24), ["14"], fill=PALE, size=11.5)
                drawing.text((place.x + 15, y + 36), "late", size=10.5, colour=GREY)
            else:
                drawing.box(Box(x=x, y=y, width=30, height=24), [str(10 + pulse)], fill=COLOURS[row], size=11.5)
    drawing.arrow((AXIS_X, AXIS_Y + 124), (AXIS_X + AXIS_WIDTH, AXIS_Y + 124))
    drawing.text((AXIS_X + AXIS_WIDTH + 8, AXIS_Y + 128), "time", size=11.5, colour=GREY, anchor="start")
    drawing.text(
        (16, 464),
        "A moment is published with its last pose; at the latest half a period after the first was published."
        " What comes later is counted and not used.",
        size=11.5,
        colour=GREY,
        anchor="start",
    )


if __name__ == "__main__":
    main()
