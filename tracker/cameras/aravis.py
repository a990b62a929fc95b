"""A GigE Vision or USB3 Vision camera of any maker through Aravis: block ids and camera time stamps kept, one copy of each picture.

Importing this file needs Aravis, so only the one place that opens cameras does.
"""

import ipaddress
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np

from tracker.cameras.aravis_library import Aravis, GLib, attached, words
from tracker.cameras.aravis_settings import apply_settings, read_features
from tracker.cameras.block_number import BlockNumber
from tracker.cameras.genicam_pixels import decode, frame_bytes
from tracker.cameras.read_back import ReadBack
from tracker.config_cameras import AravisCamera
from tracker.errors import CameraError, CorruptFrameError
from tracker.frame import Frame, Image

BUFFERS = 16  # frames the camera may be ahead of the capture thread; beyond that its block ids show the loss
TURN_S = 0.1  # a wait for a frame cannot be ended from outside, so it is made of short ones
CLOSE_S = 1.0  # a camera that is gone answers nothing for up to 12 s, for which nobody waits


class AravisDevice:
    """One camera. `number` is its block id, `exposed_ns` its own time stamp."""

    def __init__(self, settings: AravisCamera, clock: Callable[[], int] = time.monotonic_ns) -> None:
        self._clock = clock
        self._number = BlockNumber()
        self._damaged_id: int | None = None
        self._closed = threading.Event()
        self._in_use = threading.Lock()  # the stream must not be released while another thread reads it
        self._format, self._width, self._height = settings.pixel_format, settings.width, settings.height
        self._camera, self._where = _attach(settings.device)
        self._stream: Any = None
        self.read_back: ReadBack = {}
        self._memory: dict[Any, Image] = {}
        lost = self._lost = threading.Event()
        try:
            self._camera.get_device().connect("control-lost", lambda _: lost.set())
            apply_settings(self._camera, settings, where=self._where)
            self._start()
        except GLib.Error as problem:
            self.close()
            raise CameraError(f"{self._where}: cannot be started: {words(problem)}; close any other program that uses it") from problem
        except CameraError:
            self.close()
            raise
        pace = (
            f"on {settings.trigger_line}" if settings.trigger_line else f"{settings.rate_hz:.5g} Hz" if settings.rate_hz else "free running"
        )
        self.description = f"{self._where} {settings.width}x{settings.height} {settings.pixel_format} {pace}"

    def read(self, timeout_s: float) -> Frame | None:
        """Wait for the next frame.

        Raises:
            CameraError: none came in time, the camera is gone or closed.
            CorruptFrameError: the frame arrived incomplete.
        """
        deadline_ns = self._clock() + round(1e9 * timeout_s)
        with self._in_use:
            while not self._closed.is_set():
                left_s = (deadline_ns - self._clock()) / 1e9
                buffer = self._stream.timeout_pop_buffer(round(1e6 * min(TURN_S, max(0.0, left_s))))
                received_ns = self._clock()
                if buffer is None:
                    self._refuse_if_gone()
                    if left_s <= 0:
                        raise CameraError(
                            f"{self._where}: no frame for {timeout_s:g} s; check cable, power and, where one is set, the trigger line"
                        )
                    continue
                try:
                    if self._whole(buffer):
                        return self._frame(buffer, received_ns)
                finally:
                    self._stream.push_buffer(buffer)
        raise CameraError(f"{self._where}: is closed")

    def close(self) -> None:
        """Stop and release the camera; a read under way in another thread ends within TURN_S."""
        if self._closed.is_set():
            return
        self._closed.set()
        with self._in_use:
            parts: list[Any] = [self._camera, self._memory, self._stream]
            del self._camera, self._memory, self._stream
        _let_go(parts)

    def _start(self) -> None:
        """Give the library memory of ours to fill, so that a picture is copied once, out of it."""
        if self._camera.is_gv_device():
            with suppress(GLib.Error):  # a camera that cannot be asked keeps the size it has
                self._camera.gv_auto_packet_size()
        self._stream = self._camera.create_stream(None, None)
        payload, needed = self._camera.get_payload(), frame_bytes(self._format, width=self._width, height=self._height)
        if payload < needed:
            raise CameraError(f"{self._where}: sends {payload} bytes a frame, expected {needed}; load its default user set")
        for _ in range(BUFFERS):
            memory = np.empty(payload, np.uint8)
            buffer = Aravis.Buffer.new(payload, memory.ctypes.data)
            self._memory[buffer] = memory
            self._stream.push_buffer(buffer)
        self.read_back = read_features(self._camera, where=self._where)  # now: once it sends, frames wait for the answers
        self._camera.start_acquisition()

    def _whole(self, buffer: Any) -> bool:
        """Whether it holds a whole frame; not where it holds late packets of a frame that was told as damaged already."""
        status = buffer.get_status()
        if status == Aravis.BufferStatus.SUCCESS:
            return True
        block_id = buffer.get_frame_id()
        if block_id == self._damaged_id:
            return False
        self._damaged_id = block_id
        self._refuse_if_gone()
        self._number.pass_over()
        late = status == Aravis.BufferStatus.TIMEOUT  # the library waited no longer for what had not come
        what = "packets missing or late" if late else status.value_nick.replace("-", " ")
        raise CorruptFrameError(f"{self._where}: a frame arrived damaged ({what}); check cable, port and packet size")

    def _frame(self, buffer: Any, received_ns: int) -> Frame:
        height, width = buffer.get_image_height(), buffer.get_image_width()
        if (height, width) != (self._height, self._width):
            raise CameraError(f"{self._where}: picture is {width}x{height}, asked for {self._width}x{self._height}")
        return Frame(
            image=decode(self._memory[buffer], self._format, width=width, height=height),
            number=self._number.of(buffer.get_frame_id()),
            exposed_ns=buffer.get_timestamp() or None,  # 0 from a camera without a clock
            received_ns=received_ns,
        )

    def _refuse_if_gone(self) -> None:
        if self._lost.is_set():
            raise CameraError(f"{self._where}: was unplugged or lost its power; plug it in again")


