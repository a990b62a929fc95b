"""The system calls of Linux's V4L2 that listing, setting and reading a camera take, as <linux/videodev2.h> has them. No policy.

Structures are declared with C's own types, so that they have the size of the machine they run on; that size is part of
each call's number.
"""

import ctypes
import fcntl
from typing import ClassVar

CAP_VIDEO_CAPTURE = 0x1
CAP_VIDEO_CAPTURE_MPLANE = 0x1000
CAP_STREAMING = 0x04000000
CAP_DEVICE_CAPS = 0x80000000
CAP_TIMEPERFRAME = 0x1000
VIDEO_CAPTURE = 1  # the buffer type
MEMORY_MMAP = 1
CONTROL_DISABLED = 0x1
DISCRETE = 1  # of sizes and rates: one by one, not a range
BUFFER_ERROR = 0x40  # V4L2_BUF_FLAG_ERROR: the picture in this buffer is damaged

_Fields = list[tuple[str, type]]


class Capability(ctypes.Structure):
    """What a node is: struct v4l2_capability."""

    _fields_: ClassVar[_Fields] = [
        ("driver", ctypes.c_char * 16),
        ("card", ctypes.c_char * 32),
        ("bus_info", ctypes.c_char * 32),
        ("version", ctypes.c_uint32),
        ("capabilities", ctypes.c_uint32),
        ("device_caps", ctypes.c_uint32),
        ("reserved", ctypes.c_uint32 * 3),
    ]


class PixelFormat(ctypes.Structure):
    """The part of struct v4l2_pix_format that every driver fills in."""

    _fields_: ClassVar[_Fields] = [
        ("width", ctypes.c_uint32),
        ("height", ctypes.c_uint32),
        ("pixelformat", ctypes.c_uint32),
        ("field", ctypes.c_uint32),
        ("bytesperline", ctypes.c_uint32),
        ("sizeimage", ctypes.c_uint32),
        ("colorspace", ctypes.c_uint32),
        ("priv", ctypes.c_uint32),
    ]


class _FormatUnion(ctypes.Union):
    _fields_: ClassVar[_Fields] = [("pix", PixelFormat), ("raw", ctypes.c_uint8 * 200), ("alignment", ctypes.c_void_p)]


class V4l2Format(ctypes.Structure):
    """Size and pixel format: struct v4l2_format."""

    _fields_: ClassVar[_Fields] = [("type", ctypes.c_uint32), ("fmt", _FormatUnion)]


class Fraction(ctypes.Structure):
    """Seconds for each frame: struct v4l2_fract."""

    _fields_: ClassVar[_Fields] = [("numerator", ctypes.c_uint32), ("denominator", ctypes.c_uint32)]


class StreamParameters(ctypes.Structure):
    """The rate: struct v4l2_streamparm with its member for capture."""

    _fields_: ClassVar[_Fields] = [
        ("type", ctypes.c_uint32),
        ("capability", ctypes.c_uint32),
        ("capturemode", ctypes.c_uint32),
        ("timeperframe", Fraction),
        ("rest", ctypes.c_uint8 * 184),
    ]


class RequestBuffers(ctypes.Structure):
    """How many buffers the driver keeps: struct v4l2_requestbuffers."""

    _fields_: ClassVar[_Fields] = [
        ("count", ctypes.c_uint32),
        ("type", ctypes.c_uint32),
        ("memory", ctypes.c_uint32),
        ("capabilities", ctypes.c_uint32),
        ("reserved", ctypes.c_uint32),
    ]


class _Time(ctypes.Structure):
    _fields_: ClassVar[_Fields] = [("seconds", ctypes.c_long), ("microseconds", ctypes.c_long)]


class _TimeCode(ctypes.Structure):
    _fields_: ClassVar[_Fields] = [("type", ctypes.c_uint32), ("flags", ctypes.c_uint32), ("rest", ctypes.c_uint8 * 8)]


class _BufferPlace(ctypes.Union):
    _fields_: ClassVar[_Fields] = [("offset", ctypes.c_uint32), ("userptr", ctypes.c_ulong), ("planes", ctypes.c_void_p)]


class Buffer(ctypes.Structure):
    """One buffer, and after DEQUEUE the frame in it: struct v4l2_buffer."""

    _fields_: ClassVar[_Fields] = [
        ("index", ctypes.c_uint32),
        ("type", ctypes.c_uint32),
        ("bytesused", ctypes.c_uint32),
        ("flags", ctypes.c_uint32),
        ("field", ctypes.c_uint32),
        ("timestamp", _Time),
        ("timecode", _TimeCode),
        ("sequence", ctypes.c_uint32),
        ("memory", ctypes.c_uint32),
        ("m", _BufferPlace),
        ("length", ctypes.c_uint32),
        ("reserved2", ctypes.c_uint32),
        ("request_fd", ctypes.c_int32),
    ]


class BufferType(ctypes.Structure):
    """The argument of STREAM_ON and STREAM_OFF."""

    _fields_: ClassVar[_Fields] = [("type", ctypes.c_int)]


