"""`tracker run`: the daemon."""

import argparse

from tracker.commands.options import Commands, add_command, add_config
from tracker.commands.record import add_session, session_request
from tracker.run import run


def add(commands: Commands) -> None:
    """Declare the command."""
    parser = add_command(
        commands,
        "run",
        call=run_tracker,
        text="Run the tracker until Ctrl-C, `tracker stop`, or the end of a video; --for ends the recording, and not the tracker.",
        example="tracker run --config examples/synthetic.yaml",
        interrupted=None,
    )
    add_config(parser)
    parser.add_argument("--record", action="store_true", help="record a session from the first frame on")
    add_session(parser)
    parser.add_argument("--window", action="store_true", help="show the overlay in a window at the rig")
    parser.set_defaults(refuse=parser.error)


def run_tracker(options: argparse.Namespace) -> int:
    """Run until a signal, a command or the end of a file."""
    if not options.record and (options.seconds is not None or options.name is not None):
        options.refuse("--for and --name go with --record; --meta also holds for sessions that begin in another way")
    run(options.config, window=options.window, record=session_request(options) if options.record else None, meta=dict(options.meta))
    return 0
