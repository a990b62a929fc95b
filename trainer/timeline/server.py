"""What the timeline's server answers: the page, frames, poses, what others say, and edits that it has put on disk."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from tracker.errors import RigtrackError
from tracker.pages.guard import Guard
from tracker.pages.local_server import page_routes
from trainer.errors import LabelError
from trainer.labelling.json_requests import Endpoint, body_of, json_answer, say_nothing, say_refusal
from trainer.labelling.server import PAGE as LABELLING_PAGE
from trainer.timeline.timeline_session import TimelineSession

PAGE = Path(__file__).parent / "page"
SHARED = tuple(  # what both pages have
    f"/page/{name}" for name in ("icon.svg", "image_filter.js", "kept_edits.js", "label.css", "outbox.js", "pictures.js", "view.js")
)
COMMAND = "trainer bouts label"
MAX_BODY = 2**23  # bytes; 50 000 bouts are a half of it
MAX_POSES = 1024  # frames at a time
_DIGITS = 12


def make_app(session: TimelineSession, *, port: int, token: str) -> Starlette:
    """The application for one annotator.

    Args:
        session: videos and labels.
        port: where it will be served on 127.0.0.1; other hosts and origins are refused.
        token: what a browser must know to be let in.
    """
    routes = [
        *page_routes(PAGE),
        *(route for route in page_routes(LABELLING_PAGE) if route.path in SHARED),
        Route("/api/project", _asked(lambda _: session.description(), status=500)),
        Route("/api/label", _label(session), methods=["PUT"]),
        Route("/api/frame", _frame(session)),
        Route("/api/poses", _poses(session)),
        Route("/api/beside", _asked(lambda request: session.beside(_video(request)), status=404)),
        Route("/api/agreement", _asked(lambda request: session.agreement(_video(request)), status=404)),
    ]
    handlers: dict[Any, Any] = {HTTPException: say_refusal, ClientDisconnect: say_nothing}
    return Starlette(routes=routes, exception_handlers=handlers, middleware=[Middleware(Guard, port=port, token=token, command=COMMAND)])


def _asked(answer_of: Callable[[Request], object], *, status: int) -> Endpoint:
    async def answer(request: Request) -> Response:
        try:
            return json_answer(await run_in_threadpool(answer_of, request))
        except RigtrackError as problem:
            raise HTTPException(status, str(problem)) from problem

    return answer


def _label(session: TimelineSession) -> Endpoint:
    async def answer(request: Request) -> Response:
        body = await body_of(request, most=MAX_BODY, expected="the labels of one video")
        try:
            edit = await run_in_threadpool(session.store.read_edit, body)
        except LabelError as problem:
            raise HTTPException(400, str(problem)) from problem
        try:
            outcome = await run_in_threadpool(session.store.apply, edit)
        except RigtrackError as problem:
            raise HTTPException(507, str(problem)) from problem
        return json_answer({"revision": outcome.revision, "label": outcome.label}, status=200 if outcome.saved else 409)

    return answer


def _frame(session: TimelineSession) -> Endpoint:
    def picture(request: Request) -> bytes:
        alone = request.query_params.get("alone") == "1"
        return session.pictures.picture(session.video(_video(request)), _number(request, "frame"), alone=alone)

    return _bytes(picture, "image/jpeg")


def _poses(session: TimelineSession) -> Endpoint:
    def poses(request: Request) -> bytes:
        return session.poses(_video(request), _number(request, "first"), min(_number(request, "count"), MAX_POSES))

    return _bytes(poses, "application/octet-stream")


def _bytes(answer_of: Callable[[Request], bytes], media_type: str) -> Endpoint:
    async def answer(request: Request) -> Response:
        try:
            return Response(await run_in_threadpool(answer_of, request), media_type=media_type)
        except RigtrackError as problem:
            raise HTTPException(404, str(problem)) from problem

    return answer


def _video(request: Request) -> str:
    return request.query_params.get("video", "")


def _number(request: Request, name: str) -> int:
    text = request.query_params.get(name, "")
    if not text.isdecimal() or len(text) > _DIGITS:
        raise LabelError(f"{name} is '{text[:40]}'; expected a number of frames")
    return int(text)
