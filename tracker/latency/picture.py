"""The histogram of a measurement and what the median is made of, as a PNG file. The only file here that needs matplotlib."""

import io
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tracker.latency.report import MEANING

_ON, _OFF, _INK = "#0072B2", "#D55E00", "#222222"
_OUTSIDE = "#E69F00"
_OUTSIDES = ("output", "next_exposure", "light", "unseen", "screen", "unseen_screen", "exposure", "transfer", "exposure_and_transfer")
_BINS = 60
_SHOWN = 0.995  # of the switches: the rest is told, not drawn, or the others would be one bar


def picture(found: dict[str, Any]) -> bytes:
    """Draw a report as `report` made it, as a PNG file."""
    buffer = io.BytesIO()
    drawn(found).savefig(buffer, format="png", facecolor="white")
    return buffer.getvalue()


def drawn(found: dict[str, Any]) -> Figure:
    """Draw a report: the histogram, its legend beneath it, and the parts of the median."""
    figure = Figure(figsize=(8, 7), dpi=100, layout="constrained")
    above, below = figure.subfigures(2, 1, height_ratios=(3.6, 2.2), squeeze=False).ravel()
    if found["mode"] == "screen":
        _screen_histogram(above.subplots(), found)
        _parts(below.subplots(), found["screen"]["made_of_ms"], of="pictures read")
    else:
        _histogram(above.subplots(), found)
        _parts(below.subplots(), found["on"]["made_of_ms"], of="light on")
    return figure


def _histogram(axes: Axes, found: dict[str, Any]) -> None:
    values = {
        name: np.array([edge["latency_ms"] for edge in found["edges"] if edge["outcome"] == "detected" and edge["lit"] is lit])
        for name, lit in (("on", True), ("off", False))
    }
    every = np.concatenate(list(values.values()))
    if every.size:
        least, most = float(every.min()), float(np.quantile(every, _SHOWN, method="higher"))
        bins = np.linspace(least, max(most, least + 0.1), _BINS).tolist()
        for name, colour in (("on", _ON), ("off", _OFF)):
            beyond = int((values[name] > bins[-1]).sum())
            label = f"light {name}: {values[name].size} detected, {found[name]['missed']} missed, {found[name]['unclear']} unclear"
            label += f"; {beyond} beyond the axis, up to {values[name].max():.1f} ms" if beyond else ""
            axes.hist(values[name], bins=bins, color=colour, alpha=0.55, label=label)
        for name, style in (("p50", "-"), ("p99", ":")):
            if found["on"]["latency_ms"]:
                at = found["on"]["latency_ms"][name]
                axes.axvline(min(at, bins[-1]), color=_INK, linestyle=style, linewidth=1, label=f"{name} of light on: {at:.2f} ms")
        axes.figure.legend(fontsize=8.5, loc="outside lower left", frameon=False)
    end = "the published event" if found["mode"] == "led" else "the next command"
    axes.set_title(f"From the command to {end}; a frame every {found['frame_interval_ms']:.2f} ms", loc="left", fontsize=10.5)
    axes.set(xlabel="ms", ylabel="switches of the light")
    axes.spines[["top", "right"]].set_visible(False)


def _screen_histogram(axes: Axes, found: dict[str, Any]) -> None:
    screen = found["screen"]
    values = np.array([each["latency_ms"] for each in found["readings"] if each["latency_ms"] is not None])
    if values.size:
        least, most = float(values.min()), float(np.quantile(values, _SHOWN, method="higher"))
        bins = np.linspace(least, max(most, least + 0.1), _BINS).tolist()
        beyond = int((values > bins[-1]).sum())
        label = f"{values.size} pictures read, {sum(screen['refused'].values())} left out"
        label += f"; {beyond} beyond the axis, up to {values.max():.1f} ms" if beyond else ""
        axes.hist(values, bins=bins, color=_ON, alpha=0.55, label=label)
        for name, style in (("p50", "-"), ("p99", ":")):
            at = screen["latency_ms"][name]
            axes.axvline(min(at, bins[-1]), color=_INK, linestyle=style, linewidth=1, label=f"{name}: {at:.2f} ms")
        axes.figure.legend(fontsize=8.5, loc="outside lower left", frameon=False)
    axes.set_title(
        f"Upper bound, from the display to the published pose; a frame every {found['frame_interval_ms']:.2f} ms",
        loc="left",
        fontsize=10.5,
    )
    axes.set(xlabel="ms, the screen's refresh and lag included", ylabel="pictures")
    axes.spines[["top", "right"]].set_visible(False)


def _parts(axes: Axes, parts: dict[str, float], *, of: str) -> None:
    names = list(parts)[::-1]
    values = [parts[name] for name in names]
    axes.barh([MEANING[name] for name in names], values, color=[_OUTSIDE if name in _OUTSIDES else _ON for name in names])
    for row, value in enumerate(values):
        axes.text(max(value, 0), row, f" {value:.2f}", va="center", fontsize=8.5, color=_INK)
    axes.set_title(f"What it is made of: {of}, medians; blue is the tracker's own", loc="left", fontsize=10.5)
    axes.set_xlabel("ms")
    axes.margins(x=0.1)
    axes.spines[["top", "right"]].set_visible(False)
