"""`tracker cameras`: what is attached, what each camera offers, and what has it open."""

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import asdict
from itertools import groupby

from tracker.cameras.found_camera import FoundCamera, Mode
from tracker.cameras.found_cameras import found_cameras, not_looked_for
from tracker.cameras.v4l2_pixels import FORMATS
from tracker.commands.options import Commands, add_command

NONE = """No camera is attached. Without one, these give frames:
  a video      tracker init --device arena.mp4
  images       tracker init --device folder-of-images
  an address   tracker init --device rtsp://192.0.2.7/live
  nothing      tracker init    (a synthetic rodent whose true path is known)"""


def add(commands: Commands) -> None:
    """Declare the command."""
    parser = add_command(
        commands,
        "cameras",
        call=list_cameras,
        text="List the cameras that are attached: the name, sizes, rates, formats and settings of each, and which program uses it.",
        example="tracker cameras",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def list_cameras(options: argparse.Namespace) -> int:
    """Print them; what could not be looked for goes to stderr."""
    cameras = found_cameras()
    if options.json:
        print(json.dumps({"cameras": [asdict(camera) for camera in cameras], "not_looked_for": not_looked_for()}, indent=2))
        return 0
    print("\n\n".join("\n".join(lines(camera)) for camera in cameras) or NONE)
    for sentence in not_looked_for():
        print(sentence, file=sys.stderr)
    if cameras:
        print("\n`tracker init --camera NAME` writes a configuration for one of them.", file=sys.stderr)
    return 0


def lines(camera: FoundCamera) -> Iterator[str]:
    """One camera for people."""
    yield f"{camera.source}  {camera.device}  ({camera.name})"
    if camera.problem:
        yield f"    cannot be opened: {camera.problem}"
    if camera.in_use:
        yield f"    in use: {camera.in_use}"
    if camera.size:
        yield f"    up to {camera.size[0]}x{camera.size[1]}, {', '.join(camera.pixel_formats)}"
    others = []
    for fourcc, modes in groupby(camera.modes, key=lambda mode: mode.fourcc):
        if fourcc in FORMATS:
            yield f"    {fourcc:<5} {'; '.join(map(_size, modes))}"
        else:
            others.append(fourcc.strip())
    if others:
        yield f"    other formats, through OpenCV if at all: {', '.join(others)}"
    for setting in camera.allowed:
        now = "" if setting.now is None else f", now {setting.now:.8g}"
        yield f"    {setting.key}: {setting}{now}"


def _size(mode: Mode) -> str:
    rates = ", ".join(f"{rate:.5g}" for rate in mode.rates_hz)
    return f"{mode.width}x{mode.height}" + (f" at {rates} Hz" if rates else "")
