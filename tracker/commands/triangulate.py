"""`tracker triangulate`: several cameras, one place for each key point."""

import argparse
from pathlib import Path

from msgspec.structs import replace

from tracker.commands.options import Commands, add_command
from tracker.errors import ConfigError
from tracker.triangulation.run import triangulate
from tracker.triangulation.settings import RigConfig, load_rig_config


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
    parser.add_argument("--name", help="of the rig, as in its topics")
    parser.add_argument("--join", choices=("time", "number"), help="number: all cameras hang on one hardware trigger")


def triangulate_rig(options: argparse.Namespace) -> int:
    """Run until a signal."""
    triangulate(_config(options))
    return 0


def _config(options: argparse.Namespace) -> RigConfig:
    if options.config is None and options.rig is None:
        raise ConfigError("which cameras are where is not said; give --rig rig.yaml, or --config with a file that names it")
    config = RigConfig(rig=str(options.rig)) if options.config is None else load_rig_config(options.config)
    given = {"rig": options.rig and str(options.rig), "streams": options.streams and tuple(options.streams)}
    return replace(
        config, **{key: value for key, value in {**given, "name": options.name, "join": options.join}.items() if value is not None}
    )
