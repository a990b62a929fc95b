"""Whether a zone's outline has any part in the camera's picture."""

from collections.abc import Sequence

from tracker.behaviour.zones import depth_in
from tracker.config_rules import Polygon

XY = tuple[float, float]


def outside_picture(name: str, outline_px: Sequence[XY], image_size: tuple[int, int]) -> str | None:
    """That a zone lies wholly outside the picture, and where, in one sentence without a full stop; None where a part is in it.

    Args:
        name: of the zone.
        outline_px: its corners in pixels of the source.
        image_size: (width, height) of the picture.
    """
    edges = zip(outline_px, [*outline_px[1:], *outline_px[:1]], strict=True)
    if any(_meets(start, end, image_size) for start, end in edges) or _holds(name, outline_px, (0.0, 0.0)):
        return None
    (left, right), (top, bottom) = ((min(values), max(values)) for values in zip(*outline_px, strict=True))
    return (
        f"zone '{name}' lies wholly outside the picture of {image_size[0]}x{image_size[1]}: x {left:.0f} to {right:.0f}, "
        f"y {top:.0f} to {bottom:.0f} px; no key point in the picture is ever inside it: correct its place"
    )


def _meets(start: XY, end: XY, image_size: tuple[int, int]) -> bool:
    """Whether a part of a line lies in the picture: its part within the width, and that within the height, overlap."""
    first, last = 0.0, 1.0  # shares of the way from start to end
    for begins, ends, size in zip(start, end, image_size, strict=True):
        if begins == ends:
            if not 0 <= begins < size:
                return False
            continue
        near, far = sorted(((0 - begins) / (ends - begins), (size - begins) / (ends - begins)))
        first, last = max(first, near), min(last, far)
    return first <= last


def _holds(name: str, outline_px: Sequence[XY], place: XY) -> bool:
    return len(outline_px) > 2 and depth_in(Polygon(name=name, corners=tuple(outline_px)))(*place) > 0
