"""`trainer arrange`: a flat folder of images and a table of their classes → a folder for each class."""

import argparse
import json
from pathlib import Path

from trainer.commands.choices import GOES_ON, Commands, add_command


def add(commands: Commands) -> None:
    """Declare the command."""
    parser = add_command(
        commands,
        "arrange",
        call=arrange,
        interrupted=GOES_ON,
        text="Move the images of a folder into a folder for each class, as a table says. A second run finishes what was "
        "interrupted, and else changes nothing.",
        example="trainer arrange val/images val/val_annotations.txt --out val",
    )
    parser.add_argument("images", type=Path, help="folder with the images in it")
    parser.add_argument("table", type=Path, help="a row for each image: its file and its class, with a tab or comma between")
    parser.add_argument("--out", type=Path, help="where the folders of the classes go, on the same disk (the folder with the images)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def arrange(options: argparse.Namespace) -> int:
    """Move, and say what was done."""
    from trainer.ethogram.arrange_images import arrange_images

    done = arrange_images(options.images, options.table, options.out or options.images)
    print(json.dumps(done.as_json()) if options.json else done.sentence)
    return 0
