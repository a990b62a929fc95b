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
    return _nearest(seconds, -delay_ms)


def later(seconds: NDArray[np.float32], delay_ms: float) -> Places:
    """Of every frame, the place of the frame at which it is answered: taken nearest to so much later; -1 where the video ends before."""
    return _nearest(seconds, delay_ms)


def said_of_delay(delay_ms: float) -> list[str]:
    """That answers come late, a sentence for those who read scores; empty where they do not."""
    return [f"answers come {delay_ms:g} ms after a frame; in these scores they stand at the frame that they are of"] if delay_ms else []


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


def _nearest(seconds: NDArray[np.float32], shift_ms: float) -> Places:
    """Of every frame, the place of the one taken nearest to so much later, of two equally near the earlier; -1 beyond the ends."""
    if len(seconds) < 2:
        return np.full(len(seconds), -1 if shift_ms else 0, np.intp)
    steps_us = np.rint(seconds.astype(np.float64) * 1e6).astype(np.int64)
    steps_us[0] = 0
    times_us, slack_us = np.cumsum(steps_us), float(np.median(steps_us[1:])) / 2
    wanted_us = times_us + round(shift_ms * 1000)
    after = np.searchsorted(times_us, wanted_us).clip(1, len(times_us) - 1)
    nearest = np.where(wanted_us - times_us[after - 1] <= times_us[after] - wanted_us, after - 1, after)
    nearest[(wanted_us < -slack_us) | (wanted_us > times_us[-1] + slack_us)] = -1
    return nearest
