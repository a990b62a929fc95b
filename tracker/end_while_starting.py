"""What signals do to a daemon until it has handlers of its own: while libraries are imported and the configuration is read.

Standard library only, so that it can come before every other import.
"""

import os
import signal
from collections.abc import Sequence
from types import FrameType

_DAEMONS = ("run", "triangulate")


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
