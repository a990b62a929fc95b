"""How long from a frame in host memory to its message in another process, and how much of that is not the engine.

Synthetic camera, 640x480 at 100 frames per second. Attached: this process, and unless told otherwise also a second
subscriber and a viewer that takes and decodes every picture. Warm-up is excluded. Prints p50, p99, p99.9 and max.
"""

import argparse
import json
import platform
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from daemon import daemon
from numpy.typing import NDArray
from rich.progress import track

from tracker.client import Client
from tracker.messages import PoseMessage

SUBSCRIBER = "from tracker.client import Client\nfor message in Client({address!r}): pass"
VIEWER = """import cv2, numpy as np
from tracker.client import Client
for message in Client({address!r}, kinds=("pose", "image", "event", "status")):
    if type(message).__name__ == "ImageMessage":
        cv2.imdecode(np.frombuffer(message.jpeg, np.uint8), cv2.IMREAD_COLOR)
"""


SLEEPER = """import time, zmq
socket = zmq.Context().socket(zmq.SUB)
socket.setsockopt(zmq.RCVHWM, 1)
socket.subscribe(b"")
socket.connect({address!r})
time.sleep(86400)
"""
OTHERS = {"all": (SUBSCRIBER, VIEWER), "none": (), "sleeper": (SLEEPER,)}  # sleeper: subscribed to everything, never reads


def measure(
    bundle: Path, *, frames: int, warm_up: int, attached: str, rate_hz: float, precision: str, threads: int
) -> tuple[NDArray[np.int64], dict[str, Any]]:
    """Returns int64 (frames, 5): received, taken, inferred, published, heard, all ns; and facts about the run."""
    camera = {"rate_hz": rate_hz}
    with (
        daemon(bundle, camera=camera, engine={"precision": precision, "threads": threads}) as (_, address),
        Client(address, high_water_mark=100_000) as client,
    ):
        others = [subprocess.Popen([sys.executable, "-c", code.format(address=address)]) for code in OTHERS[attached]]
        try:
            rows, facts = _listen(client, frames, warm_up=warm_up)
        finally:
            for other in others:
                other.kill()
                other.wait()
        return rows, facts | {"missed": sum(client.gaps.values())}


def _listen(client: Client, frames: int, *, warm_up: int) -> tuple[NDArray[np.int64], dict[str, Any]]:
    rows = np.zeros((warm_up + frames, 5), np.int64)
    facts: dict[str, Any] = {}
    lost = 0
    for index in track(range(len(rows)), description="listening", console=None, disable=not sys.stderr.isatty()):
        while True:
            message = client.receive(30.0)
            if message is None:
                raise SystemExit(
                    "loop_latency: the tracker has been silent for 30 s; run it by hand with examples/synthetic.yaml to see why"
                )
            if isinstance(message, PoseMessage):
                break
            facts = {key: getattr(message, key, facts.get(key)) for key in ("runtime", "device", "precision", "bundle")}
        rows[index] = message.received_ns, message.taken_ns, message.inferred_ns, message.published_ns, time.monotonic_ns()
        lost = message.lost
    return rows[warm_up:], facts | {"lost": lost}


def percentiles(values_ms: NDArray[np.float64]) -> dict[str, float]:
    """p50, p99, p99.9 and max, ms."""
    p50, p99, p999 = np.percentile(values_ms, [50, 99, 99.9])
    return {
        "p50": round(float(p50), 4),
        "p99": round(float(p99), 4),
        "p99.9": round(float(p999), 4),
        "max": round(float(values_ms.max()), 4),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--bundle", type=Path, default=Path(__file__).resolve().parents[1] / "demo" / "model", help="as `make demo` left it"
    )
    parser.add_argument("--frames", type=int, default=10_000)
    parser.add_argument("--warm-up", type=int, default=200, help="frames that are not measured (%(default)s)")
    parser.add_argument("--rate-hz", type=float, default=100.0)
    parser.add_argument("--precision", choices=("fp32", "bf16"), default="bf16")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--attached", choices=tuple(OTHERS), default="all", help="who listens besides this process")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--picture", type=Path, help="write a histogram here")
    options = parser.parse_args()
    if not (options.bundle / "bundle.json").exists():
        raise SystemExit(f"loop_latency: {options.bundle} is not a bundle; run `make demo` first, or name one with --bundle")
    rows, facts = measure(
        options.bundle,
        frames=options.frames,
        warm_up=options.warm_up,
        attached=options.attached,
        rate_hz=options.rate_hz,
        precision=options.precision,
        threads=options.threads,
    )
    received, taken, inferred, published, heard = rows.T / 1e6
    parts = {"overhead": heard - received - (inferred - taken), "total": heard - received, "engine": inferred - taken}
    parts |= {"wait": taken - received, "behaviour": published - inferred, "publish_and_hop": heard - published}
    span_s = (rows[-1, 0] - rows[0, 0]) / 1e9
    result: dict[str, Any] = {f"{name}_ms": percentiles(values) for name, values in parts.items()}
    result |= {
        "frames": len(rows),
        "fps": round((len(rows) - 1) / span_s, 2),
        "attached": 1 + len(OTHERS[options.attached]),
        "others": options.attached,
        **facts,
    }
    result |= {"machine": platform.processor() or platform.machine(), "python": platform.python_version()}
    if options.picture:
        draw(options.picture, parts, result)
    if options.json:
        print(json.dumps(result))
        return
    for name, value in result.items():
        print(f"{name:<20} {value}")


def draw(path: Path, parts: dict[str, NDArray[np.float64]], result: dict[str, Any]) -> None:
    """Histogram of overhead and total on two log axes: the tail is what matters."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 4), layout="constrained", dpi=110)
    axes = figure.add_subplot()
    bins = np.geomspace(0.02, max(20.0, float(parts["total"].max()) * 1.1), 160).tolist()
    for name, colour in (("total", "#999999"), ("overhead", "#0072b2")):
        axes.hist(
            parts[name],
            bins=bins,
            histtype="stepfilled",
            alpha=0.6,
            color=colour,
            label=name + ": " + ", ".join(f"{key} {value:.2f}" for key, value in result[f"{name}_ms"].items()) + " ms",
        )
    axes.set(xscale="log", yscale="log", xlabel="ms", ylabel="frames")
    axes.set_title(
        f"frame in host memory → message in another process, {result['frames']} frames, {result['attached']} subscribers", loc="left"
    )
    figure.legend(frameon=False, loc="outside lower left", fontsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path)


if __name__ == "__main__":
    main()
