"""The drawn pictures are what their scripts draw of the project as it stands, and the moving one is small."""

import importlib
import sys
from pathlib import Path

import numpy as np
import pytest
from demo_picture import write_moving
from PIL import Image as Pillow

from docs.drawings.svg import Box, Drawing

ROOT = Path(__file__).resolve().parents[2]
DRAWINGS, IMAGES = ROOT / "docs" / "drawings", ROOT / "docs" / "images"
NAMES = sorted(path.stem for path in DRAWINGS.glob("*.py") if path.stem != "svg")
LARGEST_BYTES = 2_000_000  # a README that opens at once
needs_tomllib = pytest.mark.skipif(sys.version_info < (3, 11), reason="reading pyproject.toml needs tomllib of Python 3.11")
PROJECT = """
[[tool.importlinter.contracts]]
type = "layers"
layers = ["top", "low"]
[[tool.importlinter.contracts]]
type = "layers"
containers = ["low"]
layers = ["folder | module", "values"]
"""


@pytest.mark.parametrize("name", [pytest.param(name, marks=needs_tomllib if name == "packages" else ()) for name in NAMES])
def test_a_picture_is_what_its_script_draws_now(name: str) -> None:
    drawn = importlib.import_module(f"docs.drawings.{name}").draw()

    assert (IMAGES / f"{name}.svg").read_text(encoding="utf-8") == drawn, f"give the command: python -m docs.drawings.{name}"


@needs_tomllib
def test_folders_differ_from_modules_and_lower_layers_are_below(tmp_path: Path) -> None:
    packages = importlib.import_module("docs.drawings.packages")
    (tmp_path / "pyproject.toml").write_text(PROJECT)
    (tmp_path / "low" / "folder").mkdir(parents=True)

    lines = packages.draw(tmp_path).splitlines()

    boxes = {
        name: next(index for index, line in enumerate(lines) if f">{name}<" in line) for name in ("folder", "module", "values", "top/")
    }
    assert (packages.BLUE in lines[boxes["folder"] - 1], packages.PAPER in lines[boxes["module"] - 1]) == (True, True)
    assert lines[boxes["folder"]].split()[2] == lines[boxes["module"]].split()[2] != lines[boxes["values"]].split()[2]


def test_a_layer_that_the_network_picture_does_not_show_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    network = importlib.import_module("docs.drawings.network")
    monkeypatch.setattr(network, "PARTS", tuple(part for part in network.PARTS if part != "absent"))

    with pytest.raises(SystemExit, match="layers that the picture does not show: \\['absent'\\]"):
        network.draw()


def test_text_of_a_picture_cannot_break_it() -> None:
    drawing = Drawing(10, 10, "a < b")
    drawing.box(Box(x=0, y=0, width=5, height=5), ["c & d"])

    assert "a &lt; b" in str(drawing)
    assert "c &amp; d" in str(drawing)


def test_the_moving_picture_of_the_readme_is_small() -> None:
    path = IMAGES / "tracking.webp"
    with Pillow.open(path) as picture:
        assert picture.format == "WEBP"
        assert getattr(picture, "n_frames", 1) > 50
    assert path.stat().st_size <= LARGEST_BYTES


def test_a_moving_picture_holds_every_frame_given(tmp_path: Path) -> None:
    frames = [np.full((24, 32, 3), grey, np.uint8) for grey in (0, 120, 250)]

    write_moving(tmp_path / "moving.webp", frames)

    with Pillow.open(tmp_path / "moving.webp") as picture:
        assert (picture.size, getattr(picture, "n_frames", 1)) == ((32, 24), 3)
