"""Have an engine built by a process of its own, and wait for it: no call of a runtime then holds this process's interpreter."""

import os
import selectors
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import IO

import msgspec

from tracker.engines.build_request import BuildAnswer, BuildRequest
from tracker.engines.engine_cache import EngineNotKeptError, Say
from tracker.errors import BundleError, EngineError

SIGN_OF_LIFE_S = 3.0  # a service manager that is asked for more time must hear it well before its next deadline
_POLL_S = 0.1  # how long a cancellation may go unnoticed
_ENDING_S = 10.0  # a process that has said its last word gives its memory back, which takes a busy machine a while
_LOOK_S = 0.005
_KILLED_S = 0.2  # a killed process that has not ended by then is stuck in a driver
_MOST_READ = 65_536
_PROGRAM = "import sys; sys.path[:] = {path!r}; from tracker.engines.build_engine import main; main()"


def build_in_child(
    request: BuildRequest,
    *,
    say: Say,
    cancelled: threading.Event,
    clock: Callable[[], int] = time.monotonic_ns,
) -> None:
    """Build the engine that is asked for and keep it in `request.folder`.

    Args:
        request: what to build.
        say: told on this thread, every few seconds, that the build goes on, and what the builder says.
        cancelled: once set, the building process is killed.
        clock: monotonic, in ns.

    Raises:
        EngineError: the runtime cannot build it, the process ended, or the build was cancelled.
        EngineNotKeptError: the engine cannot be written.
        BundleError: model.onnx cannot be read by the runtime, or was changed meanwhile.
    """
    what = f"the {request.made_for.runtime} engine on {request.made_for.device}"
    started = told = clock()
    last = BuildAnswer(kind="said", sentence="")
    patience_s = 0.0
    process = _start(request)
    try:
        for line in _lines(process):
            if cancelled.is_set():
                break
            if line is not None:
                last = msgspec.json.decode(line, type=BuildAnswer)
            if line is not None and last.kind == "said":
                say(last.sentence)
            elif clock() - told > SIGN_OF_LIFE_S * 1e9:
                told = clock()
                say(f"building {what}: {(told - started) / 1e9:.0f} s so far")
        else:
            patience_s = _ENDING_S
    finally:
        _end(process, patience_s=patience_s)
    if cancelled.is_set():
        raise EngineError(f"{request.model}: building its engine was cancelled")
    if last.kind == "said":
        raise EngineError(f"{request.model}: the process that built its engine {_how_it_ended(process)}; its last words are in the log")
    if last.kind == "bundle":
        raise BundleError(last.sentence)
    if last.kind == "not kept":
        raise EngineNotKeptError(last.sentence)
    if last.kind == "engine":
        raise EngineError(last.sentence)
    say(f"built {what} in {(clock() - started) / 1e9:.0f} s")


def _start(request: BuildRequest) -> "subprocess.Popen[bytes]":
    try:
        process = subprocess.Popen(
            [sys.executable, "-c", _PROGRAM.format(path=sys.path)],  # modules are found there as they are here
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
        )
    except OSError as problem:
        raise EngineError(f"{request.model}: no process could be started to build its engine: {problem.strerror}") from problem
    with suppress(BrokenPipeError):  # it ended at once, which its exit status explains
        _pipe(process.stdin).write(msgspec.json.encode(request) + b"\n")
    return process


def _lines(process: "subprocess.Popen[bytes]") -> Iterator[bytes | None]:
    """Every line of the process's stdout until that ends, and None whenever none came for a moment."""
    pending, stdout = b"", _pipe(process.stdout)
    with selectors.DefaultSelector() as selector:
        selector.register(stdout, selectors.EVENT_READ)
        while True:
            if not selector.select(_POLL_S):
                yield None
                continue
            read = os.read(stdout.fileno(), _MOST_READ)
            if not read:
                return
            *lines, pending = (pending + read).split(b"\n")
            yield from lines


def _end(process: "subprocess.Popen[bytes]", *, patience_s: float) -> None:
    """Wait for the process to end by itself, then kill it; one that does not even end then is waited for on a thread of its own."""
    for pipe in (process.stdin, process.stdout):
        _pipe(pipe).close()
    for patience in (patience_s, _KILLED_S):
        if _ends_within(process, patience):
            return
        process.kill()
    threading.Thread(target=process.wait, name="engine-build-end", daemon=True).start()


def _ends_within(process: "subprocess.Popen[bytes]", seconds: float) -> bool:
    pause, deadline = threading.Event(), time.monotonic() + seconds
    while process.poll() is None:
        if time.monotonic() >= deadline:
            return False
        pause.wait(_LOOK_S)
    return True


def _how_it_ended(process: "subprocess.Popen[bytes]") -> str:
    status = process.returncode
    if status is None:
        return "does not end"
    if status < 0:
        return f"was ended by signal {-status}" + (" (out of memory?)" if status == -9 else "")
    return f"ended with status {status}"


def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
    if pipe is None:
        raise EngineError("the building process has no pipe")
    return pipe
