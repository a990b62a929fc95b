"""Answers that come later than what they are of: which frame an answer is of, and at which frame a frame is answered.

A network that may wait sees what comes after a frame before it says what that frame was. It stays causal: one step a frame, and the
answer given at a frame is of the frame that was taken `delay_ms` earlier.
"""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Places = NDArray[np.intp]  # (frames,), -1 for none


def earlier(seconds: NDArray[np.float32], delay_ms: float) -> Places:
    """Of every frame, the place of the frame that its answer is of: taken nearest to so much earlier; -1 before there was any.

    Args:
        seconds: time since the frame before, float32 (frames,); not read for the first.
        delay_ms: 0 or more.
    """
    return _nearest(_times_s(seconds), -delay_ms / 1000)


def later(seconds: NDArray[np.float32], delay_ms: float) -> Places:
    """Of every frame, the place of the frame at which it is answered: taken nearest to so much later; -1 where the video ends before."""
    return _nearest(_times_s(seconds), delay_ms / 1000)


def taken_from(rows: NDArray[np.float32], places: Places, *, absent: float) -> NDArray[np.float32]:
    """The rows at some places, float32 (frames, ...), and `absent` where there is none."""
    found = rows[places.clip(min=0)]
    found[places < 0] = absent
    return np.asarray(found, np.float32)


class TimedVideo(Protocol):
    """What of a video this needs."""

    @property
    def seconds(self) -> NDArray[np.float32]:
        """Time since the frame before, float32 (frames,)."""
        ...


def on_own_frames(answers: NDArray[np.float32], videos: Sequence[TimedVideo], delay_ms: float) -> NDArray[np.float32]:
    """Put answers to whole videos, given so much later, where the frames are that they are of; NaN where a video ends before.

    Args:
        answers: float32 (frames of all videos, ...), one video after the other, as they were given.
        videos: in the same order.
        delay_ms: 0 or more.
    """
    parts = np.split(answers, np.cumsum([len(video.seconds) for video in videos])[:-1])
    told = [taken_from(part, later(video.seconds, delay_ms), absent=np.nan) for part, video in zip(parts, videos, strict=True)]
    return np.concatenate(told)


def _times_s(seconds: NDArray[np.float32]) -> NDArray[np.float64]:
    steps = seconds.astype(np.float64)
    steps[:1] = 0
    return np.cumsum(steps)


def _nearest(times_s: NDArray[np.float64], shift_s: float) -> Places:
    if len(times_s) < 2:
        return np.full(len(times_s), -1 if shift_s else 0, np.intp)
    wanted, slack_s = times_s + shift_s, float(np.median(np.diff(times_s))) / 2
    after = np.searchsorted(times_s, wanted).clip(1, len(times_s) - 1)
    nearest = np.where(wanted - times_s[after - 1] <= times_s[after] - wanted, after - 1, after)
    nearest[(wanted < times_s[0] - slack_s) | (wanted > times_s[-1] + slack_s)] = -1
    return nearest
