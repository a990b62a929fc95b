"""Two animals that walk, stand and circle, with their labels: poses whose behaviour a network learns in seconds."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from trainer.ethogram.bouts import bouts_of_marks, ethogram
from trainer.ethogram.files import file_of

POINTS = ("nose", "middle", "tail")
CLASSES = ("walk", "circle")
FPS = 30.0
_LENGTH_PX = 40.0


def walkers(seed: int, *, frames: int = 900, missing: float = 0.1) -> tuple[NDArray[np.float32], NDArray[np.int8]]:
    """Poses (frames, 2, 3, 3) with noise and a share of missing points, and marks (frames, 2) of what the first animal does."""
    rng = np.random.default_rng(seed)
    doing = np.repeat(rng.permutation(np.arange(frames // 45 + 1) % 3), 45)[:frames]  # 0 stands, 1 walks, 2 circles
    poses = np.stack([_animal(rng, doing), _animal(rng, rng.permutation(doing))], axis=1)
    poses[rng.random(poses.shape[:3]) < missing] = np.nan
    return poses, np.stack([doing == 1, doing == 2], axis=1).astype(np.int8)


def _animal(rng: np.random.Generator, doing: NDArray[np.int64]) -> NDArray[np.float32]:
    heading = rng.uniform(0, 2 * np.pi) + np.cumsum(np.where(doing == 2, 0.12, 0.0))
    speed = np.where(doing == 1, 3.0, np.where(doing == 2, 1.5, 0.0))
    along = np.stack([np.cos(heading), np.sin(heading)], axis=-1)
    middle = 300 + np.cumsum(speed[:, None] * along, axis=0)
    ends = [middle + reach * _LENGTH_PX * along for reach in (0.5, 0.0, -0.5)]
    xy = np.stack(ends, axis=1) + rng.normal(0, 0.3, (len(doing), 3, 2))
    return np.concatenate([xy, np.full((len(doing), 3, 1), 0.9)], axis=-1).astype(np.float32)


def write_table(folder: Path, *, videos: int = 4, frames: int = 900, first: int = 0, fps: float = FPS, animals: int = 2) -> Path:
    """A table of videos with poses as DeepLabCut and labels as BORIS write them."""
    rows = ["video,poses,labels,fps"]
    for number in range(first, first + videos):
        poses, marks = walkers(number, frames=frames)
        write_deeplabcut(folder / f"{number}.csv", poses[:, :animals])
        labels = ethogram(CLASSES, bouts_of_marks(marks, CLASSES), where="", frames=frames, fps=fps, video=f"v{number}")
        (folder / f"{number}-boris.csv").write_bytes(file_of([labels], "boris")[0])
        rows.append(f"v{number},{number}.csv,{number}-boris.csv,{fps:g}")
    table = folder / "videos.csv"
    table.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return table


def write_deeplabcut(path: Path, poses: NDArray[np.float32]) -> None:
    """DeepLabCut's table of predictions of up to two animals."""
    columns = [(animal, point, axis) for animal in ("a", "b")[: poses.shape[1]] for point in POINTS for axis in ("x", "y", "likelihood")]
    lines = [",".join(["scorer", *("net" for _ in columns)])]
    for title, place in (("individuals", 0), ("bodyparts", 1), ("coords", 2)):
        lines.append(",".join([title, *(column[place] for column in columns)]))
    for frame, row in enumerate(poses.reshape(len(poses), -1)):
        lines.append(",".join([str(frame), *("" if np.isnan(value) else repr(float(value)) for value in row)]))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
