"""Stand-ins for TensorRT and PyCUDA, whose names test_tensorrt_names.py checks against the real ones: here, and in the building process."""

import json
import threading
import time
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tracker.bundle_description import TensorShape
from tracker.engines.tensorrt.options import OWN_TACTICS, PRECISION_RULES

IMAGE = TensorShape(name="image", shape=(1, 4, 6, 1), dtype="uint8")
SUM = TensorShape(name="sum", shape=(1, 1), dtype="float32")
MEMORY = TensorShape(name="memory", shape=(1, 1), dtype="float32")

# What `import tensorrt` and `import pycuda.driver` find in the building process.
MODULE = """import importlib.util, sys
from pathlib import Path
if "gpu_stand_in" not in sys.modules:
    spec = importlib.util.spec_from_file_location("gpu_stand_in", {source!r})
    sys.modules["gpu_stand_in"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(sys.modules["gpu_stand_in"])
    sys.modules["gpu_stand_in"].WORLD = sys.modules["gpu_stand_in"].StandIn(Path({folder!r}))
here = sys.modules["gpu_stand_in"]
globals().update(here.{make}(here.WORLD).__dict__)
"""


class StandIn:
    """Device memory, streams and contexts of the two stand-in modules, and what went wrong in their use.

    What the building process does, a process of its own with modules of its own, is told through a file.
    """

    def __init__(self, folder: Path) -> None:
        self._told = folder / "builds.json"
        self.memory: dict[int, NDArray[np.uint8]] = {}
        self.current = threading.local()
        self.retained = 0
        self.output = SUM
        self.touched = 0

    @property
    def attempts(self) -> list[list[str]]:
        """Flags of each attempt to build."""
        return list(self._tell()["attempts"])

    @property
    def built(self) -> int:
        """How many builds came to an end."""
        return int(self._tell()["built"])

    @property
    def unbuildable(self) -> set[str]:
        """Flags under which a build fails."""
        return set(self._tell()["unbuildable"])

    @unbuildable.setter
    def unbuildable(self, flags: set[str]) -> None:
        self._tell(unbuildable=sorted(flags))

    @property
    def hangs(self) -> bool:
        """Whether a build never ends."""
        return bool(self._tell()["hangs"])

    @hangs.setter
    def hangs(self, hangs: bool) -> None:
        self._tell(hangs=hangs)

    def attempted(self, flags: list[str], *, built: bool) -> None:
        """Told by the builder."""
        self._tell(attempts=[*self.attempts, flags], built=self.built + built)

    def _tell(self, **changes: object) -> dict[str, Any]:
        before = (
            json.loads(self._told.read_text()) if self._told.exists() else {"attempts": [], "built": 0, "unbuildable": [], "hangs": False}
        )
        if changes:
            self._told.write_text(json.dumps(before | changes))
        return {**before, **changes}

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

        def deserialize_cuda_engine(self, plan: memoryview) -> Network | None:
            return Network() if bytes(plan) == b"plan" else None

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
            while world.hangs:
                time.sleep(0.01)
            refused = world.unbuildable & {*config.flags, "EVERYTHING"}
            world.attempted(config.flags, built=not refused)
            if refused:
                self.log.log("ERROR", "no kernel\n obeys")
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


def write_modules(folder: Path) -> None:
    """Make `tensorrt` and `pycuda.driver` importable from `folder`, for a process of its own."""
    (folder / "pycuda").mkdir()
    (folder / "pycuda" / "__init__.py").touch()
    for path, make in (("tensorrt.py", "make_tensorrt"), ("pycuda/driver.py", "make_cuda")):
        (folder / path).write_text(MODULE.format(source=str(Path(__file__).resolve()), folder=str(folder), make=make))
