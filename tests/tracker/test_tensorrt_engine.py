"""The GPU engine's bookkeeping beside stand-ins for TensorRT and PyCUDA, whose names test_tensorrt_names.py checks against the real ones.

The numbers it computes and its speed need an NVIDIA GPU; docs/engines.md says what has been seen on one.
"""

import ctypes
import importlib.util
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.tracker.engine_settings import engine_settings
from tracker.bundle import Accuracy, Bundle, Description, SelfTest, TensorShape, TrainingData, View, read_bundle, write_bundle
from tracker.engines.open_engine import open_engine
from tracker.engines.tensorrt_options import OWN_TACTICS, PRECISION_RULES
from tracker.errors import BundleError, EngineError

IMAGE = TensorShape(name="image", shape=(1, 4, 6, 1), dtype="uint8")
SUM = TensorShape(name="sum", shape=(1, 1), dtype="float32")
MEMORY = TensorShape(name="memory", shape=(1, 1), dtype="float32")


class StandIn:
    """Device memory, streams and contexts of the two stand-in modules, and what went wrong in their use."""

    def __init__(self) -> None:
        self.memory: dict[int, NDArray[np.uint8]] = {}
        self.current = threading.local()
        self.retained = 0
        self.builds = 0
        self.output = SUM
        self.flags: list[list[str]] = []  # of each attempt to build
        self.unbuildable: set[str] = set()  # flags under which a build fails
        self.touched = 0

    def stack(self) -> list[object]:
        if not hasattr(self.current, "stack"):
            self.current.stack = []
        stack: list[object] = self.current.stack
        return stack

    def need_context(self) -> None:
        if not self.stack():
            raise AssertionError("CUDA was used without a current context")


class Flag(int):
    name: str

    def __new__(cls, name: str, value: int) -> "Flag":
        flag = super().__new__(cls, value)
        flag.name = name
        return flag


def enumeration(*names: str) -> type:
    members = {name: Flag(name, value) for value, name in enumerate(names)}
    return type("Enumeration", (), {**members, "__members__": members})


def make_cuda(world: StandIn) -> ModuleType:
    cuda: Any = ModuleType("pycuda.driver")

    class Context:
        def push(self) -> None:
            world.stack().append(self)

        @staticmethod
        def pop() -> None:
            world.stack().pop()

        def detach(self) -> None:
            if world.stack()[-1] is not self:
                raise AssertionError("a context is released only where it is current")
            world.stack().pop()
            world.retained -= 1

    class Device:
        def __init__(self, number: int) -> None: ...

        @staticmethod
        def count() -> int:
            return 1

        def name(self) -> str:
            return "Stand-in GPU"

        def compute_capability(self) -> tuple[int, int]:
            return 9, 0

        def retain_primary_context(self) -> Context:
            world.retained += 1
            return Context()

    class Allocation:
        def __init__(self, size: int) -> None:
            world.need_context()
            self.address = 4096 * (len(world.memory) + 1)
            world.memory[self.address] = np.full(size, 0xA5, np.uint8)

        def __int__(self) -> int:
            return self.address

        def free(self) -> None:
            world.need_context()
            del world.memory[self.address]

    class Stream:
        handle = 7

        def __init__(self, flags: int) -> None:
            world.need_context()

        def synchronize(self) -> None:
            world.need_context()

    class Locked:
        """An array whose base can be freed, as PyCUDA's page-locked ones."""

        def __init__(self, shape: tuple[int, ...], dtype: Any) -> None:
            world.need_context()
            self.array, self.base = np.full(shape, 9, dtype), self

        def free(self) -> None:
            world.need_context()

        def fill(self, value: float) -> None:
            self.array.fill(value)

        def __getitem__(self, index: int) -> Any:
            return self.array[index]

    def to_device(target: Allocation, source: Locked, _: Stream) -> None:
        world.need_context()
        world.memory[int(target)][:] = np.frombuffer(source.array.tobytes(), np.uint8)

    def to_host(target: Locked, source: Allocation, _: Stream) -> None:
        target.array[:] = world.memory[int(source)].view(target.array.dtype).reshape(target.array.shape)

    def across(target: Allocation, source: Allocation, size: int, _: Stream) -> None:
        world.memory[int(target)][:size] = world.memory[int(source)][:size]

    def fill(target: Allocation, value: int, size: int, _: Stream) -> None:
        world.need_context()
        world.memory[int(target)][:size] = value
        world.touched += 1

    errors = {name: type(name, (Exception,), {}) for name in ("Error", "MemoryError")}
    cuda.__dict__.update(errors, init=lambda: None, get_driver_version=lambda: 12040, Device=Device, Stream=Stream, mem_alloc=Allocation)
    cuda.__dict__.update(
        pagelocked_empty=Locked, memcpy_htod_async=to_device, memcpy_dtoh_async=to_host, memcpy_dtod_async=across, memset_d8_async=fill
    )
    return cuda  # type: ignore[no-any-return]


