"""`calib plane`: px to mm on the arena's floor, added to a calibration."""

import argparse
import json
import re
from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from calib.board import read_board
from calib.board_views import BoardView, view_of
from calib.calibration_file import as_yaml, calibration_without_lens, lens_in
from calib.commands.options import NUMBER, POINTS, add_board, image_size, known_points, matched, say
from calib.corners import BoardFinder
from calib.images import first_image
from calib.lensless_plane import mm_per_px, plane_from_distances_without_lens, plane_without_lens
from calib.plane import KnownDistance, plane_from_board, plane_from_distances, plane_from_points
from calib.plane_picture import plane_picture
from calib.whole_files import check_place, write_files
from tracker.calibration import NO_LENS, Calibration, Plane, read_calibration
from tracker.commands.options import Commands, add_command
from tracker.errors import CalibrationError
from tracker.frame import Image

_MARK = re.compile(rf"^([A-Za-z0-9_]+)=({NUMBER}),({NUMBER})$")
_DISTANCE = re.compile(rf"^([A-Za-z0-9_]+)-([A-Za-z0-9_]+)=({NUMBER})$")


def add(commands: Commands) -> None:
    """Declare the command."""
    parser = add_command(
        commands,
        "plane",
        call=measure,
        text="Measure the plane that the animals move on and add it to a calibration, or with --no-lens make one of it alone: from an "
        "image of a board that lies on it, from points whose places are known, or from known distances between marked points.",
        example="calib plane calibration.yaml --points 102,80=0,0 540,84=400,0 551,410=400,300 98,402=0,300 --image floor.png",
    )
    parser.add_argument("calibration", type=Path, help="calibration.yaml with the lens; the plane is written into it")
    parser.add_argument(
        "--no-lens", action="store_true", help="make a new calibration that has only the plane; distortion is not corrected then"
    )
    parser.add_argument("--size", type=image_size, metavar="WIDTHxHEIGHT", help="of the camera's images, for --no-lens without --image")
    add_board(parser, required=False)
    parser.add_argument(
        "--image", type=Path, help="of the board on the floor, or a video that begins with it; otherwise only to draw the measured grid on"
    )
    parser.add_argument(
        "--thickness-mm", type=float, default=0.0, metavar="MM", help="how much the board's face is above the floor (%(default)s)"
    )
    parser.add_argument("--points", nargs="+", metavar=POINTS, help="at least four points: place in the image, and on the floor")
    parser.add_argument("--marks", nargs="+", metavar="NAME=X,Y", help="points in the image, for --distances")
    parser.add_argument("--distances", nargs="+", metavar="A-B=MM", help="at least four known distances between marks, without a lens five")
    parser.add_argument("--out", type=Path, help="write here instead of into the calibration itself")
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def measure(options: argparse.Namespace) -> int:
    """Measure, write, and draw the grid where an image is given."""
    out = options.out or options.calibration
    check_place(out.parent, (out.name,) if options.out is not None else ())
    image = first_image(options.image) if options.image is not None else None
    before = _before(options)
    size = _size(options, before, image)
    plane = _plane(options, before, image, size)
    if before is not None and before.camera_matrix is not None:
        result = replace(before, plane=plane)
    else:
        result = calibration_without_lens(plane, size)
    files = {out.name: as_yaml(result).encode()}
    if image is not None:
        try:
            files[f"{out.stem}-plane.png"] = plane_picture(result, image)
        except ModuleNotFoundError as problem:
            say(f"no picture: {problem.name} is not installed; pip install '.[calib]'")
    write_files(out.parent, files)
    _tell(options, result, plane, [out.parent / name for name in files])
    return 0


def _before(options: argparse.Namespace) -> Calibration | None:
    """The calibration that the plane is added to; None where a new one is to be made without a lens."""
    path = options.calibration
    if not path.exists():
        if options.no_lens:
            return None
        raise CalibrationError(
            f"{path}: no such file; solve the lens first (`calib solve`), or add --no-lens to measure the plane alone, without correcting "
            "the lens's distortion"
        )
    calibration = read_calibration(path)
    if options.no_lens and calibration.camera_matrix is not None:
        raise CalibrationError(f"{path}: has a lens, which --no-lens would lose; leave --no-lens out, or give the path of a new file")
    return calibration


