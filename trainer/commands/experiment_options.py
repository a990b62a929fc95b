"""Options that all experiments share."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from trainer.commands.choices import add_empty


def add_experiment(parser: argparse.ArgumentParser, *, out_required: bool = True, out_help: str = "folder for runs and report") -> None:
    """Data in, folder out, and how the result is shown."""
    parser.set_defaults(refuse=parser.error)
    parser.add_argument("--data", type=Path, help="DeepLabCut project or CSV, SLEAP .slp, COCO .json, or a synthetic set")
    add_empty(parser)
    parser.add_argument("--out", type=Path, required=out_required, help=out_help)
    parser.add_argument(
        "--human-px",
        type=float,
        metavar="PX",
        help="how far apart two people's labels lie, drawn as the floor (that of the project, where several people labelled it)",
    )
    parser.add_argument("--keep-checkpoints", action="store_true", help="keep the weights of finished runs, which no report needs")
    parser.add_argument("--report-only", action="store_true", help="train nothing: make the report from the runs that are stored")
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def add_force(parser: argparse.ArgumentParser, kind: str) -> None:
    """Put another experiment of the same kind out of the way."""
    parser.add_argument(
        "--force",
        action="store_true",
        help=f"where --out holds a {kind} of other labels or settings, keep that one under another name and begin anew",
    )


def data_of(options: argparse.Namespace) -> Path:
    """The labels; none is wrong usage, which ends the program."""
    if options.data is None:
        options.refuse("no labels were named; give --data, or --report-only for a report of the runs that are stored")
    data: Path = options.data
    return data


def human_px(options: argparse.Namespace, names: Sequence[str]) -> float | None:
    """How far apart people's labels of these points lie: as given, or else measured where the labels are a project of several people.

    Raises:
        ProjectError: a damaged project.
    """
    from trainer.scoring.floor import floor_of_data

    if options.human_px is not None or options.data is None:
        given: float | None = options.human_px
        return given
    floor = floor_of_data(options.data, names)
    return floor.mean_px if floor is not None else None
