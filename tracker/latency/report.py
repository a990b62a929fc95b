"""What a measurement found: numbers for programs, and lines for people."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from tracker.latency.edges import PARTS, Edge, light_ms

BY_HAND = "stopped by hand"
MEANING = {
    "output": "output and light",
    "next_exposure": "waiting for an exposure",
    "light": "output, light, waiting for an exposure",
    "screen": "screen: refresh, lag, age of its picture",
    "unseen_screen": "screen, exposure, transfer",
    "unseen": "output, light, exposure, transfer",
    "exposure": "exposure",
    "transfer": "transfer",
    "exposure_and_transfer": "exposure and transfer",
    "rule": "the rule's own wait",
    "waiting": "waiting for the loop",
    "engine": "engine",
    "decision": "behaviour and publication",
    "answer": "subscriber and its answer",
}


def report(
    edges: Sequence[Edge], *, facts: dict[str, Any], frame_interval_ms: float, exposure_ms: float | None, even: bool, stopped: str | None
) -> dict[str, Any]:
    """Everything as JSON has it. Missed and unclear edges are counted and in no percentile.

    Args:
        edges: in their order.
        facts: about the set-up, as they are to stand in the report.
        frame_interval_ms: median.
        exposure_ms: as the lab says; None: not said.
        even: the commands were spread evenly over the frame interval, so that the output's own delay can be told.
        stopped: why it ended too early, None if it did not.
    """
    found: dict[str, Any] = {"schema": 1, **facts, "stopped": stopped, "frame_interval_ms": frame_interval_ms, "exposure_ms": exposure_ms}
    for name, lit in (("on", True), ("off", False)):
        mine = [edge for edge in edges if edge.lit is lit]
        output_ms = light_ms(mine, frame_interval_ms=frame_interval_ms) if even else None
        found[name] = _of(mine, output_ms=output_ms, exposure_ms=exposure_ms)
    found["edges"] = [
        {"lit": edge.lit, "told_ns": edge.told_ns, "outcome": edge.outcome, "latency_ms": edge.latency_ms, "parts_ms": edge.parts_ms}
        for edge in edges
    ]
    return found


def made_of(medians_ms: dict[str, float], *, output_ms: float | None, exposure_ms: float | None) -> dict[str, float]:
    """The medians of the parts, split as far as is known: ms by the names of MEANING.

    Args:
        medians_ms: by the names of PARTS.
        output_ms: what of the light's part the output and the light take; None: not known.
        exposure_ms: of the camera; None: not known.
    """
    found: dict[str, float] = {}
    for name, value in medians_ms.items():
        if name == "light" and "transfer" not in medians_ms:
            found["unseen"] = value
        elif name == "light" and output_ms is not None:
            found |= {"output": output_ms, "next_exposure": value - output_ms}
        elif name == "transfer":
            found |= {"exposure_and_transfer": value} if exposure_ms is None else {"exposure": exposure_ms, "transfer": value - exposure_ms}
        else:
            found[name] = value
    return {name: round(value, 4) for name, value in found.items()}


def percentiles(values_ms: Sequence[float]) -> dict[str, float]:
    """p50, p90, p99 and max; nothing of nothing."""
    if not values_ms:
        return {}
    p50, p90, p99 = np.percentile(values_ms, [50, 90, 99])
    return {name: round(float(value), 4) for name, value in (("p50", p50), ("p90", p90), ("p99", p99), ("max", max(values_ms)))}


def lines(found: dict[str, Any]) -> str:
    """A few lines for people."""
    out = [f"event '{found['event']}' of camera '{found['camera']}', a frame every {found['frame_interval_ms']:.2f} ms"]
    for name in ("on", "off"):
        part = found[name]
        out.append(f"light {name}: {part['n']} detected, {part['missed']} missed, {part['unclear']} unclear")
        if part["latency_ms"]:
            out.append("  latency " + ", ".join(f"{key} {value:.2f}" for key, value in part["latency_ms"].items()) + " ms")
            medians = ", ".join(f"{MEANING[key]} {value:.2f}" for key, value in part["made_of_ms"].items())
            out.append(f"  of which, in the median: {medians} ms")
    return "\n".join(out)


def _of(edges: Sequence[Edge], *, output_ms: float | None, exposure_ms: float | None) -> dict[str, Any]:
    detected = [edge for edge in edges if edge.outcome == "detected"]
    found = {part: percentiles([edge.parts_ms[part] for edge in detected if part in edge.parts_ms]) for part in PARTS}
    parts = {part: values for part, values in found.items() if values}
    at_most = None if output_ms is None or exposure_ms is None else round(output_ms + exposure_ms, 4)
    return {
        "n": len(detected),
        "missed": sum(edge.outcome == "missed" for edge in edges),
        "unclear": sum(edge.outcome == "unclear" for edge in edges),
        "latency_ms": percentiles([edge.latency_ms for edge in detected if edge.latency_ms is not None]),
        "parts_ms": parts,
        "made_of_ms": made_of({part: values["p50"] for part, values in parts.items()}, output_ms=output_ms, exposure_ms=exposure_ms),
        "output_ms": None if output_ms is None else {"at_least": round(output_ms, 4), "at_most": at_most},
    }
