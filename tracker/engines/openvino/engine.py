"""The CPU engine: model.onnx through OpenVINO. Every hint is set and read back; nothing is left to the library's defaults."""

import io
import logging
import os
import threading
from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tracker.bundle import Bundle
from tracker.config import EngineConfig
from tracker.engines.build_request import BuildRequest
from tracker.engines.carried import States, as_bytes, fill
from tracker.engines.declared_tensors import NEXT_STATE, Kind, check_tensors, declared_tensors
from tracker.engines.engine_cache import Payload, Say
from tracker.engines.kept_engine import load_or_build
from tracker.engines.openvino.options import DEVICE, ELEMENTS, cpu_name, hints, made_for, reason, version
from tracker.engines.openvino.port_name import port_name
from tracker.engines.openvino.runtime import core
from tracker.engines.openvino.runtime import openvino as ov
from tracker.errors import EngineError
from tracker.frame import Image

logger = logging.getLogger(__name__)


class OpenVINOEngine:
    """A network compiled for this machine's CPU.

    Args:
        bundle: what to run.
        settings: precision ("fp32", "bf16" on a CPU that computes in it, or "int8" for a bundle quantised in its graph) and threads
            (at most the cores that this process may use); the rest is not read.
        say: told, in one sentence each, what the cache of compiled networks did and how a build goes on.
        cancelled: once set, a build is given up.

    Raises:
        EngineError: this CPU or library does not do what was asked.
        BundleError: model.onnx cannot be read or is not what bundle.json says.
    """

    def __init__(self, bundle: Bundle, settings: EngineConfig, *, say: Say = logger.info, cancelled: threading.Event | None = None) -> None:
        precision, threads = settings.precision, settings.threads
        _check_possible(bundle, precision=precision, threads=threads)
        asked = hints(precision=precision, threads=threads)
        request = BuildRequest(
            model=str(bundle.model),
            made_for=made_for(onnx_sha256=bundle.description.onnx_sha256, precision=precision, threads=threads),
            folder="",
            runtime="openvino",
            precision=precision,
            graph_precision=bundle.description.precision,
            threads=threads,
            gpu=0,
            tactic_sources=(),
        )

        def load(kept: Payload) -> tuple[ov.CompiledModel, Payload]:
            return _load(kept, bundle, asked), kept

        compiled, kept = load_or_build(request, load=load, say=say, cancelled=cancelled or threading.Event())
        _check_read_back(compiled, asked, precision)
        declared = declared_tensors(bundle)
        inputs, outputs = _kinds(compiled.inputs, declared.inputs), _kinds(compiled.outputs, declared.outputs)
        check_tensors(bundle, inputs=inputs, outputs=outputs)
        self.runtime = f"openvino {version()}"
        self.device = f"CPU {cpu_name()}"
        self.precision: str = precision
        self._request: ov.InferRequest | None = compiled.create_infer_request()
        self._kept: Payload | None = kept  # the network's weights lie in it, and OpenVINO does not hold it
        description = bundle.description
        self._input: Image = np.zeros(description.input.shape, np.uint8)
        self._shape = self._input.shape[1:]
        output = np.zeros(description.output.shape, np.float32)
        self._answer: NDArray[np.float32] = output[0]
        self._states = [(np.zeros(state.shape, state.dtype), np.zeros(state.shape, state.dtype)) for state in description.states]
        self._carried = {state.name: [before] for state, (before, _) in zip(description.states, self._states, strict=True)}
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

    def carried(self) -> dict[str, bytes]:
        """What a recurrent network carries to the next frame; see `Engine.carried`."""
        return as_bytes(self._carried)

    def go_on(self, carried: States) -> None:
        """Carry this; see `Engine.go_on`.

        Raises:
            EngineError: it is of another network.
        """
        fill(self._carried, carried)

    def close(self) -> None:
        """Free the compiled network. May be called twice."""
        self._request = None
        self._kept = None  # after the network

    def _bind(self, name: str, array: NDArray[Any]) -> None:
        if self._request is not None:
            self._request.set_tensor(name, ov.Tensor(array, shared_memory=True))

    def _refusal(self, image: Image) -> EngineError:
        if self._request is None:
            return EngineError(f"the engine on {self.device} is closed; open it again")
        return EngineError(f"the engine was given an image of shape {image.shape}; expected {self._shape}: fit it with ViewFit first")


def _check_possible(bundle: Bundle, *, precision: str, threads: int) -> None:
    if precision not in ELEMENTS:
        raise EngineError(f"engine.precision is '{precision}'; on the CPU expected one of {', '.join(ELEMENTS)}")
    if (precision == "int8") != (bundle.description.precision == "int8"):
        raise EngineError(
            f"engine.precision is '{precision}', but {bundle.folder} is '{bundle.description.precision}' in its graph; "
            "set engine.precision to int8 for an int8 bundle and only for one"
        )
    if precision == "bf16" and "BF16" not in core().get_property(DEVICE, "OPTIMIZATION_CAPABILITIES"):
        raise EngineError(f"engine.precision is 'bf16', which {cpu_name()} does not compute in; set engine.precision to fp32")
    cores = len(os.sched_getaffinity(0))
    if threads > cores:
        raise EngineError(f"engine.threads is {threads}; this process may use {cores} cores: set engine.threads to at most {cores}")


def _load(kept: Payload, bundle: Bundle, asked: dict[str, Any]) -> ov.CompiledModel:
    """Hand the bytes over where they lie: copied through a stream, 100 MB hold the interpreter for a tenth of a second."""
    try:
        try:
            return core().import_model(ov.Tensor(kept, shared_memory=True), DEVICE, asked)
        except TypeError:  # an older OpenVINO takes only a stream
            return core().import_model(io.BytesIO(kept.data), DEVICE, asked)
    except RuntimeError as problem:
        raise EngineError(f"the kept engine of {bundle.folder} was refused by OpenVINO ({reason(problem)})") from problem


def _check_read_back(compiled: ov.CompiledModel, hints: Mapping[str, Any], precision: str) -> None:
    """Set, read back, compare, refuse: a silent fall-back would be published as what it is not."""
    for name in ("INFERENCE_PRECISION_HINT", "INFERENCE_NUM_THREADS", "NUM_STREAMS"):
        found = compiled.get_property(name)
        if found != hints[name]:
            raise EngineError(
                f"OpenVINO {version()} runs with {name} {_plain(found)} where {_plain(hints[name])} was asked for "
                f"(engine.precision {precision}); choose another engine.precision or engine.threads"
            )


def _kinds(ports: list[ov.ConstOutput], declared: Collection[str]) -> dict[str, Kind]:
    return {port_name(port, declared): (_shape(port), np.dtype(port.element_type.to_dtype()).name) for port in ports}


def _shape(port: ov.ConstOutput) -> tuple[int, ...]:
    shape = port.partial_shape
    return tuple(side.get_length() if side.is_static else -1 for side in shape)


def _plain(value: object) -> str:
    return str(value.to_string()) if isinstance(value, ov.Type) else str(value)
