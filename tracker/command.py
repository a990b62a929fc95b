"""How every command ends: an exit status, and one sentence in the place of a traceback."""

import argparse
import difflib
import errno
import importlib
import importlib.metadata
import logging
import os
import sys
import threading
from collections.abc import Iterable, Sequence
from types import ModuleType
from typing import Any, NoReturn, TypeGuard

from tracker.errors import RigtrackError
from tracker.service.log import WRITER

logger = logging.getLogger(__name__)

_STOPPED_BY_HAND = 130  # 128 + SIGINT, as a shell has it


WORKER = "worker"  # name of the thread that may be inside a runtime's own code when the process ends
_NOT_WAITED_FOR = {WORKER, WRITER}
_EXTRA_OF = {"av": "record", "pyarrow": "record", "serial": "serial", "matplotlib": "serial"}  # of the tracker; other packages: of none
_OWN = {"", "tracker", "trainer", "calib", "studies"}


def version() -> str:
    """Of the installed package; a copy that was never installed does not know its own."""
    try:
        return importlib.metadata.version("rigtrack")
    except importlib.metadata.PackageNotFoundError:
        return "of a copy that is not installed"


class OneSentenceParser(argparse.ArgumentParser):
    """Says in one sentence what is wrong with a command line, without the list of everything that it could have been."""

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Refuse what is left over here, where the parser of the subcommand that it was said to can still name its own help."""
        found, left_over = super().parse_known_args(args, namespace)
        if left_over:
            known = [name for name in self._option_string_actions if name.startswith("--")]
            meant = _did_you_mean((word.partition("=")[0] for word in left_over if word.startswith("--")), known)
            self.error(f"unrecognized arguments: {' '.join(left_over)}{meant}")
        return found, left_over

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        """As ever, with the choice that a misspelt one is near to."""
        try:
            super()._check_value(action, value)
        except argparse.ArgumentError as problem:
            problem.message += _did_you_mean([str(value)], [str(choice) for choice in action.choices or ()])
            raise

    def error(self, message: str) -> NoReturn:
        """End with status 2."""
        self.exit(2, f"{self.prog}: {message}; `{self.prog} --help` lists what it takes\n")


def _did_you_mean(words: Iterable[str], known: Sequence[str]) -> str:
    """The end of a sentence that names what the first of these words is near to; empty where none is near to anything."""
    near = (name for word in words for name in difflib.get_close_matches(word, known, n=1))
    return f"; did you mean {name}?" if (name := next(near, None)) is not None else ""


def load_commands(package: str, names: Sequence[str]) -> tuple[list[ModuleType], dict[str, str]]:
    """Import a program's subcommands, as far as what they need is installed.

    Args:
        package: that holds a module for each: "trainer.commands".
        names: of the subcommands.

    Returns:
        The modules, and for every subcommand that cannot be had why not, in one sentence.
    """
    modules, missing = [], {}
    for name in names:
        try:
            modules.append(importlib.import_module(f"{package}.{name}"))
        except ModuleNotFoundError as problem:
            missing[name] = not_installed(problem, extra=package.partition(".")[0])
    return modules, missing


def not_installed(problem: ModuleNotFoundError, *, extra: str) -> str:
    """What to do about a package that is not installed.

    Args:
        problem: that names it.
        extra: that brings it; "tracker" is none, but a program whose packages come with rigtrack itself or with an extra of their own.

    Raises:
        ModuleNotFoundError: the same, where a module of rigtrack itself is missing.
    """
    package = (problem.name or "").partition(".")[0]
    if package in _OWN:
        raise problem
    brings = _EXTRA_OF.get(package) if extra == "tracker" else extra
    what = "." if brings is None else f"'.[{brings}]'"
    return f"needs {package}, which is not installed; run `pip install {what}` in the folder of rigtrack's sources"


def run_command(options: argparse.Namespace, *, program: str, interrupted: str | None = None) -> int:
    """Call `options.call` and turn whatever happens into an exit status: 0 done, 1 failed, 130 stopped by hand.

    Args:
        options: parsed; `command` names the subcommand and `call` takes the options.
        program: the program's name, for the sentence.
        interrupted: what to say on Ctrl-C where the interrupted work has nothing better to say, which then ends with 130, as a
            shell expects it; None where Ctrl-C is the way to end it. A KeyboardInterrupt with a sentence of its own comes before it.
    """
    try:
        status = int(options.call(options))
        _flush_output()  # here, where a reader that has gone can still be told from a fault
    except RigtrackError as problem:
        sys.stderr.write(f"{program} {options.command}: {problem}\n")
        return 1
    except ModuleNotFoundError as problem:
        sys.stderr.write(f"{program} {options.command}: {not_installed(problem, extra=program)}\n")
        return 1
    except KeyboardInterrupt as stop:
        if interrupted is None and not str(stop):
            return 0
        echo = "\n" if sys.stderr.isatty() else ""  # the terminal has just shown ^C
        sys.stderr.write(f"{echo}{program} {options.command}: {str(stop) or interrupted}\n")
        return _STOPPED_BY_HAND
    except BrokenPipeError:
        _leave_output()  # nobody reads on: not a failure
        return 0
    except Exception as problem:  # the top: whatever nobody foresaw is logged whole and ends with status 1
        if not _is_of_output(problem):
            logger.exception("stopped by a fault in rigtrack itself; please report the lines below")
            return 1
        _leave_output()
        sys.stderr.write(f"{program} {options.command}: what it prints cannot be written: {problem.strerror}; give it another place\n")
        return 1
    return status


def end_process(status: int) -> int:
    """The exit status, for `sys.exit`; where a thread is left that cannot be waited for, the process ends here with it.

    For a program that was started as one. Whoever calls a command within a process of its own does not call this, and goes on.
    """
    left = {thread.name for thread in threading.enumerate()} & _NOT_WAITED_FOR
    if left:
        if WRITER not in left:  # else whatever is written waits for the same stuck reader
            logging.shutdown()
            _flush_output()
        os._exit(status)  # a runtime that is loading an engine would be torn down under its own feet
    return status


def _flush_output() -> None:
    if sys.stdout is not None:  # a daemon may have been started without
        sys.stdout.flush()


def _is_of_output(problem: Exception) -> TypeGuard[OSError]:
    """Whether standard output could not be written: any other file has a name."""
    return isinstance(problem, OSError) and problem.filename is None and problem.errno in (errno.ENOSPC, errno.EDQUOT, errno.EIO)


def _leave_output() -> None:
    """Have what is still to be flushed go nowhere."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
