"""A forecaster trained again and again with other settings, and scored on the validation part."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trainer.behaviour_scores.threshold_curves import curve
from trainer.errors import TrainingError
from trainer.forecast.build import build
from trainer.forecast.parts import Parts
from trainer.forecast.settings import ForecastSettings
from trainer.forecast.train import judged_logits, train


@dataclass(slots=True, kw_only=True)
class ForecastTrials:
    """Of one kind of forecaster on recordings that were divided."""

    parts: Parts
    settings: ForecastSettings
    scored_by: str = "AUC on the validation part"

    @property
    def about(self) -> dict[str, Any]:
        """Recordings, their division and the rule of the labels."""
        rule = self.parts.rule
        return {
            "task": "forecast",
            "data": [stretch.recording.sha256 for stretch in self.parts.stretches],
            "parts": [f"{stretch.part} {stretch.first} {stretch.end}" for stretch in self.parts.stretches],
            "rule": [rule.horizon, rule.share, rule.least_range, rule.past],
        }

    def score(self, settings: ForecastSettings, folder: Path) -> float:
        """Of the epoch with the smallest validation loss.

        Raises:
            TrainingError: it cannot be trained so, or the validation part has one label alone.
        """
        settings.check()
        frames = self.parts.stretches[0].recording.frames
        network = build(settings, self.parts, size=None if frames is None else (frames.shape[1], frames.shape[2]))
        found = train(network, self.parts, settings, folder, about=self.about, say=lambda _: None, anew=False)
        logits, labels = judged_logits(found.network, self.parts.of("validation"), settings)
        scored = curve(logits, labels == 1)
        if scored is None:
            raise TrainingError("the validation part has frames of one label alone; give it a larger share with --parts")
        return scored.auc
