"""The latency histogram, against numpy's percentiles of the same durations."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracker.service.latency import Latency


def filled(durations_ns: list[int]) -> Latency:
    latency = Latency()
    for duration in durations_ns:
        latency.add(duration)
    return latency


@given(st.lists(st.integers(1_000, 10_000_000_000), min_size=1, max_size=300))
def test_percentiles_are_right_to_one_percent_and_the_maximum_exact(durations_ns: list[int]) -> None:
    summary = filled(durations_ns).summary_ms()
    assert summary["max"] == round(max(durations_ns) / 1e6, 4)
    for name, share in (("p50", 50), ("p99", 99), ("p99.9", 99.9)):
        exact = float(np.percentile(durations_ns, share, method="inverted_cdf")) / 1e6
        assert summary[name] == pytest.approx(exact, rel=0.011, abs=2e-4)


def test_nothing_counted_is_zeros() -> None:
    assert filled([]).summary_ms() == {"p50": 0.0, "p99": 0.0, "p99.9": 0.0, "max": 0.0}


@pytest.mark.parametrize("duration_ns", [0, -5, 1, 999])
def test_durations_below_a_microsecond_and_a_clock_that_stood_still_are_counted(duration_ns: int) -> None:
    assert filled([duration_ns, 5_000_000]).summary_ms()["max"] == 5.0


def test_a_duration_beyond_the_last_bucket_is_kept_as_the_maximum() -> None:
    assert filled([10**13]).summary_ms()["max"] == 10**7
