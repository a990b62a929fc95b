"""`calib plane`: px to mm on the arena's floor, added to a calibration."""

import argparse
import json
import re
from pathlib import Path

import msgspec
import numpy as np
from msgspec.structs import replace

from calib.board import read_board
from calib.board_views import view_of
from calib.calibration_file import as_yaml, lens_in
from calib.commands.options import add_board, say
from calib.corners import BoardFinder
from calib.images import read_picture
from calib.plane import KnownDistance, plane_from_board, plane_from_distances, plane_from_points
from calib.plane_picture import plane_picture
from calib.whole_files import check_place, write_files
from tracker.calibration import Calibration, Plane, load_calibration, read_calibration
from tracker.cameras.image_folder import read_image
from tracker.commands.options import Commands, add_command
from tracker.errors import CalibrationError

_NUMBER = r"[-+]?\d*\.?\d+"
_POINT = re.compile(rf"^({_NUMBER}),({_NUMBER})=({_NUMBER}),({_NUMBER})$")
_MARK = re.compile(rf"^([A-Za-z0-9_]+)=({_NUMBER}),({_NUMBER})$")
_DISTANCE = re.compile(rf"^([A-Za-z0-9_]+)-([A-Za-z0-9_]+)=({_NUMBER})$")


def add(commands: Commands) -> None:
    """Declare the command."""
    parser = add_command(
        commands,
        "plane",
        call=measure,
        text="Measure the plane that the animals move on and add it to a calibration: from an image of a board that lies on it, "
        "from points whose places are known, or from known distances between marked points.",
        example="calib plane calibration.yaml --points 102,80=0,0 540,84=400,0 551,410=400,300 98,402=0,300 --image floor.png",
    )
    parser.add_argument("calibration", type=Path, help="calibration.yaml with the lens; the plane is written into it")
    add_board(parser, required=False)
    parser.add_argument("--image", type=Path, help="of the board on the floor; otherwise only to draw the measured grid on")
    parser.add_argument(
        "--thickness-mm", type=float, default=0.0, metavar="MM", help="how much the board's face is above the floor (%(default)s)"
    )
    parser.add_argument("--points", nargs="+", metavar="X,Y=X_MM,Y_MM", help="at least four points: place in the image, and on the floor")
    parser.add_argument("--marks", nargs="+", metavar="NAME=X,Y", help="points in the image, for --distances")
    parser.add_argument("--distances", nargs="+", metavar="A-B=MM", help="at least four known distances between marks")
    parser.add_argument("--out", type=Path, help="write here instead of into the calibration itself")
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def measure(options: argparse.Namespace) -> int:
    """Measure, write, and draw the grid where an image is given."""
    out = options.out or options.calibration
    check_place(out.parent, (out.name,) if options.out is not None else ())
    calibration = read_calibration(options.calibration)
    plane = _plane(options, calibration)
    result = replace(calibration, plane=plane)
    files = {out.name: as_yaml(result).encode()}
    if options.image is not None:
        image = read_image(options.image)
        load_calibration(options.calibration, (image.shape[1], image.shape[0]))
        try:
            files[f"{out.stem}-plane.png"] = plane_picture(result, image)
        except ModuleNotFoundError as problem:
            say(f"no picture: {problem.name} is not installed; pip install '.[calib]'")
    write_files(out.parent, files)
    if options.json:
        print(json.dumps({"calibration": str(out), "plane": msgspec.to_builtins(plane)}, indent=2))
    else:
        print(f"plane from {plane.measured_from}: {plane.points} points, {plane.rms_mm:.3g} mm (rms) unexplained")
        for name in files:
            print(out.parent / name)
    if calibration.quality.verdict == "rejected":
        say("the lens itself is REJECTED, so these mm are not to be trusted: run `calib check` on the file")
    return 0


def _plane(options: argparse.Namespace, calibration: Calibration) -> Plane:
    lens = lens_in(calibration)
    methods = {"--board": options.board, "--points": options.points, "--marks with --distances": options.marks or options.distances}
    given = [name for name, value in methods.items() if value]
    if len(given) != 1:
        raise CalibrationError(
            f"{' and '.join(given) or 'nothing'} is given to measure the plane from; expected one of {', '.join(methods)}"
        )
    if options.board is not None:
        if options.image is None:
            raise CalibrationError("--board needs --image, an image of the board lying on the floor")
        load_calibration(options.calibration, read_image(options.image).shape[1::-1])
        board, picture = read_board(options.board), read_picture(options.image, options.image.name)
        finder = BoardFinder(board)
        corners = finder.find(picture) if picture is not None else None
        twice = picture is not None and finder.shows_two(picture, corners)
        if corners is None or twice:
            what = "two boards of this kind are seen, which cannot be told apart" if twice else "the board is not to be found"
            raise CalibrationError(f"{options.image}: {what}; expected {board.description}, lying on the floor, well lit")
        return plane_from_board(lens, view_of(board, corners, name=options.image.name), thickness_mm=options.thickness_mm)
    if options.points:
        numbers = np.array([_numbers(_POINT, text, "X,Y=X_MM,Y_MM, such as 102,80=0,0") for text in options.points])
        return plane_from_points(lens, numbers[:, :2], numbers[:, 2:])
    marks, distances = {}, []
    for text in options.marks or []:
        name, x, y = _match(_MARK, text, "NAME=X,Y, such as A=102,80")
        if name in marks:
            raise CalibrationError(f"mark {name} is given twice; give each mark another name")
        marks[name] = np.array([float(x), float(y)])
    for text in options.distances or []:
        first, second, mm = _match(_DISTANCE, text, "A-B=MM, such as A-B=400")
        distances.append(KnownDistance(first=first, second=second, mm=float(mm)))
    return plane_from_distances(lens, marks, distances)


def _numbers(pattern: "re.Pattern[str]", text: str, expected: str) -> list[float]:
    return [float(value) for value in _match(pattern, text, expected)]


def _match(pattern: "re.Pattern[str]", text: str, expected: str) -> tuple[str, ...]:
    found = pattern.match(text)
    if found is None:
        raise CalibrationError(f"'{text}' cannot be read; expected {expected}")
    return found.groups()
