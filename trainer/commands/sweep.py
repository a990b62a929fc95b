"""`trainer sweep`: search for better settings; every further process with the same study is another worker."""

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from trainer.commands.absent_gpu import refuse_absent_gpu
from trainer.commands.behaviour_options import add_behaviour_training, refuse_behaviour_options
from trainer.commands.choices import GOES_ON, Commands, add_command, add_split, add_training, fit_settings, say, split_choice
from trainer.commands.experiment_options import add_experiment, data_of, human_px
from trainer.commands.forecast_options import add_forecast_training, refuse_forecast_options
from trainer.commands.given_options import keep_declared
from trainer.commands.sweep_settings import sweep_settings

if TYPE_CHECKING:
    from trainer.experiments.study_database import Database
    from trainer.experiments.sweep import Search
    from trainer.training.fit_settings import FitSettings
    from trainer.training.training_options import AskedTraining

PRESETS = ("default", "transfer", "grid-xy", "grid-heatmap", "base-xy", "base-heatmap")


def add(commands: Commands) -> None:
    """Declare the command."""
    parser = add_command(
        commands,
        "sweep",
        call=sweep,
        interrupted=GOES_ON,
        text="Search for better settings. Start the same command again after a kill; with --study also beside it, here or on other "
        "machines, for more workers. With --task: of what finds behaviour or forecasts bursts, with the options of `trainer fit`.",
        example="trainer sweep --data project --study search.db --name first --trials 40 --epochs 20",
    )
    add_experiment(parser, out_required=False, out_help="folder for this worker's runs and the report (FILE.runs beside an SQLite file)")
    parser.add_argument(
        "--study", metavar="DB", help="of key points: an SQLite file, or an address that Optuna knows: postgresql://…, mysql://…"
    )
    parser.add_argument("--name", default="sweep", help="of the study in its database (%(default)s)")
    parser.add_argument("--trials", type=int, default=20, help="how many are drawn (%(default)s); a grid has its own number")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--preset", choices=PRESETS, default="default", help="what is searched, and with what settings (%(default)s)")
    what.add_argument(
        "--space", type=Path, metavar="YAML", help="what is searched: 'learning_rate: {low: 1.0e-4, high: 1.0e-2, log: true}'"
    )
    parser.add_argument("--sampler", choices=("tpe", "grid"), help="draw, or try every listed value (what the preset is made for; tpe)")
    parser.add_argument("--full-grid", action="store_true", help="every combination, instead of one setting changed at a time")
    parser.add_argument("--pruner", choices=("median", "hyperband", "none"), help="ends hopeless runs (median; none for a grid)")
    parser.add_argument("--confirm", type=int, default=3, metavar="SEEDS", help="the winner again with so many other seeds (%(default)s)")
    parser.add_argument(
        "--heartbeat", type=int, default=30, metavar="S", help="a worker silent for four times as long is dead (%(default)s)"
    )
    add_training(parser)
    add_split(parser)
    add_behaviour_training(parser)
    add_forecast_training(parser)
    parser.set_defaults(force=False)
    keep_declared(parser)


def sweep(options: argparse.Namespace) -> int:
    """Work until nothing is left, write the report, print the winner."""
    from trainer.experiments.study_database import Database, sqlite_file, url_of
    from trainer.experiments.sweep import search
    from trainer.experiments.sweep_report import fit_command, read_found, sentence, write_sweep_report
    from trainer.reports.report_files import REPORT_FILE
    from trainer.whole_files import refuse_unwritable

    for name, least in (("trials", 1), ("confirm", 0), ("heartbeat", 1)):
        if getattr(options, name) < least:
            options.refuse(f"--{name} is {getattr(options, name)}; expected {least} or more")
    if not options.report_only:
        refuse_absent_gpu(options.accelerator)
    if options.task != "keypoints":
        return sweep_settings(options)
    refuse_forecast_options(options)
    refuse_behaviour_options(options)
    if options.study is None:
        options.refuse("--study is needed: an SQLite file, or an address of a database")
    url = url_of(options.study)
    file = sqlite_file(url)
    if options.out is None:
        if file is None:
            options.refuse("--out is needed where the study is not a file")
        options.out = Path(f"{file}.runs")
    refuse_unwritable(options.out, option="--out")
    database = Database(url=url, heartbeat_s=options.heartbeat)
    if not options.report_only:
        search(_task(options, database), Console(stderr=True))
    found = read_found(database, options.name)
    names = found.winner.run.point_names if found.winner.run else ()
    write_sweep_report(options.out, found, url=url, name=options.name, human_px=human_px(options, names))
    report = options.out / REPORT_FILE
    if options.json:
        print(json.dumps({"report": str(report), "command": fit_command(found, options.out), **found.as_json()}))
    else:
        print(f"{sentence(found)}\n{fit_command(found, options.out)}\nReport: {report}")
    return 0


def asked_training(options: argparse.Namespace, settings: "FitSettings") -> "AskedTraining":
    """The training as it was asked for, from which the winner's command is made."""
    from trainer.training.training_options import AskedTraining

    file = str(options.augment) if options.augment is not None else None
    data = str(data_of(options))
    return AskedTraining(data=data, settings=settings, augment_file=file, split=split_choice(options), empty=options.empty)


def _task(options: argparse.Namespace, database: "Database") -> "Search":
    from trainer.experiments.frame_division import divide
    from trainer.experiments.search_space import chosen_space, grid_points, refuse_unknown, refuse_without_effect
    from trainer.experiments.sweep import Search
    from trainer.experiments.train_runs import labels_of
    from trainer.formats.read_labels import read_settled
    from trainer.training.augmentation_choice import settled

    usual, space, is_grid = chosen_space(options.preset, options.space, weights=options.weights)
    asked = fit_settings(options, **usual)
    refuse_unknown(space, asked)
    refuse_without_effect(space, asked)
    grid = options.full_grid or options.sampler == "grid" or (options.sampler is None and is_grid)
    data = data_of(options)
    labels = labels_of(read_settled(data, options.empty), data)
    base, said = settled(asked, labels.frames)
    say(Console(stderr=True), said)
    parts = divide(data, labels.frames, split_choice(options), test=True)
    return Search(
        database=database,
        name=options.name,
        labels=labels,
        parts=parts,
        base=base,
        space=space,
        asked=asked_training(options, asked),
        points=grid_points(space, base, full=options.full_grid) if grid else None,
        trials=options.trials,
        confirm=options.confirm,
        pruner=options.pruner or ("none" if grid else "median"),
        out=options.out,
        keep_checkpoints=options.keep_checkpoints,
    )
