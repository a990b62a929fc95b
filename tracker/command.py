"""How every command ends: an exit status, and one sentence in the place of a traceback."""

import argparse
import importlib.metadata
import logging
import os
import sys

from tracker.errors import RigtrackError

logger = logging.getLogger(__name__)


def version() -> str:
    """Of the installed package; a copy that was never installed does not know its own."""
    try:
        return importlib.metadata.version("rigtrack")
    except importlib.metadata.PackageNotFoundError:
        return "of a copy that is not installed"


def carry_out(options: argparse.Namespace, *, program: str, interrupted: str | None = None) -> int:
    """Call `options.call` and turn whatever happens into an exit status: 0 done, 1 failed.

    Args:
        options: parsed; `command` names the subcommand and `call` takes the options.
        program: the program's name, for the sentence.
        interrupted: what to say on Ctrl-C, which then is a failure; None where Ctrl-C is the way to end it.
    """
    try:
        return int(options.call(options))
    except RigtrackError as problem:
        sys.stderr.write(f"{program} {options.command}: {problem}\n")
        return 1
    except KeyboardInterrupt:
        if interrupted is None:
            return 0
        sys.stderr.write(f"{program} {options.command}: {interrupted}\n")
        return 1
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # nobody reads on: not a failure
        return 0
    except Exception:  # the top: whatever nobody foresaw is logged whole and ends with status 1
        logger.exception("stopped by a fault in rigtrack itself; please report the lines below")
        return 1
