"""Frame rate, regularity, lost frames and flicker, from the stamps and brightness of every frame. Pure."""

import numpy as np
from numpy.typing import NDArray

from tracker.check.result import CheckResult, judged, unjudged
from tracker.check.watch import Watched

_FEWEST = 20  # frames from which a rate is told
_MAINS_HZ = {50: 100.0, 60: 120.0}  # lamps flicker with both half waves
_DRIFT_HZ = 0.3  # the grid keeps its frequency to 0.1 %, the camera's clock is closer
_NEIGHBOURS_HZ = 4.0
_TIMES_FLOOR = 4.0  # the highest of some 20 amplitudes of noise is about twice their median

Times = NDArray[np.float64]  # (n,) seconds


def line_through(watched: Watched) -> tuple[float, Times]:
    """Seconds from one frame number to the next, and how late each frame was received against the straight line through all: (n,)."""
    received_s = (watched.received_ns - watched.received_ns[0]) / 1e9
    numbers = (watched.numbers - watched.numbers[0]).astype(np.float64)
    slope, start = np.polyfit(numbers, received_s, 1)
    if watched.exposed_ns is not None:  # the camera's own clock has no delays in it
        slope = np.polyfit(numbers, (watched.exposed_ns - watched.exposed_ns[0]) / 1e9, 1)[0]
    return float(slope), received_s - (start + slope * numbers)


def rate(watched: Watched, *, expected_hz: float | None, has_own_rate: bool) -> CheckResult:
    """Whether frames come as often as was asked for, and evenly.

    Args:
        watched: what came.
        expected_hz: as configured, None where nothing was.
        has_own_rate: False for a file that is read as fast as it can be.
    """
    count = len(watched.numbers)
    if not has_own_rate:
        return unjudged("rate", "not judged: this source is read as fast as it can be, and has no rate of its own", frames=count)
    if count < _FEWEST or watched.numbers[-1] <= watched.numbers[0]:
        return unjudged("rate", f"not judged: {count} frames came in {watched.seconds:g} s; look for longer (--seconds 60)", frames=count)
    period_s, late_s = line_through(watched)
    hz = 1 / period_s
    jitter_ms, longest_ms = 1e3 * float(np.quantile(np.abs(late_s), 0.99)), float(np.diff(watched.received_ns).max()) / 1e6
    found = f"{hz:.2f} frames per second; 99 % arrive within {jitter_ms:.1f} ms of their time, the longest interval is {longest_ms:.1f} ms"
    bad = warn = None
    off = abs(hz / expected_hz - 1) if expected_hz else 0.0
    if off > 0.1:
        bad = f"{expected_hz:g} are configured: shorten the exposure, lower the rate, or give the camera a connection of its own"
    elif off > 0.01:
        warn = f"{expected_hz:g} are configured: shorten the exposure, or configure the rate that it reaches"
    elif jitter_ms > 500 * period_s:
        warn = "frames arrive unevenly: something else keeps this machine or the camera's connection busy"
    measured = {"hz": round(hz, 4), "jitter_p99_ms": round(jitter_ms, 3), "longest_interval_ms": round(longest_ms, 3), "frames": count}
    return judged("rate", found, measured, bad=bad, warn=warn)


def losses(watched: Watched) -> CheckResult:
    """Whether frames are missing or damaged."""
    count, lost, corrupt = len(watched.numbers), watched.lost, watched.corrupt
    share = (lost + corrupt) / (count + lost + corrupt)
    found = f"{lost} lost and {corrupt} damaged of {count + lost + corrupt}"
    bad = warn = None
    remedy = "use another cable, port or controller, a lower rate or a smaller picture, and stop what else keeps this machine busy"
    if watched.failure is not None:
        bad = f"then frames stopped: {watched.failure}"
    elif share > 0.01:
        bad = remedy
    elif share > 0:
        warn = remedy
    return judged("frames", found, {"frames": count, "lost": lost, "corrupt": corrupt}, bad=bad, warn=warn)


