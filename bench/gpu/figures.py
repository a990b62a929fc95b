"""Latencies → percentiles and a histogram that fits into a JSON file; measuring them."""

import json
import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

BINS_A_DECADE = 40
FIRST_MS = 0.001


def summary(ms: NDArray[np.float64]) -> dict[str, Any]:
    """Percentiles, mean, count, and {bin: frames} with bins of equal width on a log axis from 1 µs."""
    if not len(ms):
        return {"frames": 0}
    p50, p99, p999 = np.percentile(ms, [50, 99, 99.9])
    bins = np.floor(np.log10(np.maximum(ms, FIRST_MS) / FIRST_MS) * BINS_A_DECADE).astype(int)
    numbers, counts = np.unique(bins, return_counts=True)
    figures = {"p50": p50, "p99": p99, "p99_9": p999, "max": ms.max(), "mean": ms.mean()}
    rounded = {name: round(float(value), 5) for name, value in figures.items()}
    return {"frames": len(ms), **rounded, "histogram": dict(zip(map(str, numbers.tolist()), counts.tolist(), strict=True))}


def bin_ms(number: int) -> float:
    """Left edge of a bin, ms."""
    return FIRST_MS * math.pow(10, number / BINS_A_DECADE)


def timed(call: Callable[[Any], object], inputs: Sequence[Any], *, frames: int, seconds: float) -> NDArray[np.float64]:
    """Call on one input after the other, so many times or so long, whichever ends first; ms of each call."""
    taken = np.empty(frames, np.int64)
    end = time.perf_counter_ns() + int(seconds * 1e9)
    count = 0
    while count < frames:
        item = inputs[count % len(inputs)]
        before = time.perf_counter_ns()
        call(item)
        after = time.perf_counter_ns()
        taken[count] = after - before
        count += 1
        if after > end:
            break
    return taken[:count] / 1e6


class Notes:
    """A step's results, on the disk after every entry, so that a step that is ended keeps what it measured."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.entries: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}

    def put(self, name: str, value: Any) -> None:
        """Keep one result."""
        self.entries[name] = value
        partial = self._path.with_suffix(".part")
        partial.write_text(json.dumps(self.entries), encoding="utf-8")
        partial.replace(self._path)
