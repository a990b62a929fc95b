"""What a soak's looks at the tracker say: windows of the loop's time, slopes per hour, one sentence, and a picture."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

BY_HAND = "stopped by hand"
SETTLING = 0.1  # of the run: caches fill, libraries load
SHORTEST_H = 0.5  # a slope per hour from less says nothing
# What may grow by how much per hour. A leak of one frame (0.3 MB) a minute is 18 MB/h; the allocator's own ups and downs are below 1 MB.
LIMITS_PER_HOUR = {"anonymous_mb": 2.0, "rss_mb": 2.0, "descriptors": 0.5, "threads": 0.5}
SLOWER = 1.5  # times the median of all windows: what the p99 of the last may be. Windows of a steady machine differ by less


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One look at the tracker; counts are since the beginning of the run."""

    hours: float
    rss_mb: float
    anonymous_mb: float
    descriptors: int
    threads: int
    disk_mb: float
    record_dropped: int
    gaps: int
    lost: int
    skipped: int


def window(begins_h: float, ends_h: float, times_ms: list[float]) -> dict[str, float]:
    """The loop's time in one window."""
    p50, p99 = np.percentile(times_ms, [50, 99]) if times_ms else (np.nan, np.nan)
    frames = len(times_ms)
    return {
        "begins_h": round(begins_h, 5),
        "ends_h": round(ends_h, 5),
        "frames": frames,
        "fps": round(frames / max(1e-9, (ends_h - begins_h) * 3600), 3),
        "p50_ms": round(float(p50), 4),
        "p99_ms": round(float(p99), 4),
        "max_ms": round(max(times_ms, default=float("nan")), 4),
    }


def slopes(samples: list[Sample]) -> dict[str, dict[str, float]]:
    """Per hour, once it has settled, with the standard error of a straight line's slope."""
    settled = samples[int(len(samples) * SETTLING) :]
    hours = np.array([sample.hours for sample in settled])
    found = {}
    for name in (*LIMITS_PER_HOUR, "disk_mb"):
        values = np.array([getattr(sample, name) for sample in settled], float)
        slope, error = _line(hours, values)
        found[name] = {"per_hour": round(slope, 4) + 0.0, "standard_error": round(error, 4), "first": values[0], "last": values[-1]}
    return found


def verdict(
    samples: list[Sample], windows: list[dict[str, float]], found: dict[str, dict[str, float]], *, stopped: str | None
) -> dict[str, Any]:
    """In plain words what is wrong; and whether the run was long enough to say so of slopes."""
    wrong = [] if stopped in (None, BY_HAND) else [str(stopped)]
    enough = samples[-1].hours >= SHORTEST_H
    for name, limit in LIMITS_PER_HOUR.items():
        slope = found[name]["per_hour"]
        if enough and slope > limit:
            wrong.append(f"{name} grows by {slope:g} per hour; expected at most {limit:g}")
    for name in ("record_dropped", "gaps", "lost", "skipped"):
        count = getattr(samples[-1], name)
        if count:
            wrong.append(f"{name} is {count}; expected 0")
    p99 = [each["p99_ms"] for each in windows]
    if len(p99) > 2 and p99[-1] > SLOWER * float(np.median(p99)):
        wrong.append(
            f"the loop's p99 is {p99[-1]:g} ms in the last window; expected at most {SLOWER:g} times its median of {np.median(p99):g} ms"
        )
    if wrong:
        sentence = "not flat: " + "; ".join(wrong)
    elif enough:
        sentence = "flat: memory, descriptors and threads do not grow, and no frame was dropped, lost, skipped or missed"
    else:
        sentence = f"no frame was dropped, lost, skipped or missed; {samples[-1].hours:.3f} h are too few to tell whether anything grows"
    return {"good": not wrong, "long_enough": enough, "sentence": sentence, "wrong": wrong}


def draw(path: Path, report: dict[str, Any]) -> None:
    """Everything over the hours."""
    from matplotlib.figure import Figure

    samples, windows = report["samples"], report["windows"]
    hours = [sample["hours"] for sample in samples]
    middles = [(each["begins_h"] + each["ends_h"]) / 2 for each in windows]
    figure = Figure(figsize=(15, 8), layout="constrained", dpi=100)
    axes = figure.subplots(3, 2)
    panels = (
        ("memory, MB", ("rss_mb", "anonymous_mb")),
        ("descriptors and threads", ("descriptors", "threads")),
        ("session on the disk, MB", ("disk_mb",)),
        ("frames so far", ("record_dropped", "gaps", "lost", "skipped")),
    )
    for place, (title, names) in zip(axes.flat, panels, strict=False):
        for name in names:
            slope = report["slopes"].get(name)
            note = "" if slope is None else f": {slope['per_hour']:+.2f} per hour"
            place.plot(hours, [sample[name] for sample in samples], label=name + note)
        place.set_title(title, loc="left", fontsize=10)
        place.legend(frameon=False, fontsize=8, loc="center left", bbox_to_anchor=(1.0, 0.5))
        place.set_ylim(bottom=0)
    for place, title, names in (
        (axes[2][0], "loop, receipt to publication, ms", ("p50_ms", "p99_ms", "max_ms")),
        (axes[2][1], "frames per second", ("fps",)),
    ):
        for name in names:
            place.plot(middles, [each[name] for each in windows], marker=".", label=name)
        place.set_title(title, loc="left", fontsize=10)
        place.legend(frameon=False, fontsize=8, loc="center left", bbox_to_anchor=(1.0, 0.5))
        place.set(xlabel="hours")
        place.set_ylim(bottom=0)
    axes[2][0].set_yscale("symlog")
    for place in axes.flat:
        place.spines[["top", "right"]].set_visible(False)
    figure.suptitle(report["verdict"]["sentence"], fontsize=10, x=0.01, ha="left", wrap=True)
    figure.savefig(path)


def _line(hours: NDArray[np.float64], values: NDArray[np.float64]) -> tuple[float, float]:
    """Slope of the straight line that fits best, and its standard error (ordinary least squares)."""
    centred = hours - hours.mean()
    spread = float((centred**2).sum())
    if len(hours) < 3 or spread == 0:
        return 0.0, float("inf")
    slope = float((centred * values).sum()) / spread
    rest = values - values.mean() - slope * centred
    return slope, float(np.sqrt((rest**2).sum() / (len(hours) - 2) / spread))
