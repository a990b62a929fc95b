"""The published rules that forecast a burst of motion from the motion of the frames before: quiet now, lively lately."""

import math
from collections import deque

from tracker.config_rules import BinaryForecastSource, ForecastSource


class BurstForecast:
    """One of the two rules, fed one frame at a time. It looks back only: nothing that it says depends on a later frame.

    With V the motion of the last `past_frames` pairs of frames, v the newest of them, R = max V - min V and s the logistic function, the
    probability is (s(range_slope (R - least_range)) + s(-level_slope (v - (min V + share R)))) / 2, and the binary rule says 1 where
    R >= least_range and v <= min V + share R. At the arrival of frame t the newest pair is (t-1, t). Lin, M.: Convolutional LSTMs for
    Motion Forecasting (2020), whose numbers are the defaults.
    """

    def __init__(self, source: ForecastSource | BinaryForecastSource) -> None:
        """Begin with no frame seen."""
        self._source = source
        self._past: deque[float] = deque(maxlen=source.past_frames)
        self._longest_gap_ns = round(source.longest_gap_ms * 1e6)
        self._last_ns: int | None = None

    def update(self, motion: float | None, time_ns: int) -> float | None:
        """Take one frame.

        Args:
            motion: mean absolute difference of this frame and the one before, None where there is none: the past is then forgotten.
            time_ns: of the frame. After a gap longer than `longest_gap_ms`, or where the clock stands still or is set back, it is too.

        Returns:
            0..1, None until `past_frames` pairs were seen without a gap.
        """
        step_ns = None if self._last_ns is None else time_ns - self._last_ns
        self._last_ns = time_ns
        if motion is None or (step_ns is not None and not 0 < step_ns <= self._longest_gap_ns):
            self._past.clear()
            return None
        self._past.append(motion)
        return self._said() if len(self._past) == self._source.past_frames else None

    def _said(self) -> float:
        source, low = self._source, min(self._past)
        spread = max(self._past) - low
        level = self._past[-1] - (low + source.share * spread)
        if isinstance(source, BinaryForecastSource):
            return float(spread >= source.least_range and level <= 0)
        return (_logistic(source.range_slope * (spread - source.least_range)) + _logistic(-source.level_slope * level)) / 2


def _logistic(x: float) -> float:
    """1 / (1 + exp(-x)), without an overflow."""
    return 1 / (1 + math.exp(-x)) if x >= 0 else math.exp(x) / (1 + math.exp(x))
