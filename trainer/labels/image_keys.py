"""What tells one image from another, wherever its file lies and whichever program stored it."""

import hashlib
from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray

from tracker.frame import Image
from trainer.labels.grey_picture import in_one_channel
from trainer.labels.labelled_frames import LabelledFrames


def image_keys(frames: LabelledFrames) -> tuple[str, ...]:
    """A digest of the pixels of each frame; a grey picture has one key, in one channel or in three equal ones.

    Raises:
        LabelError: an image cannot be read.
    """
    return tuple(image_key(frames.read(index)) for index in range(len(frames)))


def image_key(image: Image) -> str:
    """A digest of the pixels of an image, uint8 (h, w) or (h, w, 3); the shape is not part of it."""
    return _digest(in_one_channel(image))


def found_in(frames: LabelledFrames, *records: Collection[str]) -> tuple[NDArray[np.bool_], ...]:
    """Which frames' images are in each of some records of keys: bool (n,) for each record.

    Records of earlier versions hold grey pictures in three channels under a key of their own; they are found as well.

    Raises:
        LabelError: an image cannot be read.
    """
    keys = [_all_keys(frames.read(index)) for index in range(len(frames))]
    known = [frozenset(record) for record in records]
    return tuple(np.array([not record.isdisjoint(of_image) for of_image in keys], bool) for record in known)


def _all_keys(image: Image) -> tuple[str, ...]:
    """The key that an image has, and the one that its three equal channels had before."""
    plain = in_one_channel(image)
    if plain.ndim == 3:
        return (_digest(plain),)
    return _digest(plain), _digest(np.repeat(plain[:, :, None], 3, axis=2))


def _digest(image: Image) -> str:
    return hashlib.blake2b(image.tobytes(), digest_size=16).hexdigest()
