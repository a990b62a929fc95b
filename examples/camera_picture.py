"""Draw what `tracker check --out` finds of a configuration's camera: python examples/camera_picture.py CONFIG OUT.webp."""

import sys
import tempfile
from pathlib import Path

import PIL.Image

from tracker.__main__ import main
from tracker.check.sheet import SHEET

SECONDS = 10


def write_picture(config: Path, out: Path, *, seconds: float = SECONDS) -> None:
    """Look at the camera for so long, and write the sheet of pictures as one file; what fails is printed and in the sheet."""
    with tempfile.TemporaryDirectory() as folder:
        main(["check", "--config", str(config), "--seconds", str(seconds), "--out", folder])
        PIL.Image.open(Path(folder) / SHEET).save(out, quality=75)


if __name__ == "__main__":
    write_picture(Path(sys.argv[1]), Path(sys.argv[2]))
