"""`tracker triangulate`: several cameras, one place for each key point."""

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path

from msgspec.structs import replace
from rich.console import Console

from tracker.camera_rig import read_rig
from tracker.commands.options import Commands, add_command
from tracker.errors import ConfigError, RecordingError
from tracker.listen import json_line
from tracker.task_progress import TaskProgress
from tracker.triangulation.run import triangulate
from tracker.triangulation.settings import RigConfig, load_rig_config

FORMS = ("parquet", "csv")
_NEEDS_RECORD = "a recorded session needs PyAV and pyarrow"


def add(commands: Commands) -> None:
    """Declare the command."""
    parser = add_command(
        commands,
        "triangulate",
        call=triangulate_rig,
        text="Join the poses of several cameras and publish places in mm, with events on them.",
        example="tracker triangulate --rig rig/rig.yaml --join number",
        interrupted=None,
    )
    parser.add_argument("--rig", type=Path, help="rig.yaml, as `calib rig` wrote it")
    parser.add_argument("--config", type=Path, help="triangulate.yaml: everything else, such as behaviour; options here come before it")
    parser.add_argument("--streams", nargs="+", metavar="ADDRESS", help="where the trackers publish; else where they do by default here")
    parser.add_argument(
        "--sessions",
        nargs="+",
        type=Path,
        metavar="FOLDER",
        help="join recorded sessions of the cameras, and print the messages as JSON lines",
    )
    parser.add_argument("--to", dest="form", choices=FORMS, help="with --sessions: write the places as one table, a row a moment")
    parser.add_argument("--out", type=Path, metavar="FILE", help="with --to: where")
    parser.add_argument("--force", action="store_true", help="with --to: replace the file that may be there")
    parser.add_argument("--json", action="store_true", help="with --to: print one JSON object: what was written")
    parser.add_argument("--name", help="of the rig, as in its topics")
    parser.add_argument("--join", choices=("time", "number"), help="number: all cameras hang on one hardware trigger")
    parser.set_defaults(refuse=parser.error)


def triangulate_rig(options: argparse.Namespace) -> int:
    """Run until a signal; or join what was recorded, and print it or write a table of it."""
    if (options.form is None) != (options.out is None) or (options.form is not None and options.sessions is None):
        options.refuse("--to and --out go together, with --sessions")
    if options.form is None and (options.force or options.json):
        options.refuse("--force and --json go with --to; without it, --sessions prints JSON lines")
    config = _config(options)
    if options.sessions is None:
        triangulate(config)
    elif options.form is None:
        _replay(config, options.sessions)
    else:
        _write(config, options)
    return 0


def _replay(config: RigConfig, folders: list[Path]) -> None:
    try:
        from tracker.triangulation.replay import replay_rig
    except ImportError as problem:
        raise RecordingError(f"{_NEEDS_RECORD} ({problem}); run `pip install '.[record]'`") from problem
    with _progress(folders) as shown:
        for message in replay_rig(config, read_rig(Path(config.rig)), folders, progress=shown.reached):
            print(json_line(message))


def _write(config: RigConfig, options: argparse.Namespace) -> None:
    try:
        from tracker.export.place_table import write_places
        from tracker.recording.read_session import RecordedSession
        from tracker.triangulation.replay import replay_rig
    except ImportError as problem:
        raise RecordingError(f"{_NEEDS_RECORD} ({problem}); run `pip install '.[record]'`") from problem
    rig = read_rig(Path(config.rig))
    try:
        with _progress(options.sessions) as shown:
            written = write_places(
                replay_rig(config, rig, options.sessions, progress=shown.reached),
                options.out,
                form=options.form,
                cameras=[camera.name for camera in rig.cameras],
                unix_offset_ns=RecordedSession(options.sessions[0]).description.unix_offset_ns,
                force=options.force,
            )
    except KeyboardInterrupt:
        raise KeyboardInterrupt("stopped by hand; nothing was written") from None
    if options.json:
        print(json.dumps({"file": str(options.out), **asdict(written)}))
    else:
        print(f"{options.out}: {written.moments} moments, {written.placed} with places")


def _progress(folders: list[Path]) -> TaskProgress:
    return TaskProgress(Console(file=sys.stderr), f"joining {len(folders)} sessions")


def _config(options: argparse.Namespace) -> RigConfig:
    if options.config is None and options.rig is None:
        raise ConfigError("which cameras are where is not said; give --rig rig.yaml, or --config with a file that names it")
    config = RigConfig(rig=str(options.rig)) if options.config is None else load_rig_config(options.config)
    given = {"rig": options.rig and str(options.rig), "streams": options.streams and tuple(options.streams)}
    return replace(
        config, **{key: value for key, value in {**given, "name": options.name, "join": options.join}.items() if value is not None}
    )
