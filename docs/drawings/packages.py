"""Draw the packages, what is in them and who may import whom, from the import contract in pyproject.toml. Needs Python 3.11.

python -m docs.drawings.packages         # writes docs/images/packages.svg
"""

import argparse
from pathlib import Path
from typing import Any

import tomllib

from docs.drawings.svg import BLUE, GREEN, GREY, PALE, PAPER, SAND, Box, Drawing, text_width

ROOT = Path(__file__).resolve().parents[2]
WIDTH, MARGIN, GAP = 900, 14, 7
LEFT_PX, BETWEEN_PX = 258, 62  # the column of the packages that build on the lowest one, and the arrows to that one
TOP_PX = 66
NAME_PX, ROW_PX, HEADING_PX = 12.5, 24, 30
COLOURS = (SAND, GREEN, BLUE)  # of the packages, from the top layer down

Layer = tuple[str, ...]  # names side by side


def main() -> None:
    """Write the picture."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "images" / "packages.svg")
    parser.parse_args().out.write_text(draw(), encoding="utf-8")


def draw(root: Path = ROOT) -> str:
    """The picture of the project in a folder, as SVG: the lowest package at the right, those that build on it at the left."""
    packages, inside = read_layers(root / "pyproject.toml")
    *upper, (lowest,) = packages
    drawing = Drawing(WIDTH, 0, "Packages of rigtrack, what is in them, and the direction of imports")
    _key(drawing)
    y: float = TOP_PX
    for row, layer in enumerate(upper):
        if row:
            drawing.arrow((MARGIN + 40, y - BETWEEN_PX / 2), (MARGIN + 40, y - 3))
        for package in layer:
            at = Box(x=MARGIN, y=y, width=LEFT_PX, height=0)
            end = _package(drawing, root, package, inside.get(package, []), at=at, colour=COLOURS[row])
            drawing.arrow((at.x + at.width, y + 20), (at.x + at.width + BETWEEN_PX - 3, y + 20))
            y = end + GAP
        y += BETWEEN_PX / 2 - GAP
    x = MARGIN + LEFT_PX + BETWEEN_PX
    right = Box(x=x, y=TOP_PX, width=WIDTH - MARGIN - x, height=y - BETWEEN_PX / 2 - TOP_PX)
    drawing.height = _package(drawing, root, lowest, inside.get(lowest, []), at=right, colour=COLOURS[-1]) + MARGIN
    return str(drawing)


def read_layers(path: Path) -> tuple[list[Layer], dict[str, list[Layer]]]:
    """What the import contract says.

    Returns:
        Layers of packages from the top, and for each package that has a contract of its own the layers inside it.
    """
    contracts: list[dict[str, Any]] = tomllib.loads(path.read_text(encoding="utf-8"))["tool"]["importlinter"]["contracts"]
    packages: list[Layer] = []
    inside: dict[str, list[Layer]] = {}
    for contract in contracts:
        if contract["type"] != "layers":
            continue
        layers = [tuple(name.strip(" ()") for name in layer.split("|")) for layer in contract["layers"]]
        if "containers" not in contract:
            packages = layers
        for container in contract.get("containers", ()):
            inside[container] = layers
    return packages, inside


def _key(drawing: Drawing) -> None:
    rule = "Arrows point to what may be imported. Inside a package a name may import what is below it, never what is above or beside it."
    drawing.text((MARGIN, 24), rule, size=12.5, anchor="start")
    drawing.box(Box(x=MARGIN, y=36, width=60, height=19), fill=GREEN)
    drawing.text((MARGIN + 68, 50), "sub-package: a folder", size=11, colour=GREY, anchor="start")
    drawing.box(Box(x=240, y=36, width=60, height=19), fill=PAPER)
    drawing.text((308, 50), "module: one file", size=11, colour=GREY, anchor="start")


def _package(drawing: Drawing, root: Path, name: str, layers: list[Layer], *, at: Box, colour: str) -> float:
    """One package with its layers, at a place, of a width and at least so high; returns where it ends."""
    rows = [row for layer in layers for row in (*_rows(layer, at.width - 24), [])]
    height = max(at.height, HEADING_PX + sum(ROW_PX if row else GAP for row in rows) + (0 if rows else 8))
    drawing.box(Box(x=at.x, y=at.y, width=at.width, height=height), fill=PALE)
    drawing.text((at.x + 12, at.y + 24), f"{name}/", size=15, bold=True, anchor="start")
    y = at.y + HEADING_PX
    for row in rows:
        x = at.x + 12
        for module in row:
            box = Box(x=x, y=y + 2, width=_width(module), height=ROW_PX - 3)
            drawing.box(box, fill=colour if (root / name / module).is_dir() else PAPER)
            drawing.text((box.x + box.width / 2, box.y + 15), module, size=NAME_PX)
            x += box.width + GAP
        y += ROW_PX if row else GAP
    return at.y + height


def _rows(layer: Layer, room: float) -> list[list[str]]:
    """The names of a layer, on as many lines as they need."""
    rows: list[list[str]] = [[]]
    for name in layer:
        if rows[-1] and sum(_width(other) + GAP for other in rows[-1]) + _width(name) > room:
            rows.append([])
        rows[-1].append(name)
    return rows


def _width(name: str) -> float:
    return round(text_width(name, NAME_PX)) + 22


if __name__ == "__main__":
    main()
