"""The steps of the rectangle experiments as parts of a report: tables, pictures, figures for programs, claims."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from studies.rectangles import claims, examples, figures, findings
from studies.rectangles.claims import Claim
from studies.rectangles.findings import PARTS, HeadFigures, over_seeds
from studies.rectangles.peaks import THRESHOLD
from studies.rectangles.plan import wanted
from studies.rectangles.scale import DOMAINS, HOME, SEED
from studies.rectangles.sets import SHARES, domain
from studies.rectangles.stored import Part, Stored
from tracker.pages.document import StrongRow, picture, table, text
from trainer.reports.plot_style import png

_PART_WORDS = {"train": "training", "held_out": "validation", "test": "test"}
_ABOUT_ERRORS = (
    "One reduction for all parts: the finished network, every image once; R², MSE and RMSE are of coordinates, log is natural. A heat "
    "map is judged by its decoded peak: an all-black map answers the image's centre. Training figures are of up to 200 images."
)
_ABOUT_STEPS = (
    "Every network takes the same number of steps, so that only the number of different images differs; nothing is augmented. Grey "
    "squares: DeepLabCut's own figure (Mathis et al. 2018) for another subject and image size: compare the shape, not the height."
)
_ABOUT_ROUNDING = (
    "Rounded in training, an answer has a gradient of zero everywhere and nothing is learnt, so no network is trained that way. Centres "
    "of rectangles are whole or half pixels, which flatters rounding; an animal's points are not."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportSection:
    """One step.

    Attributes:
        title: of the section.
        html: below it.
        figures: for programs.
        claims: judged.
    """

    title: str
    html: tuple[str, ...]
    figures: Any
    claims: Sequence[Claim]


def heads(stored: Stored) -> ReportSection:
    """Both heads on the same data: every figure of every part, beside answers that never look."""
    found, networks = findings.head_figures(stored), wanted(stored.scale, "heads")
    base = found[0].baseline
    rows: list[list[str] | StrongRow] = [_error_row(head, part) for head in found for part in PARTS]
    for name, px in zip(figures.BASELINES, (base.mean_position_px, base.image_centre_px), strict=True):
        rows.append(StrongRow([f"Naive baseline: {name}, test", f"{px:.2f}", *["–"] * 6]))
    head = ["head, part", "mean px", "median px", "95 % px", "R²", "log MSE", "RMSE px", f"within {stored.reach_px:.1f} px"]
    converged = " ".join(f"{one.head}: converged in epoch {one.converged} of {one.epochs}." for one in found)
    errors = figures.epochs_of_heads([stored.runs[one.name] for one in networks], found, title=stored.scale.words)
    html = [table(head, rows, kind="figures"), _note(f"{_ABOUT_ERRORS} {converged}")]
    html.append(_picture(errors, "Held-out error of both heads over epochs"))
    for one in networks:
        html += [f"<h3>The same validation images while {text(one.head)} learns</h3>"]
        html += [_picture(examples.while_learning(stored, one), f"Answers of {one.head} after several epochs")]
    html += ["<h3>A heat map</h3>", _picture(examples.heat_map(stored), f"Heat map over its image, {stored.scale.words}")]
    judged = claims.of_heads(found, (SEED.xy_epochs, SEED.map_epochs))
    return ReportSection(
        title=f"Two heads on domain {HOME}", html=tuple(html), figures=[_head_plain(each) for each in found], claims=judged
    )


def domains(stored: Stored) -> ReportSection:
    """Trained on one domain, tested on all."""
    found = findings.crossings(stored)
    html = [_picture(figures.cross_domain(found, title=stored.scale.words), "Cross-domain tables of both heads")]
    for each in found:
        rows = [
            [f"{each.head}, trained on {trained}", *(f"{px:.2f} ({log:.2f})" for px, log in zip(median, logs, strict=True))]
            for trained, median, logs in zip(DOMAINS, each.median_px, each.log_mse, strict=True)
        ]
        html.append(table(["median px (log MSE)", *(f"on {number}" for number in DOMAINS)], rows, kind="figures"))
    html += [
        f"<h3>Trained on {HOME}, tested on {HOME + 1}</h3>",
        _picture(examples.failing(stored), f"Worst and median answers, trained on {HOME}, tested on {HOME + 1}"),
    ]
    plain = [_plain(each) for each in found]
    return ReportSection(title="Trained on one domain, tested on all", html=tuple(html), figures=plain, claims=claims.of_domains(found))


def curve(stored: Stored) -> ReportSection:
    """Error against the number of training images."""
    found = findings.size_figures(stored)
    rows = [
        [
            f"{each.head}, {each.images} images",
            *(f"{px:.2f}" for px in (each.train_px, each.held_out_px, each.test_px, each.test_median_px)),
        ]
        for each in found
    ]
    html = (
        _picture(figures.error_against_images(found, title=stored.scale.words), "Error against training images"),
        table(["learnt from", "training px", "validation px", "test px", "test median px"], rows, kind="figures"),
        _note(_ABOUT_STEPS),
    )
    return ReportSection(title="Learning curve", html=html, figures=[_plain(each) for each in found], claims=claims.of_curve(found))


def peaks(stored: Stored) -> ReportSection:
    """Several centres from one map."""
    found = findings.peak_figures(stored)
    rows = [
        [
            f"{examples.TRAINED_WORDS[each.trained]}, tested on {each.tested}",
            *(over_seeds(values).words for values in (each.found, each.false, each.shown, each.one)),
            str(max(each.most)),
        ]
        for each in found
    ]
    head = ["mean ± SD over seeds", "share found", "false / image", "shown / image", "images with one", "most in one"]
    html = (
        _picture(figures.centres_found(found, examples.TRAINED_WORDS, title=stored.scale.words), "Centres found and false centres"),
        table(head, rows, kind="figures"),
        _note(_about_peaks(stored)),
        _picture(examples.maps(stored), f"Heat maps and their peaks on an image of each domain, {stored.scale.words}"),
    )
    plain = [_plain(each) for each in found]
    return ReportSection(title="Several centres from one heat map", html=html, figures=plain, claims=claims.of_peaks(found))


def labels(stored: Stored) -> ReportSection:
    """One or both rectangles of an image labelled."""
    found = findings.label_figures(stored)
    ratio = claims.labels_ratio(found)
    rows = [
        [name, *(over_seeds(values).words for values in (each.mean_px, each.median_px, each.mse_px2, each.summed_mse))]
        for name, each in zip(("larger rectangle labelled", "both labelled"), found, strict=True)
    ]
    head = ["trained on domain 2, tested on 1", "mean px", "median px", "MSE px²", "summed squared error px²"]
    note = f"Mean ± SD of {len(found[0].mean_px)} seeds. Ratio of the squared errors, both over one: {ratio:.2f}."
    html = (table(head, rows, kind="figures"), _note(note))
    plain = {"ratio": ratio, "networks": [_plain(each) for each in found]}
    return ReportSection(title="More labels an image", html=html, figures=plain, claims=claims.of_labels(found))


def rounding(stored: Stored) -> ReportSection:
    """Predictions rounded to whole pixels."""
    found = findings.rounding_figures(stored)
    rows = [
        [
            each.head,
            *(f"{r2:.4f}" for r2 in (each.r2, each.rounded_r2)),
            *(f"{px:.2f}" for px in (each.mean_px, each.rounded_mean_px, each.median_px, each.rounded_median_px)),
        ]
        for each in found
    ]
    head = [f"domain {HOME}, test", "R²", "rounded", "mean px", "rounded", "median px", "rounded"]
    html = (table(head, rows, kind="figures"), _note(_ABOUT_ROUNDING))
    return ReportSection(title="Rounded coordinates", html=html, figures=[_plain(each) for each in found], claims=claims.of_rounding(found))


def background(stored: Stored) -> ReportSection:
    """A background that is neither black nor still."""
    found = findings.background_figures(stored)
    rows = [
        [f"{each.head}, trained on {name}", *(f"{px:.2f} ({mid:.2f})" for px, mid in zip(mean, median, strict=True))]
        for each in found
        for name, mean, median in zip(("black", "moving"), each.mean_px, each.median_px, strict=True)
    ]
    html = (
        table(["mean (median) px", "tested on black", "on the moving background"], rows, kind="figures"),
        _picture(examples.on_texture(stored), f"Answers on a moving background, {stored.scale.words}"),
    )
    title = f"Domain {HOME} over a background that is neither black nor still"
    return ReportSection(title=title, html=html, figures=[_plain(each) for each in found], claims=claims.of_background(found))


SECTIONS: dict[str, Callable[[Stored], ReportSection]] = {
    "heads": heads,
    "domains": domains,
    "curve": curve,
    "peaks": peaks,
    "labels": labels,
    "rounding": rounding,
    "background": background,
}


def _about_peaks(stored: Stored) -> str:
    near, crowded = (stored.inseparable(domain(number)) for number in (2, 5))
    return (
        f"A peak is a local maximum of the heat map, none within the window of a higher one, with at least {THRESHOLD:g} of the map's "
        f"probability in its window; it is right within {stored.reach_px:.1f} px of a rectangle's centre, one peak for one centre. Of "
        f"centres no farther apart than {stored.window_px} px in both directions one is found at most: so in {near:.0%} of domain 2's test "
        f"images and {crowded:.0%} of domain 5's. Both labelled: the larger rectangle's spot and the smaller one's share the target "
        f"{SHARES[0]} to {SHARES[1]}. The xy head cannot do this: it answers one position whatever it sees."
    )


def _error_row(head: HeadFigures, part: Part) -> list[str]:
    errors, spread = head.errors[part], head.errors[part].spread
    px = [f"{value:.2f}" for value in (spread.mean_px, spread.median_px, spread.p95_px)]
    scores = [f"{errors.r2:.4f}", f"{errors.log_mse:.2f}", f"{errors.rmse_px:.2f}", f"{head.within[part]:.0%}"]
    return [f"{head.head}, {_PART_WORDS[part]}", *px, *scores]


def _head_plain(head: HeadFigures) -> dict[str, Any]:
    parts: dict[str, Any] = {
        part: {
            **{name: getattr(errors.spread, name) for name in ("mean_px", "median_px", "p95_px")},
            **{name: getattr(errors, name) for name in ("r2", "log_mse", "rmse_px")},
            "within": head.within[part],
        }
        for part, errors in head.errors.items()
    }
    return {"head": head.head, "converged_epoch": head.converged, "epochs": head.epochs, "naive_baseline": asdict(head.baseline), **parts}


def _plain(found: Any) -> dict[str, Any]:
    """Figures of a dataclass, arrays as lists."""
    return {name: value.tolist() if isinstance(value, np.ndarray) else value for name, value in asdict(found).items()}


def _picture(figure: Figure, caption: str) -> str:
    return picture(png(figure), caption)


def _note(words: str) -> str:
    return f'<p class="note">{text(words)}</p>'
