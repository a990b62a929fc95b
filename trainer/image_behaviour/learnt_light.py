"""What a bundle notes of the light in the images that it finds behaviour in, and whether others resemble them."""

from collections.abc import Sequence

import numpy as np

from tracker.bundle_description import LearntImages
from tracker.resemblance import Appearance, appearance
from trainer.image_behaviour.image_videos import ImageVideo
from trainer.image_behaviour.settings import ImageSettings
from trainer.scoring.appearances import spread_over

NOBODY = np.empty((0, 1, 3), np.float32)


def learnt_light(videos: Sequence[ImageVideo], settings: ImageSettings) -> LearntImages | None:
    """The range of light and contrast that was learnt from, as the network takes images; None where it evens them out itself.

    Args:
        videos: that were learnt from.
        settings: how far their images were lit otherwise: a gain of 1 ± brightness, an offset of half of it, see `augmented`.
    """
    seen = appearances_of_images(videos)
    if settings.contrast or not seen:
        return None
    least, most = 1 - settings.brightness, 1 + settings.brightness
    offset = 255 * settings.brightness / 2
    brightness, contrast = [one.brightness for one in seen], [one.contrast for one in seen]
    return LearntImages(
        brightness=(max(least * min(brightness) - offset, 0.0), min(most * max(brightness) + offset, 255.0)),
        contrast=(least * min(contrast), min(most * max(contrast), 255.0)),
        confidence=None,
    )


def appearances_of_images(videos: Sequence[ImageVideo]) -> list[Appearance]:
    """Of up to a hundred images, spread over those that go to the network."""
    places = [(video, place) for video in videos for place in np.flatnonzero(_taken(video)).tolist()]
    images = [places[number][0].images[places[number][1]] for number in spread_over(len(places))] if places else []
    return [appearance(image[..., 0] if image.shape[2] == 1 else image, NOBODY) for image in images]


def _taken(video: ImageVideo) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    return np.ones(len(video.images), np.bool_) if video.to_network is None else video.to_network
