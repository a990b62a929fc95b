"""Order of names by the numbers in them: img10 comes after img2."""

import re

_LARGEST = 2**62  # longer runs of digits are no frame number and would not fit an int64


def numeric_key(name: str) -> tuple[tuple[int, str], ...]:
    """A sort key that compares runs of digits as numbers and the rest as text."""
    return tuple((int(digits), "") if digits else (-1, text) for digits, text in re.findall(r"([0-9]+)|([^0-9]+)", name))


def frame_number(name: str) -> int | None:
    """The last run of digits in a file name without its ending: `img0012.png` → 12; None where there is none."""
    stem = name.rsplit(".", 1)[0]
    runs = re.findall(r"[0-9]+", stem)
    if not runs or int(runs[-1]) > _LARGEST:
        return None
    return int(runs[-1])
