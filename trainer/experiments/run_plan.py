"""What an experiment is made of before it has run: frames divided in three, settings, and a place."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from trainer.labels.split import Split
from trainer.training.fit_settings import FitSettings

_NONE = np.empty(0, np.int64)


@dataclass(frozen=True, slots=True, kw_only=True)
class FramesOfRun:
    """A division of labelled frames into disjoint parts, each an int64 array of indices.

    Attributes:
        train: to learn from.
        held_out: scored after every epoch; a search chooses by it.
        test: scored once, by the finished network; nothing is chosen by it. May be empty.
        description: how it was cut.
    """

    train: NDArray[np.int64]
    held_out: NDArray[np.int64]
    test: NDArray[np.int64]
    description: str

    def arrays(self) -> dict[str, NDArray[np.int64]]:
        """The parts by name, the empty ones left out."""
        return {name: index for name in ("train", "held_out", "test") if len(index := getattr(self, name))}


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedRun:
    """One run: its folder's name, its place in the experiment, its frames and its settings."""

    name: str
    place: dict[str, str | int | float]
    parts: FramesOfRun
    settings: FitSettings


def without_test(split: Split) -> FramesOfRun:
    """A split in two."""
    return FramesOfRun(train=split.train, held_out=split.held_out, test=_NONE, description=split.description)


def seeded(settings: FitSettings, repeat: int) -> FitSettings:
    """The same settings with the seed of one repeat."""
    return replace(settings, seed=settings.seed + repeat)
