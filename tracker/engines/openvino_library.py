"""The one place that imports OpenVINO: without its telemetry, which would send a message to its maker from every rig at every start."""

import sys

# OpenVINO takes a stub in the place of this package where it is absent; nothing else in it depends on it.
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]

import openvino  # type: ignore[import-untyped]  # noqa: E402 - after the line above, or it is too late

__all__ = ["openvino"]
