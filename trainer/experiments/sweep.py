"""Search over settings: many runs from one database, shared by as many workers as are started; the winner again with other seeds."""

import json
import math
import os
import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec
import optuna
from optuna.trial import FrozenTrial, Trial, TrialState
from rich.console import Console

from trainer.errors import DivergedError, TooLargeError, TrainingError
from trainer.experiments.progress import RunMeter
from trainer.experiments.run import Run, RunEpoch, kept, run_from_json
from trainer.experiments.run_plan import FramesOfRun, PlannedRun
from trainer.experiments.search_space import Space, Value, changed
from trainer.experiments.study_database import Database, PrunerName, join_study, make_pruner, quiet, refusals_of, remember_asked
from trainer.experiments.train_runs import Labels, execute, sentence
from trainer.experiments.trial_queue import ENDED, HOW, Slot, empty_slots, given_up, lasting, note_end, superfluous
from trainer.training.fit_settings import FitSettings
from trainer.training.history import Epoch, History
from trainer.training.training_options import AskedTraining

RUN, EPOCHS_RUN = "run", "epochs"
FINISHED, UNFINISHED = "finished", ("running", "waiting")
PRUNED, DIVERGED, OUT_OF_MEMORY, GIVEN_UP = BROKEN_OFF = ("pruned", "diverged", "out of memory", "given up")
_REPEAT = "repeat"
_MANY = 10_000  # of repeats; Optuna wants a bound


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """Everything that the workers of one search agree on, and where this one works.

    Attributes:
        database: where the study is kept.
        name: of the study.
        labels, parts, base, space: what is learnt from, and what is changed.
        asked: the training, as the command was given.
        points: of a grid; None draws.
        trials: how many are drawn.
        confirm: seeds that the winner is run with again.
        pruner: what ends hopeless trials.
        out: folder of this worker's runs.
        keep_checkpoints: of finished runs.
    """

    database: Database
    name: str
    labels: Labels
    parts: FramesOfRun
    base: FitSettings
    space: Space
    asked: AskedTraining
    points: Sequence[Mapping[str, Value]] | None
    trials: int
    confirm: int
    pruner: PrunerName
    out: Path
    keep_checkpoints: bool

    def about(self) -> dict[str, Any]:
        """What a worker must share with the others to join them."""
        lasting_settings = {name: value for name, value in self.base.as_plain().items() if name not in ("workers", "accelerator")}
        plain = {
            "labels": self.labels.sha256,
            "settings": lasting_settings,
            "space": msgspec.to_builtins(self.space),
            "split": self.parts.description,
            "sampler": "grid" if self.points is not None else "tpe",
        }
        shared: dict[str, Any] = json.loads(json.dumps(plain))  # as the database gives it back
        return shared


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How the trial of a slot ended, or that it has not.

    Attributes:
        how: finished, broken off for one of the reasons, or still to come.
        words: the same for people, with the reason.
    """

    how: str
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """What became of one slot.

    Attributes:
        slot: its number.
        values: of the settings that were searched.
        run: None where it was broken off or is not finished.
        epochs: also of a run that was broken off.
        ended: how, or that it still runs or waits.
        worker: host and process.
        attempts: how many workers began it.
    """

    slot: int
    values: dict[str, Value]
    run: Run | None
    epochs: tuple[RunEpoch, ...]
    ended: Ended
    worker: str
    attempts: int

    @property
    def held_out_px(self) -> float:
        """Error on the frames that the search chooses by; infinite for a run that was broken off."""
        score = self.run.held_out if self.run else None
        return score.mean_px if score is not None and score.mean_px is not None else math.inf


def search(task: Search, console: Console) -> None:
    """Work until every trial and every confirmation is finished, beside whatever other workers there are.

    Raises:
        TrainingError: the database, or a setting that cannot be trained with, in one sentence.
    """
    if not len(task.parts.held_out):
        raise TrainingError("no frame is held out, so there is nothing to choose by; label more frames, or leave out --no-held-out")
    slots: list[Slot] = list(task.points) if task.points is not None else [None] * task.trials
    with quiet(), refusals_of(task.database.url):
        study = _open(task, task.name)
        remember_asked(study, msgspec.to_builtins(task.asked))
        with RunMeter(console, len(slots)) as meter:
            _empty(task, study, slots, meter, console=console, values=lambda trial: _suggested(trial, task))
        found = tried(study)
        winner = best(found)
        if task.confirm:
            fixed = [{_REPEAT: repeat} for repeat in range(1, task.confirm + 1)]
            again = replace(task, base=changed(task.base, winner.values), pruner="none")
            confirming = _open(again, confirming_name(task.name, winner))
            console.print(f"the best trial, {winner.slot}, again with {task.confirm} other seeds", highlight=False)
            with RunMeter(console, len(fixed)) as meter:
                _empty(
                    again, confirming, fixed, meter, console=console, values=lambda trial: {_REPEAT: trial.suggest_int(_REPEAT, 1, _MANY)}
                )


def tried(study: optuna.Study) -> list[Tried]:
    """What became of every slot, in their order."""
    trials = study.get_trials(deepcopy=False)
    slots = sorted({int(trial.user_attrs["slot"]) for trial in trials if "slot" in trial.user_attrs})
    return [_tried(trials, slot) for slot in slots]


def best(found: Sequence[Tried]) -> Tried:
    """The trial with the smallest held-out error.

    Raises:
        TrainingError: none was finished.
    """
    finished = [one for one in found if math.isfinite(one.held_out_px)]
    if not finished:
        why = "; ".join(dict.fromkeys(one.ended.words for one in found)) or "none was begun"
        raise TrainingError(f"none of the {len(found)} trials was finished ({why}); there is no winner: change the space")
    return min(finished, key=lambda one: (one.held_out_px, one.slot))


def confirming_name(name: str, winner: Tried) -> str:
    """The study in which a winner is run again."""
    return f"{name}.confirm-{winner.slot}"


def _open(task: Search, name: str) -> optuna.Study:
    return join_study(task.database, name, about=task.about(), pruner=make_pruner(task.pruner, task.base))


def _empty(
    task: Search,
    study: optuna.Study,
    slots: Sequence[Slot],
    meter: RunMeter,
    *,
    console: Console,
    values: Callable[[Trial], Mapping[str, Any]],
) -> None:
    def run(trial: Trial, slot: int) -> float:
        study.sampler = optuna.samplers.TPESampler(seed=task.base.seed + slot)  # a slot draws the same, whichever worker has it
        asked = values(trial)
        meter.others(finished())
        return _run_trial(task, study.study_name, trial, slot, asked, meter)

    def finished() -> int:
        return sum(one.ended.how not in UNFINISHED for one in tried(study))

    def waiting(count: int) -> None:
        meter.others(finished())
        meter.note(f"waiting for {count} {'trial' if count == 1 else 'trials'} of other workers")

    empty_slots(study, slots, run, worker=f"{platform.node()}:{os.getpid()}", heartbeat_s=task.database.heartbeat_s, waiting=waiting)


def _run_trial(task: Search, study_name: str, trial: Trial, slot: int, asked: Mapping[str, Any], meter: RunMeter) -> float:
    repeat = asked.get(_REPEAT)
    settings = replace(task.base, seed=task.base.seed + repeat) if repeat is not None else changed(task.base, asked)
    kind = "confirm" if repeat is not None else "trial"
    planned = PlannedRun(name=f"{kind}{slot:04d}", place={kind: slot, **asked}, parts=task.parts, settings=settings)
    seen: list[RunEpoch] = []

    def on_epoch(history: History) -> None:
        meter.epoch(history)
        _report(trial, history.epochs, seen)

    words = ", ".join(f"{name} {value:g}" if isinstance(value, float) else f"{name} {value}" for name, value in asked.items())
    meter.begin(f"{planned.name} ({words})", settings)
    try:
        run = execute(task.labels, planned, task.out / study_name / planned.name, on_epoch=on_epoch, keep_checkpoints=task.keep_checkpoints)
    except (optuna.TrialPruned, DivergedError, TooLargeError) as ended:
        why = _broken_off(ended, epochs=len(seen))
        note_end(trial, why.how, why.words)
        trial.set_user_attr(EPOCHS_RUN, msgspec.to_builtins(seen))
        meter.end(why.words, trained=True)
        raise optuna.TrialPruned(why.words) from ended
    trial.set_user_attr(RUN, msgspec.json.encode(run).decode())
    note_end(trial, FINISHED)
    meter.end(sentence(run, fresh=bool(seen)), trained=bool(seen))
    return _chosen_by(run)


def _report(trial: Trial, epochs: Sequence[Epoch], seen: list[RunEpoch]) -> None:
    """Tell the study every epoch that it has not heard of: after a kill that is more than the last."""
    for epoch in epochs[len(seen) :]:
        seen.append(kept(epoch))
        if epoch.held_out_px is not None:
            trial.report(epoch.held_out_px, epoch.epoch)
    if trial.should_prune():
        raise optuna.TrialPruned


def _chosen_by(run: Run) -> float:
    if run.held_out is None or run.held_out.mean_px is None:
        raise TrainingError("no held-out frame has a labelled point, so there is nothing to choose by; label more frames")
    return run.held_out.mean_px


def _broken_off(ended: Exception, *, epochs: int) -> Ended:
    if isinstance(ended, TooLargeError):
        return Ended(how=OUT_OF_MEMORY, words=OUT_OF_MEMORY)
    if isinstance(ended, DivergedError):
        return Ended(how=DIVERGED, words=f"{DIVERGED}: {ended.found}")
    return Ended(how=PRUNED, words=f"{PRUNED} after epoch {epochs}")


def _suggested(trial: Trial, task: Search) -> dict[str, Any]:
    return {name: _suggest(trial, name, task) for name in task.space}


def _suggest(trial: Trial, name: str, task: Search) -> Any:
    dimension = task.space[name]
    if dimension.choices is not None:
        return trial.suggest_categorical(name, dimension.choices)
    low, high = dimension.low or 0.0, dimension.high or 0.0
    if dimension.whole:
        return trial.suggest_int(name, int(low), int(high), log=dimension.log)
    return trial.suggest_float(name, low, high, log=dimension.log)


def _tried(trials: Sequence[FrozenTrial], slot: int) -> Tried:
    mine = [trial for trial in trials if trial.user_attrs.get("slot") == slot and not superfluous(trial)]
    trial = lasting(trials, slot) or mine[-1]
    stored = trial.user_attrs.get(RUN) if trial.state == TrialState.COMPLETE else None
    run = run_from_json(stored) if stored else None
    plain = trial.user_attrs.get(EPOCHS_RUN, [])
    return Tried(
        slot=slot,
        values=dict(trial.params),
        run=run,
        epochs=run.epochs if run else msgspec.convert(plain, tuple[RunEpoch, ...]),
        ended=_ended(trials, trial, slot),
        worker=str(trial.user_attrs.get("worker", "–")),
        attempts=sum("worker" in one.user_attrs for one in mine),
    )


def _ended(trials: Sequence[FrozenTrial], trial: FrozenTrial, slot: int) -> Ended:
    state = trial.state.name.lower()
    if state in UNFINISHED:
        return Ended(how=state, words=state)
    if given_up(trials, slot):
        return Ended(how=GIVEN_UP, words=f"{GIVEN_UP}: its workers were killed each time")
    usual = {TrialState.COMPLETE: FINISHED, TrialState.PRUNED: PRUNED}.get(trial.state, "killed")  # earlier studies keep words alone
    return Ended(how=str(trial.user_attrs.get(HOW, usual)), words=str(trial.user_attrs.get(ENDED, usual)))
