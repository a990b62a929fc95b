"""`trainer fit`: labels in, engine bundle and report out."""

import argparse
import json
from pathlib import Path

from rich.console import Console

from trainer.commands.choices import Commands, add_command, add_split, add_training, fit_settings, split_choice


def add(commands: Commands) -> None:
    """Declare the command."""
    parser = add_command(
        commands,
        "fit",
        call=fit,
        text="Train on labelled frames and write a bundle with its report.",
        example="trainer fit --data project --out models/mine",
    )
    parser.add_argument("--data", type=Path, required=True, help="DeepLabCut project or CSV, SLEAP .slp, COCO .json, or a synthetic set")
    parser.add_argument("--out", type=Path, required=True, help="folder for the bundle; the run is kept beside it in OUT.run")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    add_training(parser)
    add_split(parser)


def fit(options: argparse.Namespace) -> int:
    """Train and write the bundle."""
    from trainer.make_bundle import make_bundle  # only training needs torch; the other commands start without it

    settings = fit_settings(options)
    made = make_bundle(options.data, options.out, settings, split=split_choice(options), console=Console(stderr=True))
    if made is not None:
        print(json.dumps(made.as_json()) if options.json else made.sentence)
    return 0
