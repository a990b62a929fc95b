"""Clock, temperature and memory of this machine, as far as the kernel tells. Reads only."""

import ctypes
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from tracker.check.result import CheckResult, Measured, judged, unjudged
from tracker.config import RecordingConfig
from tracker.frame import Image

_HOT_C = 85.0
_MARGIN_C = 10.0
_UNSYNCHRONISED = 0x40  # STA_UNSYNC of <sys/timex.h>
_STEP_MS = 2.0
_ANSWER_S = 10.0
_TIMESYNCD = Path("/run/systemd/timesync/synchronized")
_NOBODY_TELLS = "neither the kernel nor systemd tells whether the wall clock follows a reference"
_RESERVE_BYTES = 500e6  # that the rest of the machine should keep


class _Timex(ctypes.Structure):
    """struct timex of 64-bit Linux; all but the first fields are padding here."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_long * 32),
    )


def kernel_is_synchronised() -> bool | None:
    """Whether the kernel says that the wall clock follows a reference; None where it does not tell, as in a service that may not ask."""
    try:
        adjtimex = ctypes.CDLL(None, use_errno=True).adjtimex
    except (OSError, AttributeError):
        return None
    found = _Timex(modes=0)  # 0 changes nothing
    return None if adjtimex(ctypes.byref(found)) < 0 else not found.status & _UNSYNCHRONISED


def systemd_is_synchronised(timedatectl: str = "timedatectl", *, timesyncd: Path = _TIMESYNCD) -> bool | None:
    """The same as systemd says it, which may ask the kernel in a service's stead; None where it does not answer."""
    command = [timedatectl, "show", "--property=NTPSynchronized", "--value"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_ANSWER_S, stdin=subprocess.DEVNULL)
        told = {"yes": True, "no": False}.get(answer.stdout.strip())
    except (OSError, subprocess.TimeoutExpired):
        told = None
    return True if told is None and timesyncd.exists() else told


def is_synchronised() -> bool | None:
    """Whether kernel or systemd says that the wall clock follows a reference, None where neither tells."""
    told = kernel_is_synchronised()
    return systemd_is_synchronised() if told is None else told


def unix_offset_ns() -> int:
    """What added to monotonic time gives unix time."""
    return time.clock_gettime_ns(time.CLOCK_REALTIME) - time.monotonic_ns()


def clock(
    began_offset_ns: int, *, synchronised: Callable[[], bool | None] = is_synchronised, now: Callable[[], int] = unix_offset_ns
) -> CheckResult:
    """Whether the wall clock is set, and ran with the monotonic one meanwhile. Intervals never use it; names and notes of sessions do.

    Args:
        began_offset_ns: `unix_offset_ns` at the beginning.
        synchronised: whether the kernel or systemd says so.
        now: `unix_offset_ns` at the end.
    """
    is_set, moved_ms = synchronised(), (now() - began_offset_ns) / 1e6
    measured: dict[str, Measured] = {"synchronised": is_set, "moved_ms": round(moved_ms, 3)}
    moved = f"it moved by {abs(moved_ms):.1f} ms against the monotonic clock meanwhile"
    said = {True: "the wall clock follows a reference", False: "the wall clock follows no reference", None: _NOBODY_TELLS}[is_set]
    found = f"{said}, and {moved}"
    if is_set is None and abs(moved_ms) <= _STEP_MS:
        return unjudged("clock", f"not judged: {found}", **measured)
    warn = None
    if is_set is False:
        warn = "times of sessions may be wrong and differ between machines: switch on time synchronisation (timedatectl set-ntp true)"
    elif abs(moved_ms) > _STEP_MS:
        warn = "it is being set at the moment: wait a few minutes before a session begins"
    return judged("clock", found, measured, warn=warn)


def throttled(root: Path = Path("/sys")) -> int | None:
    """How often processors were slowed down because of heat since the start of the machine; None where the kernel does not tell."""
    counts = [_number(path) for path in root.glob("devices/system/cpu/cpu*/thermal_throttle/*_throttle_count")]
    known = [round(count) for count in counts if count is not None]
    return sum(known) if known else None


def temperature(began_throttled: int | None, *, root: Path = Path("/sys")) -> CheckResult:
    """How hot the hottest part is, against the kernel's own limits, after the load of this check.

    Args:
        began_throttled: `throttled` at the beginning.
        root: of the kernel's files.
    """
    zones = [(value / 1000, zone) for zone in root.glob("class/thermal/thermal_zone*") if (value := _number(zone / "temp")) is not None]
    more = (throttled(root) or 0) - began_throttled if began_throttled is not None else 0
    slowed = f"processors were slowed down {more} times during this check: clean the fans, give the machine air" if more > 0 else None
    if not zones:
        nothing = "the kernel tells no temperature"
        return judged("temperature", nothing, {}, warn=slowed) if slowed else unjudged("temperature", f"not judged: {nothing}")
    hottest, zone = max(zones, key=lambda each: each[0])
    limit = min(
        (value / 1000 for path in zone.glob("trip_point_*_temp") if (value := _number(path)) and value > 40_000), default=_HOT_C + _MARGIN_C
    )
    name = _text(zone / "type") or zone.name
    found = f"{hottest:.0f} °C ({name}), its limit is {limit:.0f} °C"
    warn = slowed or (
        "a night of work may be slowed down by heat: clean the fans, give the machine air" if hottest > limit - _MARGIN_C else None
    )
    return judged("temperature", found, {"celsius": round(hottest, 1), "limit_celsius": round(limit, 1), "throttled": more}, warn=warn)


def memory(queues_bytes: float, *, meminfo: Path = Path("/proc/meminfo")) -> CheckResult:
    """Whether the frames that may wait fit into memory.

    Args:
        queues_bytes: of frames that may wait for loop and encoder.
        meminfo: the kernel's file.
    """
    available = next((1024 * int(line.split()[1]) for line in _text(meminfo).splitlines() if line.startswith("MemAvailable:")), None)
    if available is None:
        return unjudged("memory", "not judged: the kernel does not tell how much is available")
    found = f"{available / 1e9:.1f} GB are available; frames that wait may take {queues_bytes / 1e9:.2f} GB"
    measured: dict[str, Measured] = {"available_gb": round(available / 1e9, 3), "queues_gb": round(queues_bytes / 1e9, 3)}
    remedy = "close other programs, or lower recording.queue_frames"
    bad = remedy if queues_bytes > available else None
    warn = remedy if queues_bytes + _RESERVE_BYTES > available else None
    return judged("memory", found, measured, bad=bad, warn=warn)


def memory_of_queues(image: Image, settings: RecordingConfig, queue_frames: int) -> float:
    """Bytes that frames may take: for the encoder, with `pace: every_frame` for the loop, and for a session that an event begins."""
    kept = settings.before_mb * 1e6 if settings.on_event else 0.0
    return float(image.nbytes * (settings.queue_frames + queue_frames)) + kept


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


def _number(path: Path) -> float | None:
    text = _text(path)
    return float(text) if text.lstrip("-").isdigit() else None
