"""Parts of a report that judge: the verdict with its next steps, each key point's labels and bias, and labels that are likely wrong."""

import math
import re
from collections.abc import Sequence
from typing import Protocol

from tracker.pages.document import StrongRow, table, text
from trainer.labels.finding_lines import OddLabels
from trainer.reports.error_report import figure_part, number
from trainer.reports.fault_plots import bias_vectors, exchanged_frames, suspected_labels
from trainer.scoring.bias import bias_in_words, is_biased
from trainer.scoring.correct_radius import Radii
from trainer.scoring.evaluation import Evaluation
from trainer.scoring.label_faults import Exchange
from trainer.scoring.label_rules import mixed_by_mirroring, shown_exchanges, suspects
from trainer.scoring.measurements import BORDER_PX, Measurements, PointMeasure
from trainer.scoring.next_step import NextStep, fails_at_border
from trainer.scoring.verdict import Verdict


def prose(sentence: str) -> str:
    """A sentence as HTML; what stands in backticks is set as code."""
    return re.sub("`([^`]+)`", r"<code>\1</code>", text(sentence))


class Judgement(Protocol):
    """What of a verdict is shown first."""

    @property
    def sentence(self) -> str: ...  # noqa: D102
    @property
    def steps(self) -> Sequence[NextStep]: ...  # noqa: D102


def verdict_box(found: Judgement) -> str:
    """What matters most, and the next steps with their commands."""
    steps = "".join(f"<li>{prose(step.do)}<pre><code>{text(step.command)}</code></pre></li>" for step in found.steps)
    return f'<div class="verdict"><p>{prose(found.sentence)}</p><p>Next:</p><ol>{steps}</ol></div>'


def labels_or_minutes_section(found: Verdict) -> str:
    """More labels, or a longer training? And of what labels are needed most."""
    needed = f"<p>{prose(found.needs_labels)}</p><pre><code>{text(found.select)}</code></pre>" if found.needs_labels else ""
    return f"<h2>More labels or a longer training?</h2><p>{prose(found.labels_or_minutes)}</p>{needed}"


def odd_labels_section(found: OddLabels) -> str:
    """What was odd about the labels before the training, a line each; where lines stand for several findings, each of those folded."""
    lines = "".join(f'<p class="note">Labels: {text(sentence)}</p>' for sentence in found.lines)
    if found.gathered is None:
        return lines
    each = "".join(f"<li>{text(sentence)}</li>" for sentence in found.each)
    return f'{lines}<details class="note"><summary>Labels: {text(found.gathered)}; every one</summary><ul>{each}</ul></details>'


def point_section(measured: Measurements, shown: Evaluation, radii: Radii) -> str:
    """Each key point: how often it is labelled, how well it is found, and where to it is drawn."""
    drawn = figure_part(bias_vectors(shown, measured.points, radii.px), "Bias of each key point")
    return f"<h2>Each key point</h2>{point_table(measured, radii)}{drawn}"


def point_table(measured: Measurements, radii: Radii) -> str:
    """The same in words and figures alone."""
    head = [
        "",
        "learnt from, of these" if measured.in_part else "labels learnt from",
        "held out",
        "median",
        "training",
        "bias x",
        "bias y",
        "at the border",
        "error there",
        "counts as right",
        "seen at",
    ]
    rows: list[list[str] | StrongRow] = []
    worst_first = sorted(zip(measured.points, radii.px, strict=True), key=lambda pair: -_sortable(pair[0].median_px))
    for point, radius in worst_first:
        cells = [number(point.median_px), number(point.train_median_px), *(_signed(value) for value in point.bias_px)]
        border = [str(point.border), number(point.border_median_px)]
        rows.append([point.name, str(point.learnt), str(point.scored), *cells, *border, f"{radius:g}", _coarseness(point)])
    about = [*_biased(measured), *_at_border(measured), *_seen(measured), *_empty(measured)]
    said = " ".join([*about, f"What counts as right: {radii.source}."])
    how = (
        "Errors in source pixels, worst point first. Bias: median of answer minus label. "
        f"At the border: within {BORDER_PX:g} px of the image's edge. "
        "Seen at: pixels of the image that one pixel of the network's picture spans."
    )
    return f'<p>{text(said)}</p>{table(head, rows, kind="figures")}<p class="note">{text(how)}</p>'


