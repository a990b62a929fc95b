"""The GPU engine: TensorRT through the interface common to 8.6 … 11, with PyCUDA for memory and streams.

Everything is allocated when it is opened. A frame costs one copy in, one launch, one copy out and one wait, on one stream.
"""

import logging
import threading
import time
from contextlib import ExitStack
from typing import Any

import numpy as np
import pycuda.driver as cuda  # type: ignore[import-not-found,import-untyped,unused-ignore]
import tensorrt as trt  # type: ignore[import-not-found,import-untyped,unused-ignore]
from numpy.typing import NDArray

from tracker.bundle import Bundle
from tracker.config import EngineConfig
from tracker.engines.build_request import BuildRequest
from tracker.engines.carried import States, as_bytes, fill
from tracker.engines.declared_tensors import NEXT_STATE, Kind, check_tensors
from tracker.engines.engine_cache import MadeFor, Payload, Say
from tracker.engines.kept_engine import load_or_build
from tracker.engines.tensorrt.build import EngineLog
from tracker.engines.tensorrt.cuda_graph import CudaGraph
from tracker.engines.tensorrt.cuda_libraries import working_libraries
from tracker.engines.tensorrt.gpu import Gpu, cuda_errors
from tracker.engines.tensorrt.keep_warm import KeepWarm
from tracker.engines.tensorrt.options import BuildOptions, build_options, choose_tactics
from tracker.errors import EngineError
from tracker.frame import Image

logger = logging.getLogger(__name__)

_NON_BLOCKING = 1  # CU_STREAM_NON_BLOCKING: never waits for work that somebody put on the default stream
_WARM, _WARM_BYTES = "", 4096  # no tensor has an empty name; filling it is the lightest kernel there is
# TensorRT's own conversion table needs a NumPy that still has np.bool; by name it works in every version.
_DTYPES = {"FLOAT": "float32", "HALF": "float16", "UINT8": "uint8", "INT8": "int8", "INT32": "int32", "INT64": "int64", "BOOL": "bool"}


