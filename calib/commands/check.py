"""`calib check`: what a calibration or a rig is worth, from its own file and from new images."""

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from calib.board import read_board
from calib.calibration_file import lens_in, read_anipose
from calib.check_words import check_lines
from calib.commands.options import add_board, add_every, notes_on, progress, say
from calib.images import find_views
from calib.rig import baselines_mm
from calib.validation import Validation, validate
from tracker.calibration import Calibration, PlaneMapper, load_calibration, read_calibration
from tracker.camera_rig import CameraRig, read_rig
from tracker.commands.options import Commands, add_command
from tracker.errors import CalibrationError
from tracker.parsing.yaml_file import open_yaml


def add(commands: Commands) -> None:
    """Declare the command."""
    parser = add_command(
        commands,
        "check",
        call=check,
        text="Say how good a calibration or a rig is, and try a calibration on new images. Exit status 1 where it is rejected.",
        example="calib check calibration.yaml --size 640x480 --images captured/new --board board.yaml",
    )
    parser.add_argument("calibration", type=Path, help="calibration.yaml, rig.yaml or calibration.toml")
    parser.add_argument("--size", type=_size, metavar="WIDTHxHEIGHT", help="of the camera's images, which it must be made for")
    parser.add_argument("--images", type=Path, help="new images of the board by the same camera: a folder or a video")
    add_board(parser)
    add_every(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def check(options: argparse.Namespace) -> int:
    """Read, validate, tell."""
    rig = _rig(options.calibration)
    if rig is None:
        report, reasons = _camera(options)
    else:
        if options.images is not None or options.size is not None:
            raise CalibrationError(f"{options.calibration}: is a rig; --images and --size go with one camera's calibration.yaml")
        report, reasons = _of_rig(rig), rig.quality.reasons
    if options.json:
        print(json.dumps(report, indent=2))
    else:
        print(*check_lines(report), sep="\n")
    if reasons:
        say("REJECTED: do not measure with it")
        for reason in reasons:
            say(f"  {reason}")
    return 1 if reasons else 0


def _rig(path: Path) -> CameraRig | None:
    if path.suffix.lower() == ".toml":
        return read_anipose(path)
    values = open_yaml(path, error=CalibrationError).values
    return read_rig(path) if isinstance(values, dict) and "cameras" in values else None


def _camera(options: argparse.Namespace) -> tuple[dict[str, Any], tuple[str, ...]]:
    path = options.calibration
    calibration = load_calibration(path, options.size) if options.size else read_calibration(path)
    report, reasons = _report(calibration), calibration.quality.reasons
    if calibration.quality.verdict == "rejected" and not reasons:
        reasons = ("the file says so and gives no reason",)
    if options.images is not None:
        found = _validated(options, calibration)
        report["new_images"] = {name: round(value, 4) if isinstance(value, float) else value for name, value in asdict(found).items()}
        reasons += found.reasons
    return report | {"verdict": "rejected" if reasons else calibration.quality.verdict, "reasons": list(reasons)}, reasons


def _validated(options: argparse.Namespace, calibration: Calibration) -> Validation:
    board = read_board(options.board)
    with progress("finding the board") as shown:
        found = find_views(options.images, board, every=options.every, progress=shown.reached)
    for note in notes_on(found):
        say(note)
    load_calibration(options.calibration, found.size)
    with progress("comparing the lens with the new images"):
        return validate(lens_in(calibration), calibration.quality, found.views)


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
    report["plane"] = {
        "measured_from": calibration.plane.measured_from,
        "points": calibration.plane.points,
        "rms_mm": calibration.plane.rms_mm,
    }
    locate = PlaneMapper(calibration)
    width, height = calibration.image_size
    places = {"middle": (width / 2, height / 2), "top_left": (0, 0), "bottom_right": (width - 2, height - 2)}
    for name, (x, y) in places.items():
        pair = np.array([[[x, y, 1], [x + 1, y, 1]]], np.float32)
        first, second = locate.to_mm(pair)[0]
        size = float(np.hypot(*(second - first)))
        report[f"mm_per_px_{name}"] = round(size, 5) if np.isfinite(size) else None
    return report


def _of_rig(rig: CameraRig) -> dict[str, Any]:
    return {
        "frame": rig.frame,
        "cameras": [camera.name for camera in rig.cameras],
        "made": str(rig.made.date),
        "baselines_mm": baselines_mm(rig),
        **msgspec.to_builtins(rig.quality),
    }


def _size(text: str) -> tuple[int, int]:
    width, _, height = text.partition("x")
    if not (width.isdigit() and height.isdigit()):
        raise argparse.ArgumentTypeError(f"'{text}' is not WIDTHxHEIGHT, such as 640x480")
    return int(width), int(height)
