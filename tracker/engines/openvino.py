"""The CPU engine: model.onnx through OpenVINO. Every hint is set and read back; nothing is left to the library's defaults."""

import hashlib
import io
import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tracker.bundle import Bundle
from tracker.engines.declared_tensors import NEXT_STATE, Kind, check_tensors
from tracker.engines.engine_cache import MadeFor, Say, load_engine, store_engine
from tracker.engines.openvino_library import openvino as ov
from tracker.errors import BundleError, EngineError
from tracker.frame import Image

logger = logging.getLogger(__name__)

_DEVICE = "CPU"
_ELEMENTS = {"fp32": ov.Type.f32, "bf16": ov.Type.bf16, "int8": ov.Type.f32}  # int8 lies in the graph; the rest of it runs in fp32


class OpenVINOEngine:
    """A network compiled for this machine's CPU.

    Args:
        bundle: what to run.
        precision: "fp32", "bf16" on a CPU that computes in it, or "int8" for a bundle quantised in its graph.
        threads: cores to use; at most those this process may use.
        say: told, in one sentence each, what the cache of compiled networks did.

    Raises:
        EngineError: this CPU or library does not do what was asked.
        BundleError: model.onnx cannot be read or is not what bundle.json says.
    """

    def __init__(self, bundle: Bundle, *, precision: str, threads: int, say: Say = logger.info) -> None:
        library = ov.Core()
        hints = _hints(library, bundle, precision=precision, threads=threads)
        compiled = _compile(library, bundle, hints=hints, made_for=_made_for(library, bundle, precision, threads), say=say)
        _check_read_back(compiled, hints, precision)
        check_tensors(bundle, inputs=_kinds(compiled.inputs), outputs=_kinds(compiled.outputs))
        self.runtime = f"openvino {_version()}"
        self.device = f"CPU {_cpu_name(library)}"
        self.precision = precision
        self._request: ov.InferRequest | None = compiled.create_infer_request()
        description = bundle.description
        self._input: Image = np.zeros(description.input.shape, np.uint8)
        self._shape = self._input.shape[1:]
        output = np.zeros(description.output.shape, np.float32)
        self._answer: NDArray[np.float32] = output[0]
        self._states = [(np.zeros(state.shape, state.dtype), np.zeros(state.shape, state.dtype)) for state in description.states]
        self._bind(description.input.name, self._input)
        self._bind(description.output.name, output)
        for state, (before, after) in zip(description.states, self._states, strict=True):
            self._bind(state.name, before)
            self._bind(state.name + NEXT_STATE, after)

    def infer(self, image: Image) -> NDArray[np.float32]:
        """Run the network once; see `Engine.infer`.

        Raises:
            EngineError: the image has not the input's shape, or the engine is closed.
        """
        if self._request is None or image.shape != self._shape:
            raise self._refusal(image)
        np.copyto(self._input[0], image)  # 3 us for 640x480 grey; a tensor around each frame costs more and needs a writable one
        self._request.infer(share_outputs=True)
        for before, after in self._states:
            np.copyto(before, after)
        return self._answer

    def reset(self) -> None:
        """Forget what a recurrent network carries from earlier frames."""
        for before, _ in self._states:
            before.fill(0)

    def close(self) -> None:
        """Free the compiled network. May be called twice."""
        self._request = None

    def _bind(self, name: str, array: NDArray[Any]) -> None:
        if self._request is not None:
            self._request.set_tensor(name, ov.Tensor(array, shared_memory=True))

    def _refusal(self, image: Image) -> EngineError:
        if self._request is None:
            return EngineError(f"the engine on {self.device} is closed; open it again")
        return EngineError(f"the engine was given an image of shape {image.shape}; expected {self._shape}: fit it with ViewFit first")


