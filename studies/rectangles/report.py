"""The report of the rectangle experiments, made from stored runs alone: one HTML document, and its figures as JSON beside it."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console

from studies.rectangles.claims import Claim
from studies.rectangles.plan import STEPS, all_wanted, wanted
from studies.rectangles.sections import SECTIONS, ReportSection
from studies.rectangles.sets import RectangleSets
from studies.rectangles.stored import Stored
from studies.rectangles.train_networks import Plan, finished, read_plan
from tracker.pages.document import page, table, text
from trainer.errors import TrainingError
from trainer.experiments.run import Run
from trainer.experiments.settings_table import settings_table
from trainer.whole_files import replace_files

REPORT_FILE, FIGURES_FILE = "report.html", "report.json"


def write_report(out: Path, *, console: Console) -> dict[str, Any]:
    """Write report.html and report.json of every step whose networks are finished.

    Args:
        out: folder of the experiments.
        console: where progress is shown.

    Returns:
        What report.json holds.

    Raises:
        TrainingError: no step is finished, a run is damaged, or the disk takes no more.
    """
    plan = read_plan(out)
    runs = finished(out, plan.scale, STEPS)
    stored = Stored(out=out, scale=plan.scale, sets=RectangleSets(out, plan.scale, video=None, console=console), runs=runs)
    with console.status("drawing the report"):
        done = {step: SECTIONS[step](stored) for step in STEPS if stored.has(wanted(plan.scale, step))}
    if not done:
        raise TrainingError(f"{out}: no step is finished ({_finished_words(plan, runs)}); give the command without --report-only")
    figures = _figures(plan, done, runs)
    title = "The rectangle experiments"
    whole = page(title, _parts(plan, done, runs), kind="rectangle experiments", footer=max(run.created for run in runs.values()))
    files = {REPORT_FILE: whole.encode(), FIGURES_FILE: json.dumps(figures, indent=1).encode()}
    replace_files(out, files, what="the report")
    return figures


def sentences(figures: dict[str, Any]) -> list[str]:
    """What to tell in a terminal: each claim, its verdict and what was found."""
    return [f"{claim['verdict']}: {claim['claim']} {claim['found']}" for claim in figures["claims"]]


def _figures(plan: Plan, done: dict[str, ReportSection], runs: dict[str, Run]) -> dict[str, Any]:
    return {
        "scale": msgspec.to_builtins(plan.scale),
        "background": plan.background,
        "networks_finished": len(runs),
        "networks_planned": len(all_wanted(plan.scale, STEPS)),
        "training_seconds": sum(run.seconds for run in runs.values()),
        "claims": [{**asdict(claim), "verdict": claim.verdict} for claim in _claims(done)],
        "steps": {step: section.figures for step, section in done.items()},
    }


def _parts(plan: Plan, done: dict[str, ReportSection], runs: dict[str, Run]) -> list[str]:
    claims = _claims(done)
    held = sum(claim.holds for claim in claims)
    lead = (
        f"{plan.scale.words[0].upper()}{plan.scale.words[1:]}. {held} of {len(claims)} claims about such images come out as claimed; "
        "where one does not, that is said of this scale and no other."
    )
    parts = [
        "<h1>The rectangle experiments</h1>",
        f'<p class="lead">{text(lead)}</p>',
        f'<p class="note">{text(_finished_words(plan, runs))} The textured background is of {text(plan.background)}.</p>',
        "<h2>Claims and what came of them</h2>",
        table(["claim", "here"], [[claim.claim, f"{claim.verdict.capitalize()}. {claim.found}"] for claim in claims], kind="pairs"),
    ]
    for step, section in done.items():
        parts += [f'<h2 id="{step}">{text(section.title)}</h2>', *section.html]
    missing = [step for step in STEPS if step not in done]
    if missing:
        parts.append(f'<p class="note">{text("Not finished: " + ", ".join(missing) + ".")}</p>')
    labels = "; ".join(dict.fromkeys(f"{run.data}, SHA-256 {run.labels_sha256[:16]}…" for run in runs.values()))
    return [*parts, "<h2>Settings and machine</h2>", settings_table(list(runs.values()), _sizes(plan), labels=labels)]


def _claims(done: dict[str, ReportSection]) -> Sequence[Claim]:
    return [claim for section in done.values() for claim in section.claims]


def _sizes(plan: Plan) -> dict[str, Any]:
    return {f"scale: {name.replace('_', ' ')}": value for name, value in msgspec.to_builtins(plan.scale).items()}


def _finished_words(plan: Plan, runs: dict[str, Run]) -> str:
    minutes = sum(run.seconds for run in runs.values()) / 60
    return f"{len(runs)} of {len(all_wanted(plan.scale, STEPS))} networks are finished, {minutes:.0f} minutes of training in all."
