"""The worker: one piece of work at a time, a plain answer to whoever asks meanwhile, and nothing that ends it."""

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator

import pytest

from calib.__main__ import main as calib
from tracker.__main__ import main as tracker
from tracker.errors import BusyError, ConfigError
from tracker.worker import Answer, Worker

DEADLINE_S = 300.0


@pytest.fixture
def worker() -> Iterator[Worker]:
    made = Worker()
    yield made
    assert made.close(DEADLINE_S)


class Gate:
    """Work that lasts until the test lets it end."""

    def __init__(self) -> None:
        self.entered, self.open = threading.Event(), threading.Event()

    @staticmethod
    def opened(done: threading.Event) -> Callable[[], Answer]:
        """Work that only says that it was done."""

        def tell() -> Answer:
            done.set()
            return {}

        return tell

    def __call__(self) -> Answer:
        self.entered.set()
        assert self.open.wait(DEADLINE_S)
        return {"done": True}


def test_a_second_piece_of_work_is_refused_with_what_is_under_way(worker: Worker) -> None:
    gate = Gate()
    first = worker.submit("a swap to models/new", gate)
    with pytest.raises(BusyError, match=r"busy: a swap to models/new has been under way for \d+ s"):
        worker.submit("a reload", dict)
    gate.open.set()
    assert first.result(DEADLINE_S) == {"done": True}
    assert worker.submit("a reload", dict).result(DEADLINE_S) == {}, "free as soon as the first has answered"


def test_of_many_that_ask_at_once_one_is_accepted(worker: Worker) -> None:
    gate, refused = Gate(), []
    start = threading.Barrier(8)

    def ask() -> None:
        start.wait()
        try:
            worker.submit("a swap", gate)
        except BusyError as problem:
            refused.append(str(problem))

    callers = [threading.Thread(target=ask) for _ in range(8)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    gate.open.set()
    assert len(refused) == 7


def test_work_put_off_does_not_let_a_second_piece_in(worker: Worker) -> None:
    signal, first = Gate(), Gate()
    worker.submit_later("a reload", signal)
    assert signal.entered.wait(DEADLINE_S)
    accepted = worker.submit("a swap", first)
    signal.open.set()
    with pytest.raises(BusyError, match="busy: "):
        worker.submit("another swap", dict)
    first.open.set()
    assert accepted.result(DEADLINE_S) == {"done": True}


def test_work_put_off_is_done_after_what_is_under_way(worker: Worker) -> None:
    gate, done = Gate(), threading.Event()
    worker.submit("a swap", gate)
    assert gate.entered.wait(DEADLINE_S)
    worker.submit_later("a reload", Gate.opened(done))
    assert not done.is_set()
    gate.open.set()
    assert done.wait(DEADLINE_S)


@pytest.mark.parametrize(
    "problem", [ConfigError("tracker.yaml is wrong"), ZeroDivisionError(), RecursionError()], ids=["ours", "a fault", "deep"]
)
def test_work_that_fails_hands_over_its_error_and_the_worker_lives(worker: Worker, problem: Exception) -> None:
    def fail() -> Answer:
        raise problem

    with pytest.raises(type(problem)):
        worker.submit("a swap", fail).result(DEADLINE_S)
    assert worker.submit("a swap", dict).result(DEADLINE_S) == {}


def test_closing_does_not_wait_for_work_that_does_not_end() -> None:
    worker, gate = Worker(), Gate()
    worker.submit("a swap", gate)
    assert gate.entered.wait(DEADLINE_S)
    assert not worker.close(0.01)
    gate.open.set()
    assert worker.close(DEADLINE_S)


STUCK = """
import argparse, atexit, threading
from tracker.command import end_process, run_command
from tracker.worker import Worker

def run(_):
    Worker().submit("a load", lambda: {"never": threading.Event().wait()})
    return 3

atexit.register(print, "torn down", flush=True)
print("begun")
raise SystemExit(end_process(run_command(argparse.Namespace(command="run", call=run), program="tracker")))
"""


def test_a_process_ends_with_its_status_while_the_worker_is_inside_a_runtime() -> None:
    ended = subprocess.run([sys.executable, "-c", STUCK], capture_output=True, text=True, timeout=DEADLINE_S, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr) == (3, "begun\n", "")


class _EndedError(Exception):
    """In the place of the end of this process."""


@pytest.mark.parametrize(("main", "command"), [(tracker, "recover"), (calib, "check")], ids=["tracker", "calib"])
def test_a_command_called_within_a_process_never_ends_it(
    main: Callable[..., int], command: str, monkeypatch: pytest.MonkeyPatch, worker: Worker
) -> None:
    def end(status: int) -> None:
        raise _EndedError(status)

    monkeypatch.setattr(os, "_exit", end)
    gate = Gate()
    worker.submit("a swap", gate)
    assert gate.entered.wait(DEADLINE_S)
    assert main([command, "nowhere"]) == 1, "it returns, although a thread is left"
    monkeypatch.setattr(sys, "argv", ["program", command, "nowhere"])
    with pytest.raises(_EndedError, match="1"):
        main()
    gate.open.set()
