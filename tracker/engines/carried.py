"""What a network carries to the next frame, as bytes: to be kept on the disk and given back to the same network."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tracker.errors import EngineError

States = Mapping[str, bytes]  # by name: every array of a state, one behind the other


def as_bytes(arrays: Mapping[str, Sequence[NDArray[Any]]]) -> dict[str, bytes]:
    """Of every state its arrays' bytes, in their order."""
    return {name: b"".join(array.tobytes() for array in of_state) for name, of_state in arrays.items()}


def fill(arrays: Mapping[str, Sequence[NDArray[Any]]], carried: States) -> None:
    """Write what `as_bytes` gave into arrays of the same shapes, where they lie.

    Raises:
        EngineError: other states, or other sizes; the arrays are untouched.
    """
    sizes = {name: sum(array.nbytes for array in of_state) for name, of_state in arrays.items()}
    found = {name: len(content) for name, content in carried.items()}
    if found != sizes:
        raise EngineError(f"the states that were kept have {found} bytes; expected {sizes}, as the network has them: begin anew")
    for name, of_state in arrays.items():
        begin = 0
        for array in of_state:
            array[...] = np.frombuffer(carried[name], array.dtype, array.size, begin).reshape(array.shape)
            begin += array.nbytes
