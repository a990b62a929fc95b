"""Labelled frames as every reader gives them and every part of the trainer takes them."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tracker.frame import Image
from trainer.labels.images import ImageRef, Size, read_image


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledFrames:
    """Images and where the key points are in them.

    Attributes:
        images: n references.
        points: float64 (n, A, K, 2), source pixels (pixel centres are whole numbers), NaN where a point is missing. An
            animal that is not in a frame has only missing points.
        hidden: bool (n, A, K): somebody said that the point cannot be seen, which is more than not having labelled it.
        tags: what a frame was marked with, "rearing" say; n sets.
        point_names: K names.
        skeleton: pairs of names.
        group: the video or animal each frame is from, n names.
        order: int64 (n,), the frame's number inside its group.
        size: (height, width) of every image; of the frame that they are fitted to where they have several sizes.
        animal_names: A names where row a is the same animal in every frame; empty where nobody said which is which.
        sizes: (height, width) of each image, n of them; empty where all have `size`.
        pairs: points that the label file calls left and right of each other, for labels of tools that keep that.
    """

    images: tuple[ImageRef, ...]
    points: NDArray[np.float64]
    hidden: NDArray[np.bool_]
    tags: tuple[frozenset[str], ...]
    point_names: tuple[str, ...]
    skeleton: tuple[tuple[str, str], ...]
    group: tuple[str, ...]
    order: NDArray[np.int64]
    size: Size
    animal_names: tuple[str, ...] = ()
    sizes: tuple[Size, ...] = ()
    pairs: tuple[tuple[str, str], ...] = ()

    def __len__(self) -> int:
        return len(self.images)

    @property
    def animals(self) -> int:
        """How many animals a frame has at most."""
        return int(self.points.shape[1])

    def subset(self, indices: NDArray[np.int64]) -> "LabelledFrames":
        """The frames at `indices`, in that order."""
        chosen = indices.tolist()
        return LabelledFrames(
            images=tuple(self.images[i] for i in chosen),
            points=self.points[indices],
            hidden=self.hidden[indices],
            tags=tuple(self.tags[i] for i in chosen),
            point_names=self.point_names,
            skeleton=self.skeleton,
            group=tuple(self.group[i] for i in chosen),
            order=self.order[indices],
            size=self.size,
            animal_names=self.animal_names,
            sizes=tuple(self.sizes[i] for i in chosen) if self.sizes else (),
            pairs=self.pairs,
        )

    def size_of(self, index: int) -> Size:
        """(height, width) of one image."""
        return self.sizes[index] if self.sizes else self.size

    @property
    def own_sizes(self) -> tuple[Size, ...]:
        """(height, width) of each image."""
        return self.sizes or (self.size,) * len(self)

    def fitted_to(self, size: Size) -> "LabelledFrames":
        """The same with another frame, which images of other sizes are fitted to."""
        own = self.own_sizes
        return replace(self, size=size, sizes=() if all(one == size for one in own) else own)

    def read(self, index: int) -> Image:
        """Decode one image: uint8, (h, w) or (h, w, 3) RGB.

        Raises:
            LabelError: the file is missing, unreadable or of another size.
        """
        return read_image(self.images[index], self.size_of(index))
