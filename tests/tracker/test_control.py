"""The command socket: whatever it is sent, it answers one sentence and lives, and nothing waits for what takes long."""

import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import zmq

from tracker.errors import BusyError, ConfigError, StreamError
from tracker.stream.control import Answer, Control, ask

DEADLINE_S = 60.0
DEADLINE_MS = int(DEADLINE_S * 1000)


class Commands:
    """What the tests ask for."""

    def __init__(self) -> None:
        self.long: Future[Answer] = Future()
        self.ran: list[str] = []
        self.asked = threading.Event()

    def table(self) -> dict[str, Any]:
        return {"status": self.status, "swap": self.swap, "refuse": self.refuse, "fail": self.fail, "stop": self.stop}

    def status(self, _: dict[str, Any]) -> Answer:
        return {"status": "tracking"}

    def swap(self, _: dict[str, Any]) -> "Future[Answer]":
        self.asked.set()
        return self.long

    def stop(self, _: dict[str, Any]) -> Answer:
        self.ran.append("stop")
        return {}

    def refuse(self, _: dict[str, Any]) -> Answer:
        raise ConfigError("tracker.yaml:3: name is 7; expected text")

    def fail(self, request: dict[str, Any]) -> Answer:
        raise PermissionError(13, "Permission denied", request.get("path"))


@pytest.fixture
def commands() -> Commands:
    return Commands()


@pytest.fixture
def address(tmp_path: Path, commands: Commands) -> Iterator[str]:
    bound = f"ipc://{tmp_path}/control"
    with Control(bound, commands.table()):
        yield bound


@contextmanager
def peer(address: str, kind: int) -> Iterator[zmq.Socket[bytes]]:
    with zmq.Context() as context, context.socket(kind) as socket:
        socket.setsockopt(zmq.LINGER, 0)
        socket.connect(address)
        yield socket


def status(address: str) -> dict[str, Any]:
    return ask(address, {"command": "status"}, timeout_s=DEADLINE_S)


@pytest.mark.parametrize(
    "parts",
    [
        [b""],
        [b"not json"],
        [b"[" * 60_000],
        [b'{"a":' * 12_000],
        [b"7"],
        [b"null"],
        [b'"status"'],
        [b"[1, 2]"],
        [b"{}"],
        [b'{"command": 7}'],
        [b'{"command": ["status"]}'],
        [b'{"command": {}}'],
        [b'{"command": "dance"}'],
        [b'{"command": "status", "until_ns": "soon"}'],
        [b'{"command": "status", "until_ns": [1]}'],
        [b'{"command": "status", "until_ns": 1e999}'],
        [b"\xff\xfe\x00"],
        [b'{"command": "status"}', b"and more"],
        [b'{"command": "status"}', b"", b""],
    ],
)
def test_what_is_no_command_is_answered_with_one_sentence(address: str, parts: list[bytes]) -> None:
    with peer(address, zmq.REQ) as client:
        client.send_multipart(parts)
        assert client.poll(DEADLINE_MS), "no answer"
        answer = json.loads(client.recv())
    assert answer["ok"] is False
    assert answer["error"].startswith("not a command; expected one part")
    assert status(address) == {"status": "tracking"}


@pytest.mark.parametrize(
    "parts",
    [[b'{"command": "status"}'], [b"", b"", b""], [b"x", b'{"command": "status"}'], [b""]],
    ids=["bare", "empty", "two", "one empty"],
)
def test_a_peer_that_is_no_req_socket_does_no_harm(address: str, parts: list[bytes]) -> None:
    with peer(address, zmq.DEALER) as client:
        client.send_multipart(parts)
        assert client.poll(DEADLINE_MS)
        client.recv_multipart()
    assert status(address) == {"status": "tracking"}


def test_a_refusal_is_its_own_sentence(address: str) -> None:
    with pytest.raises(StreamError, match=r"^tracker\.yaml:3: name is 7; expected text$"):
        ask(address, {"command": "refuse"}, timeout_s=DEADLINE_S)