class ControlValue(ctypes.Structure):
    """A control's value: struct v4l2_control."""

    _fields_: ClassVar[_Fields] = [("id", ctypes.c_uint32), ("value", ctypes.c_int32)]


class QueryControl(ctypes.Structure):
    """What a control allows: struct v4l2_queryctrl."""

    _fields_: ClassVar[_Fields] = [
        ("id", ctypes.c_uint32),
        ("type", ctypes.c_uint32),
        ("name", ctypes.c_char * 32),
        ("minimum", ctypes.c_int32),
        ("maximum", ctypes.c_int32),
        ("step", ctypes.c_int32),
        ("default_value", ctypes.c_int32),
        ("flags", ctypes.c_uint32),
        ("reserved", ctypes.c_uint32 * 2),
    ]


class QueryMenu(ctypes.Structure):
    """One choice of a control that is a menu: struct v4l2_querymenu."""

    _fields_: ClassVar[_Fields] = [
        ("id", ctypes.c_uint32),
        ("index", ctypes.c_uint32),
        ("name", ctypes.c_char * 32),
        ("reserved", ctypes.c_uint32),
    ]


class FormatDescription(ctypes.Structure):
    """One pixel format that a device offers: struct v4l2_fmtdesc."""

    _fields_: ClassVar[_Fields] = [
        ("index", ctypes.c_uint32),
        ("type", ctypes.c_uint32),
        ("flags", ctypes.c_uint32),
        ("description", ctypes.c_char * 32),
        ("pixelformat", ctypes.c_uint32),
        ("mbus_code", ctypes.c_uint32),
        ("reserved", ctypes.c_uint32 * 3),
    ]


class FrameSize(ctypes.Structure):
    """One size of a pixel format, or the range of them: struct v4l2_frmsizeenum. A discrete one is (minimum width, maximum width)."""

    _fields_: ClassVar[_Fields] = [
        ("index", ctypes.c_uint32),
        ("pixel_format", ctypes.c_uint32),
        ("type", ctypes.c_uint32),
        ("min_width", ctypes.c_uint32),
        ("max_width", ctypes.c_uint32),
        ("step_width", ctypes.c_uint32),
        ("min_height", ctypes.c_uint32),
        ("max_height", ctypes.c_uint32),
        ("step_height", ctypes.c_uint32),
        ("reserved", ctypes.c_uint32 * 2),
    ]


class FrameInterval(ctypes.Structure):
    """One rate of a size, or the range of them: struct v4l2_frmivalenum. A discrete one is `shortest`."""

    _fields_: ClassVar[_Fields] = [
        ("index", ctypes.c_uint32),
        ("pixel_format", ctypes.c_uint32),
        ("width", ctypes.c_uint32),
        ("height", ctypes.c_uint32),
        ("type", ctypes.c_uint32),
        ("shortest", Fraction),
        ("longest", Fraction),
        ("step", Fraction),
        ("reserved", ctypes.c_uint32 * 2),
    ]


_WRITE, _READ = 1, 2


def _number(direction: int, number: int, argument: type[ctypes.Structure]) -> int:
    """Encode a call as <asm-generic/ioctl.h> does."""
    return direction << 30 | ctypes.sizeof(argument) << 16 | ord("V") << 8 | number


QUERY_CAPABILITY = _number(_READ, 0, Capability)
ENUMERATE_FORMATS = _number(_READ | _WRITE, 2, FormatDescription)
SET_FORMAT = _number(_READ | _WRITE, 5, V4l2Format)
REQUEST_BUFFERS = _number(_READ | _WRITE, 8, RequestBuffers)
QUERY_BUFFER = _number(_READ | _WRITE, 9, Buffer)
QUEUE = _number(_READ | _WRITE, 15, Buffer)
DEQUEUE = _number(_READ | _WRITE, 17, Buffer)
STREAM_ON = _number(_WRITE, 18, BufferType)
STREAM_OFF = _number(_WRITE, 19, BufferType)
GET_PARAMETERS = _number(_READ | _WRITE, 21, StreamParameters)
SET_PARAMETERS = _number(_READ | _WRITE, 22, StreamParameters)
GET_CONTROL = _number(_READ | _WRITE, 27, ControlValue)
SET_CONTROL = _number(_READ | _WRITE, 28, ControlValue)
QUERY_CONTROL = _number(_READ | _WRITE, 36, QueryControl)
QUERY_MENU = _number(_READ | _WRITE, 37, QueryMenu)
ENUMERATE_SIZES = _number(_READ | _WRITE, 74, FrameSize)
ENUMERATE_RATES = _number(_READ | _WRITE, 75, FrameInterval)


def call(handle: int, number: int, argument: ctypes.Structure) -> None:
    """Make one call, which reads and fills in its argument.

    Raises:
        OSError: with the driver's errno; never EINTR.
    """
    while True:
        try:
            fcntl.ioctl(handle, number, argument, True)
        except InterruptedError:
            continue
        return


def code_of(fourcc: str) -> int:
    """Encode four characters as a pixel format."""
    return int.from_bytes(fourcc.encode("latin-1"), "little")


def letters_of(code: int) -> str:
    """Decode a pixel format to its four characters."""
    return code.to_bytes(4, "little").decode("latin-1")
