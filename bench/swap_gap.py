"""How long the loop pauses while the bundle is swapped: gaps between published poses, with and without swaps.

    python bench/swap_gap.py --megabytes 100 --swaps 5

Synthetic camera, 640x480 at 100 frames per second, `newest_frame`. The network finds the brightest pixel, twice, and carries a table of
random numbers besides, of which it looks one row up each frame, so that a bundle of any size costs no time per frame. `cold` swaps
to a bundle that has no engine on this machine yet, which is built first; `warm` to one that has; `elsewhere` builds and opens the same
engines in a process that has nothing to do with the daemon, so that what the machine itself costs is seen. Prints median and largest
gap in ms.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx.parser
from daemon import daemon
from onnx import numpy_helper

from tracker.bundle import read_bundle, write_bundle
from tracker.bundle_description import Accuracy, Description, SelfTest, TensorShape, TrainingData, View
from tracker.client import Client
from tracker.config import EngineConfig
from tracker.engines.open_engine import open_engine
from tracker.messages import PoseMessage
from tracker.stream.control import ask

MODEL = """
<ir_version: 8, opset_import: ["" : 17]>
brightest_pixel (uint8[1, 480, 640, 1] image) => (float[1, 1, 2, 3] points)
<int64[1] flat = {307200}, int64[1] one = {1}, int64[1] width = {640}, float[1] white = {255.0}, int64[4] answer = {1, 1, 2, 3}>
{
    grey = Cast <to = 1> (image)
    pixels = Reshape (grey, flat)
    peak, index = TopK (pixels, one)
    row = Div (index, width)
    start = Mul (row, width)
    column = Sub (index, start)
    x = Cast <to = 1> (column)
    y = Cast <to = 1> (row)
    place = Mod (index, rows)
    entry = Gather <axis = 0> (table, place)
    sum = ReduceSum <keepdims = 0> (entry, one)
    x_and_entry = Add (x, sum)
    confidence = Div (peak, white)
    triple = Concat <axis = 0> (x_and_entry, y, confidence, x_and_entry, y, confidence)
    points = Reshape (triple, answer)
}
"""
START_S = 60.0
SWAP_S = 120.0


def main() -> None:
    """Measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=int, default=100, help="size of the network (%(default)s)")
    parser.add_argument("--swaps", type=int, default=5, help="of each kind (%(default)s)")
    parser.add_argument("--rate", type=float, default=100.0, help="frames per second (%(default)s)")
    parser.add_argument("--threads", type=int, default=1, help="of the engine (%(default)s)")
    parser.add_argument("--warm-up", type=float, default=3.0, help="seconds before the first measurement (%(default)s)")
    parser.add_argument("--without", type=float, default=3.0, help="seconds listened for each gap without a swap (%(default)s)")
    parser.add_argument("--pause", type=float, default=1.0, help="seconds before and after each swap (%(default)s)")
    parser.add_argument("--json", action="store_true", help="one line of JSON instead of a table")
    parser.add_argument("--open", type=Path, metavar="BUNDLE", help=argparse.SUPPRESS)  # what the process of `elsewhere` does
    options = parser.parse_args()
    if options.open is not None:
        open_engine(
            read_bundle(options.open), EngineConfig(bundle=str(options.open), threads=options.threads, precision="fp32"), say=print
        ).close()
        return
    with tempfile.TemporaryDirectory(prefix="rigtrack-swap-") as folder:
        os.environ["CACHE_DIRECTORY"] = str(Path(folder) / "cache")  # so that "cold" is cold, and no engine is left behind
        result = measure(Path(folder), options)
    if options.json:
        print(json.dumps(result))
        return
    print(f"{'':10} {'gaps':>6} {'median':>8} {'p99':>8} {'largest of each, ms'}")
    for name, found in result.items():
        largest = ", ".join(f"{value:.1f}" for value in found["largest_ms"])
        print(f"{name:10} {found['gaps']:6d} {found['median_ms']:8.2f} {found['p99_ms']:8.2f} {largest}; each took {found['took_s']}")