def _hints(library: ov.Core, bundle: Bundle, *, precision: str, threads: int) -> dict[str, Any]:
    if precision not in _ELEMENTS:
        raise EngineError(f"engine.precision is '{precision}'; on the CPU expected one of {', '.join(_ELEMENTS)}")
    if (precision == "int8") != (bundle.description.precision == "int8"):
        raise EngineError(
            f"engine.precision is '{precision}', but {bundle.folder} is '{bundle.description.precision}' in its graph; "
            "set engine.precision to int8 for an int8 bundle and only for one"
        )
    if precision == "bf16" and "BF16" not in library.get_property(_DEVICE, "OPTIMIZATION_CAPABILITIES"):
        raise EngineError(f"engine.precision is 'bf16', which {_cpu_name(library)} does not compute in; set engine.precision to fp32")
    cores = len(os.sched_getaffinity(0))
    if threads > cores:
        raise EngineError(f"engine.threads is {threads}; this process may use {cores} cores: set engine.threads to at most {cores}")
    return {
        "PERFORMANCE_HINT": "LATENCY",
        "EXECUTION_MODE_HINT": ov.properties.hint.ExecutionMode.PERFORMANCE,
        "NUM_STREAMS": 1,
        "INFERENCE_NUM_THREADS": threads,
        "INFERENCE_PRECISION_HINT": _ELEMENTS[precision],
        "ENABLE_CPU_PINNING": False,  # pinned threads wait for whoever holds their core: see docs/decisions/0005-cpu-runtime.md
        "PERF_COUNT": False,
    }


def _compile(library: ov.Core, bundle: Bundle, *, hints: dict[str, Any], made_for: MadeFor, say: Say) -> ov.CompiledModel:
    kept = load_engine(bundle.engines, made_for, say=say)
    if kept is not None:
        try:
            return library.import_model(io.BytesIO(kept), _DEVICE, hints)
        except RuntimeError as problem:
            say(f"the kept engine of {bundle.folder} was refused by OpenVINO ({_reason(problem)}); it is built again")
    try:
        compiled = library.compile_model(library.read_model(bundle.model), _DEVICE, hints)
    except RuntimeError as problem:
        raise BundleError(f"{bundle.model}: OpenVINO {_version()} cannot use it: {_reason(problem)}") from problem
    store_engine(bundle.engines, made_for, _exported(compiled), say=say)
    return compiled


def _exported(compiled: ov.CompiledModel) -> bytes:
    blob = io.BytesIO()
    compiled.export_model(blob)
    return blob.getvalue()


def _check_read_back(compiled: ov.CompiledModel, hints: Mapping[str, Any], precision: str) -> None:
    """Set, read back, compare, refuse: a silent fall-back would be published as what it is not."""
    for name in ("INFERENCE_PRECISION_HINT", "INFERENCE_NUM_THREADS", "NUM_STREAMS"):
        found = compiled.get_property(name)
        if found != hints[name]:
            raise EngineError(
                f"OpenVINO {_version()} runs with {name} {_plain(found)} where {_plain(hints[name])} was asked for "
                f"(engine.precision {precision}); choose another engine.precision or engine.threads"
            )


def _kinds(ports: list[ov.ConstOutput]) -> dict[str, Kind]:
    return {port.get_any_name(): (_shape(port), np.dtype(port.element_type.to_dtype()).name) for port in ports}


def _shape(port: ov.ConstOutput) -> tuple[int, ...]:
    shape = port.partial_shape
    return tuple(side.get_length() if side.is_static else -1 for side in shape)


def _made_for(library: ov.Core, bundle: Bundle, precision: str, threads: int) -> MadeFor:
    return MadeFor(
        onnx_sha256=bundle.description.onnx_sha256,
        runtime=f"openvino {ov.get_version()}",
        device=_cpu_name(library),
        capability=_instruction_set(),
        driver="none",
        precision=precision,
        options=f"threads {threads}",
    )


def _instruction_set() -> str:
    """Digest of the processor's own list of instruction sets; its marketing name alone does not tell one generation from the next."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return "unknown"
    flags = sorted({line.partition(":")[2].strip() for line in lines if line.startswith(("flags", "Features"))})
    return hashlib.sha256("\n".join(flags).encode()).hexdigest()[:16]


def _cpu_name(library: ov.Core) -> str:
    return str(library.get_property(_DEVICE, "FULL_DEVICE_NAME")).strip()


def _version() -> str:
    return str(ov.get_version()).partition("-")[0]


def _plain(value: object) -> str:
    return str(value.to_string()) if isinstance(value, ov.Type) else str(value)


def _reason(problem: Exception) -> str:
    """The informative part of an OpenVINO exception, which carries source locations on lines of their own."""
    lines = [line.strip() for line in str(problem).splitlines() if line.strip()]
    told = [line for line in lines if not line.startswith(("Exception from", "Check '"))]
    return (told or lines or ["no reason given"])[-1].rstrip(".")
