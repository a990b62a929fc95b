"""Latency as a histogram of fixed size: adding costs under a microsecond, percentiles are right to 1 %, memory never grows."""

import math

import numpy as np

_LOWEST_NS = 1_000  # everything faster is counted as 1 µs
_DECADES = 8  # up to 100 s
_STEPS = 232  # buckets a decade: each is 1 % wider than the one before
_SCALE = _STEPS / math.log(10)
_OFFSET = math.log(_LOWEST_NS) * _SCALE
_BUCKETS = _DECADES * _STEPS + 1
PERCENTILES = {"p50": 0.5, "p99": 0.99, "p99.9": 0.999}


class Latency:
    """Durations of one stage."""

    def __init__(self) -> None:
        self._counts = [0] * _BUCKETS
        self._longest_ns = 0

    def add(self, duration_ns: int) -> None:
        """Count one duration."""
        if duration_ns > self._longest_ns:
            self._longest_ns = duration_ns
        bucket = int(math.log(duration_ns) * _SCALE - _OFFSET) if duration_ns > _LOWEST_NS else 0
        self._counts[min(bucket, _BUCKETS - 1)] += 1

    def summary_ms(self) -> dict[str, float]:
        """p50, p99, p99.9 and max of everything counted, in ms; zeros while nothing was counted."""
        if not self._longest_ns:
            return dict.fromkeys((*PERCENTILES, "max"), 0.0)
        reached = np.cumsum(np.asarray(self._counts, np.int64))
        summary = {}
        for name, share in PERCENTILES.items():
            bucket = int(np.searchsorted(reached, math.ceil(share * int(reached[-1]))))
            middle_ns = math.exp((bucket + 0.5 + _OFFSET) / _SCALE)
            summary[name] = round(min(middle_ns, self._longest_ns) / 1e6, 4)
        return summary | {"max": round(self._longest_ns / 1e6, 4)}