def make_tensorrt(world: StandIn) -> ModuleType:
    trt: Any = ModuleType("tensorrt")
    mode, dtype = enumeration("NONE", "INPUT", "OUTPUT"), enumeration("FLOAT", "UINT8")
    tensors = [(IMAGE, "INPUT", "image"), (MEMORY, "INPUT", "memory"), (MEMORY, "OUTPUT", "memory_next")]

    class Execution:
        def __init__(self) -> None:
            self.addresses: dict[str, int] = {}

        def set_tensor_address(self, name: str, address: int) -> None:
            self.addresses[name] = address

        def execute_async_v3(self, handle: int) -> bool:
            world.need_context()
            at = {name: world.memory[address] for name, address in self.addresses.items()}
            after = at["image"].sum() + at["memory"].view(np.float32) / 2
            at["memory_next"].view(np.float32)[:] = after
            at[world.output.name].view(np.float32)[:] = after
            return True

    class Network:
        num_io_tensors = 4
        all = property(lambda _: [*tensors, (world.output, "OUTPUT", world.output.name)])

        def get_tensor_name(self, index: int) -> str:
            return str(self.all[index][2])

        def of(self, name: str) -> tuple[TensorShape, str]:
            return next((tensor, mode) for tensor, mode, own in self.all if own == name)

        def get_tensor_shape(self, name: str) -> tuple[int, ...]:
            return self.of(name)[0].shape

        def get_tensor_dtype(self, name: str) -> Any:
            return dtype.__dict__["UINT8" if self.of(name)[0].dtype == "uint8" else "FLOAT"]

        def get_tensor_mode(self, name: str) -> Any:
            return mode.__dict__[self.of(name)[1]]

        def create_execution_context(self) -> Execution:
            world.need_context()
            return Execution()

    class Runtime:
        def __init__(self, log: object) -> None: ...

        def deserialize_cuda_engine(self, plan: bytes) -> Network | None:
            return Network() if plan == b"plan" else None

    class Log:
        ERROR, INTERNAL_ERROR, WARNING = "ERROR", "INTERNAL_ERROR", "WARNING"

    class Config:
        def __init__(self) -> None:
            self.flags: list[str] = []

        def set_memory_pool_limit(self, pool: int, size: int) -> None: ...
        def set_tactic_sources(self, bits: int) -> None: ...
        def clear_flag(self, flag: int) -> None: ...

        def set_flag(self, flag: Flag) -> None:
            self.flags.append(flag.name)

    class Builder:
        def __init__(self, log: Any) -> None:
            world.need_context()
            self.log = log

        def create_network(self, flags: int) -> Any:
            return type("Parsed", (), {"num_layers": 0})()

        def create_builder_config(self) -> Config:
            return Config()

        def build_serialized_network(self, network: Any, config: Config) -> bytes | None:
            world.flags.append(config.flags)
            if world.unbuildable & set(config.flags):
                self.log.log("ERROR", "no kernel obeys")
                return None
            world.builds += 1
            if world.builds > 1:
                self.log.log("ERROR", "no kernel for\n layer 5")
                return None
            return b"plan"

    class ParserError:
        def desc(self) -> str:
            return "Unsupported ONNX data type: UINT8 (2)"

    class Parser:
        num_errors = 1

        def __init__(self, network: Any, log: object) -> None: ...

        def parse_from_file(self, path: str) -> bool:
            return Path(path).read_bytes() != b"unreadable"

        def get_error(self, index: int) -> ParserError:
            return ParserError()

    trt.__dict__.update(__version__="8.6.0", ILogger=Log, Builder=Builder, OnnxParser=Parser, Runtime=Runtime, TensorIOMode=mode)
    trt.__dict__.update(NetworkDefinitionCreationFlag=enumeration("EXPLICIT_BATCH"), MemoryPoolType=enumeration("WORKSPACE"))
    trt.__dict__.update(
        BuilderFlag=enumeration("FP16", "INT8", "TF32", *PRECISION_RULES), TacticSource=enumeration(*OWN_TACTICS), DataType=dtype
    )
    return trt  # type: ignore[no-any-return]


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[StandIn]:
    """The engine's modules, imported beside stand-ins for TensorRT and PyCUDA."""
    world = StandIn()
    modules = ("tensorrt", "tensorrt_build", "gpu")
    package = ModuleType("pycuda")
    monkeypatch.setitem(sys.modules, "pycuda", package)
    monkeypatch.setitem(sys.modules, "pycuda.driver", make_cuda(world))
    monkeypatch.setattr(package, "driver", sys.modules["pycuda.driver"], raising=False)
    monkeypatch.setitem(sys.modules, "tensorrt", make_tensorrt(world))
    for name in modules:
        monkeypatch.delitem(sys.modules, f"tracker.engines.{name}", raising=False)
    yield world
    for name in modules:
        sys.modules.pop(f"tracker.engines.{name}", None)


