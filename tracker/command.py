"""How every command ends: an exit status, and one sentence in the place of a traceback."""

import argparse
import importlib.metadata
import logging
import os
import sys
import threading

from tracker.errors import RigtrackError

logger = logging.getLogger(__name__)

_STOPPED_BY_HAND = 130  # 128 + SIGINT, as a shell has it


WORKER = "worker"  # name of the thread that may be inside a runtime's own code when the process ends


def version() -> str:
    """Of the installed package; a copy that was never installed does not know its own."""
    try:
        return importlib.metadata.version("rigtrack")
    except importlib.metadata.PackageNotFoundError:
        return "of a copy that is not installed"


def carry_out(options: argparse.Namespace, *, program: str, interrupted: str | None = None) -> int:
    """Call `options.call` and turn whatever happens into an exit status: 0 done, 1 failed, 130 stopped by hand.

    Args:
        options: parsed; `command` names the subcommand and `call` takes the options.
        program: the program's name, for the sentence.
        interrupted: what to say on Ctrl-C where the interrupted work has nothing better to say, which then ends with 130, as a
            shell expects it; None where Ctrl-C is the way to end it.
    """
    status = _status_of(options, program=program, interrupted=interrupted)
    if any(thread.name == WORKER for thread in threading.enumerate()):
        logging.shutdown()
        sys.stdout.flush()
        os._exit(status)  # a runtime that is loading an engine would be torn down under its own feet
    return status


def _status_of(options: argparse.Namespace, *, program: str, interrupted: str | None) -> int:
    try:
        status = int(options.call(options))
        sys.stdout.flush()  # here, where a reader that has gone can still be told from a fault
    except RigtrackError as problem:
        sys.stderr.write(f"{program} {options.command}: {problem}\n")
        return 1
    except KeyboardInterrupt as stop:
        if interrupted is None:
            return 0
        echo = "\n" if sys.stderr.isatty() else ""  # the terminal has just shown ^C
        sys.stderr.write(f"{echo}{program} {options.command}: {str(stop) or interrupted}\n")
        return _STOPPED_BY_HAND
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # nobody reads on: not a failure
        return 0
    except Exception:  # the top: whatever nobody foresaw is logged whole and ends with status 1
        logger.exception("stopped by a fault in rigtrack itself; please report the lines below")
        return 1
    return status
