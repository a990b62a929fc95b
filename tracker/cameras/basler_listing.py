"""Which Basler cameras are attached, and what each allows. Importing this file needs pypylon."""

from collections.abc import Iterator
from typing import Any

from tracker.cameras.found_camera import Allowed, FoundCamera
from tracker.errors import MissingLibraryError

try:
    from pypylon import genicam, pylon  # type: ignore[import-untyped]
except ImportError as problem:
    raise MissingLibraryError("basler", "pypylon is not installed: run `pip install '.[basler]'`") from problem

from tracker.cameras.basler_settings import EXPOSURE, GAIN, RATE, first_node


def basler_cameras() -> Iterator[FoundCamera]:
    """All of them; each is opened for a moment to ask it, unless another program has it."""
    factory = pylon.TlFactory.GetInstance()
    for info in factory.EnumerateDevices():
        camera = pylon.InstantCamera(factory.CreateDevice(info))
        serial, name = info.GetSerialNumber(), info.GetModelName()
        try:
            camera.Open()
            yield _asked(camera.GetNodeMap(), serial, name)
            camera.Close()
        except genicam.GenericException:
            yield FoundCamera(source="basler", device=serial, name=name, in_use="another program")


def _asked(nodes: Any, serial: str, name: str) -> FoundCamera:
    size = (int(nodes.GetNode("Width").Max), int(nodes.GetNode("Height").Max))
    found = ((key, first_node(nodes, names)) for key, names in (("exposure_us", EXPOSURE), ("gain", GAIN), ("rate_hz", RATE)))
    return FoundCamera(
        source="basler",
        device=serial,
        name=name,
        size=size,
        pixel_formats=tuple(nodes.GetNode("PixelFormat").Symbolics),
        allowed=tuple(
            Allowed(key=key, low=float(node.Min), high=float(node.Max), now=float(node.Value)) for key, node in found if node is not None
        ),
    )
