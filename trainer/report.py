"""What one training run came to: `report.html` for people, `metrics.json` for programs. Both whole, or as they were before."""

import base64
import html
import json
import math
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from tracker.bundle import write_synced
from tracker.frame import Image
from trainer import plots
from trainer.errors import TrainingError
from trainer.evaluate import Evaluation
from trainer.metrics import WITHIN_PX, Spread

REPORT_FILE = "report.html"
METRICS_FILE = "metrics.json"
PACKAGES = ("rigtrack", "torch", "lightning", "kornia", "timm", "openvino", "onnx", "numpy", "opencv-python", "sleap-io")

OVERFIT_RATIO = 1.5  # held-out median over training median, both scored the same way
OVERFIT_PX = 0.5  # and at least this much apart: a ratio between errors far below annotators' own precision says nothing
BLIND_SHARE = 0.5  # a mean error above this share of the mean-position baseline: the network hardly looks at the image
STILL_FALLING = 0.05  # the last fifth of the epochs improved the held-out error by more than this share
RULE = (
    f"Rule: over-fitted when the held-out median is more than {OVERFIT_RATIO:g} times the training median and more than {OVERFIT_PX:g} px "
    f"above it; under-fitted when the mean error exceeds {BLIND_SHARE:.0%} of the mean-position baseline, or when the last fifth of the "
    f"epochs still lowered the held-out error by more than {STILL_FALLING:.0%}. Both sets are scored in the same way: the finished "
    "engine, no augmentation, no dropout."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingRun:
    """Everything that a report is made from.

    Attributes:
        name: of the bundle.
        created: when the run ended, UTC, ISO 8601.
        device: what it was trained on, in words.
        settings: what was asked for, shown as a table.
        history: "epochs": [{"epoch", "train_loss", "val_loss", "val_error_px", "seconds", "learning_rate"}] and
            "batches": [{"epoch", "batch", "loss"}]; a value that does not exist is null.
        train: the finished bundle scored on its training frames.
        held_out: the same on the frames held out, None where none were.
        heatmap: an image and the network's heat map for it (h', w'), None for a head that has none.
    """

    name: str
    created: str
    device: str
    settings: Mapping[str, Any]
    history: Mapping[str, Any]
    train: Evaluation
    held_out: Evaluation | None
    heatmap: tuple[Image, NDArray[np.floating]] | None


def write_report(out: Path, run: TrainingRun) -> Path:
    """Write `report.html`, which needs no other file, and `metrics.json` into a folder.

    Returns:
        The path of the report.

    Raises:
        TrainingError: the folder cannot be written or its disk is full; an earlier report is left as it was.
        LabelError: an image that is to be shown cannot be read any more.
    """
    files = {
        REPORT_FILE: page(run).encode(),
        METRICS_FILE: (json.dumps(_plain(metrics(run)), indent=2, allow_nan=False, default=str) + "\n").encode(),
    }
    _replace(out, files)
    return out / REPORT_FILE


def metrics(run: TrainingRun) -> dict[str, Any]:
    """All figures of the report, JSON-able; null for what does not exist."""
    seconds = _seconds(run.history)
    return {
        "name": run.name,
        "created": run.created,
        "held_out": run.held_out.as_json() if run.held_out is not None else None,
        "train": run.train.as_json(),
        "diagnosis": diagnosis(run),
        "seconds": {"total": sum(seconds), "per_epoch": sum(seconds) / len(seconds) if seconds else None},
        "machine": machine(run.device),
        "settings": dict(run.settings),
        "history": run.history,
    }


def machine(device: str) -> dict[str, str]:
    """Where a run took place and with what versions."""
    found = {
        "trained on": device,
        "processor": f"{_processor()}, {os.cpu_count()} cores",
        "memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 1e9:.1f} GB",
        "system": platform.platform(),
        "Python": platform.python_version(),
    }
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue  # an extra that this machine does not have
    return found


def diagnosis(run: TrainingRun) -> str:
    """One sentence: over-fitted, under-fitted, or neither, with the figures that say so."""
    train, held_out = run.train.errors.spread, run.held_out
    if held_out is None or math.isnan(held_out.errors.spread.median_px):
        return "No labelled frame was held out, so nothing can be said about over-fitting: label more frames or hold some out."
    found, blind = held_out.errors.spread, held_out.baseline.mean_position_px
    gap = f"held-out median {found.median_px:.2f} px, training median {train.median_px:.2f} px"
    if found.mean_px > BLIND_SHARE * blind:
        return (
            f"Under-fitted or mislabelled: a mean error of {found.mean_px:.1f} px is more than {BLIND_SHARE:.0%} of the {blind:.1f} px "
            "that always answering the mean position costs; train longer, and look at the worst frames below."
        )
    if found.median_px > OVERFIT_RATIO * train.median_px and found.median_px - train.median_px > OVERFIT_PX:
        return f"Over-fitted: {gap}; more labelled frames (most of all like the worst ones below) or stronger augmentation will help."
    if (falling := still_falling(run.history)) > STILL_FALLING:
        return f"Under-fitted: the last fifth of the epochs still lowered the held-out error by {falling:.0%} ({gap}); train longer."
    return f"Neither over- nor under-fitted: {gap}, and the held-out error has stopped falling."


def still_falling(history: Mapping[str, Any]) -> float:
    """By what share the last fifth of the epochs lowered the median held-out error of the fifth before; 0 for fewer than 10 epochs."""
    errors = [row["val_error_px"] for row in history["epochs"] if row.get("val_error_px") is not None]
    fifth = len(errors) // 5
    if fifth < 2:
        return 0.0
    before, last = float(np.median(errors[-2 * fifth : -fifth])), float(np.median(errors[-fifth:]))
    return (before - last) / before if before > 0 else 0.0


def page(run: TrainingRun) -> str:
    """The report as one HTML document."""
    shown = run.held_out if run.held_out is not None else run.train
    which = "held-out" if run.held_out is not None else "training"
    parts = [
        f"<h1>{_text(run.name)}</h1>",
        f'<p class="lead">{_text(summary(run))}</p>',
        f'<p class="diagnosis">{_text(diagnosis(run))}</p>',
        "<h2>Error</h2>",
        _error_tables(run),
        _picture(plots.error_per_point(shown, run.train if run.held_out is not None else None), f"Error per key point, {which} frames"),
        _picture(plots.error_over_time(shown), f"Error over time, {which} frames"),
        f"<h2>Worst {which} frames</h2><p>Red: label. Blue: prediction. The line joins the two of the point that is named.</p>",
        _picture(plots.worst_frames(shown), f"The {which} frames with the largest errors"),
        "<h2>Training</h2>",
        _picture(plots.loss_curves(run.history), "Loss and error for each epoch"),
        _heatmap(run),
        f'<p class="note">{_text(RULE)}</p>',
        "<h2>Time and machine</h2>",
        _table(["", ""], _time_rows(run) + [[key, value] for key, value in machine(run.device).items()], kind="pairs"),
        "<h2>Settings</h2>",
        _table(["", ""], [[key, _setting(value)] for key, value in run.settings.items()], kind="pairs"),
    ]
    return f"{_HEAD.format(title=_text(run.name))}<main>{''.join(parts)}<footer>{_text(run.created)}</footer></main></body></html>\n"


def summary(run: TrainingRun) -> str:
    """One sentence with the figure that counts."""
    scored = run.held_out if run.held_out is not None else run.train
    kind = "held-out" if run.held_out is not None else "training"
    spread, baseline = scored.errors.spread, scored.baseline
    p50 = float(np.median(scored.latency_ms))
    return (
        f"On {len(scored.frames)} {kind} frames the key points are found with a mean error of {_px(spread.mean_px)} "
        f"(median {_px(spread.median_px)}, 95th percentile {_px(spread.p95_px)}); always answering the mean position costs "
        f"{_px(baseline.mean_position_px)}, the image's centre {_px(baseline.image_centre_px)}. "
        f"One frame takes {p50:.2f} ms ({scored.runtime}, {scored.precision}, {scored.device})."
    )


def _error_tables(run: TrainingRun) -> str:
    head = ["", "mean", "median", "95 %", *(f"≤ {limit} px" for limit in WITHIN_PX), "points"]
    rows: list[list[str]] = []
    for label, scored in (("Held-out", run.held_out), ("Training", run.train)):
        if scored is None:
            continue
        rows.append([f"{label}, all points", *_spread(scored.errors.spread), *_shares(scored.errors.distance_px)])
        columns = zip(scored.frames.point_names, scored.errors.per_point, scored.errors.distance_px.T, strict=True)
        rows += [[name, *_spread(spread), *_shares(column)] for name, spread, column in columns]
    scored = run.held_out if run.held_out is not None else run.train
    blind = ["", "", *("" for _ in WITHIN_PX), ""]
    rows.append(["Blind guess: mean position in training labels", _number(scored.baseline.mean_position_px), *blind])
    rows.append(["Blind guess: centre of the image", _number(scored.baseline.image_centre_px), *blind])
    return (
        "<p>Euclidean distance from the label in source pixels, one for each frame and point; every labelled point counts, without a "
        f"confidence cut.</p>{_table(head, rows, kind='figures')}{_other_figures(run)}"
    )


def _other_figures(run: TrainingRun) -> str:
    texts = []
    for label, scored in (("Held-out", run.held_out), ("Training", run.train)):
        if scored is not None:
            errors = scored.errors
            texts.append(
                f"{label}: RMS distance {_px(errors.rms_distance_px)}, RMSE of one coordinate {_px(errors.rmse_px)}, "
                f"log(MSE) {_number(errors.log_mse)}, R² {f'{errors.r2:.4f}' if math.isfinite(errors.r2) else '–'}."
            )
    why = "These are for comparison with older work only: they weigh outliers by their square, and R² grows with how far the animal walks."
    return f'<p class="note">{_text(" ".join([*texts, why]))}</p>'


def _time_rows(run: TrainingRun) -> list[list[str]]:
    seconds = _seconds(run.history)
    if not seconds:
        return []
    return [
        ["training, total", f"{sum(seconds):.0f} s in {len(seconds)} epochs"],
        ["one epoch", f"{np.mean(seconds):.2f} s on average, {min(seconds):.2f} to {max(seconds):.2f} s"],
    ]


def _heatmap(run: TrainingRun) -> str:
    return "" if run.heatmap is None else _picture(plots.heatmap_overlay(*run.heatmap), "Heat map; the darker, the less probable")


def _spread(spread: Spread) -> list[str]:
    return [_number(spread.mean_px), _number(spread.median_px), _number(spread.p95_px)]


def _shares(distance: NDArray[np.float64]) -> list[str]:
    found = distance[~np.isnan(distance)]
    if not found.size:
        return [*("–" for _ in WITHIN_PX), "0"]
    return [*(f"{np.mean(found <= limit):.1%}" for limit in WITHIN_PX), str(found.size)]


def _table(head: Sequence[str], rows: Sequence[Sequence[str]], *, kind: str) -> str:
    """A table whose first column names the rows; a row that opens a block ("all points") or gives a baseline stands out."""
    top = "".join(f"<th>{_text(cell)}</th>" for cell in head) if any(head) else ""
    body = []
    for first, *rest in rows:
        strong = ' class="strong"' if first.endswith("all points") or first.startswith("Blind") else ""
        cells = "".join(f"<td>{_text(cell)}</td>" for cell in rest)
        body.append(f'<tr{strong}><th scope="row">{_text(first)}</th>{cells}</tr>')
    thead = f"<thead><tr>{top}</tr></thead>" if top else ""
    return f'<div class="scroll"><table class="{kind}">{thead}<tbody>{"".join(body)}</tbody></table></div>'


def _picture(figure: Figure, caption: str) -> str:
    encoded = base64.b64encode(plots.png(figure)).decode()
    return f'<figure><img alt="{_text(caption)}" src="data:image/png;base64,{encoded}"></figure>'


def _seconds(history: Mapping[str, Any]) -> list[float]:
    return [float(row["seconds"]) for row in history["epochs"] if row.get("seconds") is not None]


def _plain(value: Any) -> Any:
    """JSON has no not-a-number: a loss that diverged becomes null."""
    if isinstance(value, Mapping):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _setting(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def _px(value: float) -> str:
    return f"{_number(value)} px"


def _number(value: float) -> str:
    return f"{value:.2f}" if math.isfinite(value) else "–"


def _text(value: str) -> str:
    return html.escape(value)


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        return platform.processor() or platform.machine()  # not Linux
    return platform.machine()


def _replace(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write all files under other names first, so that a full disk is met before any earlier one is touched."""
    fresh = {folder / f".{name}.{os.getpid()}.part": folder / name for name in files}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for part, final in fresh.items():
            write_synced(part, files[final.name])
        for part, final in fresh.items():
            part.rename(final)
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as problem:
        raise TrainingError(
            f"{folder}: the report could not be written: {problem.strerror}; free space or choose another folder"
        ) from problem
    finally:
        for part in fresh:
            part.unlink(missing_ok=True)


_HEAD = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}: training report</title>
<style>
:root {{ color-scheme: light dark; --ink: #1d2430; --soft: #5a6472; --paper: #ffffff; --line: #dfe3e8; --band: #f3f5f8; --mark: #0072b2; }}
@media (prefers-color-scheme: dark) {{
  :root {{ --ink: #e6e9ee; --soft: #a3acb8; --paper: #14181f; --line: #333b47; --band: #1d232d; --mark: #56b4e9; }}
}}
* {{ box-sizing: border-box; }}
body {{ margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.55 system-ui, "Segoe UI", "DejaVu Sans", sans-serif; }}
main {{ max-width: 62rem; margin: 0 auto; padding: 2.5rem 1.25rem 4rem; }}
h1 {{ font-size: 1.9rem; line-height: 1.2; margin: 0 0 .75rem; overflow-wrap: anywhere; }}
h2 {{ font-size: 1.25rem; margin: 2.75rem 0 .75rem; padding-top: 1rem; border-top: 1px solid var(--line); }}
.lead {{ font-size: 1.1rem; }}
.diagnosis {{ background: var(--band); border-left: 4px solid var(--mark); padding: .75rem 1rem; border-radius: 0 6px 6px 0; }}
.note, footer {{ color: var(--soft); font-size: .875rem; }}
figure {{ margin: 1.25rem 0; padding: .75rem; background: #fff; border: 1px solid var(--line); border-radius: 8px; }}
img {{ display: block; max-width: 100%; height: auto; margin: 0 auto; }}
.scroll {{ overflow-x: auto; }}
table {{ border-collapse: collapse; width: 100%; font-size: .92rem; font-variant-numeric: tabular-nums; }}
th, td {{ padding: .35rem .6rem; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top; font-weight: 400; }}
thead th {{ color: var(--soft); white-space: nowrap; }}
.figures td, .figures thead th {{ text-align: right; white-space: nowrap; }}
.figures th[scope=row] {{ padding-left: 1.6rem; text-align: left; }}
.figures .strong th, .figures .strong td {{ font-weight: 600; background: var(--band); }}
.figures .strong th {{ padding-left: .6rem; }}
.pairs th {{ color: var(--soft); width: 14rem; }}
.pairs td {{ overflow-wrap: anywhere; }}
@media print {{ figure, tr {{ break-inside: avoid; }} }}
</style></head><body>"""
