"""Training pictures come in order, the same from threads as without, and each sees what is wrong with its image."""

import dataclasses
import os
import signal
import threading
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
import torch

from tests.trainer.learnable import GREY, labelled
from trainer.errors import LabelError
from trainer.labels.labelled_frames import LabelledFrames
from trainer.networks.blocks import CropPlan
from trainer.training.augment import AugmentSettings
from trainer.training.datasets import Draw, EpochOrder, FrameStore, TrainingFrames
from trainer.training.losses import Batch
from trainer.training.training_loader import TrainingLoader

CROP = CropPlan(height=96, width=96, shrink=1, pool=2)


def loader(frames: LabelledFrames, *, workers: int, clock: Iterator[float] | None = None) -> TrainingLoader:
    made = TrainingFrames(FrameStore(frames, GREY), crop=CROP, settings=AugmentSettings(), seed=3)
    ticks = clock or count()
    return TrainingLoader(made, EpochOrder(len(frames), pictures=17, seed=3), batch=4, workers=workers, clock=lambda: next(ticks))


@pytest.mark.parametrize("workers", [1, 3])
def test_threads_make_the_same_batches_in_the_same_order(tmp_path: Path, workers: int) -> None:
    frames = labelled(tmp_path, 6)
    alone, together = loader(frames, workers=0), loader(frames, workers=workers)
    for epoch in (0, 1):
        alone.sampler.set_epoch(epoch)
        together.sampler.set_epoch(epoch)
        pairs = list(zip(alone, together, strict=True))
        assert len(pairs) == len(alone) == 5
        assert pairs[-1][0].frames.shape[0] == 2
        for one, other in pairs:
            assert all(_same(a, b) for a, b in zip(one, other, strict=True))


def _same(one: torch.Tensor, other: torch.Tensor) -> bool:
    return torch.allclose(one, other, rtol=0, atol=0, equal_nan=True)


def test_an_image_that_cannot_be_read_ends_the_epoch_with_its_own_sentence(tmp_path: Path) -> None:
    frames = labelled(tmp_path, 6)
    (tmp_path / "0003.png").write_bytes(b"no image")
    with pytest.raises(LabelError, match=r"0003\.png"):
        list(loader(frames, workers=2))


def test_an_epoch_that_is_left_early_leaves_no_thread(tmp_path: Path) -> None:
    pictures = iter(loader(labelled(tmp_path, 6), workers=2))
    next(pictures)
    pictures.close()  # conftest finds a thread that stays


class InterruptingFrames(TrainingFrames):
    """Frames of which the ninth picture is made only once its epoch is dropped, and presses Ctrl-C first."""

    def __init__(self, store: FrameStore) -> None:
        super().__init__(store, crop=CROP, settings=AugmentSettings(), seed=3)
        self.dropped, self.pressed, self._number = threading.Event(), threading.Event(), count()

    def __getitem__(self, draw: Draw) -> Batch:
        if next(self._number) == 8:
            self.dropped.wait(300)
            threading.Event().wait(0.2)  # time for the main thread to drop the epoch; with too little, a fault is missed and none made
            os.kill(os.getpid(), signal.SIGINT)
            self.pressed.set()
        return super().__getitem__(draw)


def test_ctrl_c_while_an_epoch_is_dropped_is_not_lost(tmp_path: Path) -> None:
    frames = InterruptingFrames(FrameStore(labelled(tmp_path, 6), GREY))
    pictures = iter(TrainingLoader(frames, EpochOrder(6, pictures=17, seed=3), batch=4, workers=1))
    next(pictures)
    with pytest.raises(KeyboardInterrupt):  # noqa: PT012 where it comes is not for the test to say
        frames.dropped.set()
        del pictures
        frames.pressed.wait(300)
    for thread in threading.enumerate():
        if thread.name.startswith("augment"):
            thread.join(60)


def test_the_time_that_steps_wait_is_counted_and_no_other(tmp_path: Path) -> None:
    ticks = iter([0.0, 1.5, 10.0, 10.25, 20.0, 20.0])
    pictures = loader(labelled(tmp_path, 6), workers=0, clock=ticks)
    batches = iter(pictures)
    for _ in range(3):
        next(batches)
    assert pictures.waited_s == pytest.approx(1.75)


def test_a_point_said_to_be_hidden_is_put_outside_and_one_not_labelled_stays_missing(tmp_path: Path) -> None:
    frames = labelled(tmp_path, 2)
    points, hidden = frames.points.copy(), frames.hidden.copy()
    points[:, 0, 0], points[:, 0, 1] = float("nan"), float("nan")
    hidden[:, 0, 0] = True
    for batch in loader(dataclasses.replace(frames, points=points, hidden=hidden), workers=0):
        inside_empty = (batch.points[:, 0, 0].abs() > 1000).all()  # hidden, or a plain frame: both far away
        assert inside_empty
        assert (torch.isnan(batch.points[:, 0, 1]).all(dim=1) | (batch.points[:, 0, 1] < -1000).all(dim=1)).all()
        assert torch.isnan(batch.points[:, 0, 1]).any()
