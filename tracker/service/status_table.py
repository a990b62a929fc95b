"""A status message as a table for people. Pure: plain values in, a rich table out."""

from collections.abc import Iterable
from typing import Any

from rich.table import Table
from rich.text import Text

from tracker.bundle_description import distance_words

_QUANTILES = ("p50", "p99", "p99.9", "max")
_STATE_STYLE = {"tracking": "green", "camera_lost": "bold red", "stopping": "yellow", "starting": "yellow"}
_NAMES_SHOWN = 12


def status_table(status: dict[str, Any] | None) -> Table:
    """One row a subject. None, and every part that is not there yet, is a tracker that is starting."""
    found = status or {"state": "starting"}
    table = Table(show_header=False, box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True, style="bold")
    table.add_column(overflow="fold")
    for name, cell in _rows(found):
        table.add_row(name, cell)
    return table


def _rows(found: dict[str, Any]) -> Iterable[tuple[str, Text | Table]]:
    yield "state", Text(str(found["state"]), style=_STATE_STYLE.get(str(found["state"]), ""))
    for problem in found.get("problems") or ():
        since_s = (found.get("published_ns", problem["since_ns"]) - problem["since_ns"]) / 1e9
        yield "problem", Text(f"{problem['cause']}, for {since_s:.0f} s: {problem['sentence']}", style="bold red")
    for name in ("camera", "session", "frame"):
        if name in found:
            yield name, Text(str(found[name]))
    if found.get("bundle"):
        yield "bundle", Text(f"{found['bundle']} ({found['bundle_sha256'][:12]})")
        yield "engine", Text(f"{found['runtime']} on {found['device']}, {found['precision']}")
    elif found.get("runtime") == "none":
        yield "engine", Text("none: no network finds key points")
    if found.get("image_size"):
        yield "image", Text("{}x{}".format(*found["image_size"]))
    if found.get("field_of_view"):
        yield "field of view", Text(found["field_of_view"])
    if found.get("correct_within_px"):
        yield "confidence", Text(f"chance of an error within {distance_words(list(found['correct_within_px'].values()))}")
    if found.get("point_names"):
        yield "key points", Text(_names(found["point_names"]))
    if found.get("class_names"):
        yield "scores", Text(_names(found["class_names"]))
    for event in found.get("open") or ():
        yield "event on", Text(_open_event(event, found.get("published_ns")), style="yellow")
    if (recording := found.get("recording")) is not None:
        yield "recording", Text(f"{recording['folder']}, {recording['frames']} frames", style="yellow")
    if (armed := found.get("armed")) is not None:
        held = f"{armed['frames']} frames ({armed['bytes'] / 1e6:.0f} MB) are kept for it"
        yield "recording", Text(f"armed: begins with {' or '.join(armed['events'])}; {held}")
    for zone in found.get("zones") or ():
        yield f"zone {zone['name']}", Text(_zone(zone))
    if any(found.get("fps", {}).values()):
        yield "per second", Text(", ".join(f"{stage} {rate:.1f}" for stage, rate in found["fps"].items()))
    measured = {stage: values for stage, values in found.get("latency_ms", {}).items() if any(values.values())}
    if measured:
        yield "latency", _latency(measured)
    if found.get("counters"):
        yield "frames so far", Text(", ".join(f"{name} {count}" for name, count in found["counters"].items() if count) or "none")


def _names(names: list[str]) -> str:
    more = len(names) - _NAMES_SHOWN
    return ", ".join(names[:_NAMES_SHOWN]) + (f" and {more} more" if more > 0 else "")


def _open_event(event: dict[str, Any], now_ns: int | None) -> str:
    since_ns = event.get("since_ns")
    lasted = f" for {(now_ns - since_ns) / 1e9:.1f} s," if now_ns is not None and since_ns is not None else ""
    return f"{event['event']} of animal {event['animal']},{lasted} since frame {event['onset_frame']}"


def _zone(zone: dict[str, Any]) -> str:
    """As configured; the outline in the message is for drawing."""
    if zone["shape"] == "circle":
        x, y = zone["centre"]
        return f"circle, centre ({x:g}, {y:g}), radius {zone['radius']:g} {zone['unit']}"
    corners = ", ".join(f"({x:g}, {y:g})" for x, y in zone["corners"][:_NAMES_SHOWN])
    more = len(zone["corners"]) - _NAMES_SHOWN
    return f"polygon, {corners}{f' and {more} more' if more > 0 else ''} {zone['unit']}"


def _latency(stages: dict[str, dict[str, float]]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("ms")
    for quantile in _QUANTILES:
        table.add_column(quantile, justify="right")
    for stage, values in stages.items():
        table.add_row(stage, *(f"{values[quantile]:.2f}" if quantile in values else "-" for quantile in _QUANTILES))
    return table
