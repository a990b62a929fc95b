"""How well bouts were found: detected, false, late or early, in pieces. Pairs of bouts are those of `tracker.behaviour.score`."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tracker.behaviour.score import Bouts, bouts_of_labels, pair_bouts
from trainer.behaviour_scores.scored_video import Said, ScoredVideo


@dataclass(frozen=True, slots=True, kw_only=True)
class BoutScore:
    """Bouts of one class over some videos. A ratio whose denominator is zero is NaN.

    Attributes:
        true: bouts that people marked.
        found: bouts that were found, in judged frames alone: one that goes on through others is as many as the judged parts it is in.
        matched: pairs of one found and one true bout that overlap, each in one pair at most.
        detected: true bouts that any found bout overlaps.
        false: found bouts that overlap no true bout.
        pieces: found bouts that overlap a true one.
        judged_s: seconds that people judged.
        onset_ms: float64 (at most matched,), found minus true: positive is late. Without the pairs of which either bout begins where a
            judged part, or the video, begins: when it began is not known.
        offset_ms: the same for the ends.
    """

    true: int
    found: int
    matched: int
    detected: int
    false: int
    pieces: int
    judged_s: float
    onset_ms: NDArray[np.float64]
    offset_ms: NDArray[np.float64]

    @property
    def precision(self) -> float:
        """Share of the found bouts that are the pair of a true one."""
        return _ratio(self.matched, self.found)

    @property
    def recall(self) -> float:
        """Share of the true bouts that are the pair of a found one."""
        return _ratio(self.matched, self.true)

    @property
    def f1(self) -> float:
        """Harmonic mean of the two; a bout in pieces counts once, its other pieces against it."""
        return _ratio(2 * self.matched, self.found + self.true)

    @property
    def false_per_true(self) -> float:
        """False bouts for each true one."""
        return _ratio(self.false, self.true)

    @property
    def false_per_minute(self) -> float:
        """False bouts in a minute that people judged."""
        return _ratio(60 * self.false, self.judged_s)

    @property
    def fragmentation(self) -> float:
        """Found bouts for each detected one: 1 is whole, 3 is in three pieces; below 1, several true bouts were found as one."""
        return _ratio(self.pieces, self.detected)

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        plain = {name: getattr(self, name) for name in ("true", "found", "matched", "detected", "false")}
        ratios = {
            name: getattr(self, name) for name in ("precision", "recall", "f1", "false_per_true", "false_per_minute", "fragmentation")
        }
        return plain | {name: number(value) for name, value in ratios.items()} | errors_ms(self.onset_ms, self.offset_ms)


def score_bouts(videos: Sequence[ScoredVideo], place: int) -> BoutScore:
    """Score one class over some videos; errors are pooled over matched bouts, so that a video weighs by its bouts."""
    parts = [_of_video(video, place) for video in videos]
    counts = {name: sum(getattr(part, name) for part in parts) for name in ("true", "found", "matched", "detected", "false", "pieces")}
    return BoutScore(
        **counts,
        judged_s=sum(part.judged_s for part in parts),
        onset_ms=np.concatenate([part.onset_ms for part in parts]) if parts else np.zeros(0),
        offset_ms=np.concatenate([part.offset_ms for part in parts]) if parts else np.zeros(0),
    )


def cleaned(said: Said, *, fps: float, minimum_ms: float, gap_ms: float) -> Said:
    """Decisions with interruptions of no more than `gap_ms` filled, and then bouts that last less than `minimum_ms` dropped.

    Lengths are counted as the live rule counts them (`minimum_ms` and `maximum_gap_ms`): from a bout's first frame to its last, and
    from an interruption's first frame to the frame after it.
    """
    result = said.copy()
    half_ns = 1e-6  # ms; frame times are whole nanoseconds
    for column in result.T:
        edges = np.flatnonzero(np.diff(np.concatenate(([False], column, [False])).astype(np.int8)))
        for end, start in zip(edges[1:-1:2], edges[2::2], strict=True):
            if (start - end) * 1000 / fps <= gap_ms + half_ns:
                column[end:start] = True
        edges = np.flatnonzero(np.diff(np.concatenate(([False], column, [False])).astype(np.int8)))
        for first, end in edges.reshape(-1, 2):
            if (end - 1 - first) * 1000 / fps < minimum_ms - half_ns:
                column[first:end] = False
    return result


def errors_ms(onset_ms: NDArray[np.float64], offset_ms: NDArray[np.float64]) -> dict[str, Any]:
    """Signed errors of onsets and offsets: median, mean and mean size, None where no bout was matched."""
    found: dict[str, Any] = {}
    for name, values in (("onset", onset_ms), ("offset", offset_ms)):
        some = values.size > 0
        found[f"{name}_median_ms"] = float(np.median(values)) if some else None
        found[f"{name}_mean_ms"] = float(values.mean()) if some else None
        found[f"{name}_absolute_ms"] = float(np.abs(values).mean()) if some else None
    return found


def number(value: float) -> float | None:
    """A figure for JSON, which has no NaN."""
    return None if np.isnan(value) else float(value)


def bouts_by_block(video: ScoredVideo, place: int, *, frames: int) -> NDArray[np.int64]:
    """Bouts of one class that are found rightly, falsely and missed, by the block of so many frames they begin in: (blocks, 3).

    A pair counts in the block in which its true bout begins, so that whole pairs are drawn.
    """
    times_ns, found, truth, pairs = _paired(video, place)
    block_of_found, block_of_true = (np.searchsorted(times_ns, bouts[:, 0]) // frames for bouts in (found, truth))
    blocks = -(-len(times_ns) // frames)
    parts = (
        block_of_true[pairs[:, 1]],
        np.delete(block_of_found, pairs[:, 0]),
        np.delete(block_of_true, pairs[:, 1]),
    )
    return np.stack([np.bincount(part, minlength=blocks) for part in parts], axis=-1)


def _paired(video: ScoredVideo, place: int) -> tuple[NDArray[np.int64], Bouts, Bouts, NDArray[np.intp]]:
    """Times of the frames in ns, bouts that were found, true ones, and their pairs."""
    judged = video.judged[:, place]
    times_ns = np.round(np.arange(len(judged)) * 1e9 / video.fps).astype(np.int64)
    truth = bouts_of_labels(video.true[:, place], times_ns)
    found = bouts_of_labels(video.said[:, place] & judged, times_ns)
    return times_ns, found, truth, pair_bouts(found, truth)


def _of_video(video: ScoredVideo, place: int) -> BoutScore:
    judged = video.judged[:, place]
    times_ns, found, truth, pairs = _paired(video, place)
    errors = (found[pairs[:, 0]] - truth[pairs[:, 1]]) / 1e6
    known = _edges_known(found, judged, times_ns)[pairs[:, 0]] & _edges_known(truth, judged, times_ns)[pairs[:, 1]]
    reached, reaching = _overlapped(truth, found), _overlapped(found, truth)
    return BoutScore(
        true=len(truth),
        found=len(found),
        matched=len(pairs),
        detected=int(reached.sum()),
        false=int((~reaching).sum()),
        pieces=int(reaching.sum()),
        judged_s=float(judged.sum() / video.fps),
        onset_ms=errors[known[:, 0], 0],
        offset_ms=errors[known[:, 1], 1],
    )


def _edges_known(bouts: Bouts, judged: NDArray[np.bool_], times_ns: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Of each bout, whether the frame before it and the first frame after it were judged: bool (bouts, 2)."""
    beside = np.concatenate(([False], judged, [False]))  # place i + 1 is frame i
    first, end = np.searchsorted(times_ns, bouts).T
    return np.column_stack([beside[first], beside[end + 1]])


def _overlapped(bouts: Bouts, by: Bouts) -> NDArray[np.bool_]:
    """Which bouts share time with any of the others; both in order of time, neither overlapping itself."""
    before = np.searchsorted(by[:, 0], bouts[:, 1])  # those that begin before this one ends
    ended = np.searchsorted(by[:, 1], bouts[:, 0], side="right")  # those that ended before it begins
    return np.asarray(before > ended)


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else float("nan")
