"""What is known of every frame of a video beside its image: numbers and times, as arrays."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]
from numpy.typing import NDArray

from tracker.recording.tables import known_in, numbers_of


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameFacts:
    """Of n frames, in the video's order.

    Attributes:
        frame: (n,) int64, the camera's own number.
        received_ns: (n,) int64, when it came.
        exposed_ns: (n,) int64, by the camera's clock; 0 where it has none.
        is_exposed: (n,) bool, whether it has one.
        segment: (n,) int32, the video file, from 1.
        record_dropped: (n,) int64, frames so far that are not in the video, since the recorder was behind.
        lost: (n,) int64, frames so far that never came from the camera, as last published.
        corrupt: (n,) int64, frames so far that came damaged, likewise.
    """

    frame: NDArray[np.int64]
    received_ns: NDArray[np.int64]
    exposed_ns: NDArray[np.int64]
    is_exposed: NDArray[np.bool_]
    segment: NDArray[np.int32]
    record_dropped: NDArray[np.int64]
    lost: NDArray[np.int64]
    corrupt: NDArray[np.int64]

    @property
    def time_ns(self) -> NDArray[np.int64]:
        """(n,) the time that identities and rules go by, as live: of the exposure where it is known."""
        return np.where(self.is_exposed, self.exposed_ns, self.received_ns)


def facts_of_video(time_ns: NDArray[np.int64]) -> FrameFacts:
    """Of a video that says no more than its frames' presentation times, (n,)."""
    count = len(time_ns)
    zeros, times = np.zeros(count, np.int64), np.ascontiguousarray(time_ns, np.int64)
    return FrameFacts(
        frame=np.arange(count, dtype=np.int64),
        received_ns=times,
        exposed_ns=times,
        is_exposed=np.ones(count, np.bool_),
        segment=np.ones(count, np.int32),
        record_dropped=zeros,
        lost=zeros,
        corrupt=zeros,
    )


def facts_of_rows(rows: pa.Table) -> FrameFacts:
    """Of rows of a frames.arrows."""
    return FrameFacts(
        frame=numbers_of(rows["frame"], np.int64),
        received_ns=numbers_of(rows["received_ns"], np.int64),
        exposed_ns=numbers_of(rows["exposed_ns"], np.int64, missing=0),
        is_exposed=known_in(rows["exposed_ns"]),
        segment=numbers_of(rows["segment"], np.int32),
        record_dropped=numbers_of(rows["record_dropped"], np.int64),
        lost=_last_known(rows["lost"]),
        corrupt=_last_known(rows["corrupt"]),
    )


def _last_known(counts: Any) -> NDArray[np.int64]:
    """A count that only frames with a pose state, for all of them; it never falls."""
    return np.asarray(np.maximum.accumulate(numbers_of(counts, np.int64, missing=0)), np.int64)
