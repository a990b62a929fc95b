"""`trainer rectangles`: the rectangle experiments, from images to a report, in one command."""

import argparse
import json
from pathlib import Path

from rich.console import Console

from trainer.commands.choices import Commands, add_command

STEPS = ("heads", "domains", "curve", "peaks", "labels", "rounding", "background")


def add(commands: Commands) -> None:
    """Declare the command."""
    parser = add_command(
        commands,
        "rectangles",
        call=rectangles,
        text="Train and test coordinate and heat-map heads on images of rectangles, and say which claims about them hold. "
        "The same command goes on where it was.",
        example="trainer rectangles --out experiments/rectangles --scale small",
    )
    parser.add_argument("--out", type=Path, required=True, help="folder for images, runs and report")
    parser.add_argument(
        "--scale",
        choices=("small", "seed"),
        default="small",
        help="small: about 15 minutes on one core; seed: the first experiments' own sizes, hours on a GPU (%(default)s)",
    )
    parser.add_argument("--only", nargs="+", choices=STEPS, default=[], metavar="STEP", help=f"of {', '.join(STEPS)} (all)")
    parser.add_argument("--background", type=Path, metavar="VIDEO", help="whose frames lie behind the rectangles (drifting clouds)")
    sizes = parser.add_argument_group("other sizes than the scale's, which every caption then says")
    sizes.add_argument("--side", dest="side_px", type=int, metavar="PX", help="of the square images")
    sizes.add_argument("--images", type=int, help="of each domain")
    sizes.add_argument("--epochs", type=int, help="of every network")
    sizes.add_argument("--repeats", type=int, help="seeds where stability is measured")
    parser.add_argument("--keep-checkpoints", action="store_true", help="keep the weights of finished runs, which no report needs")
    parser.add_argument("--report-only", action="store_true", help="train nothing: make the report from the runs that are stored")
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def rectangles(options: argparse.Namespace) -> int:
    """Run what is not finished, write the report, print what came of each claim."""
    from trainer.experiments.rectangles.report import REPORT_FILE, sentences, write_report

    console = Console(stderr=True)
    if not options.report_only:
        _run(options, console)
    figures = write_report(options.out, console=console)
    report = options.out / REPORT_FILE
    print(json.dumps({"report": str(report), **figures}) if options.json else "\n".join([*sentences(figures), f"Report: {report}"]))
    return 0


def _run(options: argparse.Namespace, console: Console) -> None:
    from trainer.experiments.rectangles.carry_out import carry_out
    from trainer.experiments.rectangles.plan import steps_asked
    from trainer.experiments.rectangles.scale import SCALES, changed
    from trainer.whole_files import refuse_unwritable

    refuse_unwritable(options.out, option="--out")

    scale = changed(SCALES[options.scale], {name: getattr(options, name) for name in ("side_px", "images", "epochs", "repeats")})
    steps = steps_asked(options.only)
    carry_out(options.out, scale, steps, video=options.background, console=console, keep_checkpoints=options.keep_checkpoints)
