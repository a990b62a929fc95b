"""How bright parts of an image are: of every rectangle that an event asks for, the mean."""

from collections.abc import Sequence

import cv2

from tracker.config_rules import BrightnessSource, EventConfig
from tracker.errors import ConfigError
from tracker.frame import Image


class Brightness:
    """The mean of every rectangle, 0..1, as whole numbers summed and divided once. In a colour image over the channels too."""

    def __init__(self, events: Sequence[EventConfig], *, image_size: tuple[int, int]) -> None:
        """Take the rectangles of the events.

        Args:
            events: as configured; those with another source are left out.
            image_size: (width, height) of the camera's image, px.

        Raises:
            ConfigError: a rectangle is not wholly within the image.
        """
        regions: dict[str, tuple[slice, slice]] = {}
        for item in events:
            source = item.source
            if isinstance(source, BrightnessSource):
                if source.left + source.width > image_size[0] or source.top + source.height > image_size[1]:
                    raise ConfigError(
                        f"behaviour '{item.event}': the rectangle from ({source.left}, {source.top}), {source.width}x{source.height}, "
                        f"is not within the camera's image of {image_size[0]}x{image_size[1]}; correct left, top, width or height"
                    )
                regions[source.region] = slice(source.top, source.top + source.height), slice(source.left, source.left + source.width)
        self._regions = tuple(regions.items())

    @property
    def names(self) -> tuple[str, ...]:
        """Of the rectangles, in the order of `of`."""
        return tuple(name for name, _ in self._regions)

    def of(self, image: Image) -> dict[str, float]:
        """Of one image, uint8 (height, width) or (height, width, 3): the mean of every rectangle, by its region's name."""
        found = {}
        for name, (rows, columns) in self._regions:
            part = image[rows, columns]
            found[name] = int(cv2.norm(part, cv2.NORM_L1)) / (part.size * 255)
        return found
