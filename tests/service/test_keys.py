"""CURVE keys, with real sockets on loopback."""

import stat
from pathlib import Path

import pytest
import zmq

from tracker.address import check_binds, is_private
from tracker.config import PublisherConfig
from tracker.errors import StreamError
from tracker.keys import make_keys, use_keys
from tracker.messages import StatusMessage
from tracker.publisher import Publisher

OPEN = "tcp://0.0.0.0:0"


@pytest.mark.parametrize(
    ("address", "private"),
    [
        ("ipc:///tmp/x", True),
        ("tcp://127.0.0.1:5571", True),
        ("tcp://127.9.9.9:1", True),
        ("tcp://[::1]:5571", True),
        ("tcp://localhost:5571", True),
        ("tcp://0.0.0.0:5571", False),
        ("tcp://*:5571", False),
        ("tcp://192.168.1.4:5571", False),
        ("tcp://[::]:5571", False),
        ("tcp://eth0:5571", False),
    ],
)
def test_only_this_machine_counts_as_private(address: str, *, private: bool) -> None:
    assert is_private(address) is private


def test_an_open_address_without_keys_is_refused_with_the_remedy() -> None:
    with pytest.raises(StreamError, match=r"0\.0\.0\.0.*tracker keys"):
        check_binds((OPEN,), None)


def test_secret_keys_are_readable_by_their_owner_alone_and_never_overwritten(tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    make_keys(folder)
    for name in ("server.key", "client.key"):
        assert stat.S_IMODE((folder / name).stat().st_mode) == 0o600
    before = (folder / "server.key").read_bytes()
    with pytest.raises(StreamError, match="never overwritten"):
        make_keys(folder)
    assert (folder / "server.key").read_bytes() == before


def hears(keys: Path | None, publisher: Publisher, address: str, status: StatusMessage) -> bool:
    with zmq.Context() as context, context.socket(zmq.SUB) as client:
        client.setsockopt(zmq.LINGER, 0)
        if keys is not None:
            use_keys(client, keys)
        client.connect(address)
        client.subscribe(b"status")
        for _ in range(20):
            publisher.serve()
            publisher.status(status)
            if client.poll(50):
                return True
    return False


def test_only_a_listed_client_hears_the_stream(tmp_path: Path, status: StatusMessage, free_port: int) -> None:
    keys, strangers = tmp_path / "keys", tmp_path / "strangers"
    make_keys(keys)
    make_keys(strangers)
    (strangers / "server.pub").write_bytes((keys / "server.pub").read_bytes())
    address = f"tcp://127.0.0.1:{free_port}"
    settings = PublisherConfig(bind=(address,), high_water_mark=10, curve_keys=str(keys))
    with Publisher(settings, camera="top") as publisher:
        assert hears(keys, publisher, address, status)
        assert not hears(strangers, publisher, address, status), "a key that is not on the list"
        assert not hears(None, publisher, address, status), "no key at all"


def test_a_damaged_key_is_refused_by_name(tmp_path: Path) -> None:
    make_keys(tmp_path / "keys")
    (tmp_path / "keys" / "server.key").write_text("short")
    settings = PublisherConfig(bind=("ipc:///tmp/never",), high_water_mark=10, curve_keys=str(tmp_path / "keys"))
    with pytest.raises(StreamError, match=r"server\.key: holds 5 characters"):
        Publisher(settings, camera="top")
