"""One engine for images of several shapes, each prepared as the rig does."""

from tracker.bundle import Bundle
from tracker.engines.engine import Engine
from tracker.engines.inference import Inference
from tracker.frame import Image


class InferenceByShape:
    """One engine for images of several shapes: a set of labels may mix grey and colour files."""

    def __init__(self, bundle: Bundle, engine: Engine) -> None:
        self._bundle = bundle
        self._engine = engine
        self._by_shape: dict[tuple[int, ...], Inference] = {}

    def of(self, image: Image) -> Inference:
        """Inference for images of this one's shape."""
        if image.shape not in self._by_shape:
            self._by_shape[image.shape] = Inference(self._bundle, self._engine, source_shape=image.shape)
        return self._by_shape[image.shape]
