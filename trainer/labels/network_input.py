"""Labelled images and points as a network takes them: the rig's own `ViewFit`, and no other geometry or colour rule beside it."""

from collections import Counter
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tracker.bundle_description import Description, View
from tracker.engines.view_fit import ViewFit
from tracker.frame import Image
from trainer.labels.grey_picture import is_grey
from trainer.labels.labelled_frames import LabelledFrames

Colour = Literal["grey", "rgb"]

COLOUR_SAMPLES = 16
OWN_PIXELS = "Errors are in each image's own pixels."


class NetworkInput:
    """One view of images of one size. Safe to share between threads.

    Args:
        view: as the bundle has it or will have it.
        size: (height, width) of the network's input.
        source_size: (height, width) of the images.

    Raises:
        BundleError: the crop reaches outside the images, or an `exact` view meets another size.
    """

    def __init__(self, view: View, *, size: tuple[int, int], source_size: tuple[int, int]) -> None:
        self.view = view
        self.shape = (1, *size, channels_of(view.colour))
        self._places = ViewFit(view, input_shape=self.shape, source_shape=source_size)

    def image(self, image: Image) -> Image:
        """What the rig's engine would be given for this image.

        Args:
            image: uint8, (h, w) or (h, w, 3) RGB, of the source size; a set may mix grey and colour files.

        Returns:
            uint8, (h', w') for a grey network or (h', w', 3) RGB; the image's own memory where nothing has to change.
        """
        # a ViewFit of its own for every image: its buffer is then nobody else's, and making it is nothing beside the decoding
        found = ViewFit(self.view, input_shape=self.shape, source_shape=image.shape).to_input(image)
        return found[:, :, 0] if self.view.colour == "grey" else found

    def points(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Labels (..., 2 or more) from source pixels to pixels of the input; NaN stays NaN."""
        return np.asarray(self._places.from_source(points))

    def to_source(self, points: NDArray[np.float32]) -> NDArray[np.float32]:
        """Answers (..., 2 or more) from pixels of the input to source pixels."""
        return np.asarray(self._places.to_source(points), np.float32)


def field_of_view(description: Description, image: Image) -> str:
    """One sentence for people: what of an image such as this one the network of a bundle sees.

    Raises:
        BundleError: the view does not fit the image.
    """
    return ViewFit(description.view, input_shape=description.input.shape, source_shape=image.shape).field_of_view


def fields_of_view(description: Description, frames: LabelledFrames) -> str:
    """The same for every size that the images of a set have, with how many are of it, the most frequent first.

    Raises:
        BundleError: the view does not fit an image.
    """
    if not frames.sizes:
        return field_of_view(description, frames.read(0))
    seen = []
    for size, count in Counter(frames.sizes).most_common():
        sentence = field_of_view(description, frames.read(frames.sizes.index(size)))
        seen.append(f"{count} {'image' if count == 1 else 'images'}: {sentence}")
    return " ".join([*seen, OWN_PIXELS])


def sizes_in_words(frames: LabelledFrames) -> str:
    """How large the images are: "640x480", or "100 of 640x480, 16 of 300x200"."""
    if len(set(frames.own_sizes)) < 2:
        height, width = (*frames.own_sizes, frames.size)[0]
        return f"{width}x{height}"
    return ", ".join(f"{count} of {width}x{height}" for (height, width), count in Counter(frames.sizes).most_common())


def images_in_words(frames: LabelledFrames) -> str:
    """The same, and for images of several sizes what is done with them and in whose pixels their errors are."""
    if set(frames.own_sizes) <= {frames.size}:
        return sizes_in_words(frames)
    return f"{sizes_in_words(frames)}, each fitted to {frames.size[1]}x{frames.size[0]}. {OWN_PIXELS}"


def sizes_sentence(frames: LabelledFrames) -> str | None:
    """What is done with images of another size than the network's frame; None where there are none."""
    if set(frames.own_sizes) <= {frames.size}:
        return None
    found = f"have several ({sizes_in_words(frames)})" if len(set(frames.sizes)) > 1 else f"are {sizes_in_words(frames)}"
    return (
        f"sizes: the images {found}; each is fitted to the network's {frames.size[1]}x{frames.size[0]}, "
        "its sides in proportion, between black bars, as a camera of that size would be at the rig"
    )


def whole_view(frames: LabelledFrames) -> View:
    """The view that a network is trained with: all of the image, letterboxed, in the colour that the set has."""
    return View(crop=None, fit="letterbox", colour=colour_of(frames))


def colour_of(frames: LabelledFrames) -> Colour:
    """`grey` if no colour is found in frames spread over the set: an infrared camera often writes three equal channels."""
    spread = np.unique(np.linspace(0, len(frames) - 1, COLOUR_SAMPLES).round().astype(int))
    return "grey" if all(is_grey(frames.read(int(index))) for index in spread) else "rgb"


def channels_of(colour: Colour) -> int:
    """1 for grey, 3 for RGB."""
    return 1 if colour == "grey" else 3
