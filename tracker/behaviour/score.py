"""How well events agree with what a person marked: frame by frame, and onset and end in milliseconds, never in frames."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tracker.event import Event

Times = NDArray[np.int64]  # (frames,): ns, rising
Labels = NDArray[np.bool_]  # (frames,)
Bouts = NDArray[np.int64]  # (bouts, 2): from and until in ns; `until` is the time of the first frame outside


@dataclass(frozen=True, slots=True, kw_only=True)
class EventScore:
    """Agreement of found bouts with true ones. A ratio whose denominator is zero is NaN.

    Attributes:
        precision: share of the frames found that are true.
        recall: share of the true frames that were found.
        f1: harmonic mean of the two, 2·TP / (2·TP + FP + FN).
        agreement: share of all frames on which both say the same.
        found: number of bouts found.
        true: number of true bouts.
        matched: pairs of one found and one true bout that overlap, each bout in at most one pair, longest overlap first.
        onset_error_ms: float64 (matched,), found minus true: positive is late.
        end_error_ms: the same for the ends.
    """

    precision: float
    recall: float
    f1: float
    agreement: float
    found: int
    true: int
    matched: int
    onset_error_ms: NDArray[np.float64]
    end_error_ms: NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameScore:
    """Agreement frame by frame: the first four figures of `EventScore`."""

    precision: float
    recall: float
    f1: float
    agreement: float


def score_frames(said: Labels, true: Labels) -> FrameScore:
    """Compare labels frame by frame."""
    both, only_said, only_true = (int(np.count_nonzero(x)) for x in (said & true, said & ~true, true & ~said))
    return FrameScore(
        precision=_ratio(both, both + only_said),
        recall=_ratio(both, both + only_true),
        f1=_ratio(2 * both, 2 * both + only_said + only_true),
        agreement=_ratio(len(said) - only_said - only_true, len(said)),
    )


def score(found: Bouts, truth: Bouts, *, times_ns: Times) -> EventScore:
    """Compare bouts on the frames at `times_ns`; frames that nobody judged are left out by leaving out their times."""
    frames = score_frames(labels_of(found, times_ns), labels_of(truth, times_ns))
    pairs = pair_bouts(found, truth)
    errors = (found[pairs[:, 0]] - truth[pairs[:, 1]]) / 1e6
    return EventScore(
        precision=frames.precision,
        recall=frames.recall,
        f1=frames.f1,
        agreement=frames.agreement,
        found=len(found),
        true=len(truth),
        matched=len(pairs),
        onset_error_ms=errors[:, 0],
        end_error_ms=errors[:, 1],
    )


def bouts_of_labels(labels: Labels, times_ns: Times) -> Bouts:
    """Runs of true labels as bouts. One that reaches the last frame ends one frame interval after it."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], labels, [False])).astype(np.int8)))
    return _with_end(times_ns)[edges].reshape(-1, 2)


def bouts_of_events(
    events: Iterable[Event], frames: Mapping[int, int], *, name: str, animal: int, marks: Literal["bout", "announced"]
) -> Bouts:
    """The bouts that one event of one animal stands for.

    Args:
        events: in the order in which they came.
        frames: frame number to its time in ns, in order.
        name: of the event.
        animal: its index.
        marks: `bout` takes the bout as it was, looking back: from `onset_frame`, until the announced end less the gap that
            the rule waits. `announced` takes what was known live: from "on" to "off".

    Returns:
        int64 (bouts, 2). A bout that is still on ends one frame interval after the last frame.
    """
    bouts: list[tuple[int, int]] = []
    start: int | None = None
    for event in events:
        if event.name != name or event.animal != animal:
            continue
        if event.state == "on":
            start = frames[event.onset_frame if marks == "bout" else event.frame]
        elif start is not None:
            waited_ns = round(event.added_delay_ms * 1e6) if marks == "bout" else 0
            end = frames[event.frame] - waited_ns
            if end > start:  # else it was over before the first frame, and was told of by a source that answers late
                bouts.append((start, end))
            start = None
    if start is not None:
        bouts.append((start, int(_with_end(np.fromiter(frames.values(), np.int64))[-1])))
    return np.asarray(bouts, np.int64).reshape(-1, 2)


def labels_of(bouts: Bouts, times_ns: Times) -> Labels:
    """Which frames lie in a bout. Bouts must not overlap."""
    inside = np.zeros(len(times_ns), np.bool_)
    for first, last in np.searchsorted(times_ns, bouts):
        inside[first:last] = True
    return inside


def pair_bouts(found: Bouts, truth: Bouts) -> NDArray[np.intp]:
    """Index pairs (found, true) of bouts that overlap, int (pairs, 2), in order of time: each bout once, longest overlap first."""
    shared = np.minimum(found[:, None, 1], truth[None, :, 1]) - np.maximum(found[:, None, 0], truth[None, :, 0])
    first, second = np.nonzero(shared > 0)
    free_found, free_true = np.ones(len(found), np.bool_), np.ones(len(truth), np.bool_)
    pairs = []
    for place in np.lexsort((second, first, -shared[first, second])):
        i, j = first[place], second[place]
        if free_found[i] and free_true[j]:
            pairs.append((i, j))
            free_found[i] = free_true[j] = False
    return np.asarray(sorted(pairs), np.intp).reshape(-1, 2)


def _with_end(times_ns: Times) -> Times:
    interval = int(np.median(np.diff(times_ns))) if len(times_ns) > 1 else 0
    return np.append(times_ns, times_ns[-1:] + interval)


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else float("nan")
