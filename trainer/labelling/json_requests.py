"""How the labelling server reads a request's body and writes JSON."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from trainer.labelling.edits import MAX_BODY

Endpoint = Callable[[Request], Awaitable[Response]]
_Asked = TypeVar("_Asked", bound=msgspec.Struct)


async def body_of(request: Request) -> bytes:
    """The body, whole.

    Raises:
        HTTPException: it is longer than the label of any frame.
    """
    received = bytearray()
    async for chunk in request.stream():
        received += chunk
        if len(received) > MAX_BODY:
            raise HTTPException(413, f"an edit of more than {MAX_BODY} bytes; expected the label of one frame: nothing was changed")
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
