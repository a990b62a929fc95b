"""From numbers read in the camera's pictures to upper bounds of the latency. Pure."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from tracker.latency.dot_reader import DotReading, Refusal
from tracker.latency.dots import MODULUS
from tracker.latency.edges import NS_PER_MS, FrameTimes
from tracker.latency.report import MEANING, made_of, percentiles

OLDEST_NS = 10_000_000_000  # a number shown longer ago than this was not read in a live picture
PARTS = ("screen", "unseen_screen", "transfer", "waiting", "engine", "decision")
REFUSED: dict[Refusal, str] = {
    "markers": "not all four corner markers seen",
    "contrast": "dots too faint or too bright",
    "between": "between two updates",
    "torn": "updated in part",
    "old": "number of another time",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """A frame and when its pose was published; host CLOCK_MONOTONIC, ns."""

    times: FrameTimes
    published_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ScreenReading:
    """One picture of the camera.

    Attributes:
        frame: its number.
        refused: why it was left out; None where it counts.
        shown_ns: when what it shows was handed to the display; None where it was refused.
        latency_ms: from then to the published pose: at least the true latency.
        stayed_ms: until the next was handed over; None of the last that was shown.
        parts_ms: of the latency, by the names of PARTS as far as the stamps tell; they add up to it.
    """

    frame: int
    refused: Refusal | None = None
    shown_ns: int | None = None
    latency_ms: float | None = None
    stayed_ms: float | None = None
    parts_ms: dict[str, float]


def reading_of(frame: int, dots: DotReading, published: Published, shown_ns: Sequence[int]) -> ScreenReading:
    """Find which of the numbers shown it was, and take the time since.

    Args:
        frame: number of the camera's picture.
        dots: as read in it.
        published: the stamps of that frame.
        shown_ns: by number, ascending.
    """
    if dots.number is None:
        return ScreenReading(frame=frame, refused=dots.refused, parts_ms={})
    times = published.times
    newest = bisect_right(shown_ns, times.received_ns) - 1
    number = newest - (newest - dots.number) % MODULUS
    if number < 0 or times.received_ns - shown_ns[number] > OLDEST_NS:
        return ScreenReading(frame=frame, refused="old", parts_ms={})
    stayed_ns = shown_ns[number + 1] - shown_ns[number] if number + 1 < len(shown_ns) else None
    return ScreenReading(
        frame=frame,
        shown_ns=shown_ns[number],
        latency_ms=(published.published_ns - shown_ns[number]) / NS_PER_MS,
        stayed_ms=None if stayed_ns is None else stayed_ns / NS_PER_MS,
        parts_ms=_parts(published, shown_ns[number]),
    )


def screen_report(
    readings: Sequence[ScreenReading],
    *,
    facts: dict[str, Any],
    frame_interval_ms: float,
    exposure_ms: float | None,
    shown_ns: Sequence[int],
    stopped: str | None,
) -> dict[str, Any]:
    """Everything as JSON has it. Refused pictures are counted and in no percentile.

    Args:
        readings: in the order of frames.
        facts: about the set-up, as they are to stand in the report.
        frame_interval_ms: median.
        exposure_ms: as the lab says; None: not said.
        shown_ns: by number.
        stopped: why it ended too early, None if it did not.
    """
    read = [each for each in readings if each.latency_ms is not None]
    by_part = {part: percentiles([each.parts_ms[part] for each in read if part in each.parts_ms]) for part in PARTS}
    parts = {part: values for part, values in by_part.items() if values}
    latencies = [each.latency_ms for each in read if each.latency_ms is not None]
    least = {"min": round(min(latencies), 4)} if latencies else {}
    return {
        "schema": 1,
        **facts,
        "stopped": stopped,
        "frame_interval_ms": frame_interval_ms,
        "exposure_ms": exposure_ms,
        "screen": {
            "n": len(read),
            "refused": {reason: sum(each.refused == reason for each in readings) for reason in REFUSED},
            "latency_ms": least | percentiles(latencies),
            "stayed_ms": percentiles([each.stayed_ms for each in read if each.stayed_ms is not None]),
            "update_interval_ms": percentiles([(after - before) / NS_PER_MS for before, after in pairwise(shown_ns)]),
            "parts_ms": parts,
            "made_of_ms": made_of({part: values["p50"] for part, values in parts.items()}, output_ms=None, exposure_ms=exposure_ms),
        },
        "readings": [
            {
                "frame": each.frame,
                "refused": each.refused,
                "shown_ns": each.shown_ns,
                "latency_ms": each.latency_ms,
                "stayed_ms": each.stayed_ms,
                "parts_ms": each.parts_ms,
            }
            for each in readings
        ],
    }


def screen_lines(found: dict[str, Any]) -> str:
    """A few lines for people."""
    screen = found["screen"]
    out = [f"camera '{found['camera']}', a frame every {found['frame_interval_ms']:.2f} ms; {screen['n']} pictures read"]
    left_out = ", ".join(f"{count} {REFUSED[reason]}" for reason, count in screen["refused"].items() if count)
    if left_out:
        out.append(f"left out: {left_out}")
    if screen["latency_ms"]:
        out.append("latency is at most " + ", ".join(f"{key} {value:.2f}" for key, value in screen["latency_ms"].items()) + " ms")
        medians = ", ".join(f"{MEANING[key]} {value:.2f}" for key, value in screen["made_of_ms"].items())
        out.append(f"  of which, in the median: {medians} ms")
        out.append("  the screen's refresh and lag are in it, and the age of what it showed, up to the time until its next picture:")
    if screen["stayed_ms"]:
        out.append(f"  median {screen['stayed_ms']['p50']:.2f} ms")
    return "\n".join(out)


def _parts(published: Published, shown_ns: int) -> dict[str, float]:
    times = published.times
    if times.exposed_ns is None:
        parts = {"unseen_screen": times.received_ns - shown_ns}
    else:
        parts = {"screen": times.exposed_ns - shown_ns, "transfer": times.received_ns - times.exposed_ns}
    parts |= {
        "waiting": times.taken_ns - times.received_ns,
        "engine": times.inferred_ns - times.taken_ns,
        "decision": published.published_ns - times.inferred_ns,
    }
    return {name: ns / NS_PER_MS for name, ns in parts.items()}
