"""One frame's work recorded once and launched as a whole: CUDA graphs, which PyCUDA does not offer, through the driver's C interface."""

import ctypes
from collections.abc import Callable

from tracker.errors import EngineError

_THREAD_LOCAL = 1  # CU_STREAM_CAPTURE_MODE_THREAD_LOCAL: what other threads do with CUDA meanwhile is their own affair
_SIGNATURES: dict[str, tuple[type, ...]] = {
    "cuStreamBeginCapture_v2": (ctypes.c_void_p, ctypes.c_int),
    "cuStreamEndCapture": (ctypes.c_void_p, ctypes.c_void_p),
    "cuGraphInstantiateWithFlags": (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_ulonglong),  # CUDA 11.4 and newer
    "cuGraphLaunch": (ctypes.c_void_p, ctypes.c_void_p),
    "cuGraphDestroy": (ctypes.c_void_p,),
    "cuGraphExecDestroy": (ctypes.c_void_p,),
}


class CudaGraph:
    """Work recorded from one stream. The context must be current for every call.

    Args:
        stream: the CUstream's handle; not the default stream.
        enqueue: puts the work on that stream and waits for nothing.
        library: file name of the CUDA driver's library.

    Raises:
        EngineError: the driver has no CUDA graphs, or the work cannot be recorded.
    """

    def __init__(self, stream: int, *, enqueue: Callable[[], None], library: str = "libcuda.so.1") -> None:
        self._driver = _driver(library)
        self._stream = ctypes.c_void_p(stream)
        self._executable = ctypes.c_void_p()
        recorded = ctypes.c_void_p()
        self._call("cuStreamBeginCapture_v2", self._stream, _THREAD_LOCAL)
        try:
            enqueue()
        finally:
            self._call("cuStreamEndCapture", self._stream, ctypes.byref(recorded))
        try:
            self._call("cuGraphInstantiateWithFlags", ctypes.byref(self._executable), recorded, 0)
        finally:
            self._call("cuGraphDestroy", recorded)

    def launch(self) -> None:
        """Put the recorded work on its stream.

        Raises:
            EngineError: the driver refuses.
        """
        self._call("cuGraphLaunch", self._executable, self._stream)

    def close(self) -> None:
        """Free the graph. May be called twice."""
        if self._executable:
            self._call("cuGraphExecDestroy", self._executable)
            self._executable = ctypes.c_void_p()

    def _call(self, name: str, *arguments: object) -> None:
        status = getattr(self._driver, name)(*arguments)
        if status != 0:
            raise EngineError(f"CUDA graph: {name} returned error {status}")


def _driver(library: str) -> ctypes.CDLL:
    try:
        driver = ctypes.CDLL(library)
        for name, arguments in _SIGNATURES.items():
            function = getattr(driver, name)
            function.argtypes, function.restype = arguments, ctypes.c_int
    except (OSError, AttributeError) as problem:
        raise EngineError(f"CUDA graph: the driver does not offer it ({problem})") from problem
    return driver
