"""A process that analyses one video after the other, as told on its standard input; a crash of a decoder ends it and nothing else."""

import logging
import queue
import signal
import sys
import threading
from pathlib import Path

import cv2
import msgspec

from tracker.analysis.inferring import Engines
from tracker.analysis.job import Job
from tracker.analysis.one_video import AnalysisRequest, StoppedError, analyse
from tracker.analysis.worker_messages import Answer, Finished, Reached, Said, Task, Video
from tracker.bundle import read_bundle
from tracker.config import Config
from tracker.errors import RigtrackError

logger = logging.getLogger(__name__)


class VideoWorker:
    """What it was told, and its engines once a video needed them."""

    def __init__(self, task: Task, stop: threading.Event) -> None:
        self._stop = stop
        config = msgspec.convert(task.config, Config)
        self._request = AnalysisRequest(config=config, made_with=task.made_with, force=task.force, threads=task.threads)
        self._engines: Engines | None = None

    def take(self, video: Video) -> Finished:
        """Analyse one video; whatever is wrong with it becomes a sentence."""
        job = Job(video=Path(video.video), source=video.source, folder=Path(video.folder))
        try:
            return Finished(overview=analyse(job, self._request, self._opened, told=_reached, stop=self._stop))
        except StoppedError:
            return Finished()
        except RigtrackError as problem:
            text = str(problem)
            return Finished(failure=text if str(job.video) in text else f"{job.video}: {text}")
        except Exception as problem:  # one video must not take the others with it
            logger.exception("a fault in rigtrack itself; please report the lines below")
            return Finished(failure=f"{job.video}: {type(problem).__name__} in rigtrack itself; please report the lines above")

    def close(self) -> None:
        """Free the engines."""
        if self._engines is not None:
            self._engines.close()

    def _opened(self) -> Engines:
        if self._engines is None:
            engine = self._request.config.engine
            self._engines = Engines(
                read_bundle(Path(engine.bundle)) if engine.bundle is not None else None,
                engine,
                count=self._request.threads,
                say=_say,
                classifiers=self._request.config.classifiers,
            )
        return self._engines


class _ToParent(logging.Handler):
    """Log lines as sentences to whoever shows the progress."""

    def emit(self, record: logging.LogRecord) -> None:
        _say(self.format(record))


def main() -> None:
    """Take videos until there are no more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the command says when to stop
    logging.basicConfig(level=logging.WARNING, handlers=[_ToParent()])
    cv2.setNumThreads(1)
    stop = threading.Event()
    lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(lines, stop), daemon=True).start()
    first = lines.get()
    if not first:
        return
    worker = VideoWorker(msgspec.json.decode(first, type=Task), stop)
    while line := lines.get():
        _answer(worker.take(msgspec.json.decode(line, type=Video)))
    worker.close()


def _listen(lines: "queue.SimpleQueue[bytes]", stop: threading.Event) -> None:
    """Also while a video is under way: the end of the input, which may be the parent's death, is to be noticed at once."""
    for line in sys.stdin.buffer:
        lines.put(line)
    stop.set()
    lines.put(b"")


def _reached(frames: int, expected: int | None) -> None:
    _answer(Reached(frames=frames, expected=expected))


def _say(sentence: str) -> None:
    _answer(Said(sentence=sentence))


def _answer(answer: Answer) -> None:
    try:
        sys.stdout.buffer.write(msgspec.json.encode(answer) + b"\n")
        sys.stdout.buffer.flush()
    except BrokenPipeError:  # the parent is gone, and with it our input: what is under way is still written
        pass


if __name__ == "__main__":
    main()