def measure(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Gaps without a swap, while another process opens engines, and during swaps that build or find one."""
    swaps, threads = options.swaps, options.threads
    bundles = [write_large(folder / f"bundle{index}", megabytes=options.megabytes, seed=index) for index in range(swaps + 1)]
    sections: dict[str, Any] = {
        "camera": {"rate_hz": options.rate},
        "capture": {"pace": "newest_frame"},
        "engine": {"precision": "fp32", "threads": threads},
    }
    with (
        daemon(bundles[0], **sections) as (_, address),
        Client(address, high_water_mark=100_000) as client,
        Listener(client, options.pause) as listener,
    ):
        control = address.replace("/stream", "/control")
        listener.wait_for_first(START_S)
        time.sleep(options.warm_up)

        def swap_to(index: int) -> Callable[[], None]:
            return lambda: print(ask(control, {"command": "swap", "bundle": str(bundles[index])}, timeout_s=SWAP_S), file=sys.stderr)

        def open_elsewhere(index: int) -> Callable[[], None]:
            command = [sys.executable, __file__, "--open", str(bundles[index]), "--threads", str(threads)]
            cache = os.environ | {"CACHE_DIRECTORY": str(folder / "cache-elsewhere")}
            return lambda: print(subprocess.run(command, env=cache, check=True, capture_output=True, text=True).stdout, file=sys.stderr)

        result = {"none": listener.gaps([lambda: time.sleep(options.without)] * swaps)}
        result["elsewhere"] = listener.gaps([open_elsewhere(index + 1) for index in range(swaps)])
        result["cold"] = listener.gaps([swap_to(index + 1) for index in range(swaps)])
        result["warm"] = listener.gaps([swap_to(swaps - 1 - index) for index in range(swaps)])
    return result


class Listener(threading.Thread):
    """Collects when each pose was published, on a thread of its own."""

    def __init__(self, client: Client, pause_s: float) -> None:
        super().__init__(name="listener")
        self._client, self._pause_s = client, pause_s
        self._published_ns, self._ended = list[int](), threading.Event()

    def run(self) -> None:
        """Listen until stopped."""
        while not self._ended.is_set():
            message = self._client.receive(0.2)
            if isinstance(message, PoseMessage):
                self._published_ns.append(message.published_ns)

    def __enter__(self) -> "Listener":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self.join()

    def wait_for_first(self, timeout_s: float) -> None:
        """Return when a pose has come."""
        deadline = time.monotonic() + timeout_s
        while not self._published_ns:
            if time.monotonic() > deadline:
                raise SystemExit("swap_gap: the tracker publishes nothing; run it by hand with examples/synthetic.yaml to see why")
            time.sleep(0.05)

    def gaps(self, actions: list[Callable[[], None]]) -> dict[str, Any]:
        """Gaps in ms between poses while each action goes on, and a moment longer."""
        all_gaps, largest, took = [], [], []
        for action in actions:
            time.sleep(self._pause_s)
            begun = time.monotonic_ns()
            action()
            took.append(round((time.monotonic_ns() - begun) / 1e9, 1))
            time.sleep(self._pause_s)
            published = np.asarray(self._published_ns, np.int64)
            found = np.diff(published[published >= begun - 50_000_000]) / 1e6
            all_gaps.append(found)
            largest.append(round(float(found.max()), 1))
        together = np.concatenate(all_gaps)
        return {
            "gaps": len(together),
            "median_ms": float(np.median(together)),
            "p99_ms": float(np.percentile(together, 99)),
            "largest_ms": largest,
            "took_s": took,
        }


def write_large(folder: Path, *, megabytes: int, seed: int) -> Path:
    """A bundle of the brightest pixel whose network also looks one row of a large table up: values of about 1e-9, added to x."""
    model = onnx.parser.parse_model(MODEL)
    rows = megabytes * 1_000_000 // 4 // 64
    table = np.random.default_rng(seed).random((rows, 64), np.float32) * np.float32(1e-9)
    model.graph.initializer.extend([numpy_helper.from_array(table, "table"), numpy_helper.from_array(np.array([rows]), "rows")])
    image = np.zeros((480, 640), np.uint8)
    image[160, 160] = 204
    no_hash = "0" * 64
    description = Description(
        schema=1,
        name=folder.name,
        task="keypoints",
        created="2026-01-01T00:00:00Z",
        point_names=("snout", "tail_base"),
        skeleton=(),
        class_names=(),
        network="brightest_pixel_and_table",
        view=View(crop=None, fit="exact", colour="grey"),
        input=TensorShape(name="image", shape=(1, 480, 640, 1), dtype="uint8"),
        output=TensorShape(name="points", shape=(1, 1, 2, 3), dtype="float32"),
        states=(),
        precision="fp32",
        onnx_sha256=no_hash,
        training=TrainingData(sha256=no_hash, source="none", frames=0, held_out_frames=0, split="none"),
        accuracy=Accuracy(mean_px=None, median_px=None, p95_px=None, frames=0),
        self_test=SelfTest(image_sha256=no_hash, expected=[160.0, 160.0, 0.8] * 2, tolerance_fp32=1e-3, tolerance_reduced=1.0),
    )
    write_bundle(folder, model=model.SerializeToString(), self_test_image=image, description=description)
    return folder


if __name__ == "__main__":
    main()
