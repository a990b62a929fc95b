"""Which cameras are attached: V4L2 devices that deliver pictures, and Basler cameras where pypylon is installed."""

import fcntl
import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_VIDIOC_QUERYCAP = 0x80685600
_CAPABILITIES = struct.Struct("16s32s32s3I12x")  # struct v4l2_capability
_DEVICE_CAPS = 0x80000000  # the answer says what this node can do, not only the whole device
_VIDEO_CAPTURE = 0x00000001 | 0x00001000  # single and multi-planar


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundCamera:
    """One camera.

    Attributes:
        source: `opencv` or `basler`, as in the section camera.
        device: path, or serial number.
        name: as the maker calls it.
        size: (width, height) of its whole sensor, where it must be configured.
    """

    source: str
    device: str
    name: str
    size: tuple[int, int] | None = None


def found_cameras(dev: Path = Path("/dev")) -> list[FoundCamera]:
    """All of them: machine-vision cameras first, webcams by a path that stays the same after a reboot where there is one."""
    return [*_basler(), *_v4l2(dev)]


def _v4l2(dev: Path) -> Iterator[FoundCamera]:
    lasting = {link.resolve(): link for folder in ("by-path", "by-id") for link in sorted((dev / "v4l" / folder).glob("*"))}
    nodes = [node for node in dev.glob("video*") if node.name.removeprefix("video").isdigit()]
    for node in sorted(nodes, key=lambda node: int(node.name.removeprefix("video"))):
        name = _capture_name(node)
        if name is not None:
            yield FoundCamera(source="opencv", device=str(lasting.get(node.resolve(), node)), name=name)


def _capture_name(node: Path) -> str | None:
    """What a node calls itself; None for one that gives no pictures (a camera has others for metadata) or may not be opened."""
    answer = bytearray(_CAPABILITIES.size)
    try:
        file = os.open(node, os.O_RDWR | os.O_NONBLOCK)
    except OSError:
        return None
    try:
        fcntl.ioctl(file, _VIDIOC_QUERYCAP, answer)
    except OSError:
        return None
    finally:
        os.close(file)
    _, card, _, _, capabilities, device_caps = _CAPABILITIES.unpack(answer)
    able = device_caps if capabilities & _DEVICE_CAPS else capabilities
    return card.split(b"\0")[0].decode("utf-8", "replace") if able & _VIDEO_CAPTURE else None


def _basler() -> Iterator[FoundCamera]:
    try:
        from pypylon import genicam, pylon  # type: ignore[import-untyped]
    except ImportError:
        return
    factory = pylon.TlFactory.GetInstance()
    for info in factory.EnumerateDevices():
        camera = pylon.InstantCamera(factory.CreateDevice(info))
        try:
            camera.Open()
            size = (int(camera.Width.Max), int(camera.Height.Max))
            camera.Close()
        except genicam.GenericException:  # another program has it: its size must be written by hand
            size = None
        yield FoundCamera(source="basler", device=info.GetSerialNumber(), name=info.GetModelName(), size=size)
