"""Build the GPU engine of a bundle ahead of time, on the machine that will run it. Needs no torch."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tracker.bundle import Bundle
from tracker.engines.open_engine import open_engine
from tracker.errors import EngineError


@dataclass(frozen=True, slots=True, kw_only=True)
class CompiledEngine:
    """An engine that was built or found, proved by the bundle's self-test, and kept."""

    folder: Path  # where it is kept, under the fingerprint of this machine
    runtime: str
    device: str
    precision: str


def compile_engine(bundle: Bundle, *, precision: str, gpu: int, say: Callable[[str], None]) -> CompiledEngine:
    """Build the bundle's TensorRT engine on this machine's GPU, prove it and keep it beside the model.

    Args:
        bundle: what to build.
        precision: "fp32", "fp16" or "int8".
        gpu: device number.
        say: told every few seconds what is going on, in one sentence each.

    Raises:
        EngineError: no GPU, no TensorRT, a build that failed, wrong answers, or a folder that cannot be written.
        BundleError: model.onnx is not what bundle.json says.
    """
    engine = open_engine(bundle, runtime="tensorrt", precision=precision, threads=1, gpu=gpu, say=say)
    compiled = CompiledEngine(folder=bundle.engines, runtime=engine.runtime, device=engine.device, precision=engine.precision)
    engine.close()
    if not any(bundle.engines.glob("*.engine")):
        raise EngineError(f"{bundle.engines}: the engine was built and proved but not kept; make the folder writable and run it again")
    return compiled
