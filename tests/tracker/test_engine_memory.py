"""A rig that swaps its bundle every day for weeks holds one network, not all of them."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
from onnx import helper, numpy_helper

from tests.conftest import BundleMaker
from tracker.bundle import read_bundle, write_bundle

MEGABYTES = 20
FREED_IS_GIVEN_BACK = {"MALLOC_MMAP_THRESHOLD_": "1000000"}  # to glibc: else it keeps a block of a network or two, free, for later
CODE = """
import sys, threading
sys.path[:] = {path!r}
from pathlib import Path
from tracker.bundle import read_bundle
from tracker.config import EngineConfig
from tracker.engines.open_engine import open_engine

settings = EngineConfig(bundle="", runtime="openvino", precision="fp32", threads=1, gpu=0, budget_ms=1.0, keep_warm_ms=None)
engines, closed = [], []

def swap(folder):
    engines.append(open_engine(read_bundle(Path(folder)), settings, say=lambda _: None))
    if len(engines) > 1:
        closed.append(engines.pop(0))  # still referred to: closing must free it
        closed[-1].close()

def held_mb():
    return next(int(line.split()[1]) / 1000 for line in open("/proc/self/status") if line.startswith("RssAnon"))

for number in range(50):
    thread = threading.Thread(target=swap, args=({folders!r}[number % 2],))
    thread.start()
    thread.join()
    if number == 9:
        early = held_mb()
last = held_mb()
engines[0].close()
print(early, last, held_mb())
"""


def large(folder: Path, seed: int, make_bundle: BundleMaker) -> Path:
    """The brightest pixel, and a table of 20 MB of which one row is added to x: about 1e-9."""
    small = read_bundle(make_bundle(folder.with_name(f"{folder.name}-small"), height=16, width=16))
    model = onnx.load_model_from_string(small.model.read_bytes())
    table = np.random.default_rng(seed).random((16 * 16, MEGABYTES * 1_000_000 // 4 // 256), np.float32) * np.float32(1e-12)
    model.graph.initializer.append(numpy_helper.from_array(table, "table"))
    nodes = list(model.graph.node)
    (end,) = [place for place, node in enumerate(nodes) if node.op_type == "Concat"]
    nodes[end].input[0] = "x_and_row"
    nodes[end:end] = [
        helper.make_node("Gather", ["table", "index"], ["entry"], axis=0),
        helper.make_node("ReduceSum", ["entry", "one"], ["sum"], keepdims=0),
        helper.make_node("Add", ["x", "sum"], ["x_and_row"]),
    ]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    write_bundle(folder, model=model.SerializeToString(), self_test_image=small.self_test_image, description=small.description)
    return folder


def test_fifty_swaps_hold_no_more_memory_than_ten(tmp_path: Path, make_bundle: BundleMaker) -> None:
    folders = [str(large(tmp_path / f"b{seed}", seed, make_bundle)) for seed in range(2)]

    code = CODE.format(path=sys.path, folders=folders)
    done = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | FREED_IS_GIVEN_BACK, capture_output=True, text=True, timeout=100, check=True
    )
    early, last, closed = (float(number) for number in done.stdout.split())

    assert last < early + MEGABYTES
    assert closed < last - MEGABYTES / 2
