"""Taking images of a board in the browser: one page for this machine alone, which is let in by the token in its address."""

import contextlib
import secrets
import socket
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import cv2
import msgspec
import numpy as np
import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from calib.capture_session import CaptureSession, Progress
from tracker.errors import CalibrationError

PAGE = Path(__file__).parent / "page"
_TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_LOOPBACK = "127.0.0.1"
_STEP_S = 0.1
_JPEG_QUALITY = 80
_GRACE_S = 1
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}


def serve(session: CaptureSession, *, port: int, stop_when_complete: bool, ready: Callable[[str], None]) -> None:
    """Run a session behind a page until Ctrl-C, the page's own button, or the end.

    Args:
        session: not running yet.
        port: where; 0 for any free one.
        stop_when_complete: whether to end once nothing is missing.
        ready: told the address once it answers.

    Raises:
        RigtrackError: the port is taken, the camera is gone for good, or an image cannot be written.
    """
    with _listen(port) as listening:
        port = listening.getsockname()[1]
        token = secrets.token_urlsafe(24)
        stop = threading.Event()
        server = uvicorn.Server(_settings(make_app(session, port=port, token=token, stop=stop)))

        def run() -> None:
            try:
                while not stop.is_set() and session.step(_STEP_S):
                    if session.progress.is_complete and stop_when_complete:
                        break
            finally:
                server.should_exit = True

        with ThreadPoolExecutor(max_workers=1, thread_name_prefix="capture-session") as pool:
            running = pool.submit(run)
            ready(f"http://{_LOOPBACK}:{port}/?token={token}")
            try:
                with contextlib.suppress(KeyboardInterrupt):  # raised again by uvicorn after an orderly end
                    server.run(sockets=[listening])
            finally:
                stop.set()
            running.result()


def make_app(session: CaptureSession, *, port: int, token: str, stop: threading.Event) -> Starlette:
    """The application: the page, the newest picture, how far it has come, and three buttons."""

    async def state(request: Request) -> Response:
        return Response(msgspec.json.encode(_described(session.progress)), media_type="application/json")

    async def picture(request: Request) -> Response:
        found = session.progress.picture
        if found is None:
            return Response(status_code=404)
        return Response(await run_in_threadpool(_jpeg, found), media_type="image/jpeg")

    def button(act: Callable[[], None]) -> Callable[[Request], Any]:
        async def pressed(request: Request) -> Response:
            act()
            return Response(status_code=204)

        return pressed

    routes = [
        Route("/", _file("index.html")),
        *(Route(f"/page/{path.name}", _file(path.name)) for path in sorted(PAGE.iterdir()) if path.suffix in _TYPES),
        Route("/api/state", state),
        Route("/api/picture", picture),
        Route("/api/keep", button(session.keep_next), methods=["POST"]),
        Route("/api/undo", button(session.undo), methods=["POST"]),
        Route("/api/stop", button(stop.set), methods=["POST"]),
    ]
    return Starlette(routes=routes, middleware=[Middleware(_Guard, port=port, token=token)])


class _Guard:
    """Lets in who knows the token, once in the address and then in a cookie, and only this server's own page."""

    def __init__(self, inner: ASGIApp, *, port: int, token: str) -> None:
        self._inner, self._token = inner, token
        self._host, self._cookie = f"{_LOOPBACK}:{port}", f"rigtrack_capture_{port}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(_HEADERS)
                if enters:
                    headers.append("Set-Cookie", f"{self._cookie}={self._token}; Path=/; HttpOnly; SameSite=Strict")
            await send(message)

        request = Request(scope)
        enters = scope["path"] == "/" and self._is_token(request.query_params.get("token", ""))
        allowed = self._is_own(request.headers, scope["method"]) and (enters or self._is_token(request.cookies.get(self._cookie, "")))
        answer: ASGIApp = self._inner if allowed else Response("open the address that `calib capture` printed\n", status_code=403)
        await answer(scope, receive, guarded)

    def _is_own(self, headers: Headers, method: str) -> bool:
        origin = headers.get("origin")
        return headers.getlist("host") == [self._host] and (origin == f"http://{self._host}" or (origin is None and method == "GET"))

    def _is_token(self, text: str) -> bool:
        return secrets.compare_digest(text.encode(), self._token.encode())


def _described(progress: Progress) -> dict[str, Any]:
    return {
        "number": progress.number,
        "has_picture": progress.picture is not None,
        "kept": progress.kept,
        "wanted": progress.wanted,
        "share": progress.coverage.share if progress.coverage else 0.0,
        "missing": progress.missing,
        "said": progress.said,
        "complete": progress.is_complete,
        "ended": progress.ended,
    }


def _jpeg(picture: np.ndarray[Any, np.dtype[np.uint8]]) -> bytes:
    bgr = cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)
    return np.asarray(cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])[1]).tobytes()


def _file(name: str) -> Callable[[Request], Any]:
    content, kind = (PAGE / name).read_bytes(), _TYPES[Path(name).suffix]

    async def answer(request: Request) -> Response:
        return Response(content, media_type=kind)

    return answer


def _settings(app: Starlette) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http="h11",
        ws="none",
        lifespan="off",
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=_GRACE_S,
    )


def _listen(port: int) -> socket.socket:
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((_LOOPBACK, port))
        listening.listen(64)
    except OSError as problem:
        listening.close()
        raise CalibrationError(f"{_LOOPBACK}:{port} cannot be listened at: {problem.strerror}; give another --port, or none") from problem
    return listening
