"""Commands in: one REP socket on its own thread, by default an ipc path that only the service's group can open. No pickle, no code."""

import json
import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import zmq

from tracker.address import bind, check_binds
from tracker.errors import RigtrackError, StreamError

logger = logging.getLogger(__name__)

_LONGEST_REQUEST = 65_536  # bytes; a command is a path at most
_POLL_MS = 100
_FAREWELL_S = 1.0
SWAP_S = 900.0  # a GPU engine may have to be built first
Command = Callable[[dict[str, Any]], dict[str, Any]]


class Control:
    """Answers {"command": NAME, ...} with {"ok": true, ...} or {"ok": false, "error": SENTENCE}."""

    def __init__(self, address: str, commands: dict[str, Command]) -> None:
        """Bind and start answering.

        Raises:
            StreamError: the address is taken, malformed or reachable from outside.
        """
        check_binds((address,), None)
        self._commands = commands
        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.REP)
        self._socket.setsockopt(zmq.LINGER, 0)
        self._socket.setsockopt(zmq.MAXMSGSIZE, _LONGEST_REQUEST)
        try:
            bind(self._socket, address)
            if address.startswith("ipc://"):
                Path(address.removeprefix("ipc://")).chmod(0o660)
        except BaseException:
            self._socket.close()
            self._context.term()
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
        self._thread.join(_FAREWELL_S)
        if self._thread.is_alive():
            return  # a command that takes minutes (an engine being built) ends with the process
        self._socket.close()
        self._context.term()

    def _answer_all(self) -> None:
        while not self._stop.is_set():
            if self._socket.poll(_POLL_MS):
                self._socket.send(json.dumps(self._answer(self._socket.recv())).encode())

    def _answer(self, request: bytes) -> dict[str, Any]:
        try:
            values = json.loads(request)
            command = self._commands[values["command"]]
        except (ValueError, KeyError, TypeError):
            return {"ok": False, "error": f'not a command; expected {{"command": one of {", ".join(sorted(self._commands))}}}'}
        try:
            return {"ok": True, **command(values)}
        except RigtrackError as problem:
            logger.warning("command refused: command=%s reason=%s", values["command"], problem)
            return {"ok": False, "error": str(problem)}


def ask(address: str, request: dict[str, Any], *, timeout_s: float) -> dict[str, Any]:
    """Send one command to a running tracker and return its answer.

    Raises:
        StreamError: nobody answers in time, or the tracker refuses, with its own sentence.
    """
    with zmq.Context() as context, context.socket(zmq.REQ) as client:
        client.setsockopt(zmq.LINGER, 0)
        client.connect(address)
        client.send(json.dumps(request).encode())
        if not client.poll(int(timeout_s * 1000)):
            raise StreamError(f"{address}: no answer within {timeout_s:g} s; is the tracker running with this configuration?")
        answer: dict[str, Any] = json.loads(client.recv())
    if not answer.pop("ok"):
        raise StreamError(str(answer["error"]))
    return answer
