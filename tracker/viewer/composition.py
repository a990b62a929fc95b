"""The whole of what a person sees of one frame: the picture with its overlay and its banner, and the panel beside it."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from tracker.frame import Image
from tracker.messages import EventMessage, PoseMessage, StatusMessage
from tracker.viewer.banner import Banner, draw_banner
from tracker.viewer.legend import SMALLEST_WIDTH_PX, WIDTH_SHARE, draw_legend, panel_width, sections
from tracker.viewer.overlay import Line, OverlaySettings, draw, names_of
from tracker.viewer.palette import PANEL

_SMALLEST_SIDE_PX = 8


def compose(
    image: Image,
    *,
    pose: PoseMessage | None = None,
    status: StatusMessage | None = None,
    events: Sequence[EventMessage] = (),
    trail: Sequence[PoseMessage] = (),
    lines: Sequence[Line] | None = None,
    banner: Banner | None = None,
    settings: OverlaySettings | None = None,
    size: tuple[int, int] | None = None,
) -> Image:
    """Draw a picture with all that belongs to it.

    Args:
        image: uint8, (h, w) grey or (h, w, 3) RGB, in source pixels.
        pose: of this very frame.
        status: the last one.
        events: the latest change of each event worth showing.
        trail: poses up to this frame, oldest first.
        lines: the status lines with their colours; None: those of a live stream.
        banner: what stands across the picture while it is not live; no event is then called on.
        settings: what, where and how large; the zoom holds where no size is given.
        size: (width, height) of the whole; the picture is then as large as fits beside the panel, at the left, its height centred.

    Returns:
        uint8 (h, w, 3) RGB of that size, or of the zoomed picture's height, its width and the panel's.
    """
    settings = settings or OverlaySettings()
    if size is not None:
        settings = replace(settings, zoom=zoom_within((image.shape[1], image.shape[0]), size))
    picture = draw(image, pose=pose, status=status, trail=trail, lines=lines, settings=settings)
    if banner is not None:
        draw_banner(picture, banner)
    tall, wide = picture.shape[:2]
    width, height = size or (wide + panel_width(tall), tall)
    names = names_of(pose, status) if settings.names else []
    parts = sections(pose, status, events, names=names, live=banner is None)
    whole = np.full((max(height, tall), max(width, wide), 3), PANEL, np.uint8)
    top = (whole.shape[0] - tall) // 2
    whole[top : top + tall, :wide] = picture
    if whole.shape[1] - wide >= _SMALLEST_SIDE_PX:
        beside = (whole.shape[1] - wide, whole.shape[0])
        whole[:, wide:] = draw_legend(beside, parts, text_scale=settings.text_scale, thickness=settings.thickness)
    return whole


def zoom_within(source: tuple[int, int], size: tuple[int, int]) -> float:
    """How much larger a picture of (w, h) is drawn so that it fits into `size` (w, h) beside its panel."""
    (width, height), (wide, tall) = source, size
    zoom = min(wide / (width + WIDTH_SHARE * height), tall / height)
    if WIDTH_SHARE * height * zoom < SMALLEST_WIDTH_PX:
        zoom = min(max(wide - SMALLEST_WIDTH_PX, 0.5 * wide) / width, tall / height)
    return max(_SMALLEST_SIDE_PX / min(width, height), zoom)


def first_size(source: tuple[int, int], room: tuple[int, int]) -> tuple[int, int]:
    """Width and height of the whole for a picture of (w, h), as large as `room` (w, h) holds, without empty bars."""
    zoom = zoom_within(source, room)
    tall = round(zoom * source[1])
    return min(room[0], round(zoom * source[0]) + panel_width(tall)), min(room[1], max(tall, room[1] // 2))
