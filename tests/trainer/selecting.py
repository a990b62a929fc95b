"""Videos to choose frames from, and `trainer select` as its tests start it."""

import json
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from tracker.frame import Image
from trainer.__main__ import main
from trainer.labels.images import read_image
from trainer.project.store import Project

SIZE = (96, 128)
RATE = 25
Report = dict[str, object]


def scene(kind: int) -> Image:
    """One of several pictures that have nothing in common."""
    return np.asarray(cv2.resize(np.random.default_rng(kind).integers(0, 256, (6, 8), np.uint8), SIZE[::-1]), np.uint8)


def spot(x: int, y: int = 48, *, brightness: int = 204) -> Image:
    """A dark picture with one small spot, whose middle is brightest."""
    image = np.full(SIZE, 10, np.uint8)
    cv2.circle(image, (x, y), 3, (brightness - 5,), -1)
    image[y, x] = brightness
    return image


def write_video(path: Path, images: Sequence[Image], *, rate: int = RATE) -> Path:
    """A lossless video: what is read from it is what was written."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=rate)
        stream.height, stream.width = images[0].shape[:2]
        stream.pix_fmt = "gray"
        for image in images:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="gray")))
        container.mux(stream.encode(None))
    return path


def write_h264(path: Path, images: Sequence[Image]) -> Path:
    """A bare stream without any time stamps, with frames that depend on later ones."""
    with av.open(str(path), "w", format="h264") as container:
        stream = container.add_stream("libx264", rate=Fraction(RATE))
        stream.height, stream.width = images[0].shape[:2]
        stream.pix_fmt = "gray"
        stream.options = {"qp": "0", "bf": "2", "g": "10"}
        for image in images:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="gray")))
        container.mux(stream.encode(None))
    return path


def wandering(frames: int) -> list[Image]:
    """A spot that goes to and fro and is in no two frames at the same place."""
    return [spot(10 + abs((5 * number) % 200 - 100), 10 + number % 77) for number in range(frames)]


def noisy(images: Sequence[Image], *, seed: int = 0) -> list[Image]:
    rng = np.random.default_rng(seed)
    return [np.clip(image.astype(np.int16) + rng.normal(0, 3, image.shape), 0, 255).astype(np.uint8) for image in images]


Select = Callable[..., Report]


def selection(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Select:
    """Runs `trainer select … --json` into one project and returns what it says about the last video."""

    def run(*videos: Path, count: int, by: str = "k-means", options: Sequence[str] = ()) -> Report:
        arguments = ["select", *map(str, videos), "--project", str(tmp_path / "project"), "--points", "spot"]
        assert main([*arguments, "--count", str(count), "--by", by, "--json", *options]) == 0
        report: Report = json.loads(capsys.readouterr().out)["videos"][-1]
        return report

    return run


def refused_selection(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Runs a selection that fails and returns its sentence."""

    def run(*videos: Path, options: Sequence[str] = ("--points", "spot")) -> str:
        assert main(["select", *map(str, videos), "--project", str(tmp_path / "project"), "--count", "5", *options]) == 1
        said = capsys.readouterr()
        sentence = next(line for line in said.err.splitlines() if line.startswith("trainer select: "))
        assert "Traceback" not in said.err
        assert said.out == ""
        return sentence

    return run


def numbers(report: Report) -> list[int]:
    chosen = report["chosen"]
    assert isinstance(chosen, list)
    return [each["frame"] for each in chosen]


def left_out(report: Report, reason: str) -> int:
    counts = report["left_out"]
    assert isinstance(counts, dict)
    return int(counts[reason])


def picture(project: Project, place: int) -> Image:
    frame = project.frames[place]
    return read_image(project.image_ref(frame.image), project.image_size(frame.image))
