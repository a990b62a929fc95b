"""Ctrl-C during a training: noted, so that it ends the run even where the interpreter drops the exception."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from trainer.training.lightning_library import pl


class CtrlC(pl.Callback):
    """Raises a KeyboardInterrupt again, at the next step, that was lost.

    Python raises it wherever the main thread is. Inside a finaliser or a callback of the garbage collector it is printed as
    "Exception ignored" and the program goes on.
    """

    def __init__(self) -> None:
        self._came = False

    @contextmanager
    def noted(self) -> Iterator[None]:
        """Note every Ctrl-C, which raises KeyboardInterrupt as ever. A signal that somebody else handles or ignores stays theirs.

        Raises:
            KeyboardInterrupt: one came and was lost, after the last step.
        """
        before = signal.getsignal(signal.SIGINT)
        if before is None or threading.current_thread() is not threading.main_thread():
            yield
            return

        def note(number: int, frame: FrameType | None) -> None:
            self._came = True
            signal.default_int_handler(number, frame)

        if before is signal.default_int_handler:
            signal.signal(signal.SIGINT, note)
        try:
            yield
            self._raise_again()
        finally:
            signal.signal(signal.SIGINT, before)  # Lightning leaves it ignored

    def on_train_batch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int) -> None:
        """Before a step."""
        self._raise_again()

    def on_validation_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int, dataloader_idx: int = 0
    ) -> None:
        """Before some held-out frames."""
        self._raise_again()

    def _raise_again(self) -> None:
        if self._came:
            raise KeyboardInterrupt
