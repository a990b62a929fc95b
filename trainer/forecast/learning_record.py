"""A finished training of a forecast → what its report shows of it, and the verdict with the next steps."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from trainer.behaviour.next_commands import with_values
from trainer.behaviour.training_run import taken_epoch
from trainer.forecast.answers import answers_of, probabilities
from trainer.forecast.forecast_run import ForecastRun, verdict
from trainer.forecast.forecaster import Forecaster
from trainer.forecast.parts import Parts
from trainer.forecast.scores import ForecastScore, score_forecast
from trainer.forecast.settings import ForecastSettings
from trainer.forecast.train import BETTER
from trainer.reports.learning_section import Learning, history_of
from trainer.scoring.loss_curves import crossing
from trainer.scoring.next_step import NextStep, ShortVerdict
from trainer.scoring.typed_commands import options_without, typed

MOST_STEPS = 3
OVERFIT_GAP = 0.1  # of the AUC, training less held-out
NEAR_THE_END = 0.1  # of the epochs: the loss still fell there
PARTS = ("0.7", "0.15", "0.15")
RULE = (
    "Rules of the verdict, in this order: no part held out; one answer to every frame; a validation loss that was smallest in the last "
    f"{NEAR_THE_END:.0%} of all epochs; an AUC that is {OVERFIT_GAP:g} larger on the training part than on the held-out one, or a "
    "validation loss that rises again while the training loss falls; not shown to be better than the newest motion alone. The training "
    "part is scored as the held-out one is: by the finished network, at the same threshold."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ForecastCommands:
    """What the next commands are given.

    Attributes:
        data: recordings, or one table of them.
        bundle: its folder.
        epochs: of the training.
        options: of `trainer fit` besides data, place and length, as they were given.
        pictures: whether the recordings have pictures.
    """

    data: tuple[str, ...]
    bundle: str
    epochs: int
    options: tuple[str, ...]
    pictures: bool

    def fit(self, ending: str, *more: str, times: int = 1) -> str:
        """The same training with other options, beside the one that was made."""
        kept = options_without(self.options, [word for word in more if word.startswith("--")])
        length = ["--epochs", str(times * self.epochs)]
        return typed("fit", "--task", "forecast", "--data", *self.data, "--out", f"{self.bundle}-{ending}", *kept, *length, *more)

    def memorise(self) -> str:
        """Whether the network can learn a few frames by heart."""
        return typed("fit", "--task", "forecast", "--data", *self.data, *self.options, "--memorise", "64")

    def evaluate(self) -> str:
        """The bundle scored again, in a report."""
        fps = with_values(self.options, ("--fps",))
        return typed("evaluate", self.bundle, "--data", *self.data, *fps, "--report", f"{self.bundle}-evaluation")


def learning_record(run: ForecastRun, learnt: ForecastScore, *, settings: Mapping[str, Any], commands: ForecastCommands) -> Learning:
    """Judge the main network and collect what its report shows.

    Args:
        run: scores of every forecast.
        learnt: the main network on the training part.
        settings: that were in force.
        commands: what the next commands are given.
    """
    trained = run.trained.get(run.main)
    epochs = trained.history if trained is not None else ()
    kept = taken_epoch([epoch.validation for epoch in epochs], better=BETTER)
    score = run.of_main
    held_out = "held-out" if run.judged == "test" else "validation"
    figures = {name: (_figures(learnt)[name], _figures(score)[name]) for name in _figures(score)}
    steps = _steps(run, learnt, kept, commands)
    summary = f"AUC {score.curve.auc:.3f} on the {held_out} part, {learnt.curve.auc:.3f} on the training part."
    return Learning(
        name=f"{run.title}: {run.main}",
        history=history_of([(epoch.train, epoch.validation, epoch.seconds) for epoch in epochs]),
        kept=kept,
        stopped=trained.stopped if trained is not None else "fitted at once",
        settings=settings,
        head=["", "training", held_out],
        rows=[[name, *(f"{value:.3f}" for value in both)] for name, both in figures.items()],
        learnt={name: both[0] for name, both in figures.items()},
        verdict=ShortVerdict(finding=steps[0].why, summary=summary, steps=tuple(steps[:MOST_STEPS])),
        rule=RULE,
    )


def on_training_part(parts: Parts, run: ForecastRun, network: Forecaster, settings: ForecastSettings) -> ForecastScore:
    """The main network on what it has learnt from, scored as it is on the other parts."""
    stretches = [stretch for stretch in parts.of("train") if len(stretch.labelled)]
    answers = probabilities(network, [answers_of(network, stretch, settings) for stretch in stretches])
    return score_forecast(run.main, stretches, answers, threshold=run.of_main.threshold, rule=parts.rule, against=None)


def _figures(score: ForecastScore) -> dict[str, float]:
    return {
        "AUC": score.curve.auc,
        "AP": score.curve.average_precision,
        "accuracy": score.accuracy,
        "hits": score.hits,
        "false alarms": score.false_alarms,
    }


def _steps(run: ForecastRun, learnt: ForecastScore, kept: int, commands: ForecastCommands) -> Sequence[NextStep]:
    trained = run.trained.get(run.main)
    train, validation = ([], []) if trained is None else _losses(trained.history)
    found = [
        _nothing_held_out(run, commands),
        _collapsed(any(note.startswith("collapsed") for note in trained.notes) if trained is not None else False, commands),
        _too_short(len(validation), kept, trained.stopped if trained is not None else "", commands),
        _over_fitted(learnt.curve.auc - run.of_main.curve.auc, crossing(train, validation), commands),
        _no_better(run, commands),
    ]
    return [step for step in found if step is not None] or [
        NextStep(
            kind="good",
            why="Nothing speaks against this network.",
            do="Score it on recordings of another day or animal (give them as --data), before anything depends on it.",
            command=commands.evaluate(),
        )
    ]


def _losses(history: Sequence[Any]) -> tuple[list[float], list[float]]:
    return [epoch.train for epoch in history], [epoch.validation for epoch in history]


def _nothing_held_out(run: ForecastRun, commands: ForecastCommands) -> NextStep | None:
    if run.judged == "test":
        return None
    return NextStep(
        kind="nothing held out",
        why="No part was held out: epoch, calibration and threshold were chosen on the frames that are scored.",
        do="Train once more with a part held out; only that tells how good the network is.",
        command=commands.fit("judged", "--parts", *PARTS),
    )


def _collapsed(collapsed: bool, commands: ForecastCommands) -> NextStep | None:
    if not collapsed:
        return None
    return NextStep(
        kind="collapsed",
        why="The network gives one answer to every frame.",
        do="See whether it can learn a few frames by heart.",
        command=commands.memorise(),
    )


def _too_short(epochs: int, kept: int, stopped: str, commands: ForecastCommands) -> NextStep | None:
    if stopped == "no improvement" or not epochs or kept + 1 <= (1 - NEAR_THE_END) * epochs:
        return None
    return NextStep(
        kind="too short",
        why=f"The validation loss was smallest in epoch {kept + 1} of {epochs}: it still fell when the training ended.",
        do="Train longer.",
        command=commands.fit("longer", times=2),
    )


def _over_fitted(gap: float, rises: int | None, commands: ForecastCommands) -> NextStep | None:
    if not gap > OVERFIT_GAP and rises is None:
        return None
    said = [f"the AUC is {gap:.2f} larger on the training part"] if gap > OVERFIT_GAP else []
    if rises is not None:
        said.append(f"from epoch {rises + 1} on the validation loss rises while the training loss falls")
    return NextStep(
        kind="over-fitted",
        why=f"The network learns its recordings by heart: {', and '.join(said)}.",
        do="Give more and longer recordings: that helps most. Until then, leave out more of what it answers while it learns.",
        command=commands.fit("dropout", "--dropout", "0.3"),
    )


def _no_better(run: ForecastRun, commands: ForecastCommands) -> NextStep | None:
    if run.of_main.low is not None and run.of_main.low > 0:
        return None
    others = [kind for kind in (["convlstm-small", "lstm"] if commands.pictures else ["lstm"]) if kind != run.main]
    kinds = [*others, run.main] if others else ["logit"]
    return NextStep(
        kind="no better",
        why=verdict(run.of_main, run.trivial),
        do="See whether another network finds more in the same recordings; if none does, longer recordings may.",
        command=commands.fit("others", "--forecaster", *kinds),
    )
