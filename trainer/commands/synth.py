"""`trainer synth`: a labelled synthetic set."""

import argparse
from pathlib import Path

from tracker.synthetic.open_scene import SCENES
from trainer.commands.choices import Commands, add_command

TOLD = (
    "rodent: from below; rectangles; mirror: an animal from the side and from below; reach: hand, tongue, joystick; "
    "disturbed: the rodent among litter, shadows, cables and noise (%(default)s)"
)


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
    parser.add_argument("--scene", choices=SCENES, default="rodent", help=TOLD)
    parser.add_argument("--count", type=int, default=400, help="images (%(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="random seed (%(default)s)")
    parser.add_argument("--width", type=int, default=224, help="pixels (%(default)s)")
    parser.add_argument("--height", type=int, default=224, help="pixels (%(default)s)")
    parser.add_argument("--domain", type=int, default=3, help="rectangles an image, for that scene (%(default)s)")


def synth(options: argparse.Namespace) -> int:
    """Write the set."""
    from trainer.formats.write_synthetic_set import write_synthetic_set
    from trainer.whole_files import refuse_unwritable

    refuse_unwritable(options.out, option="--out")

    write_synthetic_set(
        options.out,
        scene=options.scene,
        count=options.count,
        seed=options.seed,
        width=options.width,
        height=options.height,
        rectangles=options.domain,
    )
    print(options.out)
    return 0
