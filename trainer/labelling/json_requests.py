"""How a page's server reads a request's body, writes JSON and says a refusal."""

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import TypeVar

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from trainer.labelling.edits import MAX_BODY

Endpoint = Callable[[Request], Awaitable[Response]]
PLAIN = {404: "there is nothing at that address", 405: "that method is not answered at that address"}  # said where no endpoint speaks
_Asked = TypeVar("_Asked", bound=msgspec.Struct)


async def body_of(request: Request, *, most: int = MAX_BODY, expected: str = "the label of one frame") -> bytes:
    """The body, whole.

    Args:
        request: what the page sent.
        most: bytes, more than the largest edit.
        expected: what an edit is, for the sentence of a refusal.

    Raises:
        HTTPException: it is longer.
    """
    received = bytearray()
    async for chunk in request.stream():
        received += chunk
        if len(received) > most:
            raise HTTPException(413, f"an edit of more than {most} bytes; expected {expected}: nothing was changed")
    return bytes(received)


async def asked_for(request: Request, kind: type[_Asked]) -> _Asked:
    """The body as what the page asks for.

    Raises:
        HTTPException: it is something else.
    """
    try:
        return msgspec.json.decode(await body_of(request), type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as problem:
        raise HTTPException(400, f"the request cannot be read ({problem}): nothing was changed") from problem


def json_answer(value: object, *, status: int = 200) -> Response:
    """A value as JSON."""
    return Response(msgspec.json.encode(value), status_code=status, media_type="application/json")


async def say_refusal(request: Request, problem: HTTPException) -> Response:
    """A refusal as one sentence in JSON."""
    plain = problem.detail == HTTPStatus(problem.status_code).phrase
    message = PLAIN.get(problem.status_code, problem.detail) if plain else problem.detail
    return json_answer({"message": message}, status=problem.status_code)


async def say_nothing(request: Request, problem: Exception) -> Response:
    """An answer that nobody hears: the browser went away in the middle of an edit."""
    return Response(status_code=400)
