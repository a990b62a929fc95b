"""`trainer synth`: a labelled synthetic set."""

import argparse
from pathlib import Path

from tracker.synthetic.open_scene import SCENES
from trainer.commands.choices import Commands, add_command

TOLD = (
    "rodent: from below; rectangles; mirror: an animal from the side and from below; reach: hand, tongue, joystick; "
    "disturbed: the rodent among litter, shadows, cables and noise; whisker: against a pole, 1000 frames per second of 81x81, "
    "with labels of contact for `fit --task behaviour --region frame` (%(default)s)"
)
SIDE, RECTANGLES = 224, 3


def add(commands: Commands) -> None:
    """Declare the command."""
    parser = add_command(
        commands,
        "synth",
        call=synth,
        text="Write a labelled synthetic set.",
        example="trainer synth --out data --scene rectangles --domain 3 --count 10000",
    )
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--scene", choices=(*SCENES, "whisker"), default="rodent", help=TOLD)
    parser.add_argument("--count", type=int, default=400, help="images (%(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="random seed (%(default)s)")
    parser.add_argument("--width", type=int, help=f"pixels ({SIDE})")
    parser.add_argument("--height", type=int, help=f"pixels ({SIDE})")
    parser.add_argument("--domain", type=int, help=f"rectangles an image, for that scene ({RECTANGLES})")


def synth(options: argparse.Namespace) -> int:
    """Write the set."""
    from trainer.whole_files import refuse_unwritable

    refuse_unwritable(options.out, option="--out")
    if options.scene == "whisker":
        _whisker(options)
    else:
        _key_points(options)
    print(options.out)
    return 0


def _key_points(options: argparse.Namespace) -> None:
    from trainer.formats.write_synthetic_set import write_synthetic_set

    write_synthetic_set(
        options.out,
        scene=options.scene,
        count=options.count,
        seed=options.seed,
        width=SIDE if options.width is None else options.width,
        height=SIDE if options.height is None else options.height,
        rectangles=RECTANGLES if options.domain is None else options.domain,
    )


def _whisker(options: argparse.Namespace) -> None:
    from trainer.errors import TrainingError
    from trainer.formats.write_whisker_set import write_whisker_set

    for name in ("width", "height", "domain"):
        if getattr(options, name) is not None:
            raise TrainingError(f"--{name} is for scenes of key points; leave it out with --scene whisker")
    write_whisker_set(options.out, count=options.count, seed=options.seed)
