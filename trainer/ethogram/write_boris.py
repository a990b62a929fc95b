"""Bouts as BORIS's tables of events."""

import csv
import io
from collections.abc import Sequence
from typing import Literal

from trainer.errors import LabelError
from trainer.ethogram.boris import FASTEST_FOR_MS, NO_SUBJECT
from trainer.ethogram.boris_rows import START, STOP
from trainer.ethogram.bouts import Ethogram


def boris_of(ethograms: Sequence[Ethogram], form: Literal["tabular", "aggregated"]) -> str:
    """BORIS's table of one or several ethograms.

    Raises:
        LabelError: no frame rate, no bout at all, or a mark that BORIS has no word for.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    last = ["Behavior type", "Time"] if form == "tabular" else ["Behavior type", "Start (s)", "Stop (s)", "Duration (s)"]
    writer.writerow(["Observation id", "Media duration (s)", "FPS", "Subject", "Behavior", *last])
    written = [row for one in ethograms for row in _rows(one, form)]
    if not written:
        raise LabelError("there is no bout to write, and a BORIS table without an event says nothing of the video; write .csv or .npy")
    writer.writerows(written)
    return text.getvalue()


def _rows(one: Ethogram, form: Literal["tabular", "aggregated"]) -> list[list[str]]:
    if one.fps is None:
        raise LabelError("the frame rate is not known, and BORIS's tables are in seconds; give it with --fps")
    odd = next((bout for bout in one.bouts if bout.mark != "yes"), None)
    if odd is not None:
        raise LabelError(f"frame {odd.first} is marked '{odd.mark}', which a BORIS table cannot say; write .csv or .npy")
    digits = 3 if one.fps < FASTEST_FOR_MS else 9
    about = [one.video, f"{one.frames / one.fps:.{digits}f}", f"{one.fps:.12g}", one.subject or NO_SUBJECT]
    rows: list[tuple[int, int, list[str]]] = []
    for bout in one.bouts:
        start, stop = (f"{frame / one.fps:.{digits}f}" for frame in (bout.first, bout.end))
        if form == "aggregated":
            length = f"{(bout.end - bout.first) / one.fps:.{digits}f}"
            rows.append((bout.first, 1, [*about, bout.name, "STATE", start, stop, length]))
        else:
            rows.append((bout.first, 1, [*about, bout.name, START, start]))
            rows.append((bout.end, 0, [*about, bout.name, STOP, stop]))  # a stop stands before a start of the same frame
    return [row for *_, row in sorted(rows, key=lambda row: row[:2])]
