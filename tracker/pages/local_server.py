"""A page that is served on this machine alone: its port, its files, and how the server runs."""

import socket
from collections.abc import Awaitable, Callable
from pathlib import Path

import uvicorn
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from tracker.errors import RigtrackError

LOOPBACK = "127.0.0.1"
_TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_WAITING = 128  # connections not answered yet


def listen(port: int, *, error: type[RigtrackError]) -> socket.socket:
    """Listen on the loopback address.

    Args:
        port: where; 0 for any free one.
        error: raised where the port is taken.
    """
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a killed server's port is free at once
        listening.bind((LOOPBACK, port))
        listening.listen(_WAITING)
    except OSError as problem:
        listening.close()
        raise error(f"{LOOPBACK}:{port} cannot be listened at: {problem.strerror}; give another --port, or none") from problem
    return listening


def server_of(app: ASGIApp, *, grace_s: int) -> uvicorn.Server:
    """A server that says nothing on its own account.

    Args:
        app: what it serves.
        grace_s: how long requests under way may take when it is stopped.
    """
    settings = uvicorn.Config(
        app,
        http="h11",
        ws="none",
        lifespan="off",
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=grace_s,
    )
    return uvicorn.Server(settings)


def page_routes(folder: Path) -> list[Route]:
    """Routes to a page, index.html, and the files beside it. They are read once and by name: no address can lead to any other file."""
    files = [path for path in sorted(folder.iterdir()) if path.suffix in _TYPES]
    return [Route("/", _file(folder / "index.html")), *(Route(f"/page/{path.name}", _file(path)) for path in files)]


def _file(path: Path) -> Callable[[Request], Awaitable[Response]]:
    content, kind = path.read_bytes(), _TYPES[path.suffix]

    async def answer(request: Request) -> Response:
        return Response(content, media_type=kind)

    return answer
