"""A labelling project and its server, as a user starts it."""

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

from tracker.frame import Image
from trainer.project.store import Project, create_project

ROOT = Path(__file__).resolve().parents[2]


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


class LabelServer:
    """`trainer label` as a process. A context manager; `address` is what it prints."""

    def __init__(self, project: Path, *more: str, annotator: str = "ann") -> None:
        self._log = (project.parent / "server.log").open("ab")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "trainer", "label", str(project), "--annotator", annotator, "--no-browser", *more],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
        )
        assert self._process.stdout is not None
        self.address = self._process.stdout.readline().strip()
        assert self.address.startswith("http://127.0.0.1:"), (project.parent / "server.log").read_text()
        self.port = int(self.address.split(":")[2].split("/")[0])
        self.token = self.address.partition("token=")[2]

    def __enter__(self) -> "LabelServer":
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        assert self._process.stdout is not None
        self._process.stdout.close()
        self._log.close()

    def kill(self) -> None:
        """SIGKILL."""
        self._process.kill()
        self._process.wait(300)

    def interrupt(self) -> int:
        """Ctrl-C; the exit status."""
        self._process.send_signal(signal.SIGINT)
        return self._process.wait(300)


def labels_on_disk(project: Path, annotator: str = "ann") -> dict[str, Any]:
    """The frames of a layer as its file has them."""
    path = project / "labels" / f"{annotator}.json"
    if not path.exists():
        return {}
    frames: dict[str, Any] = json.loads(path.read_text())["frames"]
    return frames
