"""Which system libraries OpenCV's window lacks: its own build brings the others along."""

import ctypes
from collections.abc import Callable

# library to Debian package; Qt's plug-in for X11 links them, and a machine without a desktop may have none
_NEEDED = {"libSM.so.6": "libsm6", "libXext.so.6": "libxext6", "libX11.so.6": "libx11-6", "libxcb.so.1": "libxcb1"}


def missing_window_libraries(loads: Callable[[str], bool] | None = None) -> dict[str, str]:
    """Those that cannot be loaded: file name to the Debian package that has it."""
    return {name: package for name, package in _NEEDED.items() if not (loads or _loads)(name)}


def _loads(name: str) -> bool:
    try:
        ctypes.CDLL(name)
    except OSError:
        return False
    return True
