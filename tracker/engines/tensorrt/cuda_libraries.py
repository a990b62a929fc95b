"""Whether NVIDIA's kernel libraries cuBLAS and cuDNN are here and answer, which decides where TensorRT 8 may take kernels from."""

import ctypes

# TensorRT 8.6 is linked to these. Where it was installed without them, stand-ins may bear their names, whose every function fails.
_CUBLAS, _CUBLAS_LT, _CUDNN = "libcublas.so.12", "libcublasLt.so.12", "libcudnn.so.8"
_OLDEST_CUBLAS_LT, _OLDEST_CUDNN = 110_000, 8_000
_MAJOR_VERSION = 0  # libraryPropertyType


def working_libraries(cublas: str = _CUBLAS, cublas_lt: str = _CUBLAS_LT, cudnn: str = _CUDNN) -> frozenset[str]:
    """Which of CUBLAS, CUBLAS_LT and CUDNN can be loaded and tell their version; needs no GPU.

    Args:
        cublas: file name of the library.
        cublas_lt: file name of the library.
        cudnn: file name of the library.
    """
    answers = {
        "CUBLAS": _has_property(cublas),
        "CUBLAS_LT": _version(cublas_lt, "cublasLtGetVersion") >= _OLDEST_CUBLAS_LT,
        "CUDNN": _version(cudnn, "cudnnGetVersion") >= _OLDEST_CUDNN,
    }
    return frozenset(name for name, works in answers.items() if works)


def _has_property(library: str) -> bool:
    major = ctypes.c_int(0)
    try:
        status: int = ctypes.CDLL(library).cublasGetProperty(_MAJOR_VERSION, ctypes.byref(major))
    except (OSError, AttributeError):
        return False
    return status == 0 and major.value > 0


def _version(library: str, function: str) -> int:
    try:
        ask = getattr(ctypes.CDLL(library), function)
    except (OSError, AttributeError):
        return 0
    ask.restype = ctypes.c_size_t
    return int(ask()) & 0xFFFFFFFF  # a stand-in returns an int: what is above it in the register is chance
