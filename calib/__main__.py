"""The `calib` command: pixels to millimetres. Results on stdout, talk on stderr; exit 0 done, 1 failed, 2 wrong usage."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from tracker.calibration import Calibration, PlaneMapper, load_calibration
from tracker.command import run_command, version


def main(arguments: list[str] | None = None) -> int:
    """Run one subcommand and return the exit status."""
    options = _parser().parse_args(arguments)
    return run_command(options, program="calib")


def _check(options: argparse.Namespace) -> int:
    width, height = options.size
    calibration = load_calibration(options.calibration, (width, height))
    report = _report(calibration)
    if options.json:
        print(json.dumps(report, indent=2))
        return 0
    for name, value in report.items():
        print(f"{name:<20} {value}")
    return 0


def _report(calibration: Calibration) -> dict[str, Any]:
    """What a person would ask of a calibration: its quality, and how much a pixel is, in the middle and at the corners."""
    report: dict[str, Any] = {
        "image_size": list(calibration.image_size),
        "lens": calibration.distortion.model,
        "made": str(calibration.made.date),
        **msgspec.to_builtins(calibration.quality),
    }
    if calibration.plane is None:
        return report | {"plane": None}
    locate = PlaneMapper(calibration)
    width, height = calibration.image_size
    places = {"middle": (width / 2, height / 2), "top_left": (0, 0), "bottom_right": (width - 2, height - 2)}
    for name, (x, y) in places.items():
        pair = np.array([[[x, y, 1], [x + 1, y, 1]]], np.float32)
        first, second = locate.to_mm(pair)[0]
        size = float(np.hypot(*(second - first)))
        report[f"mm_per_px_{name}"] = round(size, 5) if np.isfinite(size) else None
    return report


def _size(text: str) -> tuple[int, int]:
    width, _, height = text.partition("x")
    if not (width.isdigit() and height.isdigit()):
        raise argparse.ArgumentTypeError(f"'{text}' is not WIDTHxHEIGHT, such as 640x480")
    return int(width), int(height)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="calib", description="Relate pixels to millimetres.")
    parser.add_argument("--version", action="version", version=f"rigtrack {version()}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    text = "Check that a calibration can be used on images of a size, and say how good it is."
    check = commands.add_parser("check", help=text, description=text, epilog="example: calib check calibration.yaml --size 640x480")
    check.add_argument("calibration", type=Path)
    check.add_argument("--size", type=_size, required=True, metavar="WIDTHxHEIGHT", help="of the camera's images")
    check.add_argument("--json", action="store_true", help="print one JSON object")
    check.set_defaults(call=_check)
    return parser


if __name__ == "__main__":
    sys.exit(main())