class TensorRTEngine:
    """A network built for this machine's GPU, from the cache or anew.

    Args:
        bundle: what to run.
        settings: precision ("fp32", "fp16" or "int8"; see `build_options` for which graph allows which), gpu and keep_warm_ms;
            the rest is not read.
        say: told, in one sentence each, what the cache did and how a build goes on.
        graph: record each frame's work once as a CUDA graph and launch it whole; where that fails, frames are enqueued
            piece by piece, and that is said.
        tactic_sources: where TensorRT may take kernels from; None leaves it to `choose_tactics`.
        cancelled: once set, a build is given up.

    Raises:
        EngineError: no GPU, no memory, or a build that failed, with TensorRT's own words.
        BundleError: model.onnx is not what bundle.json says.
    """

    def __init__(
        self,
        bundle: Bundle,
        settings: EngineConfig,
        *,
        say: Say = logger.info,
        graph: bool = True,
        tactic_sources: tuple[str, ...] | None = None,
        cancelled: threading.Event | None = None,
    ) -> None:
        options = build_options(
            version=trt.__version__,
            precision=settings.precision,
            graph_precision=bundle.description.precision,
            tactic_sources=choose_tactics(trt.__version__, working_libraries) if tactic_sources is None else tactic_sources,
        )
        self._gpu = Gpu(settings.gpu)
        self.runtime = f"tensorrt {trt.__version__}"
        self.device = self._gpu.name
        self.precision: str = settings.precision
        self._runtime: Any = None
        self._engine: Any = None
        self._context: Any = None
        self._stream: Any = None
        self._side_stream: Any = None  # for keeping warm
        self._graph: CudaGraph | None = None
        self._warmer: KeepWarm | None = None
        self._device: dict[str, Any] = {}  # device memory of every tensor, by name
        self._pinned: dict[
            str, NDArray[Any]
        ] = {}  # page-locked host memory: input, output, zeros for the states, and what is kept of these
        with ExitStack() as undo:
            undo.callback(self.close)
            self._load(bundle, settings.gpu, options, say=say, cancelled=cancelled or threading.Event())
            self._prepare(bundle, graph=graph, say=say)
            if settings.keep_warm_ms is not None:
                self._warmer = self._keep_warm(settings.keep_warm_ms)
            undo.pop_all()

    def infer(self, image: Image) -> NDArray[np.float32]:
        """Run the network once, on whichever thread calls; see `Engine.infer`.

        Raises:
            EngineError: the image has not the input's shape, the engine is closed, or CUDA reports an error.
        """
        if image.shape != self._shape:
            raise EngineError(f"the engine was given an image of shape {image.shape}; expected {self._shape}: fit it with ViewFit first")
        with self._gpu, cuda_errors(self.device):
            np.copyto(self._host_input, image)
            if self._graph is not None:
                self._graph.launch()
            else:
                self._enqueue()
            self._stream.synchronize()
            np.copyto(self._answer, self._host_output)
            if self._warmer is not None:
                self._warmer.last_frame_ns = time.monotonic_ns()
        return self._answer

    def reset(self) -> None:
        """Forget what a recurrent network carries from earlier frames."""
        with self._gpu, cuda_errors(self.device):
            for name, _, _ in self._carried:
                cuda.memcpy_htod_async(self._device[name], self._pinned[name], self._stream)
            self._stream.synchronize()

    def carried(self) -> dict[str, bytes]:
        """What a recurrent network carries to the next frame; see `Engine.carried`."""
        with self._gpu, cuda_errors(self.device):
            for name, kept, _ in self._carried:
                cuda.memcpy_dtoh_async(self._pinned[kept], self._device[name], self._stream)
            self._stream.synchronize()
        return as_bytes(self._kept_states())

    def go_on(self, carried: States) -> None:
        """Carry this; see `Engine.go_on`.

        Raises:
            EngineError: it is of another network, or CUDA reports an error.
        """
        fill(self._kept_states(), carried)
        with self._gpu, cuda_errors(self.device):
            for name, kept, _ in self._carried:
                cuda.memcpy_htod_async(self._device[name], self._pinned[kept], self._stream)
            self._stream.synchronize()

    def close(self) -> None:
        """Free everything on the GPU. May be called twice, from any thread."""
        if self._gpu.closed:
            return
        if self._warmer is not None:
            self._warmer.close()
        with self._gpu, cuda_errors(self.device):
            if self._graph is not None:
                self._graph.close()
            self._graph = self._context = self._engine = self._runtime = self._stream = self._side_stream = None
            for memory in self._device.values():
                memory.free()
            for array in self._pinned.values():
                allocation: Any = array.base
                allocation.free()
        self._gpu.close()

    def _prepare(self, bundle: Bundle, *, graph: bool, say: Say) -> None:
        with self._gpu, cuda_errors(self.device):
            self._allocate(bundle)
            self._enqueue()  # the first run sets up what may not be set up while a graph is recorded
            self._stream.synchronize()
            self._graph = self._record(say) if graph else None
            self.reset()

    def _load(self, bundle: Bundle, gpu: int, options: BuildOptions, *, say: Say, cancelled: threading.Event) -> None:
        """Take the engine from the cache or have it built, and compare it with the bundle."""
        made_for = MadeFor(
            onnx_sha256=bundle.description.onnx_sha256,
            runtime=self.runtime,
            device=self._gpu.name,
            capability=self._gpu.capability,
            driver=self._gpu.driver,
            precision=self.precision,
            options=options.text,
        )
        request = BuildRequest(
            model=str(bundle.model),
            made_for=made_for,
            folder="",
            runtime="tensorrt",
            precision=self.precision,
            graph_precision=bundle.description.precision,
            threads=1,
            gpu=gpu,
            tactic_sources=options.tactic_sources,
        )
        load_or_build(request, load=self._deserialise, say=say, cancelled=cancelled)
        check_tensors(bundle, inputs=self._kinds(trt.TensorIOMode.INPUT), outputs=self._kinds(trt.TensorIOMode.OUTPUT))

    def _deserialise(self, plan: Payload) -> None:
        self._log = log = EngineLog()
        with self._gpu, cuda_errors(self.device):
            self._runtime = trt.Runtime(log)
            self._engine = self._runtime.deserialize_cuda_engine(plan.data)
        if self._engine is None:
            raise EngineError(f"the kept engine was refused by TensorRT {trt.__version__} ({log.reason})")

    def _kinds(self, mode: Any) -> dict[str, Kind]:
        engine = self._engine
        names = [engine.get_tensor_name(index) for index in range(engine.num_io_tensors)]
        return {
            name: (tuple(engine.get_tensor_shape(name)), _dtype(engine.get_tensor_dtype(name)))
            for name in names
            if engine.get_tensor_mode(name) == mode
        }

    def _allocate(self, bundle: Bundle) -> None:
        """Device memory for every tensor, page-locked memory for what crosses over, and the addresses told to TensorRT, once."""
        description = bundle.description
        context = self._engine.create_execution_context()
        if context is None:
            raise EngineError(f"{self.device}: TensorRT cannot run the engine: no memory for its activations; stop what else runs on it")
        self._context, self._stream = context, cuda.Stream(_NON_BLOCKING)
        self._carried = [(state.name, state.name + NEXT_STATE, _bytes(state.shape, state.dtype)) for state in description.states]
        kinds = self._kinds(trt.TensorIOMode.INPUT) | self._kinds(trt.TensorIOMode.OUTPUT)
        for name, (shape, dtype) in kinds.items():
            self._device[name] = cuda.mem_alloc(_bytes(shape, dtype))
            context.set_tensor_address(name, int(self._device[name]))
        for tensor in (description.input, description.output, *description.states):
            self._pinned[tensor.name] = cuda.pagelocked_empty(tensor.shape, np.dtype(tensor.dtype))
            self._pinned[tensor.name].fill(0)
        for state in description.states:
            self._pinned[state.name + NEXT_STATE] = cuda.pagelocked_empty(state.shape, np.dtype(state.dtype))
        self._input_name, self._output_name = description.input.name, description.output.name
        self._host_input, self._host_output = self._pinned[self._input_name][0], self._pinned[self._output_name][0]
        self._shape = self._host_input.shape
        self._answer = np.zeros(self._host_output.shape, np.float32)  # of ordinary memory, so that it outlives the engine
        self.reset()

    def _kept_states(self) -> dict[str, list[NDArray[Any]]]:
        """By state, the host memory through which it is kept and given back."""
        return {name: [self._pinned[kept][...]] for name, kept, _ in self._carried}

    def _enqueue(self) -> None:
        """Put one frame's work on the stream: in, through the network, state over, out."""
        context, stream = self._context, self._stream
        cuda.memcpy_htod_async(self._device[self._input_name], self._pinned[self._input_name], stream)
        if not context.execute_async_v3(stream.handle):
            raise EngineError(f"{self.device}: TensorRT refused to run the network; its reason is in the log")
        for before, after, size in self._carried:
            cuda.memcpy_dtod_async(self._device[before], self._device[after], size, stream)
        cuda.memcpy_dtoh_async(self._pinned[self._output_name], self._device[self._output_name], stream)

    def _keep_warm(self, interval_ms: float) -> KeepWarm:
        with self._gpu, cuda_errors(self.device):
            self._device[_WARM] = cuda.mem_alloc(_WARM_BYTES)
            self._side_stream = cuda.Stream(_NON_BLOCKING)

        def touch() -> None:
            with self._gpu, cuda_errors(self.device):
                cuda.memset_d8_async(self._device[_WARM], 0, _WARM_BYTES, self._side_stream)

        return KeepWarm(touch, interval_ms=interval_ms)

    def _record(self, say: Say) -> CudaGraph | None:
        try:
            return CudaGraph(self._stream.handle, enqueue=self._enqueue)
        except EngineError as problem:
            say(f"{self.device}: frames are enqueued piece by piece, which costs some tens of microseconds each: {problem}")
            return None


def _bytes(shape: tuple[int, ...], dtype: str) -> int:
    return int(np.prod(shape)) * np.dtype(dtype).itemsize


def _dtype(dtype: Any) -> str:
    return _DTYPES.get(dtype.name, str(dtype.name))
