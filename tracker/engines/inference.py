"""One bundle on one engine: from a camera image to key points in the camera's own pixels."""

import numpy as np

from tracker.bundle import Bundle
from tracker.engines.engine import Engine
from tracker.engines.view_fit import ViewFit
from tracker.errors import BundleError
from tracker.frame import Image
from tracker.pose import KeyPoints


class Inference:
    """Fits every image to the engine's input, and its answer back to the image. Images must keep their shape."""

    def __init__(self, bundle: Bundle, engine: Engine, *, source_shape: tuple[int, ...]) -> None:
        """Prepare for images of one shape.

        Args:
            bundle: what the network is.
            engine: the network, compiled.
            source_shape: (height, width) or (height, width, 3).

        Raises:
            BundleError: the bundle is for another task, or its crop does not lie in such an image.
        """
        task = bundle.description.task
        if task != "keypoints":
            raise BundleError(f"{bundle.folder}: is for task '{task}'; this tracker runs 'keypoints': train one with `trainer fit`")
        self.bundle = bundle
        self.engine = engine
        self.point_names = bundle.description.point_names
        self._fit = ViewFit(bundle.description.view, input_shape=bundle.description.input.shape, source_shape=source_shape)

    def points(self, image: Image) -> KeyPoints:
        """Find the key points: float32 (animals, K, 3), x and y in pixels of `image`, confidence 0..1.

        A graph says "absent" by three zeros, an array of fixed shape having no other way; here, and from here on, that is NaN.
        """
        answer = self.engine.infer(self._fit.to_input(image))
        points = np.asarray(self._fit.to_source(answer), np.float32)
        points[~answer.any(axis=-1)] = np.nan
        return points

    @property
    def field_of_view(self) -> str:
        """Which part of the camera's image the network sees, in one sentence."""
        return self._fit.field_of_view