def make_bundle(folder: Path, *, model: bytes = b"model") -> Bundle:
    description = Description(
        schema=1,
        name="sum",
        task="forecast",
        created="2026-01-01T00:00:00Z",
        point_names=(),
        skeleton=(),
        class_names=(),
        network="test",
        view=View(crop=None, fit="exact", colour="grey"),
        input=IMAGE,
        output=SUM,
        states=(MEMORY,),
        precision="fp32",
        onnx_sha256="0" * 64,
        training=TrainingData(sha256="0" * 64, source="none", frames=1, held_out_frames=0, split="none"),
        accuracy=Accuracy(mean_px=None, median_px=None, p95_px=None, frames=0),
        self_test=SelfTest(image_sha256="0" * 64, expected=[24.0], tolerance_fp32=1e-3, tolerance_reduced=0.5),
    )
    write_bundle(folder, model=model, self_test_image=np.ones((4, 6), np.uint8), description=description)
    return read_bundle(folder)


def open_on_gpu(
    bundle: Bundle, said: list[str] | None = None, *, gpu: int = 0, precision: str = "fp32", keep_warm_ms: float | None = None
) -> Any:
    said = [] if said is None else said
    settings = engine_settings(bundle, runtime="tensorrt", precision=precision, gpu=gpu, keep_warm_ms=keep_warm_ms)
    return open_engine(bundle, settings, say=said.append)


ONES = np.ones((4, 6, 1), np.uint8)


def test_a_gpu_engine_is_opened_run_reset_and_closed_on_a_thread_each(world: StandIn, tmp_path: Path) -> None:
    """The loop opens it, a command may swap it, and the main thread closes it: the context must be current on each in its turn."""
    bundle = make_bundle(tmp_path / "sum")
    results: list[Any] = []
    left_current: list[int] = []

    def apart(work: Any) -> None:
        def run() -> None:
            results.append(work())
            left_current.append(len(world.stack()))

        thread = threading.Thread(target=run)
        thread.start()
        thread.join()

    apart(lambda: open_on_gpu(bundle))
    engine = results[0]
    apart(lambda: [float(engine.infer(ONES)[0]) for _ in range(3)])
    apart(engine.reset)
    apart(lambda: float(engine.infer(ONES)[0]))
    apart(engine.close)
    engine.close()

    assert results[1] == [24.0, 36.0, 42.0]  # the state is carried over on the device
    assert results[3] == 24.0
    assert left_current == [0] * 5
    assert (world.memory, world.retained) == ({}, 0)
    with pytest.raises(EngineError, match="is closed"):
        engine.infer(ONES)


def test_an_engine_is_built_once_and_then_taken_from_the_cache(world: StandIn, tmp_path: Path) -> None:
    bundle, said = make_bundle(tmp_path / "sum"), list[str]()

    open_on_gpu(bundle, said).close()
    (kept,) = bundle.engines.iterdir()
    first = kept.stat()
    open_on_gpu(bundle, said).close()

    assert (kept.stat().st_ino, kept.stat().st_mtime_ns) == (first.st_ino, first.st_mtime_ns)
    assert world.builds == 1
    assert [sentence for sentence in said if "built the TensorRT engine on Stand-in GPU in 0 s" in sentence] == said[1:2]


def test_a_driver_without_graphs_is_said_and_the_engine_runs_on(world: StandIn, tmp_path: Path) -> None:
    said: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ctypes, "CDLL", lambda name: (_ for _ in ()).throw(OSError(f"{name}: cannot open shared object file")))
        engine = open_on_gpu(make_bundle(tmp_path / "sum"), said)

    assert "frames are enqueued piece by piece" in said[-1]
    assert float(engine.infer(ONES)[0]) == 24.0
    engine.close()


def test_fp16_on_tensorrt_8_binds_the_decoding_to_fp32(world: StandIn, tmp_path: Path) -> None:
    open_on_gpu(make_bundle(tmp_path / "sum"), precision="fp16").close()

    assert world.flags == [["FP16", "OBEY_PRECISION_CONSTRAINTS"]]


