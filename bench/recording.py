"""What recording costs the loop: the same daemon in turns with and without a recording, and the frames that the recording has.

    python bench/recording.py --bundle demo/model --turns 10 --seconds 50

Synthetic camera, 640x480 at 100 frames per second. The loop's time is from a frame's receipt to its publication. The first second of
each turn is not measured. Prints p50, p99 and largest, their ratio, and the frames recorded and dropped.
"""

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from daemon import daemon
from numpy.typing import NDArray
from rich.progress import track

from tracker.client import Client
from tracker.messages import PoseMessage
from tracker.stream.control import ask

START_S = 60.0
ANSWER_S = 60.0
SETTLE_S = 1.0  # at the begin of each turn


def measure(bundle: Path, folder: Path, *, turns: int, seconds: float, rate_hz: float, precision: str, threads: int) -> dict[str, Any]:
    """Loop times in ms and what was recorded, over turns that alternate, a turn without a recording first."""
    times: dict[str, list[NDArray[np.float64]]] = {"without": [], "recording": []}
    recorded, dropped = 0, 0
    sections: dict[str, Any] = {
        "camera": {"rate_hz": rate_hz},
        "engine": {"precision": precision, "threads": threads},
    }
    with daemon(bundle, recording={"folder": str(folder)}, **sections) as (_, address), Client(address, high_water_mark=100_000) as client:
        control = address.replace("/stream", "/control")
        if client.receive(START_S) is None:
            raise SystemExit("recording: the tracker publishes nothing; run it by hand with examples/synthetic.yaml to see why")
        for _ in track(range(turns), description="listening", disable=not sys.stderr.isatty()):
            times["without"].append(_listen(client, seconds))
            ask(control, {"command": "record_start"}, timeout_s=ANSWER_S)
            times["recording"].append(_listen(client, seconds))
            answer = ask(control, {"command": "record_stop"}, timeout_s=ANSWER_S)
            recorded, dropped = recorded + answer["frames"], dropped + answer["dropped"]
    result: dict[str, Any] = {name: _percentiles(np.concatenate(parts)) for name, parts in times.items()}
    result["ratio"] = {name: round(result["recording"][name] / result["without"][name], 3) for name in ("p50", "p99", "max")}
    return result | {"recorded": recorded, "dropped": dropped, "missed_by_this_process": sum(client.gaps.values())}


def main() -> None:
    """Measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bundle", type=Path, default=Path(__file__).resolve().parents[1] / "demo" / "model")
    parser.add_argument("--turns", type=int, default=5, help="of each kind (%(default)s)")
    parser.add_argument("--seconds", type=float, default=20.0, help="of each turn (%(default)s)")
    parser.add_argument("--rate-hz", type=float, default=100.0)
    parser.add_argument("--precision", choices=("fp32", "bf16"), default="bf16")
    parser.add_argument("--threads", type=int, default=1, help="of the engine (%(default)s)")
    parser.add_argument("--folder", type=Path, help="record here (a temporary folder, emptied after)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    if not (options.bundle / "bundle.json").exists():
        raise SystemExit(f"recording: {options.bundle} is not a bundle; run `make demo` first, or name one with --bundle")
    with tempfile.TemporaryDirectory(prefix="rigtrack-recording-") as temporary:
        result = measure(
            options.bundle,
            options.folder or Path(temporary),
            turns=options.turns,
            seconds=options.seconds,
            rate_hz=options.rate_hz,
            precision=options.precision,
            threads=options.threads,
        )
    if options.json:
        print(json.dumps(result))
        return
    for name, value in result.items():
        print(f"{name:<24} {value}")


def _listen(client: Client, seconds: float) -> NDArray[np.float64]:
    """From receipt to publication of every frame, ms, once what was asked before has settled."""
    begins = time.monotonic() + SETTLE_S
    ends = begins + seconds
    found = list[int]()
    while time.monotonic() < ends:
        message = client.receive(1.0)
        if isinstance(message, PoseMessage) and time.monotonic() >= begins:
            found.append(message.published_ns - message.received_ns)
    if not found:
        raise SystemExit("recording: the tracker published no pose for a whole turn; run it by hand to see why")
    return np.asarray(found) / 1e6


def _percentiles(values_ms: NDArray[np.float64]) -> dict[str, float]:
    p50, p99 = np.percentile(values_ms, [50, 99])
    return {"frames": len(values_ms), "p50": round(float(p50), 4), "p99": round(float(p99), 4), "max": round(float(values_ms.max()), 4)}


if __name__ == "__main__":
    main()
