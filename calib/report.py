"""report.html of one camera's calibration: the verdict, what speaks against it, and the pictures that show it."""

from collections.abc import Sequence

import numpy as np

from calib import plots
from calib.assessment import HALVES_PX, RMS_PX, UNCERTAINTY_PX, Assessment, held_out_limit_px, view_limit_px
from calib.board_views import all_pixels
from calib.coverage import CELLS_WANTED, COLUMNS, ROWS, TILTS_WANTED, VIEWS_NEEDED
from calib.uncertainty import Field
from tracker.frame import Image
from tracker.pages.document import judgement, page, picture, table, text


def report(assessment: Assessment, *, title: str, created: str, notes: Sequence[str], background: Image | None) -> str:
    """The whole document.

    Args:
        assessment: of the calibration.
        title: what was calibrated.
        created: when, ISO 8601.
        notes: sentences about the images: without a board, unreadable.
        background: an image to draw coverage on.
    """
    solution, corners = assessment.solution, all_pixels(assessment.solution.views)
    size = solution.lens.size
    shown = [
        (
            plots.coverage(assessment, background),
            f"Corners in all views. Green cells were reached, amber ones were not: {assessment.coverage.share:.0%} of {COLUMNS}x{ROWS}.",
        ),
        (
            plots.length_map(assessment.predicted, size, corners, label="1σ, px"),
            "How uncertain a projected point is: one standard deviation that the noise of the corners alone leaves. "
            "Outlined: where corners were seen. Dark grey: the lens model does not reach there.",
        ),
    ]
    if assessment.halves is not None:
        shown.append(
            (
                plots.length_map(assessment.halves.apart, size, corners, label="px"),
                "How far apart two lenses are, one of the even views and one of the odd ones. What the model cannot express shows here.",
            )
        )
    shown += [
        (plots.residuals(assessment), "Residual of every corner. Arrows that agree with their neighbours are an error of the model."),
        (plots.tilts(assessment), "Where to and how far the board was tilted, as the camera sees it."),
        (plots.view_errors(assessment), "Residual of every view, and of all together."),
    ]
    pictures = "".join(picture(png, caption, captioned=True) for png, caption in shown)
    sentence = "This calibration is good." if assessment.is_good else "This calibration is rejected: do not measure with it."
    parts = [
        f"<h1>{text(title)}</h1>",
        judgement(assessment.is_good, sentence, assessment.reasons),
        table(["", "found", "wanted"], _rows(assessment), kind="pairs"),
        *(f'<p class="note">{text(note)}</p>' for note in notes),
        f'<h2>What shows it</h2><div class="pictures">{pictures}</div>',
        f"<h2>The lens</h2>{table(['', ''], _lens_rows(assessment), kind='pairs')}",
    ]
    return page(title, parts, kind="calibration", footer=created)


def _rows(assessment: Assessment) -> list[tuple[str, ...]]:
    coverage, halves = assessment.coverage, assessment.halves
    return [
        ("views of the board", str(coverage.views), f"at least {VIEWS_NEEDED}, better 30"),
        ("image reached by corners", f"{coverage.share:.0%}", f"more than {CELLS_WANTED:.0%}"),
        ("edges and corners reached", f"{len(coverage.places)} of 8", "8"),
        ("directions of tilt", f"{len(coverage.tilts)} of 8", f"at least {TILTS_WANTED}"),
        ("residual", f"{assessment.solution.rms_px:.3f} px", f"at most {RMS_PX:g} px"),
        ("worst view", _worst(assessment), f"at most {view_limit_px(assessment.solution):.3g} px"),
        (
            "residual on views left out",
            f"{halves.held_out_px:.3f} px" if halves else "not known",
            f"at most {held_out_limit_px(assessment.solution):.3f} px",
        ),
        ("uncertainty, 1σ, median and p95 of the image", _pair(assessment.predicted), f"p95 at most {UNCERTAINTY_PX:g} px"),
        ("halves differ, median and p95 of the image", _pair(halves.apart) if halves else "not known", f"p95 at most {HALVES_PX:g} px"),
    ]


def _worst(assessment: Assessment) -> str:
    errors = [float(np.sqrt(np.mean((each * each).sum(axis=1)))) for each in assessment.solution.residuals]
    worst = int(np.argmax(errors))
    return f"{errors[worst]:.3f} px in {assessment.solution.views[worst].name}"


def _lens_rows(assessment: Assessment) -> list[tuple[str, ...]]:
    lens = assessment.solution.lens
    names = ("fx", "fy", "cx", "cy", *(("k1", "k2", "k3", "k4") if lens.model == "fisheye" else ("k1", "k2", "p1", "p2", "k3")))
    sigmas = np.sqrt(np.maximum(np.diag(assessment.solution.covariance), 0))
    rows = [(name, f"{value:.6g} ± {sigma:.2g}") for name, value, sigma in zip(names, lens.parameters, sigmas, strict=True)]
    return [("model", lens.model), ("image", f"{lens.size[0]}x{lens.size[1]} px"), *rows]


def _pair(field: Field) -> str:
    return " and ".join(
        f"{value:.2f} px" if np.isfinite(value) else "beyond bounds" for value in (field.percentile(50), field.percentile(95))
    )
