"""One thread for work that takes longer than a frame: opening an engine, reading rules. One piece at a time, in the order asked for."""

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import Any

from tracker.command import WORKER
from tracker.errors import BusyError, RigtrackError

logger = logging.getLogger(__name__)

Answer = dict[str, Any]


@dataclass(eq=False, slots=True, kw_only=True)
class _WaitingJob:
    what: str
    work: Callable[[], Answer]
    asked_ns: int
    taken: bool = False  # it holds the worker for itself
    future: "Future[Answer]" = field(default_factory=Future)


class Worker:
    """Does one piece of work at a time on a thread of its own, and says what it is busy with."""

    def __init__(self, *, clock: Callable[[], int] = time.monotonic_ns) -> None:
        self._clock = clock
        self._jobs: SimpleQueue[_WaitingJob | None] = SimpleQueue()
        self._under_way: _WaitingJob | None = None
        self._taken = threading.Lock()  # held while there is work that `submit` accepted
        self._thread = threading.Thread(target=self._run, name=WORKER, daemon=True)
        self._thread.start()

    def submit(self, what: str, work: Callable[[], Answer]) -> "Future[Answer]":
        """Begin `work` now.

        Args:
            what: a noun phrase for people: "a swap to models/new".
            work: may raise RigtrackError, which the future then holds.

        Raises:
            BusyError: other work is under way, with what and since when.
        """
        if not self._taken.acquire(blocking=False):
            raise BusyError(self._busy())
        job = _WaitingJob(what=what, work=work, asked_ns=self._clock(), taken=True)
        if self._under_way is None:
            self._under_way = job
        self._jobs.put(job)
        return job.future

    def submit_later(self, what: str, work: Callable[[], Answer]) -> None:
        """Do `work` when what is under way is done. Takes no lock, so that a signal handler may call it at any moment."""
        self._jobs.put(_WaitingJob(what=what, work=work, asked_ns=self._clock()))

    def close(self, timeout_s: float) -> bool:
        """End after the work under way, waiting for it at most so long. Returns whether the thread has ended."""
        self._jobs.put(None)
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            self._under_way = job
            try:
                answer = job.work()
            except RigtrackError as problem:
                self._end(job).set_exception(problem)
            except Exception as problem:  # a fault of our own must not end the thread that everything else waits for
                logger.exception("%s failed by a fault in rigtrack itself; please report the lines below", job.what)
                self._end(job).set_exception(problem)
            else:
                self._end(job).set_result(answer)

    def _end(self, job: _WaitingJob) -> "Future[Answer]":
        """Be free before the caller hears of the end, so that its next request is not refused."""
        self._under_way = None
        if job.taken:
            self._taken.release()
        return job.future

    def _busy(self) -> str:
        job = self._under_way
        if job is None:
            return "busy: other work is about to begin; ask again when it is done"
        since_s = (self._clock() - job.asked_ns) / 1e9
        return f"busy: {job.what} has been under way for {since_s:.0f} s; ask again when it is done"
