"""Recordings cut in time: the first part teaches, the following one validates, the last is held out. No window spans a cut."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trainer.behaviour.division import SplitBy
from trainer.behaviour.table_rows import PARTS
from trainer.errors import TrainingError
from trainer.forecast.labels import NOT_LABELLED, BurstRule, Labels, Motion, burst_labels
from trainer.forecast.recordings import Recording
from trainer.forecast.whole_recordings import Shares, in_whole_parts

PUBLISHED_SHARES: Shares = (0.8338, 0.0666, 0.0995)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """Consecutive frames of one recording that serve one purpose. Labels and windows come from them alone.

    Attributes:
        recording: that they are of.
        part: train, validation or test.
        first: its first frame, as the recording counts.
        end: the first frame after it.
        labels: int8 (frames,): a burst follows, does not, or is not labelled.
    """

    recording: Recording
    part: str
    first: int
    end: int
    labels: Labels

    @property
    def motion(self) -> Motion:
        """Of its pairs; that of the last frame with the one after it belongs to the next part, and is not there."""
        motion = self.recording.motion[self.first : self.end].copy()
        motion[-1:] = 0
        return motion

    @property
    def frames(self) -> NDArray[np.uint8] | None:
        """Its small frames, on the disk."""
        return None if self.recording.frames is None else self.recording.frames[self.first : self.end]

    @property
    def labelled(self) -> NDArray[np.int64]:
        """Places of the frames that have a label."""
        return np.flatnonzero(self.labels != NOT_LABELLED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """All stretches.

    Attributes:
        stretches: in the order of the recordings.
        rule: by which they were labelled.
        notes: what is to be said of them.
        motion_size: blocks (w, h) that motion was measured over; None: every pixel.
    """

    stretches: tuple[Stretch, ...]
    rule: BurstRule
    notes: tuple[str, ...]
    motion_size: tuple[int, int] | None = None

    def of(self, part: str) -> tuple[Stretch, ...]:
        """Those of one part."""
        return tuple(stretch for stretch in self.stretches if stretch.part == part)

    @property
    def fps(self) -> float:
        """Of all recordings."""
        return self.stretches[0].recording.fps

    def shares(self, part: str) -> tuple[int, int]:
        """Labelled frames of a part, and how many of them a burst follows."""
        labels = np.concatenate([stretch.labels for stretch in self.of(part)] or [np.zeros(0, np.int8)])
        return int((labels != NOT_LABELLED).sum()), int((labels == 1).sum())


def divide(
    recordings: Sequence[Recording],
    rule: BurstRule,
    shares: Shares,
    *,
    motion_size: tuple[int, int] | None = None,
    by: SplitBy | None = None,
) -> Parts:
    """Cut each recording without a part of its own by the shares, and label every stretch by itself.

    Args:
        recordings: in the order of their table.
        rule: of the labels.
        shares: of the parts.
        motion_size: blocks (w, h) that motion was measured over.
        by: what stays together, see `in_whole_parts`.

    Raises:
        TrainingError: shares that are none, frame rates that differ, too little that stays together, or a part without frames of both
            labels.
    """
    if min(shares) < 0 or not 0 < sum(shares) <= 1.0001 or shares[0] <= 0 or shares[1] <= 0:
        raise TrainingError(f"parts are {', '.join(f'{share:g}' for share in shares)}; expected shares of 1, the first two more than 0")
    rates = sorted({recording.fps for recording in recordings})
    if rates[-1] > 1.01 * rates[0]:
        raise TrainingError(
            f"recordings have {rates[0]:g} and {rates[-1]:g} frames per second; expected one rate, since horizons are frames"
        )
    recordings, together = in_whole_parts(recordings, shares, by)
    stretches = [stretch for recording in recordings for stretch in _cut(recording, rule, shares)]
    needed = rule.past + rule.horizon + 1
    notes = [
        f"{stretch.recording.name}, {stretch.part}: {stretch.end - stretch.first} frames are too few for one label, which needs {needed}"
        for stretch in stretches
        if not len(stretch.labelled)
    ]
    parts = Parts(stretches=tuple(stretches), rule=rule, notes=(*together, *notes), motion_size=motion_size)
    for part in PARTS:
        labelled, positive = parts.shares(part)
        if part == "test" and not labelled:
            continue
        if positive in (0, labelled):
            raise TrainingError(
                f"the {part} part has {labelled} labelled frames, {positive} of them before a burst; expected both kinds: give longer "
                "recordings, other --parts, or another --least-range"
            )
    return parts


def _cut(recording: Recording, rule: BurstRule, shares: Shares) -> list[Stretch]:
    frames = len(recording.motion)
    if recording.part is not None:
        edges = {recording.part: (0, frames)}
    else:
        ends = [round(frames * min(1.0, sum(shares[: place + 1]))) for place in range(3)]
        if sum(shares) > 0.999 and shares[2] > 0:
            ends[2] = frames
        edges = dict(zip(PARTS, zip([0, *ends], ends, strict=False), strict=True))
    found = []
    for part, (first, end) in edges.items():
        if end > first:
            labels = burst_labels(recording.motion[first:end], rule)
            found.append(Stretch(recording=recording, part=part, first=first, end=end, labels=labels))
    return found
