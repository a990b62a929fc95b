"""A folder of runs that belong together: experiment.json says what was planned, so that a report needs nothing but the folder."""

from pathlib import Path
from typing import Any, Literal

import msgspec

from trainer.errors import TrainingError
from trainer.experiments.run import RUNS, Run, read_run
from trainer.scoring.taken_places import EXPERIMENT_FILE
from trainer.whole_files import replace_files

Kind = Literal["crossval", "curve"]


class Experiment(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole of experiment.json.

    Attributes:
        kind: the command that made it.
        data: name of the labels.
        runs: names of the planned runs, in order; each has a folder of that name under runs/.
        human_px: how far apart two people's labels lie, drawn as the floor; None where nobody has said.
        options: what else was asked for, shown in the report.
    """

    schema: Literal[1]
    kind: Kind
    data: str
    labels_sha256: str
    runs: tuple[str, ...]
    human_px: float | None
    options: dict[str, Any]


def write_experiment(out: Path, experiment: Experiment) -> None:
    """Begin an experiment in a folder, or go on with the one that is there.

    Raises:
        TrainingError: the folder holds an experiment of another kind or other labels, or something else, or cannot be written.
    """
    if (out / EXPERIMENT_FILE).exists():
        found = read_experiment(out, kind=experiment.kind)
        if found.labels_sha256 != experiment.labels_sha256:
            raise TrainingError(
                f"{out}: holds a {found.kind} of other labels ('{found.data}'); choose another --out, or --force to put it aside"
            )
    else:
        refuse_other_files(out)
    replace_files(out, {EXPERIMENT_FILE: msgspec.json.format(msgspec.json.encode(experiment), indent=1)}, what="the experiment")


def refuse_other_files(out: Path) -> None:
    """A new experiment begins in a folder of its own.

    Raises:
        TrainingError: the folder holds something else than runs.
    """
    if out.is_dir() and any(one.name != RUNS for one in out.iterdir()):
        raise TrainingError(f"{out}: is a folder of something else; choose another --out, so that no runs lie among your files")


def read_experiment(out: Path, *, kind: Kind) -> Experiment:
    """What was planned in a folder.

    Raises:
        TrainingError: it is missing, damaged, or of another kind.
    """
    path = out / EXPERIMENT_FILE
    try:
        found = msgspec.json.decode(path.read_bytes(), type=Experiment)
    except FileNotFoundError:
        raise TrainingError(f"{out}: no {EXPERIMENT_FILE} there, so there is no experiment to report; run `trainer {kind}` first") from None
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as problem:
        raise TrainingError(f"{path}: cannot be read ({problem}); delete it and give the command again") from problem
    if found.kind != kind:
        raise TrainingError(f"{out}: holds a {found.kind}, not a {kind}; choose another --out")
    return found


def finished_runs(out: Path, experiment: Experiment) -> list[Run]:
    """The planned runs that are finished, in order.

    Raises:
        TrainingError: none is, or one is damaged.
    """
    runs = [run for name in experiment.runs if (run := read_run(out / RUNS / name)) is not None]
    if not runs:
        raise TrainingError(f"{out}: none of the {len(experiment.runs)} runs is finished; give the command without --report-only")
    return runs
