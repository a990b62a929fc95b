"""Images whose class is a colour, and trainings on them."""

import csv
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from trainer.ethogram.read_options import ReadOptions
from trainer.image_behaviour.image_request import ImageRequest
from trainer.image_behaviour.image_videos import ImageVideo
from trainer.image_behaviour.make_image_bundle import make_image_bundle
from trainer.image_behaviour.networks import ImagePlan
from trainer.image_behaviour.region import RegionAsked
from trainer.image_behaviour.settings import ImageSettings

FAST = ImageSettings(epochs=6, batch=16, learning_rate=4e-3, shift=0.0)
SQUARE = RegionAsked(side=12, follow="nose", colour="grey")
NO_CHANGE = replace(FAST, mirror=False, brightness=0.0)


def plan(**changes: Any) -> ImagePlan:
    values: dict[str, Any] = {
        "height": 20,
        "width": 24,
        "channels": 3,
        "inside": None,
        "contrast": False,
        "lags": (),
        "network": "small",
        "memory": 0,
        "dropout": 0.0,
        "classes": 2,
        "exclusive": True,
    }
    return ImagePlan(**values | changes)


def write_table(folder: Path, rows: list[dict[str, str]]) -> Path:
    path = folder / "videos.csv"
    with path.open("w", newline="") as file:
        table = csv.DictWriter(file, list(rows[0]))
        table.writeheader()
        table.writerows(rows)
    return path


def blinking(frames: int, *, seed: int, on: NDArray[np.bool_] | None = None) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Noise with a red (or, for the other class, blue) square for some frames at a time; labels 0 and 1."""
    rng = np.random.default_rng(seed)
    labels = np.repeat(rng.integers(0, 2, frames // 10 + 1), 10)[:frames]
    images = rng.integers(0, 90, (frames, 20, 24, 3)).astype(np.uint8)
    for number, label in enumerate(labels):
        images[number, 4:16, 6:18, 0 if label else 2] = 230
    return images, labels


def arrays(folder: Path, count: int = 3, frames: int = 80) -> Path:
    rows = []
    for number in range(count):
        images, labels = blinking(frames, seed=number)
        np.save(folder / f"images{number}.npy", images)
        np.save(folder / f"labels{number}.npy", np.array(["blue", "red"])[labels])
        rows.append({"video": f"video{number}", "images": f"images{number}.npy", "labels": f"labels{number}.npy", "fps": "50"})
    return write_table(folder, rows)


def request(data: Path, out: Path, **changes: Any) -> ImageRequest:
    values: dict[str, Any] = {"region": RegionAsked(), "settings": FAST, "asked": ReadOptions(), "proved_frames": 60, "reference": False}
    return ImageRequest(data=data, out=out, **values | changes)


def made(folder: Path, **changes: Any) -> Path:
    out = folder / "model"
    make_image_bundle(request(arrays(folder), out, **changes), Console(quiet=True))
    return out


def video_of(marks: list[int], size: int = 8) -> ImageVideo:
    images = np.arange(len(marks), dtype=np.uint8)[:, None, None, None] * np.ones((1, size, size, 1), np.uint8)
    return ImageVideo(
        name="one", images=images, marks=np.array(marks, np.int8)[:, None], fps=10.0, part="train", times_s=np.arange(len(marks)) / 10
    )
