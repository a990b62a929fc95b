"""What every runtime is to the loop: a function from a uint8 image to a small array."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from tracker.engines.carried import States
from tracker.frame import Image


class Engine(Protocol):
    """A compiled network on one device. One caller at a time; everything is allocated when it is opened."""

    runtime: str  # "openvino 2026.4.1", "tensorrt 8.6.0"
    device: str  # "CPU AMD EPYC", "NVIDIA H200"
    precision: str  # "fp32", "bf16", "fp16", "int8"

    def infer(self, image: Image) -> NDArray[np.float32]:
        """Run the network once.

        Args:
            image: uint8, exactly the bundle's input shape (h, w, c), C-contiguous.

        Returns:
            float32, the bundle's output shape without its batch axis: (animals, K, 3) for key points, (C,) for class
            probabilities. The array is valid until the next call.
        """
        ...

    def reset(self) -> None:
        """Forget what a recurrent network carries from earlier frames; without effect on any other."""
        ...

    def carried(self) -> dict[str, bytes]:
        """What a recurrent network carries to the next frame, a copy, by state; empty of any other."""
        ...

    def go_on(self, carried: States) -> None:
        """Carry this, so that the frames to come get the same bits.

        Raises:
            EngineError: it is of another network.
        """
        ...

    def close(self) -> None:
        """Free the device. May be called twice."""
        ...