def test_where_no_kernel_obeys_the_softer_rule_is_tried_and_said(world: StandIn, tmp_path: Path) -> None:
    world.unbuildable, said = {"OBEY_PRECISION_CONSTRAINTS"}, list[str]()

    open_on_gpu(make_bundle(tmp_path / "sum"), said, precision="fp16").close()

    assert [flags[-1] for flags in world.flags] == list(PRECISION_RULES)
    assert [sentence for sentence in said if "could not build it with OBEY_PRECISION_CONSTRAINTS: no kernel obeys" in sentence]


def test_a_precision_that_no_rule_can_build_is_refused(world: StandIn, tmp_path: Path) -> None:
    world.unbuildable = set(PRECISION_RULES)

    with pytest.raises(EngineError, match="cannot build it for Stand-in GPU: no kernel obeys"):
        open_on_gpu(make_bundle(tmp_path / "sum"), precision="fp16")


def test_a_gpu_is_kept_warm_until_the_engine_is_closed(world: StandIn, tmp_path: Path) -> None:
    engine = open_on_gpu(make_bundle(tmp_path / "sum"), keep_warm_ms=0.2)
    end = time.monotonic() + 10
    while world.touched < 3 and time.monotonic() < end:
        threading.Event().wait(0.001)
    answer = float(engine.infer(ONES)[0])
    engine.close()

    touched = world.touched
    assert (touched >= 3, answer) == (True, 24.0)
    assert not [thread for thread in threading.enumerate() if thread.name == "keep-warm"]
    assert (world.memory, world.retained) == ({}, 0)


def test_a_cpu_that_is_to_be_kept_warm_is_refused(tmp_path: Path) -> None:
    bundle = make_bundle(tmp_path / "sum")
    with pytest.raises(EngineError, match=r"keep_warm_ms is set, but engine.runtime is openvino.*set it to null"):
        open_engine(bundle, engine_settings(bundle, keep_warm_ms=1.0), say=pytest.fail)


def test_a_graph_that_tensorrt_cannot_read_is_refused_with_the_parsers_words(world: StandIn, tmp_path: Path) -> None:
    bundle = make_bundle(tmp_path / "sum", model=b"unreadable")

    with pytest.raises(EngineError, match=r"TensorRT 8.6.0 cannot read it: Unsupported ONNX data type: UINT8 \(2\)"):
        open_on_gpu(bundle)
    assert (world.memory, world.retained) == ({}, 0)


def test_a_build_that_fails_is_refused_with_tensorrts_words(world: StandIn, tmp_path: Path) -> None:
    world.builds = 1

    with pytest.raises(EngineError, match="cannot build it for Stand-in GPU: no kernel for layer 5"):
        open_on_gpu(make_bundle(tmp_path / "sum"))
    assert world.retained == 0


def test_an_engine_that_is_not_what_the_bundle_says_is_refused_and_not_kept(world: StandIn, tmp_path: Path) -> None:
    world.output = TensorShape(name="sum", shape=(1, 5), dtype="float32")
    bundle = make_bundle(tmp_path / "sum")

    with pytest.raises(BundleError, match=r"sum float32 \[1, 5\], bundle.json says memory_next float32 \[1, 1\], sum float32 \[1, 1\]"):
        open_on_gpu(bundle)
    assert not bundle.engines.exists()
    assert world.retained == 0


def test_a_gpu_that_is_not_there_is_refused(world: StandIn, tmp_path: Path) -> None:
    with pytest.raises(EngineError, match=r"engine.gpu is 3; this machine has 1 NVIDIA GPUs"):
        open_on_gpu(make_bundle(tmp_path / "sum"), gpu=3)


@pytest.mark.parametrize(("kind", "words"), [("MemoryError", "its memory is full"), ("Error", "CUDA reports 'unlucky'")])
def test_what_cuda_reports_becomes_a_sentence(world: StandIn, tmp_path: Path, kind: str, words: str) -> None:
    cuda: Any = sys.modules["pycuda.driver"]

    def fail(_: int) -> None:
        raise getattr(cuda, kind)("unlucky")

    cuda.mem_alloc = fail
    with pytest.raises(EngineError, match=words):
        open_on_gpu(make_bundle(tmp_path / "sum"))
    assert world.retained == 0


@pytest.mark.skipif(importlib.util.find_spec("tensorrt") is not None, reason="TensorRT is installed here")
def test_a_machine_without_tensorrt_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match=r"'tensorrt', which cannot be loaded .* or set engine.runtime to openvino"):
        open_on_gpu(make_bundle(tmp_path / "sum"))
