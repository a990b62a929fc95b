"""Binding: what lies where a socket is to be is never taken from anybody."""

import os
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import zmq

from tracker.errors import StreamError
from tracker.stream.address import bind


@pytest.fixture
def server() -> Iterator[zmq.Socket[bytes]]:
    with zmq.Context() as context, context.socket(zmq.PUB) as opened:
        opened.setsockopt(zmq.LINGER, 0)
        yield opened


@pytest.fixture
def held() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def test_a_regular_file_is_not_replaced_by_a_socket(tmp_path: Path, server: zmq.Socket[bytes], held: ExitStack) -> None:
    notes = tmp_path / "notes.txt"
    notes.write_text("day 1")
    with pytest.raises(StreamError, match=r"notes\.txt exists and is not a socket"):
        bind(server, f"ipc://{notes}", held=held)
    assert notes.read_text() == "day 1"


@pytest.mark.parametrize("kind", ["folder", "link to a file", "link to nothing", "pipe"])
def test_nothing_but_a_socket_is_replaced(tmp_path: Path, server: zmq.Socket[bytes], held: ExitStack, kind: str) -> None:
    path, notes = tmp_path / "stream", tmp_path / "notes.txt"
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        if kind == "link to a file":
            notes.write_text("day 1")
        path.symlink_to(notes)
    before = path.lstat()
    with pytest.raises(StreamError, match="exists and is not a socket"):
        bind(server, f"ipc://{path}", held=held)
    assert path.lstat() == before


def test_the_socket_that_a_killed_process_left_is_used_again(tmp_path: Path, server: zmq.Socket[bytes], held: ExitStack) -> None:
    path = tmp_path / "stream"
    left = socket.socket(socket.AF_UNIX)
    left.bind(str(path))
    left.close()
    bind(server, f"ipc://{path}", held=held)
    assert path.is_socket()


@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM], ids=["stream", "datagram"])
def test_the_socket_of_a_process_that_lives_is_not_taken(tmp_path: Path, server: zmq.Socket[bytes], held: ExitStack, kind: int) -> None:
    path = tmp_path / "stream"
    with socket.socket(socket.AF_UNIX, kind) as other:
        other.bind(str(path))
        if kind == socket.SOCK_STREAM:
            other.listen(0)
            fillers = [socket.socket(socket.AF_UNIX) for _ in range(4)]  # it accepts nobody: its queue is full
            for each in fillers:
                each.setblocking(False)
                each.connect_ex(str(path))
        before = path.lstat()
        with pytest.raises(StreamError, match="already in use by another process"):
            bind(server, f"ipc://{path}", held=held)
        assert path.lstat() == before
        if kind == socket.SOCK_STREAM:
            for each in fillers:
                each.close()


@pytest.mark.parametrize("mask", [0o022, 0o000, 0o077])
def test_the_owner_and_the_group_may_use_an_ipc_socket_and_nobody_else(
    tmp_path: Path, server: zmq.Socket[bytes], held: ExitStack, mask: int
) -> None:
    before = os.umask(mask)
    try:
        bind(server, f"ipc://{tmp_path}/stream", held=held)
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "stream").stat().st_mode) == 0o660


@pytest.mark.parametrize(
    ("address", "sentence"),
    [
        ("ipc:///nowhere/at/all/stream", "its folder does not exist"),
        (f"ipc:///tmp/{'x' * 200}", "longer than 107 characters"),
        ("nowhere", r"expected ipc://PATH or tcp://HOST:PORT"),
        ("tcp://127.0.0.1:99999", "there is no port 99999"),
    ],
)
def test_an_address_that_cannot_be_bound_is_refused_in_a_sentence(
    server: zmq.Socket[bytes], held: ExitStack, address: str, sentence: str
) -> None:
    with pytest.raises(StreamError, match=sentence):
        bind(server, address, held=held)


def test_an_abstract_address_and_one_left_to_the_system_can_be_bound(server: zmq.Socket[bytes], held: ExitStack, tmp_path: Path) -> None:
    bind(server, f"ipc://@{tmp_path}", held=held)
    bind(server, "ipc://*", held=held)
    bind(server, "tcp://127.0.0.1:*", held=held)


def test_an_address_whose_socket_was_removed_is_still_its_owners(tmp_path: Path, server: zmq.Socket[bytes], held: ExitStack) -> None:
    bind(server, f"ipc://{tmp_path}/stream", held=held)
    (tmp_path / "stream").unlink()
    with zmq.Context() as context, context.socket(zmq.PUB) as second, pytest.raises(StreamError, match="already in use by another process"):
        bind(second, f"ipc://{tmp_path}/stream", held=held)
    assert not (tmp_path / "stream").exists()


def test_an_address_that_was_given_back_leaves_no_lock_and_can_be_bound_again(tmp_path: Path) -> None:
    for _ in range(2):
        with ExitStack() as held, zmq.Context() as context, context.socket(zmq.PUB) as opened:
            bind(opened, f"ipc://{tmp_path}/stream", held=held)
    assert not (tmp_path / ".stream.lock").exists()


HOLDER = """
import sys, time
from contextlib import ExitStack
from pathlib import Path
sys.path[:] = {path!r}
from tracker.stream.path_claim import claim
claim(Path({socket!r}), address="ipc", held=ExitStack())
print("held", flush=True)
time.sleep(600)
"""


def test_a_process_that_is_killed_holds_its_address_no_longer(tmp_path: Path, server: zmq.Socket[bytes], held: ExitStack) -> None:
    code = HOLDER.format(path=sys.path, socket=str(tmp_path / "stream"))
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(StreamError, match="already in use by another process"):
            bind(server, f"ipc://{tmp_path}/stream", held=held)
        holder.kill()
        holder.wait()
    bind(server, f"ipc://{tmp_path}/stream", held=held)


def test_a_lock_that_leads_elsewhere_is_not_followed(tmp_path: Path, server: zmq.Socket[bytes], held: ExitStack) -> None:
    (tmp_path / ".stream.lock").symlink_to(tmp_path / "notes")
    with pytest.raises(StreamError, match="belongs to another user"):
        bind(server, f"ipc://{tmp_path}/stream", held=held)
    assert not (tmp_path / "notes").exists()


def test_a_socket_that_is_closed_leaves_nothing_behind(tmp_path: Path) -> None:
    with ExitStack() as held, zmq.Context() as context, context.socket(zmq.PUB) as server:
        bind(server, f"ipc://{tmp_path}/stream", held=held)
        assert (tmp_path / "stream").is_socket()
    assert list(tmp_path.iterdir()) == []


def test_what_lies_in_the_place_of_a_closed_socket_stays(tmp_path: Path) -> None:
    path = tmp_path / "stream"
    with ExitStack() as held, zmq.Context() as context, socket.socket(socket.AF_UNIX) as other:
        with context.socket(zmq.PUB) as server:
            bind(server, f"ipc://{path}", held=held)
        path.unlink(missing_ok=True)
        other.bind(str(path))
        held.close()
        assert path.is_socket()