def flicker(watched: Watched, *, has_own_rate: bool) -> CheckResult:
    """Whether light from the mains beats with the frame rate.

    A lamp on 50 Hz mains flickers at 100 Hz, which a camera sees folded down to |100 - k rate|. For each of eight horizontal
    bands the amplitude of that beat is fitted to the mean brightness over the frames' even times; the median over bands is
    taken, since an animal disturbs few of them and a rolling shutter shifts only their phase. It counts where it exceeds four
    times the median of its neighbours in frequency.
    """
    if not has_own_rate or len(watched.numbers) < 2 * _FEWEST or watched.numbers[-1] <= watched.numbers[0]:
        return unjudged("flicker", "not judged: it takes 40 frames at a rate of their own")
    period_s, _ = line_through(watched)
    times = (watched.numbers - watched.numbers[0]) * period_s
    series = _without_drift(watched.bands / np.maximum(watched.bands.mean(axis=0), 1e-9), times)
    lowest_hz = 3 / float(times[-1])  # and as near to half the rate, samples may miss every wave
    beats = {mains: _folded(hz, 1 / period_s) for mains, hz in _MAINS_HZ.items()}
    edge_hz = lowest_hz + _DRIFT_HZ
    visible = {mains: beat for mains, beat in beats.items() if edge_hz <= beat <= 0.5 / period_s - edge_hz}
    amplitudes = {mains: _beat(series, times, beat, lowest_hz) for mains, beat in visible.items()}
    hidden = [f"{mains} Hz" for mains in beats if mains not in visible]
    blind = f"; of {' and '.join(hidden)} mains nothing can be told at this rate in {watched.seconds:g} s" if hidden else ""
    strong = {mains: value for mains, (value, floor) in amplitudes.items() if value > max(_TIMES_FLOOR * floor, 5e-4)}
    measured = {f"beat_{mains}_percent": round(100 * value, 4) for mains, (value, _) in amplitudes.items()}
    if not amplitudes:
        return unjudged("flicker", f"not judged{blind}", **measured)
    if not strong:
        return judged("flicker", f"brightness does not beat with the mains{blind}", measured)
    mains = max(strong, key=lambda each: strong[each])
    percent = 100 * strong[mains]
    name = "50 or 60" if len(strong) == 2 and abs(visible[50] - visible[60]) < 1 else f"{mains}"
    found = (
        f"brightness changes by ±{percent:.1f} % at {visible[mains]:.1f} Hz, as light from {name} Hz mains does at this frame rate{blind}"
    )
    remedy = (
        f"use light that does not flicker (LEDs on direct current), or an exposure that is a multiple of {1e3 / _MAINS_HZ[mains]:.2f} ms"
    )
    return judged("flicker", found, measured, bad=remedy if percent > 5 else None, warn=remedy if percent > 0.5 else None)


def _folded(hz: float, rate_hz: float) -> float:
    """The frequency, 0 to half the rate, at which samples show it."""
    return abs(hz - rate_hz * round(hz / rate_hz))


def _without_drift(series: NDArray[np.float64], times: Times) -> NDArray[np.float64]:
    """(n, bands) less the parabola that fits best: light warms up, an animal walks out of the picture."""
    powers = np.vander(times / times[-1], 3)
    return np.asarray(series - powers @ np.linalg.lstsq(powers, series, rcond=None)[0], np.float64)


def _beat(series: NDArray[np.float64], times: Times, beat_hz: float, lowest_hz: float) -> tuple[float, float]:
    """Largest amplitude around a beat, relative to the mean, and the typical one of its neighbours."""
    half_hz = 0.5 / float(np.median(np.diff(times)))
    around = np.arange(beat_hz - _DRIFT_HZ, min(beat_hz + _DRIFT_HZ, half_hz), 0.25 / float(times[-1]))
    near = np.arange(max(lowest_hz, beat_hz - _NEIGHBOURS_HZ), min(half_hz, beat_hz + _NEIGHBOURS_HZ), 0.5 / float(times[-1]))
    near = near[np.abs(near - beat_hz) > _DRIFT_HZ + 2 / float(times[-1])]
    floor = _amplitudes(series, times, near)
    return float(_amplitudes(series, times, around).max()), float(np.median(floor)) if len(near) else 0.0


def _amplitudes(series: NDArray[np.float64], times: Times, frequencies: NDArray[np.float64]) -> NDArray[np.float64]:
    """(f,), the median over bands of the amplitude of a sine of each frequency."""
    turns = np.exp(-2j * np.pi * np.outer(frequencies, times))
    return np.asarray(np.median(2 / len(times) * np.abs(turns @ series), axis=1), np.float64)
