"""`trainer crossval`: how good the network is on frames it never saw, fold by fold and seed by seed."""

import argparse
import json
from typing import TYPE_CHECKING

from rich.console import Console

from trainer.commands.absent_gpu import refuse_absent_gpu
from trainer.commands.choices import GOES_ON, Commands, add_command, add_training, fit_settings, say
from trainer.commands.experiment_options import add_experiment, add_force, data_of, human_px

if TYPE_CHECKING:
    from trainer.experiments.experiment import Experiment


def add(commands: Commands) -> None:
    """Declare the command."""
    parser = add_command(
        commands,
        "crossval",
        call=crossval,
        interrupted=GOES_ON,
        text="Train on all folds but one and score on that one, for every fold and seed. The same command goes on where it was.",
        example="trainer crossval --data project --out experiments/crossval --by blocks --folds 5 --repeats 3",
    )
    add_experiment(parser)
    add_force(parser, "crossval")
    parser.add_argument(
        "--by", choices=("blocks", "videos", "animals", "random"), default="blocks", help="what is kept together (%(default)s)"
    )
    parser.add_argument("--folds", type=int, default=5, help="how many (%(default)s); fewer where there are fewer videos or animals")
    parser.add_argument("--animal", metavar="REGEX", help="where a video's name holds its animal's, in brackets: '^(m[0-9]+)'")
    parser.add_argument("--repeats", type=int, default=1, metavar="SEEDS", help="how often all folds are run, each time with the next seed")
    add_training(parser)


def crossval(options: argparse.Namespace) -> int:
    """Run what is not finished, write the report, print the result."""
    from trainer.experiments.crossval_report import sentence, write_crossval_report
    from trainer.experiments.experiment import finished_runs, read_experiment
    from trainer.reports.report_files import REPORT_FILE

    experiment = read_experiment(options.out, kind="crossval") if options.report_only else _run(options)
    found = write_crossval_report(options.out, experiment)
    report = options.out / REPORT_FILE
    if options.json:
        print(json.dumps({"report": str(report), **found.as_json()}))
    else:
        print(f"{sentence(experiment, len(finished_runs(options.out, experiment)), found)} Report: {report}")
    return 0


def _run(options: argparse.Namespace) -> "Experiment":
    from trainer.errors import TrainingError
    from trainer.experiments.crossval import plan_crossval
    from trainer.experiments.experiment import Experiment, write_experiment
    from trainer.experiments.folds import folds_of
    from trainer.experiments.put_aside import put_aside
    from trainer.experiments.train_runs import execute_all, labels_of
    from trainer.formats.read_labels import read_settled
    from trainer.labels.time_order import time_is_known
    from trainer.scoring.starting_weights import known_when_judged
    from trainer.training.augmentation_choice import settled
    from trainer.whole_files import refuse_unwritable

    refuse_absent_gpu(options.accelerator)
    refuse_unwritable(options.out, option="--out")
    if options.repeats < 1:
        raise TrainingError(f"--repeats is {options.repeats}; expected 1 or more")
    data = data_of(options)
    labels = labels_of(read_settled(data, options.empty), data)
    folds = folds_of(labels.frames, by=options.by, folds=options.folds, animal=options.animal, seed=options.seed)
    in_time = options.by != "blocks" or time_is_known(labels.frames)
    settings, said = settled(fit_settings(options), labels.frames)
    planned = plan_crossval(folds, settings, repeats=options.repeats)
    experiment = Experiment(
        schema=1,
        kind="crossval",
        data=labels.name,
        labels_sha256=labels.sha256,
        runs=tuple(run.name for run in planned),
        human_px=human_px(options, labels.frames.point_names),
        options={"by": options.by, "folds": len(folds), "repeats": options.repeats, "animal": options.animal, "time_known": in_time},
    )
    aside = put_aside(options.out, experiment, labels, planned) if options.force else ()
    write_experiment(options.out, experiment)
    known = known_when_judged(settings.weights, labels.frames)
    say(console := Console(stderr=True), (*aside, *said, *known))
    execute_all(labels, planned, options.out, console=console, keep_checkpoints=options.keep_checkpoints)
    return experiment
