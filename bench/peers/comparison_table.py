"""The table of what `train.py` has stored: one row for each labelled set, of its longest training."""

import json
from pathlib import Path
from typing import Any

COLUMNS = (
    "",
    "held out",
    "asked for; processor time of each",
    "ours: mean, median, p95 px",
    "epochs",
    "sleap-nn: mean, median, p95 px",
    "passes",
    "its loss, first and last tenth of the steps",
    "ms a frame, ours and theirs",
    "frames a second",
    "ahead",
)
Parts = dict[str, Any]


def longest(work: Path, name: str) -> Path | None:
    """Folder of the row's longest training, by its processor time; `NAME-6min` and `NAME-14epochs` are two of one row."""
    folders = [path for path in work.glob(f"{name}-*") if (path / "ours.json").exists()]
    return max(folders, key=lambda path: float(json.loads((path / "ours.json").read_text())["processor_s"]), default=None)


def table(rows: dict[str, tuple[str, Parts]]) -> str:
    """Markdown; for each row what was asked for and the parts that are stored."""
    lines = [f"| {' | '.join(COLUMNS)} |", "|---" * len(COLUMNS) + "|"]
    for name, (asked, parts) in rows.items():
        ours, theirs, clock = (parts.get(part) for part in ("ours", "theirs", "time"))
        cells = (
            name,
            str(ours["scores"]["frames"]) if ours else "",
            f"{asked}; {_spent(ours)}, {_spent(theirs)}",
            _spread(ours, beside=theirs),
            str(ours["epochs"]) if ours else "",
            _spread(theirs, beside=ours),
            "" if theirs is None else ", ".join(f"{network['passes']:.0f}" for network in theirs["networks"]),
            "" if theirs is None else "; ".join(f"{n['first_loss']:.2g} → {n['last_loss']:.2g}" for n in theirs["networks"]),
            "not run" if clock is None else f"{clock['ours_ms']:.1f}, {clock['theirs_ms']:.1f} ({clock['ratio']:.0f} times)",
            "not run" if clock is None else f"{clock['ours_per_s']:.3g}, {clock['theirs_per_s']:.3g}",
            ahead(ours, theirs, clock),
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def ahead(ours: Parts | None, theirs: Parts | None, clock: Parts | None) -> str:
    """Who is better, and in what the other is."""
    if ours is None or theirs is None:
        return ""
    compared = {
        what.removesuffix("_px"): (ours["scores"][what], theirs["scores"][what])
        for what in ("mean_px", "median_px", "p95_px", "missed", "false", "unanswered")
    }
    compared |= {} if clock is None else {"time": (clock["ours_ms"], clock["theirs_ms"])}
    behind = [what for what, (mine, other) in compared.items() if mine > other]
    return f"sleap-nn in {', '.join(behind)}; ours in the rest" if behind else "ours in all"


def _spent(part: Parts | None) -> str:
    return "not run" if part is None else f"{part['processor_s']:.0f} s"


def _spread(part: Parts | None, *, beside: Parts | None) -> str:
    if part is None:
        return "not run"
    scores = part["scores"]
    counts = ", ".join(f"{scores[name]} {name}" for name in ("missed", "false", "unanswered") if scores[name])
    mean = f"{scores['mean_px']:.2f}"
    mean = f"**{mean}**" if beside is not None and scores["mean_px"] < beside["scores"]["mean_px"] else mean
    return f"{mean}, {scores['median_px']:.2f}, {scores['p95_px']:.1f}" + (f" ({counts})" if counts else "")
