"""What a training made: the bundle, its report, how good it is, and what to do next."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trainer.scoring.evaluation import Evaluation
from trainer.scoring.verdict import Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainedBundle:
    """What was made, and how good it is on frames it never saw; `replaced` is said of a bundle whose place it took."""

    bundle: Path
    report: Path
    train: Evaluation
    held_out: Evaluation | None
    seconds: float
    stopped: str
    verdict: Verdict
    replaced: str | None = None

    @property
    def lines(self) -> list[str]:
        """For a terminal."""
        return [self.sentence, *([self.replaced] if self.replaced is not None else []), *self.verdict.lines]

    @property
    def sentence(self) -> str:
        """One sentence for people."""
        if self.held_out is None:
            return f"{self.bundle}: written after {self.seconds / 60:.1f} min of training; no frame was held out, so its error is not known"
        spread = self.held_out.errors.spread
        return (
            f"{self.bundle}: mean error {spread.mean_px:.2f} px (median {spread.median_px:.2f}, p95 {spread.p95_px:.2f}) on "
            f"{len(self.held_out.frames)} held-out frames after {self.seconds / 60:.1f} min of training"
            f"{self._animals}; report: {self.report}"
        )

    @property
    def _animals(self) -> str:
        counts = self.held_out.animals if self.held_out else None
        return "" if counts is None else f"; {counts.missed} of {counts.labelled} animals missed, {counts.false} false"

    def as_json(self) -> dict[str, Any]:
        """The same for programs."""
        return {
            "bundle": str(self.bundle),
            "report": str(self.report),
            "seconds": self.seconds,
            "stopped": self.stopped,
            "replaced": self.replaced,
            "train": self.train.as_json(),
            "held_out": self.held_out.as_json() if self.held_out else None,
            "verdict": self.verdict.as_json(),
        }
