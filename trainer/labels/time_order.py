"""Whether the order of labelled frames is one of time, or only that of their files' names.

Blocks are cut in either order, but neighbours by name need not be alike, and nobody shall be told that they are.
"""

import re
from collections import Counter
from collections.abc import Sequence
from datetime import datetime

import numpy as np

from trainer.labels.images import ImageRef
from trainer.labels.labelled_frames import LabelledFrames
from trainer.labels.numeric_order import frame_number

MOST_FRAMES = 10**8  # 38 days at 30 frames a second: a larger number is no frame's

_PARTS = re.compile(r"(?P<before>.*?)(?P<digits>[0-9]+)(?P<behind>[^0-9]*)", re.DOTALL)  # of a name, around its last run of digits
_A_FRAME = re.compile(r"(?:^|[^a-z])(?:img|image|frame)s?[ _.-]*$", re.IGNORECASE)  # before the number
_UNITS = {10: 1, 13: 10**3, 16: 10**6, 19: 10**9}  # digits of a time since 1970 in s, ms, µs, ns, and how many units a second has
_YEARS_S = (10**9, 4_102_444_800)  # 2001 to the end of 2099, in seconds since 1970
_WRITTEN_OUT = {14: "%Y%m%d%H%M%S", 17: "%Y%m%d%H%M%S%f"}


def time_is_known(frames: LabelledFrames) -> bool:
    """Whether the frames' order is one of time: each has a number of its own in its video, and the numbers are of frames or of moments.

    They are where a frame is of a video, where its file's name says so (`img0102.png`, `frame_000123.png`), is a time
    stamp, or is one of a series of steady steps. Ids that somebody gave to pictures are none of these, and the numbers
    that a project gave to such pictures are not either.
    """
    if any(image.in_time is False for image in frames.images):
        return False
    numbers = [image.frame if image.frame is not None else frame_number(image.path.name) for image in frames.images]
    if None in numbers or len(set(zip(frames.group, numbers, strict=True))) < len(frames):
        return False
    groups: dict[str, list[ImageRef]] = {}
    for image, group in zip(frames.images, frames.group, strict=True):
        groups.setdefault(group, []).append(image)
    return all(all(map(_is_timed, images)) or _are_a_series([image.path.name for image in images]) for images in groups.values())


def _is_timed(image: ImageRef) -> bool:
    if image.frame is not None or image.in_time:
        return True
    before, digits, _ = _around_the_number(image.path.name)
    return (_A_FRAME.search(before) is not None and int(digits) < MOST_FRAMES) or _is_a_moment(digits)


def _around_the_number(name: str) -> tuple[str, str, str]:
    """What is before the last run of digits in a file name without its ending, the run, and what is behind it."""
    found = _PARTS.fullmatch(name.rsplit(".", 1)[0])
    return ("", "", name) if found is None else (found["before"], found["digits"], found["behind"])


def _is_a_moment(digits: str) -> bool:
    """Whether a run of digits is a time stamp: since 1970, or written out from the year to the second."""
    unit, layout = _UNITS.get(len(digits)), _WRITTEN_OUT.get(len(digits))
    if unit is not None:
        return _YEARS_S[0] <= int(digits) // unit < _YEARS_S[1]
    if layout is None:
        return False
    try:
        datetime.strptime(digits, layout)
    except ValueError:
        return False
    return True


def _are_a_series(names: Sequence[str]) -> bool:
    """Whether file names differ in a number only, and more than half of its steps are the same."""
    parts = [_around_the_number(name) for name in names]
    if len({(before, behind) for before, _, behind in parts}) > 1:
        return False
    steps = np.diff(sorted(int(digits) for _, digits, _ in parts)).tolist()
    if not steps:
        return True
    step, times = Counter(steps).most_common(1)[0]
    return 2 * times > len(steps) and (times > 1 or step == 1)
