"""Tables of a training that every report of one ends with: how long it took, where, and what it was asked for."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from tracker.pages.document import table
from trainer.reports.machine import machine


def time_and_machine(history: Mapping[str, Any], device: str) -> str:
    """How long epochs took, and on what.

    Args:
        history: "epochs": [{"seconds"}].
        device: what the network was trained on, in words.
    """
    rows = _time_rows(seconds_of(history)) + [[key, value] for key, value in machine(device).items()]
    return "<h2>Time and machine</h2>" + table(["", ""], rows, kind="pairs")


def settings_table(settings: Mapping[str, Any]) -> str:
    """Every setting in force."""
    return "<h2>Settings</h2>" + table(["", ""], [[key, _setting(value)] for key, value in settings.items()], kind="pairs")


def seconds_of(history: Mapping[str, Any]) -> list[float]:
    """Of each epoch, as far as it was measured."""
    return [float(row["seconds"]) for row in history["epochs"] if row.get("seconds") is not None]


def _time_rows(seconds: list[float]) -> list[list[str]]:
    if not seconds:
        return []
    return [
        ["training, total", f"{sum(seconds):.0f} s in {len(seconds)} epoch{'' if len(seconds) == 1 else 's'}"],
        ["one epoch", f"{np.mean(seconds):.2f} s on average, {min(seconds):.2f} to {max(seconds):.2f} s"],
    ]


def _setting(value: Any) -> str:
    """A value in words; what was not asked for is said to be so."""
    if value is None:
        return "not given"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_setting(inner)}" for name, inner in value.items()) or "none"
    if isinstance(value, list | tuple):
        return ", ".join(f"({_setting(inner)})" if isinstance(inner, list | tuple) else _setting(inner) for inner in value) or "none"
    return str(value)
