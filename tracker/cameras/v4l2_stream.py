"""An open V4L2 device that streams into memory shared with its driver: set up, wait, take a buffer, give it back."""

import errno
import math
import mmap
import os
import select
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tracker.cameras import v4l2_calls as v4l2
from tracker.cameras.device_node import busy, open_node
from tracker.cameras.v4l2_controls import apply_controls
from tracker.cameras.v4l2_pixels import FORMATS, Bytes, Layout, line_bytes
from tracker.cameras.v4l2_read_back import read_device
from tracker.config_cameras import OpenCVCamera
from tracker.errors import CameraError

# The driver fills buffers in order, so each is one frame of slack and, once the reader lags, one frame of delay.
# With fewer than three most UVC drivers halve their rate; the capture thread keeps the queue empty anyway.
BUFFERS = 4
WIDTH, HEIGHT, RATE_HZ = 640, 480, 30  # asked for where the settings say null: what the last program left is not a setting
RATE_STEPS = 1000  # rates are written as RATE_STEPS / (RATE_STEPS x Hz), so 29.97 is kept
POLL_LONGEST_MS = 2**31 - 1
# Drivers say with these that they have no such call or setting; others that the device is gone.
ABSENT = frozenset({errno.ENOTTY, errno.EINVAL})
GONE = frozenset({errno.ENODEV, errno.ENXIO, errno.EBADF})


