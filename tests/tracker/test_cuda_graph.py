"""Recording a frame's work as a CUDA graph, against a small shared library with the driver's C interface."""

import ctypes
import subprocess
from pathlib import Path

import pytest

from tests.compiler import c_compiler
from tracker.engines.tensorrt.cuda_graph import CudaGraph
from tracker.errors import EngineError

DRIVER_C = """
#include <stdint.h>
static uintptr_t stream; static int recording, ended, launched, freed;
int cuStreamBeginCapture_v2(void *s, int mode) { stream = (uintptr_t)s; recording = mode == 1; return 0; }
int cuStreamEndCapture(void *s, void **graph) {
    ended++; *graph = (void *)0x7f00000000000001; return recording && (uintptr_t)s == stream ? 0 : 901; }
int cuGraphInstantiateWithFlags(void **e, void *g, unsigned long long f) {
    *e = (void *)0x7f00000000000002; return g == (void *)0x7f00000000000001 && f == 0 ? 0 : 1; }
int cuGraphLaunch(void *e, void *s) { launched++; return e == (void *)0x7f00000000000002 && (uintptr_t)s == stream ? 0 : 400; }
int cuGraphDestroy(void *g) { return g == (void *)0x7f00000000000001 ? 0 : 1; }
int cuGraphExecDestroy(void *e) { freed++; return 0; }
int launches(void) { return launched; } int frees(void) { return freed; } int ends(void) { return ended; }
"""


@pytest.fixture
def driver(tmp_path: Path) -> str:
    """A shared library with the driver's C interface, which checks that handles arrive whole."""
    compiler = c_compiler()
    (tmp_path / "driver.c").write_text(DRIVER_C)
    library = tmp_path / "libstandin.so"
    subprocess.run([compiler, "-shared", "-fPIC", str(tmp_path / "driver.c"), "-o", str(library)], check=True)
    return str(library)


def test_a_frames_work_is_recorded_once_and_launched_whole(driver: str) -> None:
    enqueued: list[int] = []

    graph = CudaGraph(0x7FFF00000008, enqueue=lambda: enqueued.append(1), library=driver)
    graph.launch()
    graph.launch()
    graph.close()
    graph.close()

    counters = ctypes.CDLL(driver)
    assert (len(enqueued), counters.launches(), counters.frees()) == (1, 2, 1)


def test_work_that_fails_while_it_is_recorded_ends_the_recording(driver: str) -> None:
    def fail() -> None:
        raise EngineError("refused")

    with pytest.raises(EngineError, match="refused"):
        CudaGraph(0x7FFF00000008, enqueue=fail, library=driver)
    assert ctypes.CDLL(driver).ends() == 1


def test_a_driver_without_the_interface_is_refused() -> None:
    with pytest.raises(EngineError, match="the driver does not offer it"):
        CudaGraph(1, enqueue=lambda: None, library="libc.so.6")
