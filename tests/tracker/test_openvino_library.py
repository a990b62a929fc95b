"""One core of OpenVINO for the life of the process: what its plug-in leaves in a thread must not outlive it."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import BundleMaker

CODE = """
import os, signal, sys, threading
sys.path[:] = {path!r}
import numpy as np
from tracker.engines.open_engine import open_engine
from tracker.bundle import read_bundle
from tracker.config import EngineConfig

bundle = read_bundle(__import__("pathlib").Path({bundle!r}))
settings = EngineConfig(bundle="", runtime="openvino", precision="fp32", threads=1, gpu=0, budget_ms=1.0, keep_warm_ms=None)
heard = threading.Event()
signal.signal(signal.{name}, lambda *_: heard.set())

def opened():
    return open_engine(bundle, settings, say=lambda _: None)

engines = [opened()]

def swap():
    engines.append(opened())
    engines.pop(0).close()

for _ in range(3):
    thread = threading.Thread(target=swap)
    thread.start()
    thread.join()
os.kill(os.getpid(), signal.{name})
heard.wait(300)
print("heard" if heard.is_set() else "not heard")
"""


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_a_signal_after_swaps_on_other_threads_reaches_its_handler(tmp_path: Path, make_bundle: BundleMaker, name: str) -> None:
    code = CODE.format(path=sys.path, bundle=str(make_bundle(tmp_path / "b", height=16, width=16)), name=name)

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300, check=False)

    assert (signal.strsignal(-done.returncode) if done.returncode else "", done.stdout) == ("", "heard\n"), done.stderr
