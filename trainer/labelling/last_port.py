"""Where a page is served: at the port of the last time, under which a browser keeps edits that were not saved."""

import socket
from collections.abc import Callable

from tracker.pages.local_server import listen
from trainer.errors import LabelError


def listen_where_last(port: int | None, *, last: int | None, say: Callable[[str], None]) -> socket.socket:
    """Listen on the loopback address.

    Args:
        port: where; 0 for any free one, None for the last one (or any free one).
        last: the port of the last time, None where there was none.
        say: told in one sentence if the last one is taken.

    Raises:
        LabelError: the port that was asked for is taken.
    """
    if port is not None:
        return listen(port, error=LabelError)
    if last is None:
        return listen(0, error=LabelError)
    try:
        return listen(last, error=LabelError)
    except LabelError:
        say(f"port {last}, used the last time, is taken; edits that a browser has not saved yet come back only at that port")
        return listen(0, error=LabelError)
