"""`calib rig`: where several cameras are, from the moments at which they saw a board together."""

import argparse
import dataclasses
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec
from msgspec.structs import replace

from calib.board import Board, read_board
from calib.calibration_file import as_anipose, as_yaml, lens_in, read_anipose
from calib.commands.options import add_board, add_every, notes_on, progress, say
from calib.images import FoundViews, find_views, find_views_in, named_by_moment
from calib.recorded_moments import images_at, is_session, moments_of
from calib.rig import RigCameraViews, baselines_mm, solve_rig
from calib.whole_files import check_place, write_files
from tracker.calibration import Calibration, load_calibration, read_calibration
from tracker.camera_rig import CameraRig
from tracker.commands.options import Commands, add_command
from tracker.errors import CalibrationError
from tracker.recording.read_session import RecordedSession

_FEWEST_CAMERAS = 2
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}\Z")


def add(commands: Commands) -> None:
    """Declare the command."""
    parser = add_command(
        commands,
        "rig",
        call=solve_cameras,
        text="Solve where several cameras are, from images of a board that they took at the same moments: recorded "
        "sessions, or images whose last number in the name is their moment. Exit status 1 where the rig is rejected.",
        example="calib rig --camera top top/calibration.yaml recordings/monday_top --camera side side/calibration.yaml "
        "recordings/monday_side --out rig",
    )
    parser.add_argument(
        "--camera",
        nargs=3,
        action="append",
        default=[],
        metavar=("NAME", "CALIBRATION", "IMAGES"),
        help="one camera: its name, its calibration.yaml, and the folder of its recorded session, its folder of images or its video; "
        "give it once for each camera",
    )
    parser.add_argument(
        "--anipose", type=Path, metavar="TOML", help="instead: take the rig from aniposelib's calibration.toml, lengths in mm"
    )
    add_board(parser)
    parser.add_argument(
        "--origin", metavar="MOMENT", help="take the board as it lay at this moment as the frame of reference (the first camera)"
    )
    parser.add_argument("--out", type=Path, default=Path("rig"), help="folder for rig.yaml and aniposelib's calibration.toml (%(default)s)")
    add_every(parser, of="a video, every Nth frame; of sessions, every Nth of the moments that two cameras have")
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def solve_cameras(options: argparse.Namespace) -> int:
    """Solve, judge and write."""
    names = [name for name, *_ in options.camera]
    check_place(options.out, ("rig.yaml", "calibration.toml", *(f"{name}.yaml" for name in names)))
    calibrations: dict[str, Calibration] = {}
    if options.anipose is not None:
        rig = read_anipose(options.anipose)
    else:
        rig, calibrations = _solved(options)
    files = {"rig.yaml": as_yaml(rig).encode(), "calibration.toml": as_anipose(rig).encode()}
    files |= {f"{name}.yaml": as_yaml(calibration).encode() for name, calibration in calibrations.items()}
    write_files(options.out, files)
    _tell(options, rig, list(files))
    return 1 if rig.quality.verdict == "rejected" else 0


def _solved(options: argparse.Namespace) -> tuple[CameraRig, dict[str, Calibration]]:
    names = [name for name, _, _ in options.camera]
    if len(names) < _FEWEST_CAMERAS or len(set(names)) < len(names):
        raise CalibrationError(f"--camera is given for {', '.join(names) or 'none'}; expected at least two cameras with different names")
    for name in names:
        if not _NAME.match(name):
            raise CalibrationError(f"--camera '{name}': expected a name of 1 to 64 letters, digits, _ or -, which its file gets")
    if taken := {"rig"} & set(names):
        raise CalibrationError(f"--camera {taken.pop()}: a file of that name is written already; give the camera another name")
    board, cameras = read_board(options.board), []
    calibrations: dict[str, Calibration] = {}
    for name, calibration, _ in options.camera:
        calibrations[name] = read_calibration(Path(calibration))  # what is wrong with a file is said before the long search
        if calibrations[name].camera_matrix is None:
            raise CalibrationError(
                f"--camera {name}: {calibration} has no lens, which places in 3-D and aniposelib's file need; solve it with `calib solve`"
            )
    for (name, calibration, _), found in zip(options.camera, _found(options, board), strict=True):
        cameras.append(_views(name, Path(calibration), found))
    with progress(f"placing {len(cameras)} cameras") as shown:
        rig = solve_rig(cameras, board, origin=options.origin, stage=shown.stage)
    placed = {camera.name: replace(calibrations[camera.name], pose=camera.pose) for camera in rig.cameras}
    return rig, placed


