"""`calib check`: what a calibration or a rig is worth, from its own file and from new images."""

import argparse
import json
import math
from dataclasses import asdict
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from calib.board import read_board
from calib.calibration_file import lens_in, read_anipose
from calib.check_words import check_lines
from calib.commands.options import POINTS, add_board, add_every, image_size, known_points, notes_on, progress, say
from calib.images import find_views
from calib.lensless_plane import point_errors
from calib.rig import baselines_mm
from calib.validation import Validation, validate
from tracker.calibration import NO_LENS, Calibration, PlaneMapper, load_calibration, read_calibration
from tracker.camera_rig import CameraRig, read_rig
from tracker.commands.options import Commands, add_command
from tracker.errors import CalibrationError
from tracker.parsing.yaml_file import open_yaml

_WITHIN = 0.03  # of the image's diagonal; as far off as points that contradict each other


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
    parser.add_argument("--size", type=image_size, metavar="WIDTHxHEIGHT", help="of the camera's images, which it must be made for")
    parser.add_argument("--images", type=Path, help="new images of the board by the same camera: a folder or a video")
    parser.add_argument(
        "--points", nargs="+", metavar=POINTS, help="points that the plane was not measured from: place in the image, and on the floor"
    )
    parser.add_argument(
        "--within-mm",
        type=float,
        metavar="MM",
        help=f"reject it where such a point is farther off ({100 * _WITHIN:g} %% of the image's diagonal)",
    )
    add_board(parser)
    add_every(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def check(options: argparse.Namespace) -> int:
    """Read, validate, tell."""
    if options.within_mm is not None and (options.points is None or not 0 < options.within_mm < math.inf):
        raise CalibrationError(f"--within-mm {options.within_mm:g}: expected more than 0 mm, and --points that it is asked of")
    rig = _rig(options.calibration)
    if rig is None:
        report, reasons = _camera(options)
    else:
        if options.images is not None or options.size is not None or options.points is not None:
            raise CalibrationError(f"{options.calibration}: is a rig; --images, --points and --size go with one camera's calibration.yaml")
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
    report, reasons = _report(calibration), calibration.reasons
    if calibration.verdict == "rejected" and not reasons:
        reasons = ("the file says so and gives no reason",)
    if options.images is not None:
        found = _validated(options, calibration)
        report["new_images"] = {name: round(value, 4) if isinstance(value, float) else value for name, value in asdict(found).items()}
        reasons += found.reasons
    if options.points is not None:
        report["new_points"], told = _at_points(options, calibration)
        reasons += told
    if calibration.camera_matrix is None:
        say(f"{NO_LENS}; mm hold near the points that the plane was measured from")
    return report | {"verdict": "rejected" if reasons else calibration.verdict, "reasons": list(reasons)}, reasons


def _at_points(options: argparse.Namespace, calibration: Calibration) -> tuple[dict[str, Any], tuple[str, ...]]:
    """How far off known points are, and what speaks against the plane."""
    pixels, mm = known_points(options.points)
    locate = PlaneMapper(calibration)
    found = point_errors(locate.to_mm(np.column_stack((pixels, np.ones(len(pixels))))[None].astype(np.float32))[0], mm)
    x, y = pixels[found.worst]
    told = {"points": len(pixels), "rms_mm": _rounded(found.rms_mm), "worst_mm": _rounded(found.worst_mm), "worst_at": [float(x), float(y)]}
    if options.within_mm is not None:
        limit, off, unit = options.within_mm, found.worst_mm, "mm"
    else:
        limit, unit = _WITHIN * float(np.hypot(*calibration.image_size)), "px"
        off = float(np.linalg.norm(locate.to_pixels(mm)[found.worst] - pixels[found.worst]))
    if off <= limit:
        return told, ()
    by = f"by {off:.3g} {unit}; expected at most {limit:.3g} {unit}" if np.isfinite(off) else "where the plane has no mm"
    return told, (f"the point {x:g},{y:g} is off {by}: the camera was moved, the lens distorts, or a number is wrong",)


def _rounded(value: float) -> float | None:
    return round(value, 4) if np.isfinite(value) else None


def _validated(options: argparse.Namespace, calibration: Calibration) -> Validation:
    lens = lens_in(calibration)
    board = read_board(options.board)
    with progress("finding the board") as shown:
        found = find_views(options.images, board, every=options.every, progress=shown.reached)
    for note in notes_on(found):
        say(note)
    load_calibration(options.calibration, found.size)
    with progress("comparing the lens with the new images"):
        return validate(lens, calibration.quality, found.views)


def _report(calibration: Calibration) -> dict[str, Any]:
    """What a person would ask of a calibration: its quality, and how much a pixel is, in the middle and at the corners."""
    report: dict[str, Any] = {
        "image_size": list(calibration.image_size),
        "lens": calibration.distortion.model if calibration.distortion is not None else None,
        "made": str(calibration.made.date),
        **(msgspec.to_builtins(calibration.quality) if calibration.quality is not None else {}),
    }
    if calibration.plane is None:
        return report | {"plane": None}
    report["plane"] = {
        "measured_from": calibration.plane.measured_from,
        "points": calibration.plane.points,
        "rms_mm": calibration.plane.rms_mm,
    }
    if calibration.camera_matrix is None:
        report["plane"]["held_out_rms_mm"] = calibration.plane.held_out_rms_mm
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
