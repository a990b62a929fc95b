"""Trials as a queue of numbered slots that several workers empty: none is run twice, and one whose worker was killed is run again.

A slot is what is to be tried; a trial is one attempt at it. Optuna hands a waiting trial to one worker only, and its
heartbeat tells when that worker is dead; the trial then counts as failed and its slot is queued again. Workers may queue
the same slot at the same time: of several attempts that have not failed, the one with the lowest number counts, and the
worker that draws another one drops it. So nothing depends on who queues what, and a killed worker leaves nothing behind.

Why not what Optuna offers. By its own documentation `GridSampler` lets workers that run side by side suggest the same
point, and `enqueue_trial(skip_if_exists=True)` can queue one twice; it also compares values, which repeats share and
sampled slots do not have yet. `RetryHeartbeatStaleTrialCallback` queues a dead worker's point again after its trial was
marked as failed, so a worker that dies between the two loses the point. `Study.ask` and `tell` send no heartbeats, so a
dead worker's trial would run for ever. What is used here is public but for one call, `record_heartbeat`: Optuna's
thread writes the first beat some time after the trial was drawn, and a worker killed before it would leave a trial that
never counts as dead.
"""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import optuna
from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import FrozenTrial, Trial, TrialState

from trainer.experiments.study_database import GRACE

logger = logging.getLogger(__name__)

SLOT = "slot"
ENDED = "ended"  # why a trial ended, in words for people; a trial that failed without it was killed
HOW = "how"  # the same as one of a few words for programs
SUPERFLUOUS = "superfluous"
WORKER = "worker"
ATTEMPTS = 3  # a slot whose workers die so often kills them: too large a batch for the memory, say
POLL_S = 1.0

Slot = Mapping[str, Any] | None  # fixed values, or None where the sampler draws


class SuperfluousTrial(Exception):  # noqa: N818  # no fault: this attempt is another worker's, or superfluous
    """The trial that was drawn is not to be run."""


def empty_slots(
    study: optuna.Study,
    slots: Sequence[Slot],
    run: Callable[[Trial, int], float],
    *,
    worker: str,
    heartbeat_s: int,
    waiting: Callable[[int], None],
    clock: Callable[[], float] = time.monotonic,
) -> None:
    """Run slots until every one is finished, by this worker or another.

    Args:
        study: with heartbeats.
        slots: what is to be tried; the same for every worker.
        run: tries a trial of a slot and returns its error; TrialPruned ends it early.
        worker: a name for this process.
        heartbeat_s: of the study.
        waiting: told how many trials other workers are running, while there is nothing to do.
        clock: seconds.
    """
    silent: dict[int, float] = {}
    while states := _states(study, slots, silent, limit_s=GRACE * heartbeat_s, clock=clock):
        if TrialState.WAITING in states:
            _try_one(study, run, worker)
        else:
            waiting(len(states))
            time.sleep(POLL_S)


def attempts(trials: Sequence[FrozenTrial], slot: int) -> list[FrozenTrial]:
    """All trials of a slot, in the order of their numbers."""
    return [trial for trial in trials if trial.user_attrs.get(SLOT) == slot]


def lasting(trials: Sequence[FrozenTrial], slot: int) -> FrozenTrial | None:
    """The attempt at a slot that counts; None where all have failed, or none was made."""
    return next((trial for trial in attempts(trials, slot) if trial.state != TrialState.FAIL), None)


def given_up(trials: Sequence[FrozenTrial], slot: int) -> bool:
    """Whether a slot has killed its workers too often."""
    return lasting(trials, slot) is None and sum(_killed(trial) for trial in attempts(trials, slot)) >= ATTEMPTS


def note_end(trial: Trial, how: str, words: str = "") -> None:
    """Keep with a trial how it ended, and why in words where there is more to say."""
    trial.set_user_attr(ENDED, words or how)
    trial.set_user_attr(HOW, how)


