"""`calib solve`: one camera's lens from images of a board, judged."""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import msgspec

from calib.assessment import Assessment, assess
from calib.board import read_board
from calib.calibration_file import as_yaml, calibration_of
from calib.commands.options import add_board, add_every, notes_on, progress, say
from calib.images import FoundViews, find_views, read_picture
from calib.intrinsics import solve
from calib.same_place import SAME_PLACE
from calib.whole_files import check_place, write_files
from tracker.commands.options import Commands, add_command
from tracker.errors import CalibrationError


def add(commands: Commands) -> None:
    """Declare the command."""
    parser = add_command(
        commands,
        "solve",
        call=solve_images,
        text="Solve a camera's lens from images of a board, and judge it. Exit status 1 where it is rejected.",
        example="calib solve captured/top --board board.yaml --out calibration/top",
    )
    parser.add_argument("images", type=Path, help="a folder of images of the board, or a video")
    add_board(parser)
    parser.add_argument("--lens", choices=("five_parameter", "fisheye"), default="five_parameter", help="distortion model (%(default)s)")
    parser.add_argument("--out", type=Path, default=Path("calibration"), help="folder for calibration.yaml and report.html (%(default)s)")
    add_every(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def solve_images(options: argparse.Namespace) -> int:
    """Find corners, solve, judge, write."""
    check_place(options.out, ("calibration.yaml", "report.html"))
    board = read_board(options.board)
    with progress("finding the board") as shown:
        found = find_views(options.images, board, every=options.every, progress=shown.reached)
    for note in notes_on(found):
        say(note)
    if not found.views:
        raise CalibrationError(
            f"{options.images}: the board was found in none of the images; expected {board.description}: is the description right?"
        )
    with progress("solving the lens") as shown:
        shown.stage(f"solving the lens from {len(found.views)} view{'' if len(found.views) == 1 else 's'}")
        solution = solve(found.views, size=found.size, model=options.lens)
        shown.stage("solving it again from each half of the views")
        assessment = assess(solution)
    if assessment.coverage.repeated:
        say(repeated_words(assessment))
    _tell(options, assessment, _write(options, assessment, found))
    return 0 if assessment.is_good else 1


def _write(options: argparse.Namespace, assessment: Assessment, found: FoundViews) -> list[Path]:
    calibration = calibration_of(assessment.solution.lens, assessment.quality, tool="calib solve", images=len(found.views))
    files = {"calibration.yaml": as_yaml(calibration).encode()}
    try:
        from calib.report import report
    except ModuleNotFoundError as problem:
        say(f"no report: {problem.name} is not installed; pip install '.[calib]'")
    else:
        background = read_picture(options.images, found.views[0].name)
        title = f"Calibration of {options.images.resolve().name}"
        created = calibration.made.date.isoformat() if calibration.made else ""
        notes = [*notes_on(found), *([repeated_words(assessment)] if assessment.coverage.repeated else [])]
        files["report.html"] = report(assessment, title=title, created=created, notes=notes, background=background).encode()
    write_files(options.out, files)
    return [options.out / name for name in files]


def repeated_words(assessment: Assessment) -> str:
    """How many views were not counted, and why."""
    repeated = assessment.coverage.repeated
    shows = "1 view shows" if repeated == 1 else f"{repeated} views show"
    return (
        f"{shows} the board where another one does, within {SAME_PLACE:.0%} of the image's width: "
        f"{assessment.coverage.views} views are counted; move or tilt the board from image to image"
    )


def _tell(options: argparse.Namespace, assessment: Assessment, written: Sequence[Path]) -> None:
    lens, quality = assessment.solution.lens, assessment.quality
    if options.json:
        values = {"calibration": str(options.out / "calibration.yaml"), "lens": lens.model, "image_size": list(lens.size)}
        values |= {"camera_matrix": lens.matrix.tolist(), "distortion": lens.coefficients.tolist()}
        print(json.dumps({**values, **msgspec.to_builtins(quality), "repeated_views": assessment.coverage.repeated}, indent=2))
    else:
        fx, fy, cx, cy = lens.parameters[:4]
        views = len(assessment.solution.views)
        print(f"{lens.model}: f = {fx:.2f}, {fy:.2f} px, centre {cx:.1f}, {cy:.1f}; residual {quality.rms_px:.3f} px in {views} views")
        print(*written, sep="\n")
    say("good" if assessment.is_good else "REJECTED: do not measure with this calibration")
    for reason in assessment.reasons:
        say(f"  {reason}")
