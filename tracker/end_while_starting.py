"""What signals do to a program until it has handlers of its own: while libraries are imported and the configuration is read.

Standard library only, so that it can come before every other import.
"""

import os
import signal
import sys
from collections.abc import Sequence
from types import FrameType

_DAEMONS = ("run", "triangulate")
_STOPPED_BY_HAND = 130  # 128 + SIGINT, as a shell has it


def end_at_signals(arguments: Sequence[str]) -> None:
    """Have SIGTERM and Ctrl-C end a daemon with status 0 and a sentence, as they do later, and SIGHUP do nothing.

    Args:
        arguments: of the process, the program first; nothing is changed for another command.
    """
    if len(arguments) < 2 or arguments[1] not in _DAEMONS:
        return

    def end(_number: int, _frame: FrameType | None) -> None:
        os.write(2, f"tracker {arguments[1]}: stopped before it had begun\n".encode())
        os._exit(0)  # from here an exception would come out of the middle of some import

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)


def end_at_ctrl_c(program: str) -> None:
    """Have Ctrl-C end this process with status 130 and a sentence until `begin`.

    Nothing is changed where the process is another program, which has only imported this one; where it is one of the processes that
    the program has started, which import it too; and where Ctrl-C is ignored, as behind `nohup` or in the background of a script.

    Args:
        program: its name.
    """
    started = _program(sys.argv) == program and "multiprocessing" not in sys.modules
    if started and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _end_by_hand)


def begin() -> None:
    """Have Ctrl-C interrupt whatever is being done, as Python does by itself."""
    if signal.getsignal(signal.SIGINT) is _end_by_hand:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _end_by_hand(_number: int, _frame: FrameType | None) -> None:
    echo = "\n" if os.isatty(2) else ""  # the terminal has just shown ^C
    os.write(2, f"{echo}{_program(sys.argv)}: stopped by hand before it had begun\n".encode())
    os._exit(_STOPPED_BY_HAND)  # as above


def _program(arguments: Sequence[str]) -> str:
    """The name of the program that a process was started as: of its script, or of the package that `python -m` was given."""
    path = arguments[0] if arguments else ""
    return os.path.basename(os.path.dirname(path) if os.path.basename(path) == "__main__.py" else path)  # noqa: PTH119, PTH120  # fast
