"""`trainer curve`: how the error falls with the number of labelled frames, and how many more a lab should label."""

import argparse
import json
from typing import TYPE_CHECKING

from rich.console import Console

from trainer.commands.absent_gpu import refuse_absent_gpu
from trainer.commands.choices import GOES_ON, Commands, add_command, add_split, add_training, fit_settings, say, split_choice
from trainer.commands.experiment_options import add_experiment, add_force, data_of, human_px
from trainer.networks.names import HEADS

if TYPE_CHECKING:
    from trainer.experiments.experiment import Experiment


def add(commands: Commands) -> None:
    """Declare the command."""
    parser = add_command(
        commands,
        "curve",
        call=curve,
        interrupted=GOES_ON,
        text="Train on more and more of the frames and score on the same held-out ones. The same command goes on where it was.",
        example="trainer curve --data project --out experiments/curve --repeats 3 --target-px 2",
    )
    add_experiment(parser)
    add_force(parser, "curve")
    sizes = parser.add_mutually_exclusive_group()
    sizes.add_argument("--sizes", type=int, nargs="+", default=[], metavar="N", help="frames to learn from (all of them, and halves)")
    sizes.add_argument("--fractions", type=float, nargs="+", default=[], metavar="SHARE", help="the same as shares of the training frames")
    parser.add_argument("--heads", nargs="+", choices=HEADS, default=[], help="a curve for each head, in one report")
    parser.add_argument("--repeats", type=int, default=1, help="other subsets and seeds; 3 or more tell chance from gain (%(default)s)")
    parser.add_argument("--target-px", type=float, metavar="PX", help="how many frames does this error need? (a tenth less than now)")
    add_training(parser)
    add_split(parser)


def curve(options: argparse.Namespace) -> int:
    """Run what is not finished, write the report, print the reading."""
    from trainer.experiments.curve_report import sentences, write_curve_report
    from trainer.experiments.experiment import read_experiment
    from trainer.reports.report_files import REPORT_FILE

    experiment = read_experiment(options.out, kind="curve") if options.report_only else _run(options)
    curves = write_curve_report(options.out, experiment)
    said, report = sentences(experiment, curves), options.out / REPORT_FILE
    if options.json:
        print(json.dumps({"report": str(report), "reading": said, "curves": [found.as_json() for found in curves]}))
    else:
        print("\n".join([*said, f"Report: {report}"]))
    return 0


def _run(options: argparse.Namespace) -> "Experiment":
    from trainer.errors import TrainingError
    from trainer.experiments.curve import plan_curve, sizes_of
    from trainer.experiments.experiment import Experiment, write_experiment
    from trainer.experiments.frame_division import divide
    from trainer.experiments.put_aside import put_aside
    from trainer.experiments.train_runs import execute_all, labels_of
    from trainer.formats.read_labels import read_settled
    from trainer.scoring.starting_weights import known_when_judged, known_when_learnt
    from trainer.training.augmentation_choice import settled
    from trainer.whole_files import refuse_unwritable

    refuse_absent_gpu(options.accelerator)
    refuse_unwritable(options.out, option="--out")
    if options.repeats < 1:
        raise TrainingError(f"--repeats is {options.repeats}; expected 1 or more")
    data, asked = data_of(options), fit_settings(options)
    labels = labels_of(read_settled(data, options.empty), data)
    settings, said = settled(asked, labels.frames)
    parts = divide(data, labels.frames, split_choice(options), test=False)
    sizes = sizes_of(len(parts.train), sizes=options.sizes, fractions=options.fractions)
    planned = plan_curve(parts, options.heads or [settings.head], settings, sizes=sizes, repeats=options.repeats)
    experiment = Experiment(
        schema=1,
        kind="curve",
        data=labels.name,
        labels_sha256=labels.sha256,
        runs=tuple(run.name for run in planned),
        human_px=human_px(options, labels.frames.point_names),
        options={"sizes": sizes, "repeats": options.repeats, "target_px": options.target_px},
    )
    aside = put_aside(options.out, experiment, labels, planned) if options.force else ()
    write_experiment(options.out, experiment)
    known = known_when_judged(settings.weights, labels.frames, parts.held_out)
    known += known_when_learnt(settings.weights, labels.frames, parts.train)
    say(console := Console(stderr=True), (*aside, *said, *known))
    execute_all(labels, planned, options.out, console=console, keep_checkpoints=options.keep_checkpoints)
    return experiment
