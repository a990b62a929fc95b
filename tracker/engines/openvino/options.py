"""What OpenVINO is told, alike where an engine is built and where it is loaded: every hint, nothing left to its defaults."""

import hashlib
from pathlib import Path
from typing import Any

from tracker.engines.engine_cache import MadeFor
from tracker.engines.openvino.runtime import core
from tracker.engines.openvino.runtime import openvino as ov

DEVICE = "CPU"
ELEMENTS = {"fp32": ov.Type.f32, "bf16": ov.Type.bf16, "int8": ov.Type.f32}  # int8 lies in the graph; the rest of it runs in fp32


def hints(*, precision: str, threads: int) -> dict[str, Any]:
    """Properties for compiling and for loading; `precision` is one of ELEMENTS."""
    return {
        "PERFORMANCE_HINT": "LATENCY",
        "EXECUTION_MODE_HINT": ov.properties.hint.ExecutionMode.PERFORMANCE,
        "NUM_STREAMS": 1,
        "INFERENCE_NUM_THREADS": threads,
        "INFERENCE_PRECISION_HINT": ELEMENTS[precision],
        "ENABLE_CPU_PINNING": False,  # pinned threads wait for whoever holds their core: see docs/decisions/0005-cpu-runtime.md
        "PERF_COUNT": False,
    }


def made_for(*, onnx_sha256: str, precision: str, threads: int) -> MadeFor:
    """What an engine of this machine depends on."""
    return MadeFor(
        onnx_sha256=onnx_sha256,
        runtime=f"openvino {ov.get_version()}",
        device=cpu_name(),
        capability=_instruction_set(),
        driver="none",
        precision=precision,
        options=f"threads {threads}",
    )


def cpu_name() -> str:
    """The processor as its maker calls it."""
    return str(core().get_property(DEVICE, "FULL_DEVICE_NAME")).strip()


def version() -> str:
    """OpenVINO's version without its build number."""
    return str(ov.get_version()).partition("-")[0]


def reason(problem: Exception) -> str:
    """The informative part of an OpenVINO exception, which carries source locations on lines of their own."""
    lines = [line.strip() for line in str(problem).splitlines() if line.strip()]
    told = [line for line in lines if not line.startswith(("Exception from", "Check '"))]
    return (told or lines or ["no reason given"])[-1].rstrip(".")


def _instruction_set() -> str:
    """Digest of the processor's own list of instruction sets; its marketing name alone does not tell one generation from the next."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return "unknown"
    flags = sorted({line.partition(":")[2].strip() for line in lines if line.startswith(("flags", "Features"))})
    return hashlib.sha256("\n".join(flags).encode()).hexdigest()[:16]
