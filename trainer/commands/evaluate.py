"""`trainer evaluate`: how good a bundle is on labelled frames."""

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from trainer.commands.choices import Commands, add_command, add_engine, engine_choice

if TYPE_CHECKING:
    from trainer.evaluate import Evaluation


def add(commands: Commands) -> None:
    """Declare the command."""
    parser = add_command(
        commands,
        "evaluate",
        call=evaluate,
        text="Score a bundle on labelled frames.",
        example="trainer evaluate models/mine --data project --json",
    )
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--data", type=Path, required=True, help="DeepLabCut project or CSV, SLEAP .slp, COCO .json, or a synthetic set")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    add_engine(parser)


def evaluate(options: argparse.Namespace) -> int:
    """Score and print."""
    from tracker.bundle import read_bundle
    from trainer.evaluate import evaluate as score_bundle
    from trainer.labels.read_labels import read_labels

    evaluation = score_bundle(
        read_bundle(options.bundle), read_labels(options.data), engine=engine_choice(options), console=Console(stderr=True)
    )
    if options.json:
        print(json.dumps(evaluation.as_json()))
    else:
        _print(evaluation)
    return 0


def _print(evaluation: "Evaluation") -> None:
    values = evaluation.as_json()
    for name in ("mean_px", "median_px", "p95_px", "rms_distance_px", "r2", "frames", "runtime", "precision"):
        print(f"{name:<18} {values[name]}")
    for limit, share in values["within_px"].items():
        print(f"within {limit:>2} px       {share:.1%}")
    for point, spread in values["per_point"].items():
        print(f"{point:<18} mean {spread['mean_px']:.2f}  median {spread['median_px']:.2f}  p95 {spread['p95_px']:.2f} px")
    for name, value in values["baseline"].items():
        print(f"baseline {name:<18} {value}")
