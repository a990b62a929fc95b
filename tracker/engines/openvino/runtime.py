"""The one place that imports OpenVINO and the one owner of its core.

Imported without its telemetry, which would send a message to its maker from every rig at every start.

Its CPU plug-in gives the thread that loads it a stack for signal handlers, and unmaps that stack when the last user of the plug-in
goes, on whichever thread that is. Python's own handlers run on that stack: after it is gone, the next signal ends the process.
So there is one core, and it lives as long as the process.
"""

import functools
import sys

# OpenVINO takes a stub in the place of this package where it is absent; nothing else in it depends on it.
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]

import openvino  # type: ignore[import-untyped]  # noqa: E402 - after the line above, or it is too late

__all__ = ["core", "openvino"]


@functools.lru_cache(maxsize=1)
def core() -> openvino.Core:
    """The process's only core. Any thread may use it."""
    return openvino.Core()
