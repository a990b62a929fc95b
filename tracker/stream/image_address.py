"""Where pictures are: the one rule by which tracker and subscribers find their address beside the stream's. Standard library only.

`ipc://PATH` has its pictures at `ipc://PATH.images`, `tcp://HOST:PORT` at `tcp://HOST:PORT+1000`.
"""

from collections.abc import Sequence

from tracker.errors import StreamError

PORTS_APART = 1_000  # not 1: trackers of several cameras are given neighbouring ports
_HIGHEST_PORT = 65_535


def image_addresses(addresses: Sequence[str]) -> tuple[str, ...]:
    """The pictures' address for each address of a stream.

    Raises:
        StreamError: an address that the rule does not cover.
    """
    return tuple(image_address(address) for address in addresses)


def image_address(address: str) -> str:
    """The pictures' address for one address of a stream. A port left to the system ("*" or 0) stays so.

    Raises:
        StreamError: neither ipc:// nor tcp:// with a port that leaves room.
    """
    if address.startswith("ipc://"):
        return f"{address}.images"
    host, _, port = address.rpartition(":")
    if port in ("*", "0"):
        return address
    if not host.startswith("tcp://") or not port.isascii() or not port.isdigit() or int(port) + PORTS_APART > _HIGHEST_PORT:
        raise StreamError(
            f"{address} gives no address for pictures; expected ipc://PATH or tcp://HOST:PORT with a port of at most "
            f"{_HIGHEST_PORT - PORTS_APART}: choose another or set viewer.bind"
        )
    return f"{host}:{int(port) + PORTS_APART}"