def fault_section(measured: Measurements, train: Evaluation, held_out: Evaluation | None) -> str:
    """Exchanged labels and single labels that are likely wrong, with pictures; nothing where there are none."""
    mixed = mixed_by_mirroring(measured)
    parts = [_exchange_part(one, train, mirrored=one in mixed) for one in shown_exchanges(measured)[:2]]
    learnt, other = ([one for one in suspects(measured) if one.learnt == kind] for kind in (True, False))
    if learnt or other:
        said = "Labels far from where the network is sure that the point is. Some will be right, and the network wrong: look."
        parts.append(f"<h2>Labels most likely wrong</h2><p>{text(said)}</p>")
    if learnt:
        parts.append(
            "<p>Of frames learnt from:</p>" + figure_part(suspected_labels(train, learnt), "Training labels that are likely wrong")
        )
    if other and held_out is not None:
        parts.append("<p>Of frames held out:</p>" + figure_part(suspected_labels(held_out, other), "Held-out labels that are likely wrong"))
    return "".join(parts)


def _exchange_part(one: Exchange, train: Evaluation, *, mirrored: bool) -> str:
    """Two points that are found at each other's labels: labels that are exchanged, or pictures that were mirrored under the same names."""
    if mirrored:
        heading, caption = "Mirrored under their own names", "found at each other's labels"
        why = (
            "Training images were mirrored and the two did not change places in them: their names do not say which is left and which is "
            "right, and the labels may all be right."
        )
    else:
        heading, caption, why = "Exchanged", "exchanged", "The network was given these labels and answers otherwise."
    held_out = f"; in {one.scored:.1%} of those held out" if math.isfinite(one.scored) else ""
    there = f"'{one.first}' is found where '{one.second}' is labelled, and the reverse"
    found = f"In {one.learnt:.1%} of the frames learnt from, {there}{held_out}."
    drawn = figure_part(exchanged_frames(train, one), f"Frames with {one.first} and {one.second} {caption}")
    return f"<h2>{heading}: {text(one.first)} and {text(one.second)}</h2><p>{text(f'{found} {why}')}</p>{drawn}"


def _biased(measured: Measurements) -> list[str]:
    found = [point for point in measured.points if is_biased(point)]
    words = ", ".join(bias_in_words(point) for point in found)
    return [f"Beyond chance, answers lie beside their labels: {words}."] if found else ["No key point is biased beyond chance."]


def _at_border(measured: Measurements) -> list[str]:
    count = sum(point.border for point in measured.points)
    worse = [point.name for point in measured.points if fails_at_border(point, measured)]
    if not count:
        return []
    fail = f", where {', '.join(worse)} fail{'s' if len(worse) == 1 else ''}" if worse else ""
    return [f"{count} held-out labels lie within {BORDER_PX:g} px of the image's edge{fail}."]


def _seen(measured: Measurements) -> list[str]:
    seen = sorted({float(_coarseness(point)) for point in measured.points if math.isfinite(point.seen_px)})
    if not seen:
        return []
    wide = f"{seen[0]:g} wide" if len(seen) == 1 else f"{seen[0]:g} to {seen[-1]:g} wide (by key point)"
    return [f"One pixel of the network's picture is {wide} in the image."]


def _coarseness(point: PointMeasure) -> str:
    return f"{point.seen_px:.3g}" if math.isfinite(point.seen_px) else "–"


def _empty(measured: Measurements) -> list[str]:
    if measured.empty is None:
        return []
    one = measured.empty
    sure = f"{one.point} is the surest point, with a confidence of {one.confidence:.2f}"
    return [f"In the empty scene of {one.group}, made from its frames, {sure}."]


def _signed(value: float) -> str:
    return f"{value:+.2f}" if math.isfinite(value) else "–"


def _sortable(value: float) -> float:
    return value if math.isfinite(value) else -math.inf
