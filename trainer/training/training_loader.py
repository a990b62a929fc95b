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

from trainer.training.datasets import Draw, EpochOrder, TrainingFrames
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
        workers, clock: as given.
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
        self.workers, self.clock = workers, clock
        self._frames, self._batch = frames, batch
        self._group = group

    def __len__(self) -> int:
        return -(-len(self.sampler) // self._batch)

    def __iter__(self) -> "EpochBatches":
        return EpochBatches(self)

    def draws(self) -> Iterator[list[Draw]]:
        """This process's draws of each batch; the epoch's are fixed with the first, as Lightning tells its number after `iter`."""
        draws = list(self.sampler)
        for first in range(0, len(draws), self._batch):
            yield self._share(draws[first : first + self._batch])

    def _share(self, draws: list[Draw]) -> list[Draw]:
        """This process's part of a batch; of a last batch with fewer pictures than processes, some are made twice."""
        missing = -len(draws) % self._group.count
        return (draws + draws[:1] * missing)[self._group.rank :: self._group.count]

    def make(self, draws: list[Draw]) -> Batch:
        """One batch: frames (n, h, w, c) and what is known of them.

        Raises:
            LabelError: an image cannot be read.
        """
        pictures = [self._frames[draw] for draw in draws]
        return Batch(*(torch.stack(part) for part in zip(*pictures, strict=True)))


class EpochBatches:
    """The batches of one epoch. Its threads end with its last batch, with `close`, or on their own when it is dropped.

    A class, not a generator: a generator that is dropped runs its `finally` inside the interpreter's tidying, where Ctrl-C is
    printed and forgotten, and waiting there for threads makes that likely.
    """

    def __init__(self, loader: TrainingLoader) -> None:
        self._loader, self._draws = loader, loader.draws()
        self._waiting: deque[Future[Batch]] = deque()
        self._threads = ThreadPoolExecutor(loader.workers, thread_name_prefix="augment") if loader.workers else None

    def __iter__(self) -> "EpochBatches":
        return self

    def __next__(self) -> Batch:
        loader = self._loader
        asked = loader.clock()
        try:
            return self._next()
        except BaseException:
            self.close()
            raise
        finally:
            loader.waited_s += loader.clock() - asked

    def close(self) -> None:
        """Wait for the batches in hand and make no more."""
        self._draws = iter(())
        self._waiting.clear()
        if self._threads is not None:
            self._threads.shutdown(cancel_futures=True)

    def _next(self) -> Batch:
        if self._threads is None:
            return self._loader.make(next(self._draws))
        while len(self._waiting) < self._loader.workers + AHEAD and (draws := next(self._draws, None)) is not None:
            self._waiting.append(self._threads.submit(self._loader.make, draws))
        if not self._waiting:
            raise StopIteration
        made = self._waiting.popleft().result()
        if not self._waiting:
            self.close()  # Lightning does not ask for a batch beyond the last
        return made
