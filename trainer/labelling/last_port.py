"""Serve a page at the port of the last time, under which a browser keeps edits that were not saved."""

import contextlib
import secrets
import socket
from collections.abc import Callable

from starlette.types import ASGIApp

from tracker.pages.local_server import LOOPBACK, listen, server_of
from trainer.errors import LabelError
from trainer.project.layer_lock import LayerLock

GRACE_S = 2  # for requests under way when Ctrl-C comes; an edit takes milliseconds


def serve_where_last(
    app_of: Callable[[int, str], ASGIApp],
    *,
    port: int | None,
    lock: LayerLock,
    ready: Callable[[str], None],
    say: Callable[[str], None],
) -> None:
    """Serve on the loopback address until Ctrl-C.

    Args:
        app_of: the application, given its port and what a browser must know to be let in.
        port: where; 0 for any free one, None for the last one (or any free one).
        lock: of what is edited; it remembers the port.
        ready: told the address to open, once it answers.
        say: told in one sentence if the last port is taken.

    Raises:
        LabelError: the port that was asked for is taken.
    """
    with _listen(port, last=lock.last_port, say=say) as listening:
        at = listening.getsockname()[1]
        lock.remember(at)
        token = secrets.token_urlsafe(32)
        server = server_of(app_of(at, token), grace_s=GRACE_S)
        ready(f"http://{LOOPBACK}:{at}/?token={token}")
        with contextlib.suppress(KeyboardInterrupt):  # raised again by uvicorn after an orderly end
            server.run(sockets=[listening])


def _listen(port: int | None, *, last: int | None, say: Callable[[str], None]) -> socket.socket:
    if port is not None:
        return listen(port, error=LabelError)
    if last is None:
        return listen(0, error=LabelError)
    try:
        return listen(last, error=LabelError)
    except LabelError:
        say(f"port {last}, used the last time, is taken; edits that a browser has not saved yet come back only at that port")
        return listen(0, error=LabelError)