def superfluous(trial: FrozenTrial) -> bool:
    """Whether a trial was dropped because another one is of its slot."""
    return SUPERFLUOUS in (trial.user_attrs.get(HOW), trial.user_attrs.get(ENDED))


def _states(
    study: optuna.Study, slots: Sequence[Slot], silent: dict[int, float], *, limit_s: float, clock: Callable[[], float]
) -> list[TrialState]:
    """States of the trials that are not finished, after those of dead workers were queued again."""
    optuna.storages.fail_stale_trials(study)
    _fail_silent(study, silent, limit_s=limit_s, clock=clock)
    _queue_missing(study, slots)
    return [trial.state for trial in study.get_trials(deepcopy=False, states=(TrialState.WAITING, TrialState.RUNNING))]


def _queue_missing(study: optuna.Study, slots: Sequence[Slot]) -> None:
    trials = study.get_trials(deepcopy=False)
    for number, fixed in enumerate(slots):
        if lasting(trials, number) is None and not given_up(trials, number):
            earlier = [trial.params for trial in attempts(trials, number) if trial.params]
            values = fixed if fixed is not None else (earlier[-1] if earlier else {})
            study.enqueue_trial(dict(values), user_attrs={SLOT: number})


def _try_one(study: optuna.Study, run: Callable[[Trial, int], float], worker: str) -> None:
    """Draw one waiting trial and run it."""
    drawn: list[int] = []

    def objective(trial: Trial) -> float:
        drawn.append(trial.number)
        slot = _accepted(trial)
        # Optuna's thread beats soon, but not before the run begins; a trial without any beat would never count as dead
        storage: Any = trial.storage
        storage.record_heartbeat(trial._trial_id)  # noqa: SLF001  # Optuna has no public name for it
        trial.set_user_attr(WORKER, worker)
        error = _noted(trial, slot, run)
        if _state(study, trial.number) != TrialState.RUNNING:
            raise SuperfluousTrial(f"trial {trial.number} was given to another worker")
        return error

    try:
        study.optimize(objective, n_trials=1, catch=(SuperfluousTrial,))
    except (ValueError, UpdateFinishedTrialError):  # what Optuna says of a trial that somebody else has ended
        if not drawn or _state(study, drawn[0]) == TrialState.RUNNING:
            raise
        logger.warning("trial %d was given to another worker, for this one was silent for too long", drawn[0])


def _noted(trial: Trial, slot: int, run: Callable[[Trial, int], float]) -> float:
    """Run a trial; why it was stopped is kept with it, which tells it from one whose worker was killed."""
    try:
        return run(trial, slot)
    except optuna.TrialPruned:
        raise
    except (Exception, KeyboardInterrupt) as problem:
        note_end(trial, "stopped", f"stopped: {problem or 'by hand'}")
        raise


def _state(study: optuna.Study, number: int) -> TrialState:
    return study.get_trials(deepcopy=False)[number].state


def _accepted(trial: Trial) -> int:
    """The trial's slot, if this is the attempt that counts."""
    slot = trial.user_attrs.get(SLOT)
    if slot is None:
        note_end(trial, SUPERFLUOUS)
        raise SuperfluousTrial(f"trial {trial.number} was not queued")
    first = lasting(trial.study.get_trials(deepcopy=False), slot)
    if first is not None and first.number < trial.number:
        note_end(trial, SUPERFLUOUS)
        raise SuperfluousTrial(f"slot {slot} is trial {first.number}")
    return int(slot)


def _fail_silent(study: optuna.Study, silent: dict[int, float], *, limit_s: float, clock: Callable[[], float]) -> None:
    """A worker killed between drawing a trial and its first heartbeat would leave a trial that runs for ever."""
    for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        if WORKER in trial.user_attrs:
            continue
        if clock() - silent.setdefault(trial.number, clock()) > limit_s:
            study.tell(trial.number, state=TrialState.FAIL, skip_if_finished=True)


def _killed(trial: FrozenTrial) -> bool:
    return trial.state == TrialState.FAIL and ENDED not in trial.user_attrs
