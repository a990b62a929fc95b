"""What a V4L2 device offers: pixel formats, sizes and rates. Asks only; changes nothing."""

import ctypes
from collections.abc import Iterator
from itertools import count
from typing import TypeVar

from tracker.cameras import v4l2_calls as v4l2
from tracker.cameras.found_camera import Mode

MOST = 200  # of one kind: a driver that never says "no more" must not hang a listing
_Asked = TypeVar("_Asked", bound=ctypes.Structure)


def capture_name(handle: int) -> str | None:
    """What an open device calls itself; None for one that gives no pictures: a camera has others, for metadata."""
    found = v4l2.Capability()
    try:
        v4l2.call(handle, v4l2.QUERY_CAPABILITY, found)
    except OSError:
        return None
    able = found.device_caps if found.capabilities & v4l2.CAP_DEVICE_CAPS else found.capabilities
    return found.card.decode("utf-8", "replace") if able & (v4l2.CAP_VIDEO_CAPTURE | v4l2.CAP_VIDEO_CAPTURE_MPLANE) else None


def offered_modes(handle: int) -> list[Mode]:
    """Those of an open device; of sizes in a range, the smallest and the largest."""
    return [
        Mode(
            fourcc=v4l2.letters_of(code),
            width=width,
            height=height,
            rates_hz=tuple(sorted(_rates(handle, code, width, height), reverse=True)),
        )
        for code in _formats(handle)
        for width, height in _sizes(handle, code)
    ]


def _formats(handle: int) -> Iterator[int]:
    for index in count():
        found = _ask(handle, v4l2.ENUMERATE_FORMATS, v4l2.FormatDescription(index=index, type=v4l2.VIDEO_CAPTURE))
        if found is None or index == MOST:
            return
        yield found.pixelformat


def _sizes(handle: int, code: int) -> Iterator[tuple[int, int]]:
    for index in count():
        found = _ask(handle, v4l2.ENUMERATE_SIZES, v4l2.FrameSize(index=index, pixel_format=code))
        if found is None or index == MOST:
            return
        if found.type != v4l2.DISCRETE:
            yield found.min_width, found.min_height
            yield found.max_width, found.max_height
            return
        yield found.min_width, found.max_width  # a discrete size lies where a range has the bounds of its width


def _rates(handle: int, code: int, width: int, height: int) -> Iterator[float]:
    for index in count():
        asked = v4l2.FrameInterval(index=index, pixel_format=code, width=width, height=height)
        found = _ask(handle, v4l2.ENUMERATE_RATES, asked)
        if found is None or index == MOST:
            return
        ends = (found.shortest,) if found.type == v4l2.DISCRETE else (found.shortest, found.longest)
        yield from (end.denominator / end.numerator for end in ends if end.numerator)
        if found.type != v4l2.DISCRETE:
            return


def _ask(handle: int, number: int, asked: _Asked) -> _Asked | None:
    try:
        v4l2.call(handle, number, asked)
    except OSError:
        return None
    return asked
