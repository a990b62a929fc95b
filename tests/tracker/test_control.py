"""The command socket: whatever it is sent, it answers one sentence and lives, and nothing waits for what takes long."""

import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import zmq

from tracker.errors import BusyError, ConfigError, StreamError
from tracker.stream.control import Answer, Control, ask

DEADLINE_S = 300.0
DEADLINE_MS = int(DEADLINE_S * 1000)


class Commands:
    """What the tests ask for."""

    def __init__(self) -> None:
        self.long: Future[Answer] = Future()
        self.ran: list[str] = []
        self.asked = threading.Event()

    def table(self) -> dict[str, Any]:
        return {
            "status": self.status,
            "swap": self.swap,
            "refuse": self.refuse,
            "repeat": self.repeat,
            "fail": self.fail,
            "stop": self.stop,
        }

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

    def repeat(self, request: dict[str, Any]) -> Answer:
        raise ConfigError(f"{request['path']}: no bundle there; expected one as `trainer fit` writes it")

    def fail(self, request: dict[str, Any]) -> Answer:
        raise PermissionError(13, "Permission denied", request.get("path"))


class DoneAMomentLater(Future[Answer]):
    """Long work that ends just after somebody looked whether it has."""

    def done(self) -> bool:
        was = super().done()
        if not was:
            self.set_result({"bundle": "new"})
        return was


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


def test_work_that_ends_while_it_is_looked_at_is_answered(address: str, commands: Commands) -> None:
    commands.long = DoneAMomentLater()
    assert ask(address, {"command": "swap"}, timeout_s=10) == {"bundle": "new"}


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


def test_a_text_of_several_lines_is_repeated_on_one(address: str) -> None:
    with pytest.raises(StreamError) as refusal:
        ask(address, {"command": "repeat", "path": "models\n2026-01-01 INFO tracker: stopped\x1b[2J"}, timeout_s=DEADLINE_S)
    assert str(refusal.value).startswith(r"models\n2026-01-01 INFO tracker: stopped\x1b[2J: no bundle there")


def test_a_long_text_is_repeated_without_its_middle(address: str) -> None:
    with pytest.raises(StreamError) as refusal:
        ask(address, {"command": "repeat", "path": "x" * 5000}, timeout_s=DEADLINE_S)
    assert len(str(refusal.value)) < 1100
    assert str(refusal.value).endswith("expected one as `trainer fit` writes it")


def test_a_flood_of_requests_is_taken_a_few_at_a_time_with_rests(tmp_path: Path, commands: Commands) -> None:
    """Counted by the command itself: between two runs of no more than 16 answers the thread waited."""
    times: list[int] = []

    def note(_: dict[str, Any]) -> Answer:
        times.append(time.monotonic_ns())
        return {}

    bound = f"ipc://{tmp_path}/flooded"
    with Control(bound, {"status": commands.status, "note": note}), peer(bound, zmq.DEALER) as flood:
        for _ in range(200):
            flood.send_multipart([b"", b'{"command": "note"}'])
        deadline = time.monotonic() + DEADLINE_S
        while len(times) < 200 and time.monotonic() < deadline:
            status(bound)
    pauses = [later - earlier for earlier, later in pairwise(times)]
    without, longest = 0, 0
    for pause in pauses:
        without = 0 if pause >= 10_000_000 else without + 1
        longest = max(longest, without)
    assert len(times) == 200
    assert longest < 16


def test_who_does_not_read_its_answers_costs_no_memory(tmp_path: Path) -> None:
    """Of the answers to one peer a few wait here, some in the connection itself, and the rest is dropped."""
    bound, answer = f"ipc://{tmp_path}/unread", {"text": "x" * 50_000}
    with Control(bound, {"much": lambda _: answer, "status": lambda _: {}}), zmq.Context() as context, context.socket(zmq.DEALER) as deaf:
        deaf.setsockopt(zmq.LINGER, 0)
        deaf.setsockopt(zmq.RCVHWM, 1)
        deaf.connect(bound)
        for _ in range(500):
            deaf.send_multipart([b"", b'{"command": "much"}'])
        for _ in range(60):  # each answered after some of the others, by turns
            ask(bound, {"command": "status"}, timeout_s=DEADLINE_S)
        heard = 0
        while deaf.poll(500):
            deaf.recv_multipart()
            heard += 1
    assert heard < 400


def test_nobody_there_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(StreamError, match=r"no answer within 0\.05 s; is the tracker running"):
        ask(f"ipc://{tmp_path}/nobody", {"command": "status"}, timeout_s=0.05)
