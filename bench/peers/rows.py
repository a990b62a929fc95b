"""The labelled sets that trainings are compared on: each as two SLEAP packages, of frames to learn from and of frames held out."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from flies import frames_to_learn
from numpy.typing import NDArray
from scenes import SIZES

from tracker.synthetic.open_scene import SceneName
from trainer.formats.read_labels import read_labels
from trainer.formats.synthetic_set import own_parts
from trainer.formats.write_sleap import write_sleap
from trainer.formats.write_synthetic_set import write_synthetic_set
from trainer.labels.labelled_frames import LabelledFrames
from trainer.labels.split import split_block, split_random

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
FLIES_HELD_OUT = (1200, 1500)
EVERY = 5  # the flies hardly move between frames: so many are one for the score

Parts = tuple[LabelledFrames, NDArray[np.int64], NDArray[np.int64]]  # all frames; those learnt from, those held out


class MakeParts(Protocol):
    def __call__(self, folder: Path, /, *, count: int) -> Parts:
        """Read or render; `count` images where they are rendered."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One comparison.

    Attributes:
        train: package of the frames to learn from.
        held_out: package of the frames to score on.
        animals: in a frame, at most.
        options: of `trainer fit` beyond the usual.
    """

    name: str
    train: Path
    held_out: Path
    animals: int
    options: tuple[str, ...]


def _open_field_block(_: Path, *, count: int) -> Parts:
    frames = read_labels(DATA / "dlc_openfield")
    split = split_block(frames, 2, folds=5)
    return frames, split.train, split.held_out


def _open_field_random(_: Path, *, count: int) -> Parts:
    frames = read_labels(DATA / "dlc_openfield")
    split = split_random(frames, 0.2, seed=0)
    return frames, split.train, split.held_out


def _two_flies(_: Path, *, count: int) -> Parts:
    frames = read_labels(DATA / "sleap_flies" / "clip.slp")
    return frames, frames_to_learn(frames, FLIES_HELD_OUT), np.arange(*FLIES_HELD_OUT, EVERY)


def _scene(scene: SceneName) -> MakeParts:
    def parts(folder: Path, *, count: int) -> Parts:
        width, height = SIZES[scene]
        if not (folder / "set" / "set.json").exists():
            write_synthetic_set(folder / "set", scene=scene, count=count, seed=1, width=width, height=height, rectangles=1)
        frames = read_labels(folder / "set")
        own = own_parts(folder / "set", frames)
        if own is None:
            raise FileNotFoundError(folder / "set")
        return frames, own.train, np.concatenate([own.validation, own.test])

    return parts


ROWS: dict[str, MakeParts] = {
    "open-field-block": _open_field_block,
    "open-field-random": _open_field_random,
    "two-flies": _two_flies,
    "mirror": _scene("mirror"),
    "reach": _scene("reach"),
}


def make_row(name: str, folder: Path, *, count: int) -> Row:
    """Write the two packages below `folder`, unless they are there."""
    train, held_out = folder / "train.pkg.slp", folder / "held-out.pkg.slp"
    if not (train.exists() and held_out.exists()):
        frames, learnt, scored = ROWS[name](folder, count=count)
        for path, chosen in ((train, learnt), (held_out, scored)):
            if not path.exists():
                write_sleap(frames.subset(chosen), path)
    several = name == "two-flies"
    return Row(name=name, train=train, held_out=held_out, animals=2 if several else 1, options=("--head", "several") if several else ())
