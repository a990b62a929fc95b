"""What a forecaster learns from, cut from stretches as it is asked for: of a recording of any length, seconds are in the memory."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from trainer.forecast.labels import NOT_LABELLED, BurstRule, Labels
from trainer.forecast.parts import Stretch
from trainer.forecast.settings import ForecastSettings
from trainer.forecast.simple_forecasts import known_motion

UNJUDGED = NOT_LABELLED
FLIPS = ((False, False), (False, True), (True, False), (True, True))  # top to bottom, left to right


@dataclass(frozen=True, slots=True, kw_only=True)
class Steps:
    """Steps of one stretch: its motion frame by frame, or its pictures in slices that follow each other without overlap.

    Attributes:
        labels: int8 (steps,), of the last frame of each.
        motion: float32 (steps, 1), or None.
        frames: uint8 (frames, h, w) on the disk, or None.
        phase: first frame of the first slice; below 0, that slice begins before the recording.
        slice_frames: of a slice.
        flip: top to bottom, left to right.
    """

    labels: Labels
    motion: NDArray[np.float32] | None = None
    frames: NDArray[np.uint8] | None = None
    phase: int = 0
    slice_frames: int = 1
    flip: tuple[bool, bool] = (False, False)

    def steps(self, first: int, end: int) -> Tensor:
        """Float32 (steps, 1), or (steps, slice_frames, h, w) in 0..1."""
        if self.frames is None:
            assert self.motion is not None
            return torch.from_numpy(self.motion[first:end])
        begin, stop = (self.phase + self.slice_frames * place for place in (first, end))
        frames = np.asarray(self.frames[max(0, begin) : max(0, stop)])
        if begin < 0:  # as at the rig, where the first slices are filled with nothing
            frames = np.concatenate([np.zeros((min(0, stop) - begin, *frames.shape[1:]), np.uint8), frames])
        frames = frames[:, :: -1 if self.flip[0] else 1, :: -1 if self.flip[1] else 1]
        slices = torch.from_numpy(frames.astype(np.float32) / 255)
        return slices.reshape(end - first, self.slice_frames, *slices.shape[1:])


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """Steps of several sequences side by side.

    Attributes:
        steps: see `Forecaster.chunk`.
        labels: int8 (n, steps), `UNJUDGED` where nothing is learnt.
        begins: whether states are zero before it; else they are carried from the chunk before.
    """

    steps: Tensor
    labels: Tensor
    begins: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Lengths:
    """In steps: how many a network sees before it is asked, how many are then learnt from, and between two steps of learning."""

    warm: int
    learnt: int
    chunk: int


def lengths(rule: BurstRule, settings: ForecastSettings) -> Lengths:
    """A past as labels need it, four more of it learnt from; learning every second or so."""
    if settings.from_pixels:
        warm = max(1, rule.past // settings.slice_frames)
        return Lengths(warm=warm - 1, learnt=4 * warm, chunk=max(1, warm // 3))
    return Lengths(warm=rule.past - 1, learnt=4 * rule.past, chunk=rule.past)


def sequences_of(stretches: Sequence[Stretch], settings: ForecastSettings, *, flips: bool) -> list[Steps]:
    """Every stretch, in every phase of its slices and in every flip."""
    if not settings.from_pixels:
        known = [np.nan_to_num(known_motion(stretch.motion)).astype(np.float32)[:, None] for stretch in stretches]
        return [Steps(labels=stretch.labels, motion=motion) for stretch, motion in zip(stretches, known, strict=True)]
    found = []
    for stretch in stretches:
        for phase in range(1 - settings.slice_frames, 1):
            labels = stretch.labels[phase + settings.slice_frames - 1 :: settings.slice_frames]
            for flip in FLIPS if flips else FLIPS[:1]:
                found.append(Steps(labels=labels, frames=stretch.frames, phase=phase, slice_frames=settings.slice_frames, flip=flip))
    return found


def batches(sequences: Sequence[Steps], of: Lengths, *, batch: int, rng: np.random.Generator) -> Iterator[Chunk]:
    """Every labelled step once, in a random order of runs of `learnt` steps; each run begins with `warm` steps that do not count.

    Args:
        sequences: all of them.
        of: lengths.
        batch: runs side by side.
        rng: of the order, and of where runs begin.
    """
    runs = []
    for place, sequence in enumerate(sequences):
        labelled = np.flatnonzero(sequence.labels != NOT_LABELLED)
        if labelled.size:
            first, end = int(labelled[0]), int(labelled[-1]) + 1
            offset = int(rng.integers(of.learnt)) if end - first > of.learnt else 0
            edges = [first, *range(first + offset, end, of.learnt), end] if offset else [*range(first, end, of.learnt), end]
            runs += [(place, begin, stop) for begin, stop in pairwise(edges) if stop > begin]
    order = rng.permutation(len(runs))
    length = of.warm + of.learnt
    for begin in range(0, len(order), batch):
        chosen = [runs[place] for place in order[begin : begin + batch]]
        longest = max(stop - max(0, first - of.warm) for _, first, stop in chosen)
        for start in range(0, min(length, longest), of.chunk):
            end = min(start + of.chunk, longest)
            parts = [_part(sequences[place], max(0, first - of.warm), first, stop, start, end) for place, first, stop in chosen]
            yield Chunk(
                steps=torch.stack([steps for steps, _ in parts]), labels=torch.stack([labels for _, labels in parts]), begins=start == 0
            )


def _part(sequence: Steps, begin: int, first: int, stop: int, start: int, end: int) -> tuple[Tensor, Tensor]:
    """Steps `start` to `end` of a run from `begin`, of which `first` to `stop` count; zeros where it has ended."""
    there = min(begin + end, stop)
    steps = sequence.steps(min(begin + start, there), there)
    labels = torch.from_numpy(sequence.labels[min(begin + start, there) : there].copy())
    places = torch.arange(min(begin + start, there), there)
    labels[places < first] = UNJUDGED
    missing = (end - start) - len(steps)
    if missing:
        steps = torch.cat([steps, steps.new_zeros(missing, *steps.shape[1:])])
        labels = torch.cat([labels, labels.new_full((missing,), UNJUDGED)])
    return steps, labels
