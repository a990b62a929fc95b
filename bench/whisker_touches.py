"""Touches of the rendered whisker, trial by trial: how many are wrong and how many onsets are found, with intervals over trials."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tracker.behaviour.score import bouts_of_labels, pair_bouts
from trainer.behaviour_scores.scored_video import ScoredVideo

MS_NS = 1_000_000
RESAMPLES = 4000
WRONG, ONSETS = "touches wrong for each true one", "onsets within a frame"


@dataclass(frozen=True, slots=True, kw_only=True)
class Touches:
    """Touches of some trials that were held out.

    Attributes:
        true, found: how many.
        matched: pairs.
        onset_frames: int64 (matched,), found less true.
        speed: float64 (matched,), px per ms at the true onset.
        missed_speed: float64 (missed,), of touches that were not found.
    """

    true: int
    found: int
    matched: int
    onset_frames: NDArray[np.int64]
    speed: NDArray[np.float64]
    missed_speed: NDArray[np.float64]

    @property
    def missed(self) -> int:
        """True ones that were not found."""
        return self.true - self.matched

    @property
    def false(self) -> int:
        """Found ones that are not there."""
        return self.found - self.matched

    @property
    def in_time(self) -> int:
        """Onsets that were found within one frame."""
        return int((np.abs(self.onset_frames) <= 1).sum())

    @property
    def errors_per_touch(self) -> float:
        """Touches that were missed, and those that were not there, for each true one."""
        return (self.missed + self.false) / max(1, self.true)

    @property
    def within_a_frame(self) -> float:
        """Share of true touches whose onset was found within one frame."""
        return self.in_time / max(1, self.true)


def touches_by_trial(videos: Sequence[ScoredVideo], speeds: Sequence[NDArray[np.float64]], warming: int) -> list[Touches]:
    """Count; touches that begin before the network sees enough have no onset and are left out, as is what is found there.

    Args:
        videos: the trials.
        speeds: float64 (frames,) of each, px per ms.
        warming: frames at the beginning of every trial for which there is no answer.
    """
    return [_touches(video, speed, warming) for video, speed in zip(videos, speeds, strict=True)]


def together(trials: Sequence[Touches]) -> Touches:
    """Those of all trials."""
    return Touches(
        true=sum(each.true for each in trials),
        found=sum(each.found for each in trials),
        matched=sum(each.matched for each in trials),
        onset_frames=np.concatenate([each.onset_frames for each in trials]),
        speed=np.concatenate([each.speed for each in trials]),
        missed_speed=np.concatenate([each.missed_speed for each in trials]),
    )


def warming_of(videos: Sequence[ScoredVideo]) -> list[int]:
    """Of each trial, frames at the beginning for which there is no answer; of raw answers, for cleaned ones have no probabilities."""
    return [0 if video.probabilities is None else int(np.isnan(video.probabilities[:, 0]).sum()) for video in videos]


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """A figure and its 95 % interval over trials drawn with replacement."""

    value: float
    low: float
    high: float

    @property
    def words(self) -> str:
        """For people."""
        return f"{self.value:.3f} ({self.low:.3f} to {self.high:.3f})"


def intervals(trials: Sequence[Touches]) -> dict[str, Interval]:
    """Of the touches wrong for each true one, and of the share of onsets found within a frame."""
    return _intervals(_ratios(trials))


def differences(first: Sequence[Touches], second: Sequence[Touches]) -> dict[str, Interval]:
    """Of the second less the first, the same trials drawn for both."""
    one, other = _ratios(first), _ratios(second)
    return _intervals({name: other[name] - one[name] for name in one})


def _touches(video: ScoredVideo, speed: NDArray[np.float64], warm: int) -> Touches:
    times_ns = np.arange(len(video.truth), dtype=np.int64) * MS_NS
    true = bouts_of_labels(video.true[:, 0], times_ns)
    found = bouts_of_labels(video.said[:, 0], times_ns)
    begins = true[:, 0] < max(1, warm) * MS_NS
    found = found[~np.array([bool((one[0] < true[begins, 1]).any()) for one in found], np.bool_)] if len(found) else found
    true = true[~begins]
    pairs = pair_bouts(found, true)
    first = (true[:, 0] // MS_NS).astype(int)
    return Touches(
        true=len(true),
        found=len(found),
        matched=len(pairs),
        onset_frames=((found[pairs[:, 0], 0] - true[pairs[:, 1], 0]) // MS_NS).astype(np.int64),
        speed=speed[first[pairs[:, 1]]],
        missed_speed=speed[np.delete(first, pairs[:, 1])],
    )


def _ratios(trials: Sequence[Touches]) -> dict[str, NDArray[np.float64]]:
    """Over all trials, and then over each drawing of them: float64 (1 + RESAMPLES,)."""
    rng, many = np.random.default_rng(0), len(trials)
    drawn = np.concatenate([np.ones((1, many)), rng.multinomial(many, np.full(many, 1 / many), size=RESAMPLES)])
    counts = np.array([(each.true, each.missed + each.false, each.in_time) for each in trials], np.float64)
    true, wrong, in_time = (drawn @ counts).T
    true = np.where(true > 0, true, np.nan)
    return {WRONG: wrong / true, ONSETS: in_time / true}


def _intervals(ratios: dict[str, NDArray[np.float64]]) -> dict[str, Interval]:
    found = {}
    for name, values in ratios.items():
        low, high = np.nanpercentile(values[1:], [2.5, 97.5]).tolist()
        found[name] = Interval(value=float(values[0]), low=low, high=high)
    return found
