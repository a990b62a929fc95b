"""Training pictures made ahead of the step that needs them, by threads.

Threads, not processes: nearly all of an augmentation is OpenCV and NumPy at work without Python's lock (two threads make
twice as many pictures as one), the decoded images are shared as they are, and nothing is forked. A forked worker inherits
the engines that its parent has open, and tidying those up without their threads was seen to stop it for good.
"""

import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import torch

from trainer.training.data import Draw, EpochOrder, TrainingFrames
from trainer.training.losses import Batch
from trainer.training.processes import ALONE, Processes

AHEAD = 2  # batches made beyond those that the threads have in hand: one long picture does not stop the step


class TrainingLoader:
    """Batches of one epoch, in order; the last may be short.

    Args:
        frames: what makes a picture of a draw.
        order: the draws; Lightning finds it as `sampler` and tells it the epoch.
        batch: pictures a batch.
        workers: threads; with 0 each batch is made when it is asked for.
        group: the processes that share each batch; every one makes its part.
        clock: seconds; only differences count.

    Attributes:
        waited_s: how long steps have waited for pictures, all epochs together.
    """

    def __init__(
        self,
        frames: TrainingFrames,
        order: EpochOrder,
        *,
        batch: int,
        workers: int,
        group: Processes = ALONE,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.sampler = order
        self.waited_s = 0.0
        self._frames, self._batch, self._workers, self._clock = frames, batch, workers, clock
        self._group = group

    def __len__(self) -> int:
        return -(-len(self.sampler) // self._batch)

    def __iter__(self) -> Iterator[Batch]:
        batches = self._made_ahead() if self._workers else map(self._make, self._draws())
        while True:
            asked = self._clock()
            made = next(batches, None)
            self.waited_s += self._clock() - asked
            if made is None:
                return
            yield made

    def _made_ahead(self) -> Iterator[Batch]:
        with ThreadPoolExecutor(self._workers, thread_name_prefix="augment") as threads:
            waiting: deque[Future[Batch]] = deque()
            for draws in self._draws():
                waiting.append(threads.submit(self._make, draws))
                if len(waiting) >= self._workers + AHEAD:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()

    def _draws(self) -> Iterator[list[Draw]]:
        draws = list(self.sampler)
        return (self._share(draws[first : first + self._batch]) for first in range(0, len(draws), self._batch))

    def _share(self, draws: list[Draw]) -> list[Draw]:
        """This process's part of a batch; of a last batch with fewer pictures than processes, some are made twice."""
        missing = -len(draws) % self._group.count
        return (draws + draws[:1] * missing)[self._group.rank :: self._group.count]

    def _make(self, draws: list[Draw]) -> Batch:
        pictures = [self._frames[draw] for draw in draws]
        return Batch(*(torch.stack(part) for part in zip(*pictures, strict=True)))
