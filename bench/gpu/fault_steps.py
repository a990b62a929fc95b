"""What goes wrong on a GPU, and the sentence it ends in: no device, no package, no memory, two daemons."""

import os
import subprocess
import sys
from contextlib import closing
from typing import Any

from engine_steps import frames_of, open_for
from figures import Notes
from loop_steps import two
from plan import Settings

from tracker.bundle import read_bundle
from tracker.errors import EngineError

OPEN = """
import sys
from pathlib import Path
{before}
from tracker.bundle import read_bundle
from tracker.engines.open_engine import open_engine
from tracker.errors import EngineError
from tracker.config import EngineConfig
try:
    bundle = read_bundle(Path({bundle!r}))
    settings = EngineConfig(
        bundle={bundle!r}, runtime="tensorrt", precision={precision!r}, threads=1, gpu=0, budget_ms=1000.0, keep_warm_ms=None
    )
    open_engine(bundle, settings, say=lambda _: None)
except EngineError as refusal:
    print(refusal)
    sys.exit(1)
"""
LEFT_BYTES = 48 << 20  # of GPU memory that everybody else leaves


def faults(settings: Settings, notes: Notes) -> None:
    """Each in a process of its own where it cannot be undone."""
    notes.put("no device visible", _child(settings, {"CUDA_VISIBLE_DEVICES": ""}))
    for package in ("tensorrt", "pycuda"):
        notes.put(f"{package} not installed", _child(settings, {}, before=f"sys.modules[{package!r}] = None"))
    if settings.runtime == "tensorrt":
        notes.put("GPU memory full", _full(settings))
    notes.put("two daemons", two(settings, settings.seconds * 0.4))


def _child(settings: Settings, environment: dict[str, str], *, before: str = "") -> dict[str, Any]:
    code = OPEN.format(before=before, bundle=str(settings.bundle("vga", settings.fast)), precision=settings.fast.replace("bf16", "fp32"))
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, **environment}, capture_output=True, text=True, timeout=60, check=False
    )
    said = done.stdout.strip()
    return {
        "status": done.returncode,
        "said": said,
        "one sentence": done.returncode == 1 and "\n" not in said and "Traceback" not in done.stderr,
    }


def _full(settings: Settings) -> dict[str, Any]:
    """Take nearly all of the memory, try to open an engine, give it back, and open it."""
    import pycuda.driver as cuda

    from tracker.engines.tensorrt.gpu import Gpu

    gpu = Gpu(settings.gpu)
    bundle = read_bundle(settings.bundle("vga", settings.fast))
    with gpu:
        taken = []
        for leave in (1 << 30, LEFT_BYTES, LEFT_BYTES // 8, LEFT_BYTES // 64):
            free = cuda.mem_get_info()[0]
            if free > leave:
                taken.append(cuda.mem_alloc(free - leave))
    found: dict[str, Any] = {"left_mb": round(LEFT_BYTES / 64 / 2**20, 2)}
    try:
        open_for(settings, bundle, settings.fast).close()
        found["said"] = "nothing: the engine fitted into what was left"
    except EngineError as refusal:
        found["said"] = str(refusal)
    with gpu:
        for memory in taken:
            memory.free()
    gpu.close()
    with closing(open_for(settings, bundle, settings.fast)) as engine:
        engine.infer(frames_of(settings, "vga")[0])
        found["afterwards"] = "opened and ran"
    return found
