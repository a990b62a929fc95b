"""A labelling project and its server, as a user starts it."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from tests.trainer.page_server import PageServer
from tracker.frame import Image
from trainer.project.store import Project, create_project


def make_project(
    folder: Path,
    *,
    frames: int = 3,
    names: tuple[str, ...] = ("snout", "left ear", "tailbase"),
    animals: int = 1,
    size: tuple[int, int] = (60, 80),
) -> Project:
    """A project whose frame number n has one white pixel at x = 10 + n % 50, y = 20 on dark grey."""
    project = create_project(
        folder, point_names=names, skeleton=[(names[0], names[-1])] if len(names) > 1 else [], tags=("rearing", "grooming"), animals=animals
    )
    project.add_frames(Path("run 1#a.avi"), ((number, spot(10 + number % 50, 20, size=size)) for number in range(frames)), why="k-means")
    return project


def spot(x: int, y: int, *, size: tuple[int, int]) -> Image:
    """One white pixel on dark grey."""
    image = np.full(size, 40, np.uint8)
    image[y, x] = 255
    return image


def label_server(project: Path, *more: str, annotator: str = "ann") -> PageServer:
    """`trainer label`."""
    return PageServer(project.parent, "label", str(project), "--annotator", annotator, *more)


def labels_on_disk(project: Path, annotator: str = "ann") -> dict[str, Any]:
    """The frames of a layer as its file has them."""
    path = project / "labels" / f"{annotator}.json"
    if not path.exists():
        return {}
    frames: dict[str, Any] = json.loads(path.read_text())["frames"]
    return frames
