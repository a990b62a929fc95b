"""What a comparison of forecasts came to: scores of each on each part, and what may be said of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from trainer.forecast.parts import Parts
from trainer.forecast.scores import ForecastScore
from trainer.forecast.settings import ForecastSettings
from trainer.forecast.simple_forecasts import QUIET, Answers
from trainer.forecast.train import Trained
from trainer.networks.layer_table import NetworkTable

NOT_WORSE = -0.005  # of the AUC: what is lost to chance at most


@dataclass(frozen=True, slots=True, kw_only=True)
class ForecastRun:
    """Forecasts scored on the same frames.

    Attributes:
        title: what was trained.
        parts: what it learnt from and is judged by.
        settings: of the network that the bundle is made of; None where a bundle is only scored.
        main: its name among the scores.
        judged: the part that was held out, or validation where none was.
        scores: of all forecasts, by part.
        answers: of the main network on the stretches of the judged part, probabilities.
        threshold_rule: how every threshold was chosen, in words.
        trained: of every network that learnt epoch by epoch, by name.
        notes: what is to be said besides, a sentence each.
        layers: of the main network, None where a bundle is only scored.
        beside: names of other networks that the verdicts speak of.
    """

    title: str
    parts: Parts
    settings: ForecastSettings | None
    main: str
    judged: str
    scores: Mapping[str, tuple[ForecastScore, ...]]
    answers: Sequence[Answers]
    threshold_rule: str
    trained: Mapping[str, Trained]
    notes: tuple[str, ...]
    layers: NetworkTable | None = None
    beside: tuple[str, ...] = ()

    @property
    def of_main(self) -> ForecastScore:
        """The network's own score on the judged part."""
        return next(score for score in self.scores[self.judged] if score.name == self.main)

    @property
    def trivial(self) -> ForecastScore:
        """That of the newest motion, negated."""
        return next(score for score in self.scores[self.judged] if score.name == QUIET)

    @property
    def sentences(self) -> list[str]:
        """The verdict on every network: "better" and "worse" only where the interval leaves out 0."""
        said = []
        for score in self.scores[self.judged]:
            if score.name in (*self.trained, self.main, *self.beside, "logit"):
                said.append(verdict(score, self.trivial))
        return said

    @property
    def lines(self) -> list[str]:
        """Of every forecast on the judged part, its figures in a line."""
        width = max(len(score.name) for score in self.scores[self.judged])
        return [
            f"{score.name:<{width}}  AUC {score.curve.auc:.3f}  AP {score.curve.average_precision:.3f}  hits at 10% {score.hits_at_10:.3f}"
            f"  bursts {score.detected} of {len(score.bursts)}  false per minute {score.false_alarms_per_minute:.1f}"
            for score in self.scores[self.judged]
        ]

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        rule = self.parts.rule
        return {
            "title": self.title,
            "main": self.main,
            "judged_on": self.judged,
            "rule": {"horizon": rule.horizon, "share": rule.share, "least_range": rule.least_range, "past": rule.past},
            "fps": self.parts.fps,
            "frames": {part: dict(zip(("labelled", "before_a_burst"), self.parts.shares(part), strict=True)) for part in self.scores},
            "settings": self.settings.as_plain() if self.settings else None,
            "threshold_rule": self.threshold_rule,
            "scores": {part: [score.as_json() for score in scores] for part, scores in self.scores.items()},
            "verdicts": self.sentences,
            "history": {
                name: {"weights": trained.weights, "stopped": trained.stopped, "epochs": [_plain(epoch) for epoch in trained.history]}
                for name, trained in self.trained.items()
            },
            "notes": list(self.notes),
            "network": self.layers.as_json() if self.layers else None,
        }


def verdict(score: ForecastScore, trivial: ForecastScore) -> str:
    """One sentence on a forecast beside the trivial one."""
    gain = score.curve.auc - trivial.curve.auc
    figures = f"AUC {score.curve.auc:.3f} against {trivial.curve.auc:.3f}"
    if score.low is None or score.high is None:
        return f"{score.name}: {figures}; {score.blocks} blocks are too few for an interval, so that nothing is said of the difference."
    interval = f"{figures}, 95 % interval of the difference {score.low:+.3f} to {score.high:+.3f}, {score.blocks} blocks"
    if score.low > 0:
        return f"{score.name} is better than the newest motion alone ({interval})."
    if score.high < 0:
        return f"{score.name} is worse than the newest motion alone ({interval})."
    lost = "" if gain >= NOT_WORSE else f"; it lost more than {-NOT_WORSE:g}"
    return (
        f"{score.name}: no difference from the newest motion alone that these frames can show ({interval}{lost}). "
        "It has not been shown to be useful."
    )


def _plain(epoch: Any) -> dict[str, float]:
    return {name: getattr(epoch, name) for name in epoch.__slots__}
