"""Which start of which machine this is. Programs that see the same share one monotonic clock, whatever the time of day does."""

from pathlib import Path

_FILE = Path("/proc/sys/kernel/random/boot_id")


def boot_id() -> str:
    """The kernel's own number of this start; empty where it tells none."""
    try:
        return _FILE.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return ""
