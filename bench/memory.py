"""Memory and start of the CPU daemon on the synthetic camera: time from start to the first pose, then resident memory over some minutes."""

import argparse
import json
import time
from pathlib import Path

import numpy as np
from daemon import daemon

from tracker.client import Client
from tracker.messages import PoseMessage


def resident_mb(pid: int) -> float:
    """Resident set of a process, MB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0.0


def start_s(bundle: Path) -> float:
    """Seconds from starting the process to its first pose in another process."""
    begun = time.monotonic()
    with daemon(bundle) as (_, address), Client(address) as client:
        while not isinstance(client.receive(30.0), PoseMessage):
            pass
        return time.monotonic() - begun


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--bundle", type=Path, default=Path(__file__).resolve().parents[1] / "demo" / "model", help="as `make demo` left it"
    )
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--every-s", type=float, default=5.0, help="between two looks at the memory (%(default)s)")
    parser.add_argument("--starts", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    starts = [start_s(options.bundle) for _ in range(options.starts)]
    with daemon(options.bundle) as (process, address), Client(address, high_water_mark=100_000) as client:
        memory, frames, end, due = [], 0, time.monotonic() + options.minutes * 60, time.monotonic() + options.every_s
        while time.monotonic() < end:
            frames += isinstance(client.receive(1.0), PoseMessage)
            if time.monotonic() >= due:
                memory.append(resident_mb(process.pid))
                due += options.every_s
        missed = sum(client.gaps.values())
    if len(memory) < 2:
        raise SystemExit(
            f"memory: {options.minutes:g} minutes are too few for a measurement every {options.every_s:g} s; give two at least"
        )
    settled = memory[len(memory) // 10 :]
    fitted = np.polyfit(np.arange(len(settled)) * options.every_s / 60, settled, 1)
    result = {
        "start_to_first_pose_s": {"median": round(float(np.median(starts)), 3), "max": round(max(starts), 3)},
        "minutes": options.minutes,
        "frames": frames,
        "missed": missed,
        "resident_mb": {
            "first": round(memory[0], 1),
            "after_a_tenth": round(settled[0], 1),
            "last": round(memory[-1], 1),
            "max": round(max(memory), 1),
        },
        "growth_mb_per_30_min": round(float(fitted[0]) * 30, 2),
    }
    print(json.dumps(result, indent=None if options.json else 2))


if __name__ == "__main__":
    main()
