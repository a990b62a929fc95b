"""The library Aravis through PyGObject, and which GenICam cameras it finds.

Importing this file needs both, so only what opens or lists such cameras does.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from tracker.errors import MissingLibraryError

try:
    import gi
except ImportError as problem:
    raise MissingLibraryError(
        "aravis",
        "PyGObject is not installed: run `sudo apt-get install gir1.2-aravis-0.8 libgirepository1.0-dev "
        "libcairo2-dev gcc pkg-config python3-dev`, then `pip install -c constraints.txt '.[aravis]'`",
    ) from problem
try:
    gi.require_version("Aravis", "0.8")
except ValueError as problem:
    raise MissingLibraryError("aravis", "the library Aravis is not installed: run `sudo apt-get install gir1.2-aravis-0.8`") from problem
from gi.repository import Aravis, GLib

__all__ = ["Aravis", "Attached", "GLib", "attached", "words"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Attached:
    """One camera that answered.

    Attributes:
        device: the name that opens it.
        serial: its serial number.
        address: on the network or the USB bus.
        vendor: who made it.
        name: maker and model, for people.
    """

    device: str
    serial: str
    address: str
    vendor: str
    name: str


def attached() -> list[Attached]:
    """Ask the network and the USB buses; cameras of a network are given a second to answer."""
    Aravis.update_device_list()
    return list(_attached())


def _attached() -> Iterator[Attached]:
    for index in range(Aravis.get_n_devices()):
        vendor, model = Aravis.get_device_vendor(index) or "", Aravis.get_device_model(index) or ""
        yield Attached(
            device=Aravis.get_device_id(index),
            serial=Aravis.get_device_serial_nbr(index) or "",
            address=Aravis.get_device_address(index) or "",
            vendor=vendor,
            name=f"{vendor} {model}".strip(),
        )


def words(problem: GLib.Error) -> str:
    """Give the library's words without the names of the registers that they were about."""
    return str(problem.message).rpartition("] ")[2].rstrip(". ")
