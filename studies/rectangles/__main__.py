"""`python -m studies.rectangles`: the rectangle experiments, from images to a report, in one command."""

import argparse
import json
import logging
import sys
from pathlib import Path

from rich.console import Console

from studies.rectangles.plan import STEPS, steps_asked
from studies.rectangles.report import REPORT_FILE, sentences, write_report
from studies.rectangles.scale import SCALES, changed
from studies.rectangles.train_networks import train_networks
from tracker.command import run_command
from trainer.whole_files import refuse_unwritable


def main(arguments: list[str] | None = None) -> int:
    """Run the study and return the exit status: 0 done, 1 failed, 2 wrong usage, 130 stopped by hand."""
    options = parser().parse_args(arguments)
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(levelname)s: %(message)s")
    return run_command(options, program="python -m", interrupted="stopped by hand; the same command goes on where it was")


def parser() -> argparse.ArgumentParser:
    """The options of the study."""
    made = argparse.ArgumentParser(
        prog="python -m studies.rectangles",
        description="Train and test coordinate and heat-map heads on images of rectangles, and say which claims about them hold. "
        "The same command goes on where it was.",
        epilog="example: python -m studies.rectangles --out experiments/rectangles --scale small",
    )
    made.set_defaults(command="studies.rectangles", call=run)
    made.add_argument("--out", type=Path, required=True, help="folder for images, runs and report")
    made.add_argument(
        "--scale",
        choices=("small", "seed"),
        default="small",
        help="small: about 15 minutes on one core; seed: the first experiments' own sizes, hours on a GPU (%(default)s)",
    )
    made.add_argument("--only", nargs="+", choices=STEPS, default=[], metavar="STEP", help=f"of {', '.join(STEPS)} (all)")
    made.add_argument("--background", type=Path, metavar="VIDEO", help="whose frames lie behind the rectangles (drifting clouds)")
    sizes = made.add_argument_group("other sizes than the scale's, which every caption then says")
    sizes.add_argument("--side", dest="side_px", type=int, metavar="PX", help="of the square images")
    sizes.add_argument("--images", type=int, help="of each domain")
    sizes.add_argument("--epochs", type=int, help="of every network")
    sizes.add_argument("--repeats", type=int, help="seeds where stability is measured")
    made.add_argument("--keep-checkpoints", action="store_true", help="keep the weights of finished runs, which no report needs")
    made.add_argument("--report-only", action="store_true", help="train nothing: make the report from the runs that are stored")
    made.add_argument("--json", action="store_true", help="print one JSON object")
    return made


def run(options: argparse.Namespace) -> int:
    """Train what is not finished, write the report, print what came of each claim."""
    console = Console(stderr=True)
    if not options.report_only:
        _train(options, console)
    figures = write_report(options.out, console=console)
    report = options.out / REPORT_FILE
    print(json.dumps({"report": str(report), **figures}) if options.json else "\n".join([*sentences(figures), f"Report: {report}"]))
    return 0


def _train(options: argparse.Namespace, console: Console) -> None:
    refuse_unwritable(options.out, option="--out")
    scale = changed(SCALES[options.scale], {name: getattr(options, name) for name in ("side_px", "images", "epochs", "repeats")})
    steps = steps_asked(options.only)
    train_networks(options.out, scale, steps, video=options.background, console=console, keep_checkpoints=options.keep_checkpoints)


if __name__ == "__main__":
    sys.exit(main())
