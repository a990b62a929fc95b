"""What the memory does not hold: said in one sentence, with the largest batch that fits, found by trying."""

import gc
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, TypeVar

import cv2
import torch

from trainer.errors import TooLargeError

BATCH, HELD_OUT = "--batch", "--held-out-batch"
_SAID_BY = (RuntimeError, MemoryError, cv2.error)
Learnt = TypeVar("Learnt")

# what torch and its libraries say in a plain RuntimeError; oneDNN says of any lack that a primitive could not be created
_WORDS = (
    "can't allocate memory",
    "cannot allocate memory",
    "not enough memory",
    "out of memory",
    "could not create a memory",
    "could not create a primitive",
    "bad_alloc",
    "insufficient memory",
    "status_alloc_failed",
)


def is_out_of_memory(problem: BaseException) -> bool:
    """Whether an error of torch, NumPy or OpenCV says that there was no memory left."""
    if isinstance(problem, torch.OutOfMemoryError | MemoryError):
        return True
    if isinstance(problem.__context__, MemoryError):
        return True  # torch's writer of checkpoints speaks of its position in the file
    return any(word in str(problem).lower() for word in _WORDS)


@contextmanager
def lack_refused(what: str, remedy: str) -> Iterator[None]:
    """Say in one sentence that the memory does not hold something.

    Args:
        what: is not held, such as "these images".
        remedy: what to make smaller.

    Raises:
        TooLargeError: in place of what torch, NumPy or OpenCV say.
    """
    try:
        yield
    except _SAID_BY as problem:
        if not is_out_of_memory(problem):
            raise
        raise TooLargeError(f"{_where(problem)} does not hold {what}; {remedy}") from problem


def batch_refused(learn: Callable[[], Learnt], step: Callable[[int], object], batch: int, *, what: str, otherwise: str) -> Learnt:
    """Learn; a batch that the memory does not hold is the user's to make smaller: which would fit is tried and said.

    It is tried where no error is being handled, for that would hold the tensors of the step that failed.

    Args:
        learn: as was asked.
        step: one step of learning from so many; its effects are thrown away.
        batch: how many a step learns from.
        what: they are, such as "pictures".
        otherwise: what to make smaller where not even one fits.

    Returns:
        What `learn` does.

    Raises:
        TooLargeError: in place of what torch, NumPy or OpenCV say.
    """
    return _refused(learn, step, batch, _Words(what, BATCH, otherwise))


def held_out_refused(
    answer: Callable[[], Learnt], some: Callable[[int], object], batch: int, *, otherwise: str, answering: Callable[[], bool] = lambda: True
) -> Learnt:
    """Answer frames that nothing is learnt from, as those held out; as `batch_refused` of how many are answered at a time.

    Args:
        answer: as was asked.
        some: answers so many frames at a time; thrown away.
        batch: how many are answered at a time.
        otherwise: what to make smaller where not even one fits.
        answering: whether held-out frames were being answered when the memory did not suffice, where `answer` does more than that.

    Raises:
        TooLargeError: in place of what torch, NumPy or OpenCV say.
    """
    words = _Words("held-out frames", HELD_OUT, otherwise)
    return _refused(answer, some, batch, words, at_fault=answering)


@contextmanager
def kept_epochs_said(run: Path, checkpoint: str, *, anew: bool = False) -> Iterator[None]:
    """Where memory does not suffice after some epochs: that they are kept, and what goes on with them.

    Args:
        run: folder in which the training keeps its epochs, or those of several networks in folders of their own.
        checkpoint: name of the file of the last epoch; there is none before one is over.
        anew: whether the same command would put them away, for it was given --force.

    Raises:
        TooLargeError: with its sentence made longer.
    """
    try:
        yield
    except TooLargeError as refused:
        if next(run.rglob(checkpoint), None) is None:
            raise
        command = "the same command without --force" if anew else "the same command"
        also = f"with any {HELD_OUT}" if refused.option == HELD_OUT else f"once more memory is free; another {BATCH} begins anew"
        found = f"{refused}; the epochs before are kept, and {command} goes on with them {also}"
        raise TooLargeError(found, option=refused.option) from None


class _Words(NamedTuple):
    what: str  # a batch is of
    option: str  # that makes a batch smaller
    otherwise: str  # what to make smaller where not even one fits


def _refused(
    do: Callable[[], Learnt], step: Callable[[int], object], batch: int, words: _Words, *, at_fault: Callable[[], bool] = lambda: True
) -> Learnt:
    try:
        return do()
    except _SAID_BY as problem:
        if not is_out_of_memory(problem) or not at_fault():
            raise
        where = _where(problem)
        _let_go(problem)
    fits = _largest(step, below=batch)
    remedy = f"{fits} fit: give {words.option} {fits}" if fits else f"not even one fits: {words.otherwise}"
    raise TooLargeError(f"{where} does not hold a batch of {batch} {words.what}; {remedy}", option=words.option)


def _let_go(problem: BaseException) -> None:
    """Give back the tensors in the frames that an error came through, whoever else holds it."""
    traceback.clear_frames(problem.__traceback__)
    problem.__traceback__ = None


def _where(problem: BaseException) -> str:
    of_gpu = isinstance(problem, torch.OutOfMemoryError) or "status_alloc_failed" in str(problem).lower()
    return "the GPU's memory" if of_gpu else "the memory"


def _largest(step: Callable[[int], object], *, below: int) -> int:
    """The largest of `below` / 2, / 4, / 8 … whose step the memory holds; 0 where it does not hold one."""
    size = below // 2
    while size and not _fits(step, size):
        size //= 2
    return size


def _fits(step: Callable[[int], object], size: int) -> bool:
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    try:
        step(size)
    except _SAID_BY as problem:
        if not is_out_of_memory(problem):
            raise
        _let_go(problem)
        return False
    return True
