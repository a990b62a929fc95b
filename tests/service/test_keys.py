"""CURVE keys, with real sockets on loopback."""

import os
import stat
from pathlib import Path

import pytest
import zmq

from tracker.client import Client
from tracker.config import PublisherConfig
from tracker.errors import StreamError
from tracker.messages import StatusMessage
from tracker.stream.address import check_binds, is_private
from tracker.stream.keys import make_keys, read_key, use_keys
from tracker.stream.publisher import Publisher

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


@pytest.mark.parametrize("name", ["server.key", "server.pub", "clients/client.pub"])
@pytest.mark.parametrize("key", ["#" * 40, "\u00e4" * 20, "a\nb" * 13 + "a", "~" * 40], ids=["too large", "not ASCII", "lines", "no Z85"])
def test_a_damaged_key_of_the_right_length_is_refused_by_name_at_once(tmp_path: Path, name: str, key: str) -> None:
    make_keys(tmp_path / "keys")
    (tmp_path / "keys" / name).write_text(key, encoding="utf-8")
    settings = PublisherConfig(bind=(f"ipc://{tmp_path}/never",), high_water_mark=10, curve_keys=str(tmp_path / "keys"))
    with pytest.raises(StreamError, match=rf"{name}: (is damaged|holds \d+ characters)"):
        Publisher(settings, camera="top")


@pytest.mark.parametrize("name", ["client.key", "server.pub"])
def test_a_damaged_key_of_a_client_is_refused_by_name_at_once(tmp_path: Path, name: str) -> None:
    make_keys(tmp_path / "keys")
    (tmp_path / "keys" / name).write_text("#" * 40)
    with pytest.raises(StreamError, match=rf"{name}: is damaged"):
        Client("tcp://127.0.0.1:5571", kinds=("pose", "image"), keys=tmp_path / "keys")


def test_keys_of_two_pairs_are_refused(tmp_path: Path) -> None:
    make_keys(tmp_path / "keys")
    make_keys(tmp_path / "others")
    (tmp_path / "keys" / "server.pub").write_bytes((tmp_path / "others" / "server.pub").read_bytes())
    settings = PublisherConfig(bind=(f"ipc://{tmp_path}/never",), high_water_mark=10, curve_keys=str(tmp_path / "keys"))
    with pytest.raises(StreamError, match=r"server\.pub does not belong to server\.key"):
        Publisher(settings, camera="top")


def test_the_viewer_of_the_rig_itself_hears_with_the_folder_that_the_tracker_uses(tmp_path: Path, status: StatusMessage) -> None:
    make_keys(tmp_path / "keys")
    address = f"ipc://{tmp_path}/stream"
    settings = PublisherConfig(bind=(address,), high_water_mark=10, curve_keys=str(tmp_path / "keys"))
    with Publisher(settings, camera="top") as publisher:
        assert hears(tmp_path / "keys", publisher, address, status)


def test_a_pipe_in_the_place_of_a_key_is_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "client.key")
    with pytest.raises(StreamError, match=r"client\.key: is not a file"):
        read_key(tmp_path / "client.key")