def _let_go(parts: list[Any]) -> None:
    """Release the parts of a camera, to which nothing else may refer; waits at most CLOSE_S for it."""
    release = threading.Thread(target=_release, args=(parts,), name="aravis-release", daemon=True)
    release.start()
    release.join(CLOSE_S)


def _release(parts: list[Any]) -> None:
    """Stop camera and stream, then drop the stream, the memory that it filled, and the camera: seconds each where it is gone."""
    camera, stream = parts[0], parts[-1]
    with suppress(GLib.Error):
        camera.stop_acquisition()
    if stream is not None:
        stream.stop_thread(True)  # nothing fills the memory from here on, whoever still knows the stream
    del camera, stream
    while parts:
        parts.pop()


def _attach(device: str | None) -> tuple[Any, str]:
    """Open one camera and see that this process has control of it."""
    name = device if device is not None and _is_address(device) else _find(device)
    try:
        camera = Aravis.Camera.new(name)
    except GLib.Error as problem:
        raise CameraError(
            f"camera {name} cannot be opened through Aravis: {words(problem)}; check cable, power and address, "
            "and close any other program that uses it"
        ) from problem
    where = f"{camera.get_vendor_name()} {camera.get_model_name()} {camera.get_device_serial_number()}"
    if camera.is_gv_device() and not camera.get_device().is_controller():
        parts = [camera, None]
        del camera
        _let_go(parts)
        raise CameraError(f"{where}: another program controls it, or one that died did seconds ago; close that program")
    return camera, where


def _is_address(device: str) -> bool:
    try:
        ipaddress.ip_address(device)
    except ValueError:
        return False
    return True


def _find(device: str | None) -> str:
    """Name of the camera meant; several without one in the settings would be a choice by chance."""
    cameras = attached()
    names = ", ".join(sorted(camera.device for camera in cameras)) or "none"
    if device is None and len(cameras) > 1:
        raise CameraError(f"camera.device is null, but {len(cameras)} cameras answer to Aravis: {names}; write one of these names")
    meant = [camera for camera in cameras if device is None or device in (camera.device, camera.serial, camera.address)]
    if not meant:
        raise CameraError(f"no camera{f' {device}' if device else ''} answers to Aravis; those that do: {names}")
    if len(meant) > 1:
        raise CameraError(f"camera.device is {device}, which {len(meant)} cameras have; write one of these names: {names}")
    return meant[0].device