def _size(options: argparse.Namespace, before: Calibration | None, image: Image | None) -> tuple[int, int]:
    """Of the camera's images: (width, height), of all that say it."""
    given: dict[str, tuple[int, int] | None] = {
        "the calibration": before.image_size if before is not None else None,
        "--size": options.size,
    }
    given["--image"] = (image.shape[1], image.shape[0]) if image is not None else None
    known = {name: size for name, size in given.items() if size is not None}
    if not known:
        raise CalibrationError("the size of the camera's images is not known; give it as --size WIDTHxHEIGHT, or one of them as --image")
    if len(set(known.values())) > 1:
        said = ", ".join(f"{name} {width}x{height}" for name, (width, height) in known.items())
        raise CalibrationError(f"the images' size is not one: {said}; give an image of the same camera at the same size")
    return next(iter(known.values()))


def _tell(options: argparse.Namespace, result: Calibration, plane: Plane, written: Sequence[Path]) -> None:
    if options.json:
        told = {"calibration": str(written[0]), "lens": result.distortion.model if result.distortion else None}
        print(json.dumps(told | {"plane": msgspec.to_builtins(plane)}, indent=2))
    else:
        left = "nothing left to check them" if plane.rms_mm is None else f"{plane.rms_mm:.3g} mm (rms) unexplained"
        apart = "" if plane.held_out_rms_mm is None else f", {plane.held_out_rms_mm:.3g} mm (rms) at points left out in turn"
        print(f"plane from {plane.measured_from}: {plane.points} points, {left}{apart}")
        print(*written, sep="\n")
    if result.camera_matrix is None:
        say(f"{NO_LENS}; mm hold near the points, and are less certain the farther a place is from them and the more the lens distorts")
        across, down = mm_per_px(np.asarray(plane.homography), result.image_size)
        hint = (
            "; seen from straight above these are equal: do the points begin at the right corner?"
            if not 2 / 3 < across / down < 1.5
            else ""
        )
        say(f"in the middle of the image a pixel is {across:.3g} mm across and {down:.3g} mm down{hint}")
        if plane.held_out_rms_mm is None:
            say(
                f"no point is left that could show an error: try one midway along an edge with "
                f"`calib check {written[0]} --points {POINTS}`, or measure with more"
            )
    if result.verdict == "rejected":
        say("the lens itself is REJECTED, so these mm are not to be trusted: run `calib check` on the file")


def _plane(options: argparse.Namespace, before: Calibration | None, image: Image | None, size: tuple[int, int]) -> Plane:
    methods = {"--board": options.board, "--points": options.points, "--marks with --distances": options.marks or options.distances}
    given = [name for name, value in methods.items() if value]
    if len(given) != 1:
        raise CalibrationError(
            f"{' and '.join(given) or 'nothing'} is given to measure the plane from; expected one of {', '.join(methods)}"
        )
    lens = lens_in(before) if before is not None and before.camera_matrix is not None else None
    if options.board is not None:
        view = _view(options, image)
        if lens is not None:
            return plane_from_board(lens, view, thickness_mm=options.thickness_mm)
        if options.thickness_mm:
            raise CalibrationError(
                "--thickness-mm needs a lens, which says how the camera looks at the board; leave it out, or solve the lens"
            )
        return plane_without_lens(view.pixels, view.mm[:, :2], size=size, how="board")
    if options.points:
        pixels, mm = known_points(options.points)
        return plane_from_points(lens, pixels, mm) if lens is not None else plane_without_lens(pixels, mm, size=size)
    marks, distances = _marks_and_distances(options)
    if lens is None:
        return plane_from_distances_without_lens(marks, distances, size=size)
    return plane_from_distances(lens, marks, distances)


def _view(options: argparse.Namespace, image: Image | None) -> BoardView:
    """Of the board on the floor."""
    if image is None:
        raise CalibrationError("--board needs --image, an image of the board lying on the floor")
    board = read_board(options.board)
    finder = BoardFinder(board)
    corners = finder.find(image)
    twice = finder.shows_two(image, corners)
    if corners is None or twice:
        what = "two boards of this kind are seen, which cannot be told apart" if twice else "the board is not to be found"
        raise CalibrationError(f"{options.image}: {what}; expected {board.description}, lying on the floor, well lit")
    return view_of(board, corners, name=options.image.name)


def _marks_and_distances(options: argparse.Namespace) -> tuple[dict[str, NDArray[np.float64]], list[KnownDistance]]:
    marks, distances = {}, []
    for text in options.marks or []:
        name, x, y = matched(_MARK, text, "NAME=X,Y, such as A=102,80")
        if name in marks:
            raise CalibrationError(f"mark {name} is given twice; give each mark another name")
        marks[name] = np.array([float(x), float(y)])
    for text in options.distances or []:
        first, second, mm = matched(_DISTANCE, text, "A-B=MM, such as A-B=400")
        distances.append(KnownDistance(first=first, second=second, mm=float(mm)))
    return marks, distances
