"""What signals do to a daemon that runs: SIGTERM and SIGINT end it in good order."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def stopped_by_signals(stop: Callable[[], None]) -> Iterator[None]:
    """Have SIGTERM and SIGINT call `stop`, and SIGHUP do nothing until there is something to reload."""

    def react(_number: int, _frame: FrameType | None) -> None:
        stop()

    reactions: dict[signal.Signals, Callable[[int, FrameType | None], None] | signal.Handlers] = {
        signal.SIGTERM: react,
        signal.SIGINT: react,
        signal.SIGHUP: signal.SIG_IGN,
    }
    for number, reaction in reactions.items():
        signal.signal(number, reaction)
    try:
        yield
    finally:
        for number in reactions:
            signal.signal(number, signal.SIG_IGN)  # what is left takes moments and must end with its own status
