"""An experiment of other labels or settings is put aside, so that another can begin in its folder. Nothing of it is deleted."""

import fcntl
from collections.abc import Sequence
from itertools import count
from pathlib import Path

from tracker.whole_files import remedy
from trainer.errors import TrainingError
from trainer.experiments.experiment import Experiment, read_experiment
from trainer.experiments.run import RUNS
from trainer.experiments.run_plan import PlannedRun
from trainer.experiments.train_runs import LOCK, Labels, is_other
from trainer.scoring.taken_places import EXPERIMENT_FILE

EARLIER = "-earlier"  # ending of the folder that it is kept in


def put_aside(out: Path, experiment: Experiment, labels: Labels, planned: Sequence[PlannedRun]) -> tuple[str, ...]:
    """Give the experiment in a folder another name where it is of other labels, or of other settings or frames.

    Args:
        out: the folder, which need not exist.
        experiment: that is to begin there, or to go on.
        labels: its own.
        planned: its runs.

    Returns:
        Where it is kept, a sentence; nothing where nothing was in the way.

    Raises:
        TrainingError: it is of another kind, damaged, being trained by another process, or cannot be given another name.
    """
    if not (out / EXPERIMENT_FILE).exists():
        return ()
    found = read_experiment(out, kind=experiment.kind)
    if found.labels_sha256 == labels.sha256 and not any(is_other(labels, run, out / RUNS / run.name) for run in planned):
        return ()
    for lock in out.glob(f"{RUNS}/*/{LOCK}"):
        _refuse_held(lock, out)
    names = (out.with_name(f"{out.name}{EARLIER}{'' if number == 1 else f'-{number}'}") for number in count(1))
    aside = next(folder for folder in names if not folder.exists())
    try:
        out.rename(aside)
    except OSError as problem:
        raise TrainingError(f"{out}: cannot be put aside as {aside}: {problem.strerror}; {remedy(problem)}") from problem
    other = "labels" if found.labels_sha256 != labels.sha256 else "settings or frames"
    return (f"{out}: the {found.kind} of other {other} that was there is kept as {aside}",)


def _refuse_held(lock: Path, out: Path) -> None:
    with lock.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise TrainingError(
                f"{out}: another process trains {lock.parent.name} there, of other labels or settings; end it first, or choose another "
                "--out"
            ) from None
