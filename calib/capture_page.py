"""Taking images of a board in the browser: one page for this machine alone, which is let in by the token in its address."""

import contextlib
import secrets
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import cv2
import msgspec
import numpy as np
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from calib.capture_session import CaptureProgress, CaptureSession
from tracker.errors import CalibrationError
from tracker.pages.guard import Guard
from tracker.pages.local_server import LOOPBACK, listen, page_routes, server_of

PAGE = Path(__file__).parent / "page"
_STEP_S = 0.1
_JPEG_QUALITY = 80
_GRACE_S = 1


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
    with listen(port, error=CalibrationError) as listening:
        port = listening.getsockname()[1]
        token = secrets.token_urlsafe(24)
        stop = threading.Event()
        server = server_of(make_app(session, port=port, token=token, stop=stop), grace_s=_GRACE_S)

        def run() -> None:
            try:
                while not stop.is_set() and session.step(_STEP_S):
                    if session.progress.is_complete and stop_when_complete:
                        break
            finally:
                server.should_exit = True

        with ThreadPoolExecutor(max_workers=1, thread_name_prefix="capture-session") as pool:
            running = pool.submit(run)
            ready(f"http://{LOOPBACK}:{port}/?token={token}")
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
        *page_routes(PAGE),
        Route("/api/state", state),
        Route("/api/picture", picture),
        Route("/api/keep", button(session.keep_next), methods=["POST"]),
        Route("/api/undo", button(session.undo), methods=["POST"]),
        Route("/api/stop", button(stop.set), methods=["POST"]),
    ]
    return Starlette(routes=routes, middleware=[Middleware(Guard, port=port, token=token, command="calib capture")])


def _described(progress: CaptureProgress) -> dict[str, Any]:
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
