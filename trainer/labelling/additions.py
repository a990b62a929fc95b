"""What the page may add to a project: frames of its videos, and names of points, lines, sides and tags. Nothing is ever taken away."""

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from trainer.errors import LabelError, ProjectError
from trainer.labelling.annotation_session import AnnotationSession, frames_of, names_of
from trainer.labelling.json_requests import Endpoint, asked_for, json_answer


class _NewFrame(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    group: str
    frame: int


class _NewNames(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    point_names: tuple[str, ...] = ()
    skeleton: tuple[tuple[str, str], ...] = ()
    pairs: tuple[tuple[str, str], ...] = ()
    tags: tuple[str, ...] = ()


def addition_routes(session: AnnotationSession) -> list[Route]:
    """Where the page looks at videos and adds to the project."""
    return [
        Route("/api/video", _video(session)),
        Route("/api/video-frame", _picture(session)),
        Route("/api/frames", _add_frame(session), methods=["POST"]),
        Route("/api/names", _add_names(session), methods=["POST"]),
    ]


def _video(session: AnnotationSession) -> Endpoint:
    async def answer(request: Request) -> Response:
        try:
            frames = await run_in_threadpool(session.videos.frames, request.query_params.get("group", ""))
        except LabelError as problem:
            return json_answer({"frames": None, "message": str(problem)})  # a project without its videos is no fault
        return json_answer({"frames": frames})

    return answer


def _picture(session: AnnotationSession) -> Endpoint:
    async def answer(request: Request) -> Response:
        group, number = request.query_params.get("group", ""), request.query_params.get("frame", "")
        if not number.isdecimal() or len(number) > 12:
            raise HTTPException(404, "no such frame; expected its number in the video")
        try:
            picture = await run_in_threadpool(session.videos.picture, group, int(number))
        except LabelError as problem:
            raise HTTPException(404, str(problem)) from problem
        return Response(picture, media_type="image/jpeg")

    return answer


def _add_frame(session: AnnotationSession) -> Endpoint:
    async def answer(request: Request) -> Response:
        asked = await asked_for(request, _NewFrame)
        try:
            frame = await run_in_threadpool(session.videos.add, asked.group, asked.frame)
            labels = await run_in_threadpool(session.store.labels)
        except ProjectError as problem:
            raise HTTPException(507, str(problem)) from problem
        except LabelError as problem:
            raise HTTPException(400, str(problem)) from problem
        return json_answer(frames_of([frame], labels)[0])

    return answer


def _add_names(session: AnnotationSession) -> Endpoint:
    async def answer(request: Request) -> Response:
        asked = await asked_for(request, _NewNames)
        try:
            await run_in_threadpool(
                session.project.add_names, points=asked.point_names, skeleton=asked.skeleton, pairs=asked.pairs, tags=asked.tags
            )
        except ProjectError as problem:
            raise HTTPException(400, problem.seen_from(session.project.folder)) from problem
        return json_answer(names_of(session.project))

    return answer
