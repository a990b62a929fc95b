"""Share videos out among worker processes; each is used again, and a dead one is replaced."""

import queue
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Sequence
from typing import Protocol

import msgspec

from tracker.analysis.job import Job
from tracker.analysis.one_video import AnalysisRequest
from tracker.analysis.worker_messages import Answer, Finished, Reached, Said, Task, Video

_STOP_S = 60.0  # what is under way is written and synced


class ProgressListener(Protocol):
    """Who shows how it goes."""

    def say(self, sentence: str) -> None:
        """A sentence for people."""
        ...

    def reached(self, job: Job, frames: int, expected: int | None) -> None:
        """A video is so far."""
        ...

    def finished(self, job: Job, outcome: Finished) -> None:
        """A video is done, or failed."""
        ...


class _Process:
    """One worker, and the video that it is at."""

    def __init__(self, request: AnalysisRequest, heard: "queue.SimpleQueue[tuple[_Process, Answer | None]]") -> None:
        self.job: Job | None = None
        self._child = subprocess.Popen(
            [sys.executable, "-m", "tracker.analysis.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C in a terminal is for the command alone
        )
        self._heard = heard
        self._send(
            Task(config=msgspec.to_builtins(request.config), made_with=request.made_with, force=request.force, threads=request.threads)
        )
        threading.Thread(target=self._listen, daemon=True).start()

    def take(self, job: Job) -> None:
        """Begin a video."""
        self.job = job
        self._send(Video(video=str(job.video), source=job.source, folder=str(job.folder)))

    def stop(self) -> None:
        """Let it write what is under way and end."""
        if self._child.stdin is not None:
            self._child.stdin.close()

    def death(self) -> str:
        """Why a process ended that should not have."""
        code = self._child.wait()
        if code >= 0:
            return f"its process ended with status {code}"
        name = signal.Signals(-code).name if -code in [each.value for each in signal.Signals] else str(-code)
        return f"its process was ended by {name}" + ("; is there enough memory?" if name == "SIGKILL" else "")

    def end(self) -> None:
        """Wait for its end, or end it."""
        self.stop()
        try:
            self._child.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()
        if self._child.stdout is not None:
            self._child.stdout.close()

    def _send(self, message: Task | Video) -> None:
        if self._child.stdin is not None:
            try:
                self._child.stdin.write(msgspec.json.encode(message) + b"\n")
                self._child.stdin.flush()
            except BrokenPipeError:  # it has died; its output says so
                pass

    def _listen(self) -> None:
        if self._child.stdout is not None:
            for line in self._child.stdout:
                self._heard.put((self, msgspec.json.decode(line, type=Answer)))
        self._heard.put((self, None))


def analyse_all(jobs: Sequence[Job], request: AnalysisRequest, *, processes: int, listener: ProgressListener) -> None:
    """Analyse every video; the listener hears what becomes of each.

    Args:
        jobs: in the order in which they are begun.
        request: what to run.
        processes: at once.
        listener: told everything, on this thread.

    Raises:
        KeyboardInterrupt: by Ctrl-C, once everything under way is on the disk.
    """
    waiting, heard = deque(jobs), queue.SimpleQueue[tuple[_Process, Answer | None]]()
    running: list[_Process] = []
    try:
        for _ in range(min(processes, len(jobs))):
            _begin(waiting, running, request, heard)
        while running:
            process, answer = heard.get()
            job = process.job
            if isinstance(answer, Said):
                listener.say(answer.sentence)
            elif isinstance(answer, Reached) and job is not None:
                listener.reached(job, answer.frames, answer.expected)
            elif isinstance(answer, Finished) and job is not None:
                listener.finished(job, answer)
                process.job = None
                if waiting:
                    process.take(waiting.popleft())
                else:
                    process.stop()
            elif answer is None:
                running.remove(process)
                if job is not None:
                    sentence = f"{job.video}: {process.death()}; the same command goes on where it was"
                    listener.finished(job, Finished(failure=sentence))
                process.end()
                if waiting:
                    _begin(waiting, running, request, heard)
    finally:
        for process in running:
            process.stop()
        for process in running:
            process.end()


def _begin(
    waiting: deque[Job], running: list[_Process], request: AnalysisRequest, heard: "queue.SimpleQueue[tuple[_Process, Answer | None]]"
) -> None:
    process = _Process(request, heard)
    running.append(process)
    process.take(waiting.popleft())
