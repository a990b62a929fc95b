"""Is a confidence a chance? From the stored predictions of `trainer crossval`, each block's map fitted and judged as `trainer fit` does.

Within a held-out block, each fifth of its time is judged by a map that was fitted on the other four. Then all blocks together.

    trainer crossval --data openfield --out runs/blocks --by blocks --folds 5 --epochs 40
    python bench/crossval_confidence.py runs/blocks --data openfield --json
"""

import argparse
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from trainer.experiments.run import RUNS, read_predictions, read_run
from trainer.formats.read_labels import read_labels
from trainer.labels.labelled_frames import LabelledFrames
from trainer.scoring.confidence_map import fit_confidence, on_frames_left_out
from trainer.scoring.correct_radius import Radii, usual_radii
from trainer.scoring.reliability import judge, reliability
from trainer.training.seen_points import point_groups

DRAWS = 2000  # of answers that are right as often as their confidence says


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """Expected calibration error before and after the map, and what true chances of these values measure (5th and 95th percentile)."""

    name: str
    detail: str
    points: int
    within: str
    before: float
    after: float
    chance: tuple[float, float]


class _Points(NamedTuple):
    """Confidence before and after the map, and whether the point is right: (m,) each."""

    raw: NDArray[np.float64]
    mapped: NDArray[np.float64]
    right: NDArray[np.bool_]


def calibrations(out: Path, frames: LabelledFrames) -> list[Calibration]:
    """One for each finished run of the experiment in a folder, then one for all of them."""
    within, points, found = usual_radii(frames, None, point_groups(frames)), list[_Points](), list[Calibration]()
    for folder in sorted(path for path in (out / RUNS).iterdir() if read_run(path) is not None):
        stored = read_predictions(folder, "held_out")
        held_out = frames.subset(stored.index)
        answered = judge(stored.predicted, held_out, within_px=within.array)
        fitted = fit_confidence(stored.predicted, held_out, within_px=within.array)
        points.append(_Points(answered.confidence, on_frames_left_out(fitted, answered, held_out), answered.right))
        found.append(calibration(folder.name, fitted.detail, points[-1], within))
    together = _Points(*(np.concatenate(part) for part in zip(*points, strict=True)))
    return [*found, calibration("all", "each its own map", together, within)]


def calibration(name: str, detail: str, points: _Points, within: Radii) -> Calibration:
    """Measure some points."""
    rng = np.random.default_rng(0)
    before, after = (reliability(one, points.right, within_px=within.array).error for one in points[:2])
    draws = (rng.random(len(points.mapped)) < points.mapped for _ in range(DRAWS))
    low, high = np.percentile([reliability(points.mapped, right, within_px=within.array).error for right in draws], [5, 95]).tolist()
    return Calibration(
        name=name, detail=detail, points=len(points.right), within=within.words, before=before, after=after, chance=(low, high)
    )


def main() -> None:
    """Print a line for each block."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("experiment", type=Path, help="folder of `trainer crossval`")
    parser.add_argument("--data", type=Path, required=True, help="its labels")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    found = calibrations(options.experiment, read_labels(options.data))
    if options.json:
        print(json.dumps([asdict(one) for one in found]))
        return
    for one in found:
        errors = f"{one.before:.3f} before, {one.after:.3f} after ({one.detail})"
        chance = f"true chances {one.chance[0]:.3f} to {one.chance[1]:.3f}"
        print(f"{one.name}: {one.points} points within {one.within}: {errors}; {chance}")


if __name__ == "__main__":
    main()
