"""The GPU engine's bookkeeping beside stand-ins for TensorRT and PyCUDA, whose names test_tensorrt_names.py checks against the real ones.

The numbers it computes and its speed need an NVIDIA GPU; docs/engines.md says what has been seen on one.
"""

import ctypes
import importlib.util
import re
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from tests.tracker.engine_settings import engine_settings
from tests.tracker.gpu_stand_in import IMAGE, MEMORY, SUM, StandIn, make_cuda, make_tensorrt, write_modules
from tracker.bundle import Bundle, read_bundle, write_bundle
from tracker.bundle_description import Accuracy, Description, SelfTest, TensorShape, TrainingData, View
from tracker.engines.open_engine import open_engine
from tracker.engines.tensorrt.options import PRECISION_RULES
from tracker.errors import BundleError, EngineError


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[StandIn]:
    """The engine's modules, imported beside stand-ins for TensorRT and PyCUDA, and an engine folder of the test's own."""
    modules_folder = tmp_path / "modules"
    modules_folder.mkdir()
    write_modules(modules_folder)
    monkeypatch.syspath_prepend(str(modules_folder))
    monkeypatch.setenv("CACHE_DIRECTORY", str(tmp_path / "cache"))
    world = StandIn(modules_folder)
    modules = ("engine", "build", "gpu")
    package = ModuleType("pycuda")
    monkeypatch.setitem(sys.modules, "pycuda", package)
    monkeypatch.setitem(sys.modules, "pycuda.driver", make_cuda(world))
    monkeypatch.setattr(package, "driver", sys.modules["pycuda.driver"], raising=False)
    monkeypatch.setitem(sys.modules, "tensorrt", make_tensorrt(world))
    for name in modules:
        monkeypatch.delitem(sys.modules, f"tracker.engines.tensorrt.{name}", raising=False)
    yield world
    for name in modules:
        sys.modules.pop(f"tracker.engines.tensorrt.{name}", None)


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


def test_a_gpu_engine_goes_on_from_what_another_one_carried(world: StandIn, tmp_path: Path) -> None:
    bundle = make_bundle(tmp_path / "sum")
    engine = open_on_gpu(bundle)
    found = [float(engine.infer(ONES)[0]) for _ in range(2)]
    carried = engine.carried()
    engine.close()

    another = open_on_gpu(bundle)
    with pytest.raises(EngineError, match=r"the states that were kept have \{\} bytes; expected \{'memory': 4\}"):
        another.go_on({})
    another.go_on(carried)
    found.append(float(another.infer(ONES)[0]))
    another.reset()
    found.append(float(another.infer(ONES)[0]))
    another.close()

    assert found == [24.0, 36.0, 42.0, 24.0]


def test_an_engine_is_built_once_and_then_taken_from_the_cache(world: StandIn, tmp_path: Path) -> None:
    bundle, said = make_bundle(tmp_path / "sum"), list[str]()

    open_on_gpu(bundle, said).close()
    open_on_gpu(bundle, said).close()

    assert world.built == 1
    built = [sentence for sentence in said if re.fullmatch(r"built the tensorrt 8.6.0 engine on Stand-in GPU in \d+ s", sentence)]
    assert built == [sentence for sentence in said if not sentence.endswith(" so far")][1:2]  # a busy machine tells of its progress


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

    assert world.attempts == [["FP16", "OBEY_PRECISION_CONSTRAINTS"]]


def test_where_no_kernel_obeys_the_softer_rule_is_tried_and_said(world: StandIn, tmp_path: Path) -> None:
    world.unbuildable, said = {"OBEY_PRECISION_CONSTRAINTS"}, list[str]()

    open_on_gpu(make_bundle(tmp_path / "sum"), said, precision="fp16").close()

    assert [flags[-1] for flags in world.attempts] == list(PRECISION_RULES)
    assert [sentence for sentence in said if "could not build it with OBEY_PRECISION_CONSTRAINTS: no kernel obeys" in sentence]


def test_a_precision_that_no_rule_can_build_is_refused(world: StandIn, tmp_path: Path) -> None:
    world.unbuildable = set(PRECISION_RULES)

    with pytest.raises(EngineError, match="cannot build it for Stand-in GPU: no kernel obeys"):
        open_on_gpu(make_bundle(tmp_path / "sum"), precision="fp16")


def test_a_gpu_is_kept_warm_until_the_engine_is_closed(world: StandIn, tmp_path: Path) -> None:
    engine = open_on_gpu(make_bundle(tmp_path / "sum"), keep_warm_ms=0.2)
    while world.touched < 3 and "keep-warm" in [thread.name for thread in threading.enumerate()]:
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
    world.unbuildable = {"EVERYTHING"}

    with pytest.raises(EngineError, match="cannot build it for Stand-in GPU: no kernel obeys"):
        open_on_gpu(make_bundle(tmp_path / "sum"))
    assert world.retained == 0


def test_an_engine_that_is_not_what_the_bundle_says_is_refused(world: StandIn, tmp_path: Path) -> None:
    world.output = TensorShape(name="sum", shape=(1, 5), dtype="float32")
    bundle = make_bundle(tmp_path / "sum")

    with pytest.raises(BundleError, match=r"sum float32 \[1, 5\], bundle.json says memory_next float32 \[1, 1\], sum float32 \[1, 1\]"):
        open_on_gpu(bundle)
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


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("NVRM version: NVIDIA UNIX x86_64 Kernel Module  550.54.15  Tue Mar  5 22:23:56 UTC 2024\nGCC version: 12.2.0\n", "550.54.15"),
        ("NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  570.86  Release Build\n", "570.86"),
        ("something else\n", "unknown"),
    ],
    ids=["three parts", "two parts", "unknown"],
)
def test_the_nvidia_driver_is_told_by_its_kernel_module(world: StandIn, tmp_path: Path, text: str, version: str) -> None:
    from tracker.engines.tensorrt.gpu import driver_version

    (tmp_path / "version").write_text(text)

    assert driver_version(tmp_path / "version") == version


def test_a_machine_without_the_driver_says_unknown(world: StandIn, tmp_path: Path) -> None:
    from tracker.engines.tensorrt.gpu import driver_version

    assert driver_version(tmp_path / "version") == "unknown"