def _found(options: argparse.Namespace, board: Board) -> Iterator[FoundViews]:
    """What is found of the board by each camera, in their sequence, named by the moment."""
    folders = {name: Path(images) for name, _, images in options.camera}
    recorded = [name for name, folder in folders.items() if is_session(folder)]
    if recorded and (others := [name for name in folders if name not in recorded]):
        raise CalibrationError(
            f"{folders[recorded[0]]} is a recorded session, {folders[others[0]]} is not; give sessions of all cameras, or images of all"
        )
    if recorded:
        yield from _found_in_sessions(folders, board, options.every)
        return
    for name, images in folders.items():
        with progress(f"finding the board in {name}") as shown:
            found = find_views(images, board, every=options.every, progress=shown.reached)
        yield dataclasses.replace(found, views=tuple(named_by_moment(found.views, str(images))))


def _found_in_sessions(folders: Mapping[str, Path], board: Board, every: int) -> Iterator[FoundViews]:
    sessions = [RecordedSession(folder) for folder in folders.values()]
    for name, session in zip(folders, sessions, strict=True):
        camera = session.description.camera
        if camera in folders and camera != name:
            raise CalibrationError(
                f"--camera {name}: {session.folder} is a session of camera {camera}, which is given too; exchange the two"
            )
        if camera != name:
            say(f"{name}: the session is of camera {camera}; `tracker triangulate` knows a camera by its tracker's name")
    wanted = moments_of(sessions, every=every)
    say(f"{len({moment for names in wanted for moment in names.values()})} moments: one in {every} of those that two cameras have")
    for name, session, names in zip(folders, sessions, wanted, strict=True):
        with progress(f"finding the board in {name}") as shown:
            yield find_views_in(images_at(session, names), board, source=session.folder, progress=shown.reached)


def _views(name: str, path: Path, found: FoundViews) -> RigCameraViews:
    for note in notes_on(found):
        say(f"{name}: {note}")
    calibration = load_calibration(path, found.size)
    reasons = calibration.reasons
    if calibration.verdict == "unjudged":
        reasons = ("it was never judged; solve it with `calib solve`",)
    return RigCameraViews(name=name, lens=lens_in(calibration), reasons=reasons, views=found.views)


def _tell(options: argparse.Namespace, rig: CameraRig, files: list[str]) -> None:
    baselines = baselines_mm(rig)
    if options.json:
        told = {"rig": str(options.out / "rig.yaml"), "frame": rig.frame, "baselines_mm": baselines}
        print(json.dumps(told | {"quality": msgspec.to_builtins(rig.quality)}, indent=2))
    else:
        _print(options.out, rig, baselines, files)
    if rig.quality.verdict != "unjudged":
        say("good" if rig.quality.verdict == "good" else "REJECTED: do not measure with this rig")
    for reason in rig.quality.reasons:
        say(f"  {reason}")


def _print(out: Path, rig: CameraRig, baselines: dict[str, float], files: list[str]) -> None:
    for pair, mm in baselines.items():
        print(f"{pair}: {mm:.2f} mm apart")
    if rig.quality.rms_px is not None:
        print(f"{rig.quality.moments} moments, residual {rig.quality.rms_px:.3f} px")
    if rig.quality.held_out_length_rms_mm is not None and rig.quality.held_out_length_bias is not None:
        bias = rig.quality.held_out_length_bias
        print(f"lengths at moments left out: {rig.quality.held_out_length_rms_mm:.3f} mm (rms) off, {bias:+.3%} on average")
    for name in files:
        print(out / name)
