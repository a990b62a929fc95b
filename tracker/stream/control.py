"""Commands in: one socket on its own thread, by default an ipc path that only the service's group can open. No pickle, no code.

It answers at once: what takes time goes on elsewhere and is answered when it is done, while other requests are answered.
"""

import json
import logging
import math
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from contextlib import ExitStack
from typing import Any

import zmq

from tracker.errors import BusyError, RigtrackError, StreamError
from tracker.parsing.one_line import one_line
from tracker.stream.address import bind, check_binds

logger = logging.getLogger(__name__)

_LONGEST_REQUEST = 65_536  # bytes; a command is a path at most
_WAITING = 2  # messages that libzmq keeps of one peer each way, besides what waits in the connection itself
_AT_ONCE = 16  # requests one after the other; then the interpreter is left to others for a moment
_REST_S = 0.01
_POLL_MS = 20
_STEP_MS = 200
_CLOSE_S = 1.0
_LINGER_MS = 300  # at the end: how long the last answers may take to leave
SWAP_S = 900.0  # a GPU engine may have to be built first

Answer = dict[str, Any]
Request = dict[str, Any]
Command = Callable[[Request], "Answer | Future[Answer]"]


class Control:
    """Answers {"command": NAME, ...} with {"ok": true, ...} or {"ok": false, "error": SENTENCE}, whatever it is sent.

    While other long work is under way, the refusal also holds "busy": true: the same command may be given again later.

    A request may carry "until_ns", the host's CLOCK_MONOTONIC until when its sender waits: later it is dropped, since a
    command must not take effect long after a person gave it up. Work and memory are bounded, however many requests come.
    """

    def __init__(self, address: str, commands: Mapping[str, Command], *, clock: Callable[[], int] = time.monotonic_ns) -> None:
        """Bind and start answering.

        Raises:
            StreamError: the address is taken, malformed or reachable from outside.
        """
        check_binds((address,), None)
        self._commands = commands
        self._clock = clock
        self._pending: list[tuple[list[bytes], str, Future[Answer]]] = []  # to whom, which command, its answer to come
        self._held = ExitStack()
        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.ROUTER)
        self._socket.setsockopt(zmq.LINGER, _LINGER_MS)
        self._socket.setsockopt(zmq.MAXMSGSIZE, _LONGEST_REQUEST)
        self._socket.setsockopt(zmq.RCVHWM, _WAITING)
        self._socket.setsockopt(zmq.SNDHWM, _WAITING)  # who does not read its answers loses them
        try:
            bind(self._socket, address, held=self._held)
        except BaseException:
            self._socket.close()
            self._context.term()
            self._held.close()
            raise
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._answer_all, name="control", daemon=True)
        self._thread.start()

    def __enter__(self) -> "Control":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop answering. May be called twice."""
        self._stop.set()
        self._thread.join(_CLOSE_S)
        self._socket.close()
        self._context.term()
        self._held.close()

    def _answer_all(self) -> None:
        taken = 0  # since the last rest
        while not self._stop.is_set():
            if self._socket.poll(_POLL_MS):
                self._take(self._socket.recv_multipart())  # of its peers by turns: one that floods delays the others little
                taken += 1
            else:
                taken = 0
            if taken == _AT_ONCE:
                self._stop.wait(_REST_S)
                taken = 0
            self._answer_pending()
        self._answer_pending()
        for back, _, _ in self._pending:
            self._send(back, _refusal("the tracker is stopping"))

    def _take(self, parts: list[bytes]) -> None:
        """Take one request. A REQ socket puts an empty part between its address and the request; others may not."""
        back = parts[:2] if len(parts) > 2 and not parts[1] else parts[:1]
        name, answer = self._begin(parts[len(back) :])
        if isinstance(answer, Future):
            self._pending.append((back, name, answer))
        elif answer is not None:
            self._send(back, answer)

    def _begin(self, request: list[bytes]) -> "tuple[str, Answer | Future[Answer] | None]":
        """The command, and its answer, or one to come, or None for a request that came too late."""
        now_ns = self._clock()
        try:
            (text,) = request
            values = json.loads(text)
            name = values["command"]
            command = self._commands[name]
            too_late = int(values.get("until_ns", now_ns)) < now_ns
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
            return "", _refusal(f'not a command; expected one part, {{"command": one of {", ".join(sorted(self._commands))}}}')
        if too_late:
            logger.warning("command dropped: command=%s reason=its sender waits no longer", name)
            return name, None
        return name, _guarded(name, lambda: command(values))

    def _answer_pending(self) -> None:
        waiting, self._pending = self._pending, []
        for entry in waiting:
            back, name, future = entry
            if future.done():  # asked once: work may end at any moment, and an answer that is passed over never comes
                self._send(back, _guarded(name, future.result))
            else:
                self._pending.append(entry)

    def _send(self, back: list[bytes], answer: "Answer | Future[Answer]") -> None:
        self._socket.send_multipart([*back, json.dumps(answer).encode()])


def _guarded(name: str, command: "Callable[[], Answer | Future[Answer]]") -> "Answer | Future[Answer]":
    """Whatever comes of a command, one sentence."""
    try:
        answer = command()
    except RigtrackError as problem:
        logger.warning("command refused: command=%s reason=%s", name, problem)
        return _refusal(str(problem)) | ({"busy": True} if isinstance(problem, BusyError) else {})
    except Exception as problem:
        logger.exception("command failed by a fault in rigtrack itself; please report the lines below: command=%s", name)
        return _refusal(f"{name} failed by a fault in rigtrack itself ({type(problem).__name__}); the tracker's log has the details")
    return answer if isinstance(answer, Future) else {"ok": True, **answer}


def _refusal(sentence: str) -> Answer:
    return {"ok": False, "error": one_line(sentence)}


def ask(address: str, request: dict[str, Any], *, timeout_s: float) -> dict[str, Any]:
    """Send one command to a running tracker and return its answer.

    Raises:
        BusyError: the tracker is at other long work.
        StreamError: nobody answers in time, or the tracker refuses, with its own sentence.
    """
    with zmq.Context() as context, context.socket(zmq.REQ) as client:
        client.setsockopt(zmq.LINGER, 0)
        client.connect(address)
        until_ns = time.monotonic_ns() + int(timeout_s * 1e9)
        client.send(json.dumps(request | {"until_ns": until_ns}).encode())
        if not _answered(client, until_ns):
            raise StreamError(f"{address}: no answer within {timeout_s:g} s; is the tracker running with this configuration?")
        answer: dict[str, Any] = json.loads(client.recv())
    if not answer.pop("ok"):
        raise (BusyError if answer.get("busy") else StreamError)(str(answer["error"]))
    return answer


def _answered(client: zmq.Socket[bytes], until_ns: int) -> bool:
    """Whether an answer came in time. Waits in short steps: a Ctrl-C that falls just before a wait is seen only after it."""
    while (left_ms := (until_ns - time.monotonic_ns()) / 1e6) > 0:
        if client.poll(min(_STEP_MS, math.ceil(left_ms))):
            return True
    return False
