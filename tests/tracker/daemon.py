"""A whole tracker as a child process: its configuration, its stream and its words. For tests that look at it from outside."""

import contextlib
import io
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import msgspec
import numpy as np
import yaml

from tracker.__main__ import main
from tracker.client import Client
from tracker.config import load_config
from tracker.messages import Message, PoseMessage, Problem, StatusMessage

ROOT = Path(__file__).resolve().parents[2]
DEADLINE_S = 300.0
SPOTS = [(10 + 3 * (i % 200), 400 - 7 * (i % 50)) for i in range(150)]


def write_images(folder: Path, spots: list[tuple[int, int]], *, size: tuple[int, int] = (640, 480)) -> None:
    """One grey image for each (x, y), black but for one white pixel there."""
    folder.mkdir(parents=True)
    for index, (x, y) in enumerate(spots):
        image = np.zeros((size[1], size[0]), np.uint8)
        image[y, x] = 255
        cv2.imwrite(str(folder / f"Frame{index}.png"), image)


def write_config(folder: Path, bundle: Path, camera: dict[str, Any], **sections: Any) -> Path:
    """The synthetic example with another camera, its sockets in `folder`, and some keys changed."""
    values = msgspec.to_builtins(load_config(ROOT / "examples" / "synthetic.yaml"))
    values |= {"name": "top", "camera": camera, "zones": [], "behaviour": []}
    values["engine"] |= {"bundle": str(bundle), "precision": "fp32"}
    values["publisher"]["bind"] = [f"ipc://{folder}/stream"]
    values["control"]["bind"] = f"ipc://{folder}/control"
    values["capture"] |= {"pace": "every_frame", "stalled_after_s": 0.5, "reopen_first_s": 0.1, "reopen_longest_s": 0.3}
    for name, changes in sections.items():
        values[name] = values[name] | changes if isinstance(values[name], dict) else changes
    path = folder / "tracker.yaml"
    path.write_text(yaml.safe_dump(values, sort_keys=False))
    return path


def endless(folder: Path) -> dict[str, Any]:
    """A camera that never ends: images in a circle, at 100 frames per second."""
    write_images(folder / "images", SPOTS)
    return {"source": "image_folder", "folder": str(folder / "images"), "rate_hz": 100, "loop_folder": True}


def synthetic(**changes: Any) -> dict[str, Any]:
    """A camera that shows a rodent without end, at 100 frames per second."""
    camera = {"source": "synthetic", "scene": "rodent", "seed": 1, "width": 640, "height": 480, "rate_hz": 100, "frames": None}
    return camera | {"rectangles": 1, "faults": []} | changes


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a command came to."""

    returncode: int
    stdout: str
    stderr: str


class Daemon:
    """`tracker run` as a child. Use it in a `with`; its words are read when it has ended."""

    def __init__(self, config: Path, *arguments: str, **environment: str) -> None:
        self.config = config
        self._log = config.with_name("stderr.txt")
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tracker", "run", "--config", str(config), *arguments],
                cwd=ROOT,
                stderr=log,
                env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
            )

    def __enter__(self) -> "Daemon":
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    @property
    def words(self) -> str:
        return self._log.read_text()

    def ask(self, *arguments: str) -> Answer:
        """Give another tracker command on the same configuration, in this process."""
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            status = main([*arguments, "--config", str(self.config)])
        return Answer(returncode=status, stdout=out.getvalue(), stderr=err.getvalue())

    def stop(self) -> None:
        """SIGTERM, and wait for the end."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=DEADLINE_S)


def wait_for(client: Client, wanted: Callable[[Message], bool]) -> Message:
    """Read the stream until a message is the wanted one."""
    deadline = time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline:
        message = client.receive(0.5)
        if message is not None and wanted(message):
            return message
    raise AssertionError("what was waited for did not come")


def wait_for_problem(client: Client, cause: str) -> tuple[StatusMessage, Problem]:
    """A status that tells a problem of this cause, and the problem; a busy machine has others too."""
    status = wait_for(client, lambda message: isinstance(message, StatusMessage) and cause in causes(message))
    assert isinstance(status, StatusMessage)
    (problem,) = (one for one in status.problems if one.cause == cause)
    return status, problem


def causes(status: StatusMessage) -> list[str]:
    """Of its problems."""
    return [problem.cause for problem in status.problems]


def stream(folder: Path) -> Client:
    """What is published by the tracker that `write_config` configured there."""
    return Client(f"ipc://{folder}/stream")


def is_pose(message: object) -> bool:
    return isinstance(message, PoseMessage)
