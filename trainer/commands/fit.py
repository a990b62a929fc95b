"""`trainer fit`: labels in, engine bundle and report out."""

import argparse
import json
from pathlib import Path

from rich.console import Console

from tracker.bundle import USUAL_PLACE, read_bundle
from tracker.config import load_config
from trainer.commands.absent_gpu import refuse_absent_gpu
from trainer.commands.behaviour_options import (
    add_behaviour_training,
    refuse_behaviour_options,
)
from trainer.commands.choices import EPOCHS_KEPT, Commands, add_command, add_empty, add_split, add_training, fit_settings, split_choice
from trainer.commands.fit_behaviour import fit_behaviour
from trainer.commands.fit_forecast import fit_forecast
from trainer.commands.forecast_options import add_forecast_training, refuse_forecast_options
from trainer.commands.given_options import keep_declared


def add(commands: Commands) -> None:
    """Declare the command."""
    parser = add_command(
        commands,
        "fit",
        call=fit,
        interrupted=EPOCHS_KEPT,
        text="Train on labelled frames and write a bundle with its report.",
        example="trainer fit --data project --out models/mine",
    )
    parser.add_argument(
        "--data",
        type=Path,
        nargs="+",
        required=True,
        help="labelling project, DeepLabCut project or CSV, SLEAP .slp, COCO .json, or a synthetic set; several are joined. "
        "With --task behaviour: a table of videos, or with --region frame a folder with a folder of images for each class; "
        "with --task forecast: recordings",
    )
    add_empty(parser)
    place = parser.add_mutually_exclusive_group()
    place.add_argument("--out", type=Path, help=f"folder for the bundle ({USUAL_PLACE}); the run is kept beside it in OUT.run")
    place.add_argument(
        "--refresh",
        type=Path,
        metavar="BUNDLE",
        help="train from this bundle's weights on its labels and added ones, and replace it if the new one is not worse",
    )
    parser.add_argument("--accept-worse", action="store_true", help="with --refresh: replace the bundle whatever the comparison says")
    parser.add_argument("--force", action="store_true", help="with --out: put away a training of other labels or settings, and its bundle")
    parser.add_argument(
        "--correct-within",
        nargs="+",
        default=[],
        metavar="PX|POINT=PX",
        help="confidence is the chance of an error of at most this (with --refresh that of the bundle; else the annotators' own distance, "
        "or 2%% of the animal's length)",
    )
    parser.add_argument(
        "--target-px", type=float, metavar="PX", help="the mean error that your task can do with; the verdict says if it is met"
    )
    parser.add_argument("--swap", type=Path, metavar="CONFIG", help="put the bundle in place at the tracker that runs with this file")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    add_training(parser)
    add_split(parser)
    add_behaviour_training(parser)
    add_forecast_training(parser)
    keep_declared(parser)


def fit(options: argparse.Namespace) -> int:
    """Train and write the bundle."""
    refuse_absent_gpu(options.accelerator)
    if options.task == "forecast":
        return fit_forecast(options)
    refuse_forecast_options(options)
    if options.task == "behaviour":
        return fit_behaviour(options)
    refuse_behaviour_options(options)
    control = _read_places(options)
    from trainer.pipeline.make_bundle import make_bundle  # only training needs torch; the other commands start without it
    from trainer.pipeline.put_in_place import put_in_place
    from trainer.pipeline.refresh import refresh_bundle
    from trainer.scoring.correct_radius import Judging, correct_within

    judging = Judging(correct_within=correct_within(options.correct_within), target_px=options.target_px)
    settings, split, talk = fit_settings(options), split_choice(options), Console(stderr=True)
    if options.refresh:
        made = refresh_bundle(
            options.refresh,
            options.data,
            settings,
            split=split,
            accept_worse=options.accept_worse,
            judging=judging,
            console=talk,
            augment_file=options.augment,
            empty=options.empty,
        )
    else:
        made = make_bundle(
            options.data,
            options.out or Path(USUAL_PLACE),
            settings,
            split=split,
            judging=judging,
            console=talk,
            anew=options.force,
            augment_file=options.augment,
            empty=options.empty,
        )
    if made is None:
        return 0
    said = json.dumps(made.as_json()) if options.json else "\n".join(made.lines)
    print(said, flush=True)  # what was made stands, whatever the tracker says
    if control:
        running = put_in_place(control, made.bundle, say=lambda sentence: talk.print(sentence, soft_wrap=True))
        talk.print(f"{control}: runs {running} now", soft_wrap=True)
    return 0


def _read_places(options: argparse.Namespace) -> str | None:
    """Have a mistake in a path told before torch is imported, which takes long; the control address of the tracker to swap at.

    Raises:
        LabelError, BundleError, ConfigError: it is not there, or cannot be read.
    """
    from trainer.formats.read_labels import refuse_absent

    for path in options.data:
        refuse_absent(path)
    if options.refresh:
        read_bundle(options.refresh)
    return load_config(options.swap).control.bind if options.swap else None
