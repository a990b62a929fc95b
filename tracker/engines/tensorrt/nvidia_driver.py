"""Which NVIDIA driver is loaded; an engine is tied to it."""

import re
from pathlib import Path

VERSION_FILE = Path("/proc/driver/nvidia/version")


def driver_version(path: Path = VERSION_FILE) -> str:
    """Return the kernel driver's version, such as "550.54.15", or "unknown" where it does not say (Jetson has its own scheme)."""
    try:
        found = re.search(r"\b\d{3}\.\d+(\.\d+)?\b", path.read_text(encoding="utf-8"))
    except OSError:
        return "unknown"
    return found[0] if found else "unknown"
