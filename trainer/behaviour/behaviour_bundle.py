"""What a training of behaviour has made, in words for people and values for programs."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trainer.behaviour.export import ExportedBehaviour
from trainer.behaviour.temperature_and_thresholds import BehaviourCalibration
from trainer.behaviour_scores.scored_answers import BehaviourRun
from trainer.reports.learning_section import Learning


@dataclass(frozen=True, slots=True, kw_only=True)
class BehaviourBundle:
    """What was made.

    Attributes:
        bundle: its folder.
        report: the path of the report.
        run: scores on the held-out videos, or on the validation ones where none were held out.
        judged: words for which of the two.
        calibrated: temperature, thresholds, warming.
        exported: the proof.
        epochs: how many were trained.
        learning: how it was learnt, with the verdict.
    """

    bundle: Path
    report: Path
    run: BehaviourRun
    judged: str
    calibrated: BehaviourCalibration
    exported: ExportedBehaviour
    epochs: int
    learning: Learning

    @property
    def lines(self) -> list[str]:
        """For people: the sentence, and the verdict with the next steps."""
        return [self.sentence, *self.learning.verdict.lines]

    @property
    def sentence(self) -> str:
        """One sentence for people."""
        verdict = "".join(f" {sentence}" for sentence in self.run.verdicts)
        return f"{self.bundle}: on {self.judged}, {self.run.headline}.{verdict} Report: {self.report}"

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "bundle": str(self.bundle),
            "report": str(self.report),
            "judged_on": self.judged,
            "epochs": self.epochs,
            "temperature": self.calibrated.temperature,
            "thresholds": list(self.calibrated.thresholds),
            "warming_frames": self.calibrated.warming_frames,
            "parity": {"frames": self.exported.frames, "largest": self.exported.largest},
            "training": self.learning.as_json(),
            **self.run.as_json(),
        }