def test_an_asker_can_tell_a_busy_tracker_from_one_that_refuses(address: str, commands: Commands) -> None:
    commands.long.set_exception(BusyError("other work is under way"))
    with pytest.raises(BusyError, match=r"^other work is under way$"):
        ask(address, {"command": "swap"}, timeout_s=DEADLINE_S)
    with pytest.raises(StreamError) as refusal:
        ask(address, {"command": "refuse"}, timeout_s=DEADLINE_S)
    assert not isinstance(refusal.value, BusyError)


def test_a_fault_in_a_command_is_answered_and_the_thread_lives(address: str) -> None:
    with pytest.raises(StreamError, match=r"fail failed by a fault in rigtrack itself \(PermissionError"):
        ask(address, {"command": "fail"}, timeout_s=DEADLINE_S)
    assert status(address) == {"status": "tracking"}


def test_others_are_answered_while_something_takes_long(address: str, commands: Commands) -> None:
    with peer(address, zmq.REQ) as client:
        client.send(b'{"command": "swap"}')
        for _ in range(3):
            assert status(address) == {"status": "tracking"}
        assert not client.poll(0)
        commands.long.set_result({"bundle": "new"})
        assert client.poll(DEADLINE_MS)
        assert json.loads(client.recv()) == {"ok": True, "bundle": "new"}


def test_long_work_that_fails_is_answered_with_its_sentence(address: str, commands: Commands) -> None:
    commands.long.set_exception(ConfigError("models/new is not a bundle"))
    with pytest.raises(StreamError, match="models/new is not a bundle"):
        ask(address, {"command": "swap"}, timeout_s=DEADLINE_S)


def test_the_log_names_the_command_whose_long_work_failed(address: str, commands: Commands, caplog: pytest.LogCaptureFixture) -> None:
    commands.long.set_exception(ConfigError("models/new is not a bundle"))
    with pytest.raises(StreamError):
        ask(address, {"command": "swap"}, timeout_s=DEADLINE_S)
    assert "command refused: command=swap reason=models/new is not a bundle" in caplog.messages


def test_an_asker_that_went_away_costs_nothing(address: str, commands: Commands) -> None:
    for _ in range(5):
        with peer(address, zmq.REQ) as client:
            client.send(b'{"command": "swap"}')
            assert status(address) == {"status": "tracking"}
    commands.long.set_result({})
    assert status(address) == {"status": "tracking"}


def test_a_request_whose_sender_waits_no_longer_does_not_take_effect(address: str, commands: Commands) -> None:
    with peer(address, zmq.REQ) as client:
        client.send(json.dumps({"command": "stop", "until_ns": time.monotonic_ns() - 1}).encode())
        assert status(address) == {"status": "tracking"}
        assert not client.poll(0)
    assert commands.ran == []
    ask(address, {"command": "stop"}, timeout_s=DEADLINE_S)
    assert commands.ran == ["stop"]


def test_a_request_under_way_at_the_end_is_told_so(tmp_path: Path, commands: Commands) -> None:
    bound = f"ipc://{tmp_path}/ending"
    with peer(bound, zmq.REQ) as client:
        with Control(bound, commands.table()):
            client.send(b'{"command": "swap"}')
            assert commands.asked.wait(DEADLINE_S)
        assert client.poll(DEADLINE_MS)
        assert json.loads(client.recv()) == {"ok": False, "error": "the tracker is stopping"}


def test_a_request_of_many_bytes_is_not_taken(address: str) -> None:
    with peer(address, zmq.DEALER) as client:
        client.send_multipart([b"", json.dumps({"command": "stop", "more": "x" * 100_000}).encode()])
        assert status(address) == {"status": "tracking"}
        assert not client.poll(200)


def test_nobody_there_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(StreamError, match=r"no answer within 0\.05 s; is the tracker running"):
        ask(f"ipc://{tmp_path}/nobody", {"command": "status"}, timeout_s=0.05)
