"""One NVIDIA GPU through PyCUDA: its primary context, current only while in use, and CUDA's errors as sentences."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pycuda.driver as cuda  # type: ignore[import-not-found,import-untyped,unused-ignore]

from tracker.errors import EngineError

_DRIVER_VERSION_FILE = Path("/proc/driver/nvidia/version")


class Gpu:
    """A device and its primary context, the one that TensorRT and every other library in the process use too.

    A context belongs to whoever has pushed it: each use pushes it on the calling thread and pops it again, so that an engine
    may be opened on one thread, run on a second and closed on a third. `with gpu:` does both.

    Raises:
        EngineError: there is no NVIDIA GPU or driver, or none of that number.
    """

    def __init__(self, number: int) -> None:
        with cuda_errors(f"GPU {number}"):
            cuda.init()
            count = cuda.Device.count()
        if number >= count:
            raise EngineError(f"engine.gpu is {number}; this machine has {count} NVIDIA GPUs, numbered from 0")
        with cuda_errors(f"GPU {number}"):
            device = cuda.Device(number)
            self._context: Any = device.retain_primary_context()
            self.name = str(device.name())
            self.capability = "{}.{}".format(*device.compute_capability())
            self.driver = f"{driver_version()}, CUDA {_cuda_version(cuda.get_driver_version())}"

    def __enter__(self) -> "Gpu":
        """Make the context current on this thread."""
        if self._context is None:
            raise EngineError(f"the engine on {self.name} is closed; open it again")
        self._context.push()
        return self

    def __exit__(self, *_: object) -> None:
        """Give the thread back the context it had."""
        if self._context is not None:
            self._context.pop()

    @property
    def closed(self) -> bool:
        """Whether the context has been released."""
        return self._context is None

    def close(self) -> None:
        """Release the primary context. May be called twice, from any thread."""
        if self._context is None:
            return
        # PyCUDA releases a context only on the thread that retained it, or where it is current.
        self._context.push()
        self._context.detach()
        self._context = None


@contextmanager
def cuda_errors(where: str) -> Iterator[None]:
    """Turn PyCUDA's exceptions into one sentence.

    Raises:
        EngineError: the GPU is out of memory, or CUDA reports anything else.
    """
    try:
        yield
    except cuda.MemoryError as problem:
        raise EngineError(f"{where}: its memory is full ({problem}); stop what else runs on it") from problem
    except cuda.Error as problem:
        raise EngineError(f"{where}: CUDA reports '{problem}'; check with `nvidia-smi` that the driver sees the GPU") from problem


def _cuda_version(number: int) -> str:
    return f"{number // 1000}.{number % 1000 // 10}"


def driver_version(path: Path = _DRIVER_VERSION_FILE) -> str:
    """Return the kernel driver's version, such as "550.54.15", or "unknown" where it does not say (Jetson has its own scheme)."""
    try:
        found = re.search(r"\b\d{3}\.\d+(\.\d+)?\b", path.read_text(encoding="utf-8"))
    except OSError:
        return "unknown"
    return found[0] if found else "unknown"
