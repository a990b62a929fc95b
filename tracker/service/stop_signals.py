"""What signals do to a daemon that runs: SIGTERM and SIGINT end it in good order."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def stopped_by_signals(stop: Callable[[], None], *, by_hand: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Have SIGTERM and SIGINT call `stop`, and SIGHUP do nothing until there is something to reload.

    Args:
        stop: ends the daemon.
        by_hand: called before it on SIGINT, which Ctrl-C sends; services are ended by SIGTERM.
    """

    def react(number: int, _frame: FrameType | None) -> None:
        if number == signal.SIGINT:
            by_hand()
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
