"""CURVE keys for a stream that leaves this machine: make them, use them, and refuse to be reachable without them.

Folder: `server.key` and `client.key` (one line each: the secret key in Z85; mode 0600), `server.pub` and `clients/*.pub` (one
line: a public key in Z85). The tracker needs server.key, server.pub and clients/; a subscriber client.key and server.pub.
"""

import os
import struct
from pathlib import Path

import zmq
from zmq.auth.thread import ThreadAuthenticator
from zmq.utils import z85

from tracker.errors import StreamError

_KEY_LENGTH = 40  # characters of Z85 for 32 bytes


def make_keys(folder: Path) -> None:
    """Write a server's and a first client's key pair.

    Raises:
        StreamError: keys are there already, or the folder cannot be written.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.chmod(0o700)
        (folder / "clients").mkdir(mode=0o700, exist_ok=True)
        for secret, public in (("server.key", "server.pub"), ("client.key", "clients/client.pub")):
            public_key, secret_key = zmq.curve_keypair()
            _write(folder / secret, secret_key, 0o600)
            _write(folder / public, public_key, 0o644)
    except FileExistsError as problem:
        raise StreamError(f"{problem.filename} exists already; keys are never overwritten: choose another folder or remove it") from None
    except OSError as problem:
        raise StreamError(f"{folder}: keys cannot be written: {problem.strerror}; choose another folder") from None


def secure(server: zmq.Socket[bytes], folder: Path) -> ThreadAuthenticator:
    """Make a server socket accept only the clients whose public keys lie in `folder`/clients. Call before binding.

    Returns:
        The authenticator, to be stopped after the socket is closed.

    Raises:
        StreamError: keys are missing or unreadable.
    """
    secret, public = read_key(folder / "server.key"), read_key(folder / "server.pub")
    if zmq.curve_public(secret) != public:
        raise StreamError(f"{folder}: server.pub does not belong to server.key; copy both again, or make keys in another folder")
    clients = [read_key(path) for path in sorted((folder / "clients").glob("*.pub"))]
    if not clients:
        raise StreamError(f"{folder / 'clients'}: no client's public key (*.pub) there; nobody could subscribe: add one")
    server.curve_secretkey, server.curve_publickey = secret, public
    server.curve_server = True
    authenticator = ThreadAuthenticator(server.context)
    authenticator.start()
    authenticator.configure_curve_callback("*", credentials_provider=_Listed(clients))
    return authenticator


def use_keys(client: zmq.Socket[bytes], folder: Path) -> None:
    """Make a client socket speak CURVE to the server of `folder`. Call before connecting.

    Raises:
        StreamError: keys are missing or unreadable.
    """
    secret = read_key(folder / "client.key")
    client.curve_secretkey, client.curve_publickey = secret, zmq.curve_public(secret)
    client.curve_serverkey = read_key(folder / "server.pub")


def read_key(path: Path) -> bytes:
    """One key in Z85.

    Raises:
        StreamError: absent or not a key.
    """
    try:
        if path.exists() and not path.is_file():
            raise StreamError(f"{path}: is not a file; expected a CURVE key: copy it again")
        key = path.read_bytes().strip()
    except OSError as problem:
        raise StreamError(f"{path}: cannot be read: {problem.strerror}; make keys with `tracker keys FOLDER`") from None
    if len(key) != _KEY_LENGTH:
        raise StreamError(f"{path}: holds {len(key)} characters; expected a CURVE key of {_KEY_LENGTH}: copy it again")
    try:
        z85.decode(key)
    except (KeyError, struct.error):  # a character that Z85 has not, or five that are more than 32 bits
        raise StreamError(f"{path}: is damaged, it is no CURVE key in Z85; copy it again") from None
    return key


class _Listed:
    """Lets in only the public keys on a list (pyzmq asks it for every client)."""

    def __init__(self, keys: list[bytes]) -> None:
        self._keys = frozenset(keys)

    def callback(self, _domain: str, key: bytes) -> bool:
        return key in self._keys


def _write(path: Path, key: bytes, mode: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(key + b"\n")
