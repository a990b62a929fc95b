"""What the labelling server answers: the page, the project, its images, predictions, and edits that it has put on disk."""

from hashlib import sha256
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
from trainer.labelling.additions import addition_routes
from trainer.labelling.annotation_session import AnnotationSession, frames_of, names_of
from trainer.labelling.edits import read_edit
from trainer.labelling.json_requests import Endpoint, body_of, json_answer, say_nothing, say_refusal
from trainer.labelling.layer_store import UNTOUCHED, Outcome
from trainer.labelling.project_images import media_type, read_image_file
from trainer.project.store import Project

PAGE = Path(__file__).parent / "page"


def make_app(session: AnnotationSession, *, port: int, token: str) -> Starlette:
    """The application for one annotator's layer.

    Args:
        session: project, layer and engine.
        port: where it will be served on 127.0.0.1; other hosts and origins are refused.
        token: what a browser must know to be let in.
    """
    routes = [
        *page_routes(PAGE),
        Route("/api/project", _project(session)),
        Route("/api/label", _label(session), methods=["PUT"]),
        Route("/api/prediction", _prediction(session)),
        Route("/images/{rest:path}", _image(session)),
        *addition_routes(session),
    ]
    handlers: dict[Any, Any] = {HTTPException: say_refusal, ClientDisconnect: say_nothing}
    guard = [Middleware(Guard, port=port, token=token, command="trainer label")]
    return Starlette(routes=routes, exception_handlers=handlers, middleware=guard)


def project_key(project: Project, annotator: str) -> str:
    """Under what a browser keeps this layer's unsaved edits: of this folder and annotator, and of no other."""
    return sha256(f"{project.folder.resolve()}\n{annotator}".encode()).hexdigest()[:16]


def _project(session: AnnotationSession) -> Endpoint:
    def describe() -> dict[str, Any]:
        session.project.read_again()
        return {
            "key": project_key(session.project, session.annotator),
            "name": session.project.folder.resolve().name,
            "annotator": session.annotator,
            **names_of(session.project),
            "bundle": session.predictor.name if session.predictor else None,
            "untouched": UNTOUCHED,
            "frames": frames_of(session.project.frames, session.store.labels()),
        }

    async def answer(request: Request) -> Response:
        try:
            return json_answer(await run_in_threadpool(describe))
        except LabelError as problem:
            raise HTTPException(500, str(problem)) from problem

    return answer


def _label(session: AnnotationSession) -> Endpoint:
    async def answer(request: Request) -> Response:
        body = await body_of(request)
        try:
            edit = await run_in_threadpool(read_edit, body, session.project)
        except LabelError as problem:
            raise HTTPException(400, str(problem)) from problem
        try:
            outcome: Outcome = await run_in_threadpool(session.store.apply, edit)
        except LabelError as problem:
            raise HTTPException(507, str(problem)) from problem
        status = 200 if outcome.saved else 409
        return json_answer({"revision": outcome.revision, "label": outcome.label}, status=status)

    return answer


def _prediction(session: AnnotationSession) -> Endpoint:
    async def answer(request: Request) -> Response:
        image = request.query_params.get("image", "")
        if session.predictor is None or all(frame.image != image for frame in session.project.frames):
            raise HTTPException(404, "no prediction for that: give an image of the project, and `trainer label` a --bundle")
        try:
            return json_answer({"animals": await session.predictor.animals(image)})
        except RigtrackError as problem:
            raise HTTPException(422, str(problem)) from problem

    return answer


def _image(session: AnnotationSession) -> Endpoint:
    async def answer(request: Request) -> Response:
        name = f"images/{request.path_params['rest']}"
        try:
            return Response(await run_in_threadpool(read_image_file, session.project, name), media_type=media_type(name))
        except LabelError as problem:
            raise HTTPException(404, str(problem)) from problem

    return answer
