"""Where a run took place and with what versions."""

import os
import platform
from importlib import metadata
from pathlib import Path

PACKAGES = ("rigtrack", "torch", "lightning", "optuna", "kornia", "timm", "openvino", "onnx", "numpy", "opencv-python", "sleap-io")


def machine(device: str) -> dict[str, str]:
    """Processor, memory, system and versions, in words; `device` is what the network was trained on."""
    found = {
        "trained on": device,
        "processor": f"{_processor()}, {os.cpu_count()} cores",
        "memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 1e9:.1f} GB",
        "system": platform.platform(),
        "Python": platform.python_version(),
    }
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue  # an extra that this machine does not have
    return found


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        return platform.processor() or platform.machine()  # not Linux
    return platform.machine()
