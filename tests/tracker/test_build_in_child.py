"""Engines are built by a process of their own: it is killed when nobody wants the engine any more, and its end is told in a sentence."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import msgspec
import pytest

from tests.conftest import BundleMaker
from tests.tracker.engine_settings import engine_settings
from tests.tracker.gpu_stand_in import StandIn, write_modules
from tests.tracker.processes import alive
from tracker.bundle import read_bundle
from tracker.engines.build_in_child import build_in_child
from tracker.engines.build_request import BuildRequest
from tracker.engines.engine_cache import MadeFor
from tracker.engines.open_engine import open_engine
from tracker.errors import BundleError, EngineError

LONG_S = 300.0


@pytest.fixture
def builder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StandIn:
    """What the building process finds in TensorRT's place."""
    folder = tmp_path / "modules"
    folder.mkdir()
    write_modules(folder)
    monkeypatch.syspath_prepend(str(folder))
    return StandIn(folder)


@pytest.fixture
def asked(tmp_path: Path) -> BuildRequest:
    """A GPU engine of six bytes of model."""
    model = tmp_path / "model.onnx"
    model.write_bytes(b"model\n")
    return BuildRequest(
        model=str(model),
        made_for=MadeFor(
            onnx_sha256="cd1c65d13e4b40e6d0a2f2ac3b5f4f3a1b4f6c9c3ef27c0f1a4b6b7e6c0f0d1e",
            runtime="tensorrt 8.6.0",
            device="Stand-in GPU",
            capability="9.0",
            driver="none",
            precision="fp32",
            options="",
        ),
        folder=str(tmp_path),
        runtime="tensorrt",
        precision="fp32",
        graph_precision="fp32",
        threads=1,
        gpu=0,
        tactic_sources=(),
    )


class Build(threading.Thread):
    """A build on a thread of its own, which never ends by itself."""

    def __init__(self, builder: StandIn, request: BuildRequest) -> None:
        super().__init__()
        builder.hangs = True
        self.cancelled, self.said = threading.Event(), list[str]()
        self.refusal: EngineError | None = None
        self.ended_after_s = LONG_S
        self._request = request

    def run(self) -> None:
        try:
            build_in_child(self._request, say=self.said.append, cancelled=self.cancelled)
        except EngineError as refusal:
            self.refusal = refusal

    def process(self) -> int:
        """The building process, once it is there."""
        deadline = time.monotonic() + LONG_S
        while time.monotonic() < deadline:
            found = [int(task) for task in Path(f"/proc/{os.getpid()}/task/{self.native_id}/children").read_text().split()]
            if found:
                return found[0]
            time.sleep(0.01)
        raise AssertionError("no process was started")


def test_a_cancelled_build_is_killed(builder: StandIn, asked: BuildRequest) -> None:
    build = Build(builder, asked)
    build.start()
    process = build.process()
    build.cancelled.set()
    build.join(LONG_S)

    assert str(build.refusal) == f"{asked.model}: building its engine was cancelled"
    assert not alive(process)


def test_a_building_process_that_is_killed_is_told_in_a_sentence(builder: StandIn, asked: BuildRequest) -> None:
    build = Build(builder, asked)
    build.start()
    os.kill(build.process(), signal.SIGKILL)
    build.join(LONG_S)

    assert "the process that built its engine was ended by signal 9 (out of memory?)" in str(build.refusal)


def test_a_building_process_has_a_low_priority_and_no_descriptor_but_three(builder: StandIn, asked: BuildRequest) -> None:
    read, write = os.pipe()
    os.set_inheritable(read, True)
    build = Build(builder, asked)
    try:
        build.start()
        process, deadline = build.process(), time.monotonic() + LONG_S
        while os.getpriority(os.PRIO_PROCESS, process) == os.getpriority(os.PRIO_PROCESS, 0) and time.monotonic() < deadline:
            time.sleep(0.01)
        niceness = os.getpriority(os.PRIO_PROCESS, process)
        held = {str(entry.readlink()) for entry in Path(f"/proc/{process}/fd").iterdir()}
        ours = str(Path(f"/proc/self/fd/{read}").readlink())
    finally:
        build.cancelled.set()
        build.join(LONG_S)
        os.close(read)
        os.close(write)

    assert niceness > os.getpriority(os.PRIO_PROCESS, 0)
    assert ours not in held


def test_a_long_build_is_told_of_again_and_again(builder: StandIn, asked: BuildRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tracker.engines.build_in_child.SIGN_OF_LIFE_S", 0.1)
    build = Build(builder, asked)
    build.start()
    deadline = time.monotonic() + LONG_S
    while len(build.said) < 2 and time.monotonic() < deadline:
        time.sleep(0.01)
    build.cancelled.set()
    build.join(LONG_S)

    assert build.said[:2] == ["building the tensorrt 8.6.0 engine on Stand-in GPU: 0 s so far"] * 2


PARENT = """
import sys, threading
sys.path[:] = {path!r}
import msgspec
from tracker.engines.build_in_child import build_in_child
from tracker.engines.build_request import BuildRequest
request = msgspec.json.decode(sys.stdin.buffer.readline(), type=BuildRequest)
def build():
    build_in_child(request, say=print, cancelled=threading.Event())
threading.Thread(target=build, daemon=True).start()
sys.stdin.buffer.readline()
"""


@pytest.mark.parametrize("end", ["killed", "ends", "killed while the builder runs no Python"])
def test_a_building_process_ends_with_the_process_that_wants_its_engine(builder: StandIn, asked: BuildRequest, end: str) -> None:
    builder.hangs = True
    code = PARENT.format(path=sys.path)
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE) as parent:
        assert parent.stdin is not None
        parent.stdin.write(msgspec.json.encode(asked) + b"\n")
        parent.stdin.flush()
        deadline, found = time.monotonic() + LONG_S, list[int]()
        while not found and time.monotonic() < deadline:
            tasks = Path(f"/proc/{parent.pid}/task").iterdir()
            found = [int(number) for task in tasks for number in (task / "children").read_text().split()]
            time.sleep(0.01)
        if "builder" in end:  # inside a runtime's own code it can look at nothing
            while os.getpriority(os.PRIO_PROCESS, found[0]) == os.getpriority(os.PRIO_PROCESS, 0) and time.monotonic() < deadline:
                time.sleep(0.01)
            os.kill(found[0], signal.SIGSTOP)
        if "killed" in end:
            parent.kill()
    while alive(found[0]) and time.monotonic() < deadline:
        time.sleep(0.01)
    survived = alive(found[0])
    if survived:
        os.kill(found[0], signal.SIGKILL)

    assert not survived


def test_a_model_that_changes_while_it_is_built_is_refused(builder: StandIn, asked: BuildRequest) -> None:
    with pytest.raises(BundleError, match=r"model.onnx: was changed while its engine was built"):
        build_in_child(asked, say=list[str]().append, cancelled=threading.Event())
    assert not list(Path(asked.folder).glob("*.engine"))


def test_an_opening_that_is_cancelled_before_it_began_builds_nothing(
    tmp_path: Path, make_bundle: BundleMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CACHE_DIRECTORY", str(tmp_path / "cache"))
    bundle = read_bundle(make_bundle(tmp_path / "b", height=16, width=16))
    cancelled = threading.Event()
    cancelled.set()

    with pytest.raises(EngineError, match="cancelled"):
        open_engine(bundle, engine_settings(bundle), say=list[str]().append, cancelled=cancelled)
    assert not list((tmp_path / "cache").rglob("*.engine"))
