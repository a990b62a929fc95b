"""`trainer fit`: labels in, engine bundle and report out."""

import argparse
import json
from pathlib import Path

from rich.console import Console

from trainer.commands.choices import HEADS, Commands, add_command, add_split, split_choice


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
    parser.add_argument("--minutes", type=float, help="longest training time; without it and --epochs, a fixed number of epochs")
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--seed", type=int, default=0, help="of weights, order and augmentation (%(default)s)")
    parser.add_argument("--head", choices=HEADS, default="heatmap", help="how coordinates are found (%(default)s)")
    parser.add_argument("--learning-rate", type=float)
    parser.add_argument("--batch", type=int)
    parser.add_argument("--patience", type=int, help="stop after so many epochs without an improvement of 1 %%")
    parser.add_argument("--precision", choices=("auto", "32", "bf16"), default="auto", help="of the training's arithmetic (%(default)s)")
    parser.add_argument("--device", default="auto", choices=("auto", "cpu", "gpu"))
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    add_split(parser)


def fit(options: argparse.Namespace) -> int:
    """Train and write the bundle."""
    from trainer.fit_settings import FitSettings  # only training needs torch; the other commands start without it
    from trainer.make_bundle import make_bundle

    given = {"epochs": options.epochs, "patience": options.patience, "learning_rate": options.learning_rate, "batch": options.batch}
    settings = FitSettings(
        head=options.head,
        seed=options.seed,
        minutes=options.minutes,
        accelerator=options.device,
        precision=options.precision,
        **{name: value for name, value in given.items() if value is not None},
    )
    made = make_bundle(options.data, options.out, settings, split=split_choice(options), console=Console(stderr=True))
    print(json.dumps(made.as_json()) if options.json else made.sentence)
    return 0
