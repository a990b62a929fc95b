"""The daemon's log: lines are left in a queue and written by a thread of their own, so that a stuck reader cannot hold the loop up."""

import logging
import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from logging.handlers import QueueHandler

from tracker.parsing.one_line import one_line

FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
_WAITING = 10_000  # lines; beyond it lines are dropped, and counted
_CLOSE_S = 0.5
WRITER = "log"  # name of the thread, which may be stuck in a write when the process ends


class OneLine(logging.Formatter):
    """One line for each record, whatever text from outside is in it; only the trace of a fault of our own takes more."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  # the name is logging's
        """The line without a trace."""
        record.message = one_line(record.message)
        return super().formatMessage(record)


class _Leave(QueueHandler):
    """Leaves records for the writer; never waits."""

    dropped = 0

    def enqueue(self, record: logging.LogRecord) -> None:
        try:
            self.queue.put_nowait(record)
        except queue.Full:
            self.dropped += 1


@contextmanager
def written_beside() -> Iterator[None]:
    """Have everything that is logged meanwhile written by a thread of its own, by the handlers in place."""
    root = logging.getLogger()
    handlers = root.handlers[:]
    lines: queue.Queue[logging.LogRecord | None] = queue.Queue(_WAITING)
    leave = _Leave(lines)

    def write() -> None:
        while (record := lines.get()) is not None:
            if leave.dropped:
                record.msg, leave.dropped = f"{record.msg} ({leave.dropped} lines before this were dropped: nobody read them)", 0
            for handler in handlers:
                handler.handle(record)

    writer = threading.Thread(target=write, name=WRITER, daemon=True)
    writer.start()
    root.handlers[:] = [leave]
    try:
        yield
    finally:
        root.handlers[:] = handlers
        try:
            lines.put(None, timeout=_CLOSE_S)
        except queue.Full:
            return
        writer.join(_CLOSE_S)
