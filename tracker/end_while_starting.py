"""What signals do to `tracker run` until it has handlers of its own: while libraries are imported and the configuration is read.

Standard library only, so that it can come before every other import.
"""

import os
import signal
from collections.abc import Sequence
from types import FrameType


def end_at_signals(arguments: Sequence[str]) -> None:
    """Have SIGTERM and Ctrl-C end `tracker run` with status 0 and a sentence, as they do later, and SIGHUP do nothing.

    Args:
        arguments: of the process, the program first; nothing is changed for another command.
    """
    if list(arguments[1:2]) == ["run"]:
        signal.signal(signal.SIGTERM, _end)
        signal.signal(signal.SIGINT, _end)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)


def _end(_number: int, _frame: FrameType | None) -> None:
    os.write(2, b"tracker run: stopped before it had begun\n")
    os._exit(0)  # from here an exception would come out of the middle of some import