class UnreadFormatError(CameraError):
    """The device works in a way that is not read here; OpenCV may know it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """A buffer that the driver filled.

    Attributes:
        index: of the buffer, to look into it and to give it back.
        length: bytes that the driver wrote.
        sequence: the driver's counter, 32 bits.
        stamp_ns: the driver's time stamp, on whichever clock it uses.
        damaged: the driver says that the picture in it is.
    """

    index: int
    length: int
    sequence: int
    stamp_ns: int
    damaged: bool


class V4l2Stream:
    """Opens the device, asks for the settings, pixel format first since sizes and rates depend on it, and starts it.

    Attributes:
        layout: size and pixel format that the driver made of the settings.
        rate_hz: the rate read back, 0 where the driver states none.
        read_back: name and controls.

    Raises:
        UnreadFormatError: several planes, or no pixel format that is read here.
        CameraError: absent, not permitted, in use, not a camera, or it does not start.
    """

    def __init__(self, path: Path, settings: OpenCVCamera) -> None:
        self._path = path
        self._maps: list[mmap.mmap] = []
        self._views: list[Bytes] = []
        self._handle = open_node(path)
        self._woken = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        try:
            self._refuse_what_is_no_camera()
            self.layout = self._set_format(settings)
            apply_controls(self._handle, settings, where=path)
            self.rate_hz = self._set_rate(settings)
            self.read_back = read_device(self._handle, where=f"{path}")
            self._start()
        except CameraError:
            self.close()
            raise
        self._poll = select.poll()
        self._poll.register(self._handle, select.POLLIN)
        self._poll.register(self._woken, select.POLLIN)

    def wait(self, seconds: float) -> bool:
        """Wait for a filled buffer at most so long, or until `wake`. Returns whether `take` has something to say."""
        found = dict(self._poll.poll(min(POLL_LONGEST_MS, max(0, math.ceil(1e3 * seconds)))))
        return self._handle in found

    def wake(self) -> None:
        """End a wait in another thread, for good."""
        os.eventfd_write(self._woken, 1)

    def take(self) -> Taken | None:
        """Take the oldest filled buffer; None if there is none after all.

        Raises:
            CameraError: the device is gone or stopped.
        """
        buffer = self._buffer(0)
        try:
            v4l2.call(self._handle, v4l2.DEQUEUE, buffer)
        except BlockingIOError:
            return None
        except OSError as problem:
            raise self._stopped(problem) from None
        stamp = buffer.timestamp
        return Taken(
            index=buffer.index,
            length=buffer.bytesused,
            sequence=buffer.sequence,
            stamp_ns=stamp.seconds * 1_000_000_000 + stamp.microseconds * 1000,
            damaged=bool(buffer.flags & v4l2.BUFFER_ERROR),
        )

    def memory(self, taken: Taken) -> Bytes:
        """What the driver wrote: uint8 (length,), its own memory. To be let go of before the buffer is given back."""
        return self._views[taken.index][: taken.length]

    def give_back(self, taken: Taken) -> None:
        """Let the driver fill a buffer again.

        Raises:
            CameraError: the device is gone or stopped.
        """
        try:
            v4l2.call(self._handle, v4l2.QUEUE, self._buffer(taken.index))
        except OSError as problem:
            raise self._stopped(problem) from None

    def close(self) -> None:
        """Stop the device and release it. No buffer may be in use."""
        if self._maps:
            with suppress(OSError):  # it may be gone; nothing more is asked of it
                v4l2.call(self._handle, v4l2.STREAM_OFF, v4l2.BufferType(type=v4l2.VIDEO_CAPTURE))
        self._views.clear()
        while self._maps:
            self._maps.pop().close()
        os.close(self._handle)
        os.close(self._woken)

    def _refuse_what_is_no_camera(self) -> None:
        found = v4l2.Capability()
        try:
            v4l2.call(self._handle, v4l2.QUERY_CAPABILITY, found)
        except OSError as problem:
            raise CameraError(
                f"{self._path}: is not a camera ({problem.strerror} on VIDIOC_QUERYCAP); expected something like /dev/video0"
            ) from None
        able = found.device_caps if found.capabilities & v4l2.CAP_DEVICE_CAPS else found.capabilities
        if able & v4l2.CAP_VIDEO_CAPTURE_MPLANE:
            raise UnreadFormatError(f"{self._path}: delivers pictures in several planes")
        if not able & v4l2.CAP_VIDEO_CAPTURE or not able & v4l2.CAP_STREAMING:
            raise CameraError(
                f"{self._path}: delivers no pictures; a camera often has a second node for other data: use its first, "
                "`v4l2-ctl --list-devices` names them"
            )

    def _set_format(self, settings: OpenCVCamera) -> Layout:
        """Ask for one pixel format, or for each in turn until the device offers it."""
        asked = settings.fourcc
        if asked is not None and asked not in FORMATS:
            raise UnreadFormatError(f"{self._path}: pixel format {asked}")
        for fourcc in FORMATS if asked is None else (asked,):
            found = self._try_format(fourcc, settings.width or WIDTH, settings.height or HEIGHT)
            given = v4l2.letters_of(found.pixelformat)
            if given == fourcc or (asked is not None and given in FORMATS):
                lines = line_bytes(given, width=found.width, stated=found.bytesperline)
                return Layout(fourcc=given, width=found.width, height=found.height, line_bytes=lines)
        raise UnreadFormatError(f"{self._path}: none of the pixel formats {', '.join(FORMATS)}")

    def _try_format(self, fourcc: str, width: int, height: int) -> v4l2.PixelFormat:
        form = v4l2.V4l2Format(type=v4l2.VIDEO_CAPTURE)
        form.fmt.pix.width, form.fmt.pix.height, form.fmt.pix.pixelformat = width, height, v4l2.code_of(fourcc)
        try:
            v4l2.call(self._handle, v4l2.SET_FORMAT, form)
        except OSError as problem:
            if problem.errno not in ABSENT:
                raise self._refused(problem) from None
            form.fmt.pix.pixelformat = 0  # some drivers refuse a format they lack instead of giving another
        pix: v4l2.PixelFormat = form.fmt.pix
        return pix

    def _set_rate(self, settings: OpenCVCamera) -> float:
        asked = v4l2.StreamParameters(type=v4l2.VIDEO_CAPTURE)
        asked.timeperframe = v4l2.Fraction(RATE_STEPS, round(RATE_STEPS * (settings.rate_hz or RATE_HZ)))
        got = v4l2.StreamParameters(type=v4l2.VIDEO_CAPTURE)
        try:
            v4l2.call(self._handle, v4l2.GET_PARAMETERS, got)
            if got.capability & v4l2.CAP_TIMEPERFRAME:
                v4l2.call(self._handle, v4l2.SET_PARAMETERS, asked)
                v4l2.call(self._handle, v4l2.GET_PARAMETERS, got)
        except OSError as problem:
            if problem.errno not in ABSENT:
                raise self._refused(problem) from None
        each = got.timeperframe
        return float(each.denominator / each.numerator) if each.numerator else 0.0

    def _start(self) -> None:
        try:
            wanted = v4l2.RequestBuffers(count=BUFFERS, type=v4l2.VIDEO_CAPTURE, memory=v4l2.MEMORY_MMAP)
            v4l2.call(self._handle, v4l2.REQUEST_BUFFERS, wanted)
            for index in range(wanted.count):
                buffer = self._buffer(index)
                v4l2.call(self._handle, v4l2.QUERY_BUFFER, buffer)
                memory = mmap.mmap(self._handle, buffer.length, offset=buffer.m.offset)
                self._maps.append(memory)
                self._views.append(np.frombuffer(memory, np.uint8))
                v4l2.call(self._handle, v4l2.QUEUE, self._buffer(index))
            v4l2.call(self._handle, v4l2.STREAM_ON, v4l2.BufferType(type=v4l2.VIDEO_CAPTURE))
        except OSError as problem:
            raise self._refused(problem) from None

    def _buffer(self, index: int) -> v4l2.Buffer:
        return v4l2.Buffer(index=index, type=v4l2.VIDEO_CAPTURE, memory=v4l2.MEMORY_MMAP)

    def _refused(self, problem: OSError) -> CameraError:
        """Why it cannot be set up."""
        if problem.errno == errno.EBUSY:
            return CameraError(busy(self._path))
        if problem.errno == errno.ENOSPC:
            return CameraError(
                f"{self._path}: its USB bus has no bandwidth left; use another port, another USB controller, a lower rate, "
                "a smaller picture or MJPG"
            )
        return self._stopped(problem)

    def _stopped(self, problem: OSError) -> CameraError:
        if problem.errno in GONE:
            return CameraError(f"{self._path}: was unplugged; plug it in again")
        return CameraError(f"{self._path}: stopped ({problem.strerror}); check cable, power and signal, or unplug it and plug it in again")
