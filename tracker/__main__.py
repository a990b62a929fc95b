"""The `tracker` command. Results on stdout, talk on stderr; exit 0 done, 1 failed, 2 wrong usage, 130 stopped by hand."""

import argparse
import logging
import sys
from contextlib import suppress

from tracker.end_while_starting import begin, end_at_ctrl_c, end_at_signals

end_at_ctrl_c("tracker")  # the imports below take a second
end_at_signals(sys.argv)

from tracker.command import OneSentenceParser, end_process, load_commands, run_command, version  # noqa: E402
from tracker.service.log import FORMAT, OneLine  # noqa: E402

COMMANDS = (
    "init",
    "cameras",
    "check",
    "run",
    "view",
    "listen",
    "status",
    "swap",
    "reload",
    "stop",
    "record",
    "recover",
    "export",
    "analyse",
    "replay",
    "frames",
    "triangulate",
    "latency",
    "keys",
)
LOADED, MISSING = load_commands("tracker.commands", COMMANDS)  # a computer that only listens has neither OpenCV nor NumPy


def main(arguments: list[str] | None = None) -> int:
    """Run one subcommand and return the exit status.

    Args:
        arguments: behind the program's name; None for those of this process, which then may end here: see `end_process`.
    """
    asked = sys.argv[1:] if arguments is None else arguments
    if asked and asked[0] in MISSING:
        sys.stderr.write(f"tracker {asked[0]}: {MISSING[asked[0]]}\n")
        return 1
    options = _parser().parse_args(asked)
    lines = logging.StreamHandler(sys.stderr)
    lines.setFormatter(OneLine(FORMAT))
    logging.basicConfig(level=logging.INFO, handlers=[lines])
    logging.getLogger("numexpr").setLevel(logging.WARNING)  # pyarrow loads it through pandas, and it says how many threads it has
    with suppress(ModuleNotFoundError):
        import cv2

        cv2.setNumThreads(1)  # the loop's few small operations are slower on a pool, which also competes with the engine
    begin()
    status = run_command(options, program="tracker", interrupted=options.interrupted)
    return end_process(status) if arguments is None else status


def _parser() -> argparse.ArgumentParser:
    parser = OneSentenceParser(prog="tracker", description="Track an animal through a live camera and publish what it does.")
    parser.add_argument("--version", action="version", version=f"rigtrack {version()}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for command in LOADED:
        command.add(commands)
    for name, why in MISSING.items():
        commands.add_parser(name, help=why)
    return parser


if __name__ == "__main__":
    sys.exit(main())
