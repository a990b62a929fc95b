"""What a peer with very many subscriptions costs the loop at every frame: an event published and newcomers served, in processor time.

Prints p50, p99 and max before it came, while it is there and after it was killed.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from tracker.config import PublisherConfig
from tracker.event import Event
from tracker.frame import Frame
from tracker.stream.publisher import Publisher

PEER = """import sys, time, zmq
socket = zmq.Context().socket(zmq.XSUB)
socket.setsockopt(zmq.SNDHWM, 0)
socket.connect(sys.argv[1])
for number in range(int(sys.argv[2])):
    socket.send(b"\\x01x%d" % number)
time.sleep(86400)
"""
PAUSE_S = 0.0005


@contextmanager
def peer(address: str, count: int) -> Iterator[None]:
    process = subprocess.Popen([sys.executable, "-c", PEER, address, str(count)])
    try:
        yield
    finally:
        process.kill()
        process.wait()


def frames(publisher: Publisher, seconds: float) -> dict[str, float]:
    """Publish for so long; ms."""
    frame = Frame(image=np.zeros((2, 2), np.uint8), number=1, exposed_ns=None, received_ns=0)
    event = Event(name="e", state="on", animal=0, frame=1, onset_frame=1, value=1.0, threshold=1.0, added_delay_ms=0.0)
    costs = []
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        begun = time.thread_time()
        publisher.event(frame, event)
        publisher.serve()
        costs.append(1e3 * (time.thread_time() - begun))
        time.sleep(PAUSE_S)
    p50, p99 = np.percentile(costs, [50, 99])
    return {"p50": round(float(p50), 4), "p99": round(float(p99), 4), "max": round(max(costs), 4)}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=200_000, help="subscriptions")
    parser.add_argument("--seconds", type=float, default=20.0, help="while the peer is there")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="rigtrack-bench-") as folder:
        address = f"ipc://{folder}/stream"
        with Publisher(PublisherConfig(bind=(address,), high_water_mark=100, curve_keys=None), camera="top") as publisher:
            result = {"before_ms": frames(publisher, min(2.0, options.seconds))}
            with peer(address, options.count):
                result["with_peer_ms"] = frames(publisher, options.seconds)
            result["after_ms"] = frames(publisher, min(2.0, options.seconds))
    print(json.dumps(result))


if __name__ == "__main__":
    main()
