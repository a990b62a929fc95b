"""The files of a report: a page for people, figures for programs. Both whole, or as they were before."""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from trainer.whole_files import replace_files

REPORT_FILE = "report.html"
METRICS_FILE = "metrics.json"


def write_report_files(
    out: Path, page: str, metrics: Mapping[str, Any] | None = None, *, beside: Mapping[str, bytes] | None = None
) -> Path:
    """Write `report.html`, and `metrics.json` where there are figures for it, into a folder.

    Args:
        out: the folder.
        page: the report.
        metrics: its figures.
        beside: more files that the report names, by their names.

    Returns:
        The path of the report.

    Raises:
        TrainingError: the folder cannot be written or its disk is full; an earlier report is left as it was.
    """
    figures = {} if metrics is None else {METRICS_FILE: plain_json(metrics)}
    replace_files(out, {REPORT_FILE: page.encode(), **figures, **(beside or {})}, what="the report")
    return out / REPORT_FILE


def plain_json(value: Mapping[str, Any]) -> bytes:
    """A JSON file; what is not a number becomes null, which JSON has."""
    return (json.dumps(_plain(value), indent=2, allow_nan=False, default=str) + "\n").encode()


def _plain(value: Any) -> Any:
    """JSON has no not-a-number: a loss that diverged becomes null."""
    if isinstance(value, Mapping):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
