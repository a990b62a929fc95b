"""`calib capture`: take the images of a board that a calibration needs, with the camera live in a window or in the browser."""

import argparse
import importlib.util
import json
import os
import sys
import webbrowser
from pathlib import Path

from calib.board import read_board
from calib.capture_session import CaptureSession
from calib.commands.options import add_board, positive, say
from calib.coverage import VIEWS_WANTED
from calib.whole_files import check_place
from tracker.cameras.capture import Capture
from tracker.cameras.open_camera import camera_factory, check_source, is_file
from tracker.commands.options import CONFIG, Commands, add_command
from tracker.config import load_config
from tracker.config_cameras import CameraSource, CaptureConfig, ImageFolder, OpenCVCamera
from tracker.errors import CalibrationError

_STEP_S = 0.1


def add(commands: Commands) -> None:
    """Declare the command."""
    parser = add_command(
        commands,
        "capture",
        call=capture,
        text="Take images of a board: live, with what is still missing, each kept by itself when it adds something. "
        "Exit status 1 where something is missing and --show is nothing.",
        example="calib capture --config tracker.yaml --board board.yaml --out captured/top",
        interrupted=None,
    )
    parser.add_argument("--config", type=Path, help=f"whose camera to use ({CONFIG})")
    parser.add_argument("--device", help="instead: a device, a video, a folder of images or an address")
    add_board(parser)
    parser.add_argument("--out", type=Path, default=Path("captured"), help="folder for the images; goes on where it left off (%(default)s)")
    parser.add_argument("--show", choices=("browser", "window", "nothing"), help="where to show it (the window where there is a screen)")
    parser.add_argument("--port", type=int, default=0, metavar="N", help="of the page on this machine (any free one)")
    parser.add_argument("--no-browser", action="store_true", help="print the page's address and open nothing")
    parser.add_argument("--views", type=positive, default=VIEWS_WANTED, metavar="N", help="how many are wanted (%(default)s)")
    parser.add_argument("--stop-when-complete", action="store_true", help="end by itself once nothing is missing")
    parser.add_argument("--json", action="store_true", help="print one JSON object at the end")


def capture(options: argparse.Namespace) -> int:
    """Run a session until the user or its source ends it. 1 where something is still missing and nobody was shown it."""
    check_place(options.out)
    board, source = read_board(options.board), _source(options)
    check_source(source)
    still = isinstance(source, ImageFolder) or (isinstance(source, OpenCVCamera) and is_file(source))
    settings = CaptureConfig(pace="every_frame" if still else "newest_frame", queue_frames=2)
    camera = Capture(camera_factory(source), settings)
    session = CaptureSession(camera, board, options.out, moving=not isinstance(source, ImageFolder), wanted=options.views)
    camera.start()
    where = options.show or ("window" if _has_screen() else "browser" if _has_server() else "nothing")
    try:
        _run(options, session, where)
    finally:
        camera.close()
    progress = session.progress
    if options.json:
        coverage = progress.coverage.share if progress.coverage is not None else 0.0
        told = {"images": str(options.out), "views": progress.kept, "wanted": progress.wanted, "coverage": round(coverage, 4)}
        print(json.dumps({**told, "missing": progress.missing}, indent=2))
    else:
        print(f"{options.out}: {progress.kept} views")
    for clause in progress.missing:
        say(f"still missing: {clause}")
    return 1 if where == "nothing" and progress.missing else 0


def _run(options: argparse.Namespace, session: CaptureSession, where: str) -> None:
    if where == "window":
        from calib.capture_window import show

        show(session, stop_when_complete=options.stop_when_complete)
    elif where == "browser":
        if not _has_server():
            raise CalibrationError("--show browser needs starlette and uvicorn: pip install '.[calib]'; or --show window")
        from calib.capture_page import serve

        serve(session, port=options.port, stop_when_complete=options.stop_when_complete, ready=lambda address: _ready(options, address))
    else:
        _run_unseen(session, stop_when_complete=options.stop_when_complete)


def _run_unseen(session: CaptureSession, *, stop_when_complete: bool) -> None:
    """Without a picture, tell what was kept and what is wrong with the camera, each time that changes."""
    told = (0, "")
    while session.step(_STEP_S):
        progress = session.progress
        news = (progress.kept, progress.said)
        if news != told and (progress.kept != told[0] or progress.picture is None):
            say(f"{progress.kept} of {progress.wanted}: {progress.said}")
            told = news
        if stop_when_complete and progress.is_complete:
            return


def _ready(options: argparse.Namespace, address: str) -> None:
    say("Ctrl-C or the page's button Finish ends it")
    print(address, flush=True)
    if not options.no_browser and _has_screen():
        webbrowser.open(address)


def _source(options: argparse.Namespace) -> CameraSource:
    if options.device is None:
        return load_config(options.config or CONFIG).camera
    if options.config is not None:
        raise CalibrationError("--config and --device are both given; expected one of them")
    if Path(options.device).is_dir():
        return ImageFolder(folder=options.device)
    return OpenCVCamera(device=int(options.device) if options.device.isdecimal() else options.device, file_speed="flat_out")


def _has_screen() -> bool:
    return sys.platform != "linux" or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def _has_server() -> bool:
    return all(importlib.util.find_spec(name) is not None for name in ("starlette", "uvicorn"))
