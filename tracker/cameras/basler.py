"""A Basler camera through pylon: every setting set, read back and compared; block ids and camera time stamps kept.

Importing this file needs pypylon, so only the one place that opens cameras does.
"""

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from tracker.cameras.block_number import BlockNumber
from tracker.cameras.read_back import ReadBack
from tracker.config_cameras import BaslerCamera
from tracker.errors import CameraError, CorruptFrameError, MissingLibraryError
from tracker.frame import Frame

try:
    from pypylon import genicam, pylon  # type: ignore[import-untyped]
except ImportError as problem:
    raise MissingLibraryError("basler", "pypylon is not installed: run `pip install '.[basler]'`") from problem

from tracker.cameras.basler_settings import apply_settings, first_node, read_features, resulting_rate_hz

BUFFERS = 16  # frames the camera may be ahead of the capture thread; beyond that its block ids show the loss
NS_PER_S = 1_000_000_000


class Basler:
    """One Basler camera. `number` is the camera's block id, `exposed_ns` the camera's own time stamp."""

    def __init__(self, settings: BaslerCamera, clock: Callable[[], int] = time.monotonic_ns) -> None:
        self._clock = clock
        self._number = BlockNumber()
        self._camera, self._where = _attach(settings.serial)
        self._shape = (settings.height, settings.width) + ((3,) if settings.pixel_format == "RGB8" else ())
        try:
            self._camera.Open()
            nodes = self._camera.GetNodeMap()
            apply_settings(nodes, settings, where=self._where)
            self._ns_per_tick = _ns_per_tick(nodes)
            rate_hz = resulting_rate_hz(nodes)
            device = self._camera.GetDeviceInfo()  # some cameras have no node for their serial number
            names = {"model": device.GetModelName(), "serial": device.GetSerialNumber()}
            self.read_back: ReadBack = {**read_features(nodes, where=self._where), **names}
            self._camera.MaxNumBuffer.Value = BUFFERS
            self._camera.StartGrabbing(pylon.GrabStrategy_OneByOne)
        except genicam.GenericException as problem:
            self.close()
            raise CameraError(f"{self._where}: cannot be started: {_words(problem)}; close any other program that uses it") from problem
        except CameraError:
            self.close()
            raise
        pace = f"on {settings.trigger_line}" if settings.trigger_line else f"{rate_hz:.5g} Hz" if rate_hz else "free running"
        self.description = f"{self._where} {settings.width}x{settings.height} {settings.pixel_format} {pace}"

    def read(self, timeout_s: float) -> Frame | None:
        """Wait for the next frame.

        Raises:
            CameraError: none came in time, the camera is gone or closed.
            CorruptFrameError: the frame arrived incomplete.
        """
        try:
            with self._camera.RetrieveResult(max(1, round(timeout_s * 1000)), pylon.TimeoutHandling_Return) as result:
                received_ns = self._clock()
                if result.IsValid() and result.GrabSucceeded():
                    return self._frame(result, received_ns)
                self._refuse_if_gone(timeout_s if not result.IsValid() else None)
                self._number.pass_over()
                raise CorruptFrameError(
                    f"{self._where}: a frame arrived damaged: {result.ErrorDescription} Check cable, port and packet size"
                )
        except genicam.GenericException as problem:
            raise CameraError(f"{self._where}: stopped: {_words(problem)}; check cable and power") from problem

    def close(self) -> None:
        """Stop grabbing and release the camera; a read under way in another thread ends at once."""
        try:
            self._camera.StopGrabbing()
            self._camera.Close()
        except genicam.GenericException:
            self._camera.DestroyDevice()  # a removed camera answers nothing more

    def _frame(self, result: Any, received_ns: int) -> Frame:
        image = np.asarray(result.GetArray(), np.uint8)  # the one copy out of the SDK's buffer
        if image.shape != self._shape:
            raise CameraError(f"{self._where}: picture is {image.shape} (height, width), asked for {self._shape}")
        ticks = result.TimeStamp  # 0 from a camera without a clock
        return Frame(
            image=image,
            number=self._number.of(result.BlockID),
            exposed_ns=ticks * self._ns_per_tick if ticks else None,
            received_ns=received_ns,
        )

    def _refuse_if_gone(self, waited_s: float | None) -> None:
        """Tell a camera that is lost from one damaged frame. Asked only after a failure: it costs about 1 ms."""
        if not self._camera.IsPylonDeviceAttached() or not self._camera.IsGrabbing():
            raise CameraError(f"{self._where}: is closed")
        if self._camera.IsCameraDeviceRemoved():
            raise CameraError(f"{self._where}: was unplugged or lost its power; plug it in again")
        if waited_s is not None:
            raise CameraError(f"{self._where}: no frame for {waited_s:g} s; check cable, power and, where one is set, the trigger line")


def _attach(serial: str | None) -> tuple[Any, str]:
    """Find one camera; several without a serial in the settings would be a choice by chance."""
    factory = pylon.TlFactory.GetInstance()
    attached = {device.GetSerialNumber(): device for device in factory.EnumerateDevices()}
    names = ", ".join(sorted(attached)) or "none"
    if serial is None and len(attached) > 1:
        raise CameraError(f"camera.serial is null, but {len(attached)} Basler cameras are attached: {names}; write one of these serials")
    if not attached or (serial is not None and serial not in attached):
        raise CameraError(f"no Basler camera{f' {serial}' if serial else ''} is attached; attached serials: {names}")
    device = attached[serial] if serial is not None else next(iter(attached.values()))
    where = f"Basler {device.GetModelName()} {device.GetSerialNumber()}"
    try:
        return pylon.InstantCamera(factory.CreateDevice(device)), where
    except genicam.GenericException as problem:
        raise CameraError(f"{where}: cannot be opened: {_words(problem)}; close any other program that uses it") from problem


def _ns_per_tick(nodes: Any) -> int:
    """GigE cameras of the first generation say how fast their clock ticks; all others count nanoseconds."""
    node = first_node(nodes, ("GevTimestampTickFrequency",))
    return max(1, round(NS_PER_S / node.Value)) if node is not None else 1


def _words(problem: Exception) -> str:
    """Give the SDK's words without its file names and line numbers."""
    return str(problem).partition(" : ")[0].rstrip(". ")
