"""How surely one answer is better than another: macro-F1 by frame and by bout over the same blocks, drawn again and again."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from trainer.behaviour_scores.bout_score import bouts_by_block
from trainer.behaviour_scores.scored_video import ScoredVideo
from trainer.errors import TrainingError
from trainer.ethogram.bouts import Marks

RESAMPLES = 4000
BLOCK_S = 30.0  # longer than nearly all bouts of social behaviour, so that blocks are nearly independent
FEWEST_BLOCKS = 6
_PIECE = 500  # resamples at a time, for the memory


@dataclass(frozen=True, slots=True, kw_only=True)
class PairedF1:
    """Macro-F1 of two answers on the same frames, and the 95 % interval of their difference.

    Attributes:
        first, second: names.
        first_f1, second_f1: over all frames.
        low, high: interval of second less first.
        blocks: that were drawn.
        block_s: length of each, in images where these do not follow one another.
        in_time: whether they do.
        by_bout: the same of bouts, in the comparison of frames that follow one another.
    """

    first: str
    second: str
    first_f1: float
    second_f1: float
    low: float
    high: float
    blocks: int
    block_s: float
    in_time: bool = True
    by_bout: "PairedF1 | None" = None

    @property
    def shown(self) -> bool:
        """Whether a difference is claimed: the interval leaves out 0."""
        return self.low > 0 or self.high < 0

    @property
    def second_is_better(self) -> bool:
        """Whether that is shown."""
        return self.low > 0

    @property
    def sentence(self) -> str:
        """The verdict; "better" only where it is shown."""
        difference = self.second_f1 - self.first_f1
        interval = f"95 % interval of the difference {self.low:+.3f} to {self.high:+.3f}"
        figures = f"macro-F1 {self.second_f1:.3f} against {self.first_f1:.3f}, {interval}"
        how = f"{self.blocks} blocks of at most {self.block_s:g} {'s of these videos' if self.in_time else 'images'}"
        if not self.shown:
            return f"No difference between {self.second} and {self.first} that {how} can show ({figures})."
        better, worse = (self.second, self.first) if difference > 0 else (self.first, self.second)
        return f"{better} is better than {worse} on {how} ({figures})."

    @property
    def sentences(self) -> tuple[str, ...]:
        """The verdict by frame, and that by bout where bouts are scored."""
        if self.by_bout is None:
            return (self.sentence,)
        return self.sentence, f"By bout: {self.by_bout.sentence.replace('No difference', 'no difference', 1)}"

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        plain = {name: getattr(self, name) for name in self.__slots__ if name != "by_bout"}
        bouts = {"by_bout": self.by_bout.as_json()} if self.by_bout is not None else {}
        return plain | {"shown": self.shown, "sentence": self.sentence} | bouts


def compare_f1(
    names: tuple[str, str], first: Sequence[ScoredVideo], second: Sequence[ScoredVideo], *, block_s: float = BLOCK_S, seed: int = 0
) -> PairedF1:
    """Draw whole blocks of consecutive frames with replacement, the same for both, and count macro-F1 anew each time.

    Bouts are counted in the block in which they begin, those of a pair in that of the true one.

    Args:
        names: of the two answers.
        first: the videos of the first answer.
        second: the same with the same truth, of the second.
        block_s: length of a block; the last of a video may be shorter.
        seed: of the draws.

    Raises:
        TrainingError: other videos or truth, or too few blocks for any answer.
    """
    same = len(first) == len(second) and all(
        one.name == other.name and np.array_equal(one.truth, other.truth) for one, other in zip(first, second, strict=True)
    )
    if not same:
        raise TrainingError(f"{names[0]} and {names[1]} were scored on different videos; compare them on the same")
    in_time = all(video.in_time for video in first)
    by_frame = _CountsOfBoth(*(np.concatenate([_counts(video, block_s) for video in videos]) for videos in (first, second)))
    _refuse_few(len(by_frame.first), block_s, in_time=in_time)
    found = _paired(names, by_frame, block_s, in_time=in_time, seed=seed)
    if not in_time:
        return found
    by_bout = _CountsOfBoth(*(np.concatenate([_bout_counts(video, block_s) for video in videos]) for videos in (first, second)))
    return replace(found, by_bout=_paired(names, by_bout, block_s, in_time=True, seed=seed))


class _CountsOfBoth(NamedTuple):
    """What is right, falsely found and missed in each block, (blocks, classes, 3), of both answers."""

    first: NDArray[np.int64]
    second: NDArray[np.int64]


def _paired(names: tuple[str, str], counts: _CountsOfBoth, block_s: float, *, in_time: bool, seed: int) -> PairedF1:
    rng, blocks = np.random.default_rng(seed), len(counts.first)
    differences = []
    for _ in range(RESAMPLES // _PIECE):
        drawn = rng.multinomial(blocks, np.full(blocks, 1 / blocks), size=_PIECE)
        scores = [_macro_f1(np.tensordot(drawn, each, axes=1)) for each in counts]
        differences.append(scores[1] - scores[0])
    low, high = np.nanpercentile(np.concatenate(differences), [2.5, 97.5])
    whole = [float(_macro_f1(each.sum(axis=0)[None])[0]) for each in counts]
    return PairedF1(
        first=names[0],
        second=names[1],
        first_f1=whole[0],
        second_f1=whole[1],
        low=float(low),
        high=float(high),
        blocks=blocks,
        block_s=block_s,
        in_time=in_time,
    )


def _bout_counts(video: ScoredVideo, block_s: float) -> NDArray[np.int64]:
    """Bouts that are right, falsely found and missed: (blocks, classes, 3)."""
    frames = _block_length(video.fps, block_s, in_time=video.in_time)
    return np.stack([bouts_by_block(video, place, frames=frames) for place in range(len(video.class_names))], axis=1)


class MarkedVideo(Protocol):
    """What of a video says how many blocks it has."""

    @property
    def marks(self) -> Marks: ...  # noqa: D102
    @property
    def fps(self) -> float: ...  # noqa: D102
    @property
    def in_time(self) -> bool: ...  # noqa: D102


def refuse_few_blocks(videos: Sequence[MarkedVideo], *, block_s: float = BLOCK_S) -> None:
    """Refuse videos that are too short to compare two answers on, before there are any.

    Raises:
        TrainingError: they have too few blocks.
    """
    blocks = sum(-(-len(video.marks) // _block_length(video.fps, block_s, in_time=video.in_time)) for video in videos)
    _refuse_few(blocks, block_s, in_time=all(video.in_time for video in videos))


def _refuse_few(blocks: int, block_s: float, *, in_time: bool) -> None:
    if blocks >= FEWEST_BLOCKS:
        return
    long = f"{FEWEST_BLOCKS * block_s / 60:g} min of video" if in_time else f"{FEWEST_BLOCKS * block_s:g} images"
    of = f"{'1 block' if blocks == 1 else f'{blocks} blocks'} of {block_s:g} {'s' if in_time else 'images'}"
    raise TrainingError(f"{of} {'is' if blocks == 1 else 'are'} too few to compare two answers; give at least {FEWEST_BLOCKS}, {long}")


def _block_length(fps: float, block_s: float, *, in_time: bool) -> int:
    """In frames, or in images where these do not follow one another."""
    return max(1, round(block_s * (fps if in_time else 1)))


def _counts(video: ScoredVideo, block_s: float) -> NDArray[np.int64]:
    """Frames that are right, falsely found and missed: (blocks, classes, 3)."""
    length = _block_length(video.fps, block_s, in_time=video.in_time)
    edges = np.arange(0, len(video.truth), length)
    parts = (video.said & video.true, video.said & ~video.true & video.judged, ~video.said & video.true)
    return np.stack([np.add.reduceat(part.astype(np.int64), edges, axis=0) for part in parts], axis=-1)


def _macro_f1(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Of counts (n, classes, 3): float64 (n,), the mean over classes that are there or were found."""
    total = 2 * counts[..., 0] + counts[..., 1] + counts[..., 2]
    f1 = np.where(total > 0, 2 * counts[..., 0] / np.maximum(total, 1), np.nan)
    known = np.isfinite(f1)
    return np.asarray(np.where(known, f1, 0.0).sum(axis=1) / np.maximum(known.sum(axis=1), 1))
