"""How far answers are from the labels of the same frames, one animal or several, for every network that is compared."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.labels.labelled_frames import LabelledFrames
from trainer.scoring.assignment import SPOT, answers_of_labels, present, without_missed
from trainer.scoring.metrics import point_errors


def score(answers: NDArray[np.float64], frames: LabelledFrames) -> dict[str, Any]:
    """Error in px by rigtrack's scorer; a point of one animal that is not answered counts as answered in the image's middle."""
    truth = frames.points
    if truth.shape[1] == 1:
        middle = np.array([frames.size[1] / 2, frames.size[0] / 2])
        gone = ~np.isfinite(answers[..., :2]).all(-1)
        answers = np.where(gone[..., None], np.array([*middle, 0.0]), answers)
        errors = point_errors(answers, truth)
        counts = {"unanswered": int((gone & np.isfinite(truth).all(-1)).sum()), "missed": 0, "false": 0}
    else:
        rows = np.nan_to_num(answers)
        matched = np.stack([answers_of_labels(a, t, spot_px=SPOT * min(frames.size)) for a, t in zip(rows, truth, strict=True)])
        truth, found = without_missed(matched, truth, int(present(rows).sum()))
        errors = point_errors(np.nan_to_num(matched), truth)
        counts = {"unanswered": 0, "missed": found.missed, "false": found.false}
    spread = errors.spread
    return {"frames": len(frames), "mean_px": spread.mean_px, "median_px": spread.median_px, "p95_px": spread.p95_px, **counts}
