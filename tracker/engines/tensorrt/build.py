"""Build a TensorRT engine from model.onnx on the GPU at hand."""

import logging
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import tensorrt as trt  # type: ignore[import-not-found,import-untyped,unused-ignore]

from tracker.engines.build_request import BuildRequest
from tracker.engines.engine_cache import Say
from tracker.engines.tensorrt.gpu import Gpu, cuda_errors
from tracker.engines.tensorrt.options import BuildOptions, build_options
from tracker.engines.tensorrt.precision import keep_in_fp32
from tracker.errors import EngineError

logger = logging.getLogger(__name__)

WORKSPACE_BYTES = 1 << 30  # scratch memory a kernel may ask for; networks of this size use a few MB
_KEPT_MESSAGES = 5
_HEARD = (trt.ILogger.INTERNAL_ERROR, trt.ILogger.ERROR, trt.ILogger.WARNING)


class EngineLog(trt.ILogger):  # type: ignore[misc,unused-ignore]
    """TensorRT's own messages: to the log, and the last errors kept for the sentence that explains a failure."""

    def __init__(self) -> None:
        trt.ILogger.__init__(self)
        self._errors: list[str] = []
        self._warnings: list[str] = []

    def log(self, severity: Any, msg: str) -> None:
        """Take one message; called by TensorRT from any thread."""
        if severity not in _HEARD:  # a build says a hundred thousand things that nobody reads
            return
        text = " ".join(msg.split())
        if severity != trt.ILogger.WARNING:
            self._errors = [*self._errors[1 - _KEPT_MESSAGES :], text]
            logger.error("tensorrt: %s", text)
        else:
            # Among these: 64-bit integers of the graph are narrowed to 32 bits by 8.6, which indices of an image never fill.
            self._warnings = [*self._warnings[1 - _KEPT_MESSAGES :], text]
            logger.warning("tensorrt: %s", text)

    @property
    def reason(self) -> str:
        """What TensorRT reported, on one line; a missing CUDA it reports as a warning only."""
        return "; ".join(self._errors or self._warnings) or "TensorRT gave no reason"


def build_for(request: BuildRequest, *, say: Say) -> bytes:
    """Build what a request asks for on the GPU at hand. For the building process: TensorRT holds the interpreter for seconds.

    Raises:
        EngineError: the GPU is not there or another than the request was made for, or the graph cannot be read or built.
    """
    options = build_options(
        version=trt.__version__,
        precision=request.precision,
        graph_precision=request.graph_precision,
        tactic_sources=request.tactic_sources,
    )
    gpu = Gpu(request.gpu)
    try:
        if gpu.name != request.made_for.device:
            raise EngineError(
                f"GPU {request.gpu} is {gpu.name} to the building process, {request.made_for.device} to the tracker; start it again"
            )
        with cuda_errors(gpu.name):
            return build_plan(Path(request.model), gpu=gpu, options=options, log=EngineLog(), say=say)
    finally:
        gpu.close()


def build_plan(model: Path, *, gpu: Gpu, options: BuildOptions, log: EngineLog, say: Say) -> bytes:
    """Build and serialise.

    Args:
        model: model.onnx.
        gpu: where it will run.
        options: as `build_options` decided.
        log: takes TensorRT's messages.
        say: told which rule TensorRT could not build with, where there is a second.

    Raises:
        EngineError: the graph cannot be read or built, with TensorRT's own words.
    """
    with gpu:
        try:
            builder = trt.Builder(log)
        except TypeError:  # what the binding raises when the library returns no builder
            raise EngineError(f"TensorRT {trt.__version__} cannot use {gpu.name}: {log.reason}") from None
        for rule in options.precision_rules or (None,):
            plan = _serialise(builder, model, options=options, log=log, rule=rule)
            if plan is not None:
                return memoryview(plan).tobytes()
            say(f"TensorRT {trt.__version__} could not build it{f' with {rule}' if rule else ''}: {log.reason}")
        raise EngineError(f"{model}: TensorRT {trt.__version__} cannot build it for {gpu.name}: {log.reason}")


def _serialise(builder: Any, model: Path, *, options: BuildOptions, log: EngineLog, rule: str | None) -> Any:
    """One attempt: parse, configure, build; None if TensorRT found no way."""
    network = builder.create_network(_bits(trt.NetworkDefinitionCreationFlag, options.network_flags))
    parser = trt.OnnxParser(network, log)
    if not parser.parse_from_file(str(model)):
        raise EngineError(f"{model}: TensorRT {trt.__version__} cannot read it: {_parser_errors(parser)}")
    config = builder.create_builder_config()
    config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, WORKSPACE_BYTES)
    config.set_tactic_sources(_bits(trt.TacticSource, options.tactic_sources))
    config.clear_flag(trt.BuilderFlag.TF32)
    if rule is not None:
        bound = keep_in_fp32(network, trt.DataType.FLOAT)
        logger.info("kept in fp32: layers=%d of=%d rule=%s", len(bound), network.num_layers, rule)
    for name in (*options.builder_flags, *([rule] if rule else [])):
        config.set_flag(_member(trt.BuilderFlag, name))
    return builder.build_serialized_network(network, config)


def _parser_errors(parser: Any) -> str:
    errors = [parser.get_error(index) for index in range(parser.num_errors)]
    texts = [" ".join(error.desc().split()) for error in errors]
    return "; ".join(texts[:_KEPT_MESSAGES]) or "the parser gave no reason"


def _bits(enumeration: Any, names: Iterable[str]) -> int:
    return sum(1 << int(_member(enumeration, name)) for name in names)


def _member(enumeration: Any, name: str) -> Any:
    """A flag by name: which flags exist differs between generations, so none that is not in all of them is written as an attribute.

    Raises:
        EngineError: this TensorRT has no such flag.
    """
    if name not in enumeration.__members__:
        raise EngineError(f"TensorRT {trt.__version__} has no {enumeration.__name__}.{name}; leave it out of the build options")
    return enumeration.__members__[name]
