"""One learning run as Lightning sees it: steps, schedule, averaged weights, and what a checkpoint holds."""

import copy
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn

from trainer.errors import TrainingError
from trainer.history import Epoch, History, history_from_plain
from trainer.lightning_library import pl
from trainer.loading import TrainingLoader
from trainer.losses import LOSSES, Batch, LossSettings
from trainer.networks.build import NetworkPlan

Stopped = Literal["epochs", "minutes", "no improvement"]

ABOUT = "rigtrack"  # key of our own part of a checkpoint
HELD_OUT = "held_out_px"
WARM_UP = 0.05  # of the run
CLIP = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """How fast to learn and when to stop.

    Attributes:
        steps: all steps of the run; None where only time limits it.
        seconds: wall time of the run, earlier sittings included; None where only steps limit it.
        learning_rate: at its highest.
        weight_decay: of weights, not of biases and normalisation.
        optimiser: AdamW, or Adam, whose decay is an L2 penalty.
        averaging: of weights over steps, exponential; 0.998 is a memory of 500 steps.
    """

    steps: int | None
    seconds: float | None
    learning_rate: float
    weight_decay: float
    optimiser: Literal["adamw", "adam"]
    averaging: float


class Learner(pl.LightningModule):
    """A network, its averaged copy, and how they learn.

    Args:
        network: in training mode.
        plan: what it was built from.
        loss: what is minimised.
        schedule: how fast, how long.
        about: plain values that every checkpoint carries.
        clock: seconds; only differences count.
    """

    def __init__(
        self,
        network: nn.Module,
        *,
        plan: NetworkPlan,
        loss: LossSettings,
        schedule: Schedule,
        about: dict[str, object],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__()
        self.network = network
        self.averaged = copy.deepcopy(network).requires_grad_(False)
        self.history = History()
        self.stopped: Stopped | None = None
        self.plan, self.about = plan, about
        self._loss, self._schedule, self._clock = loss, schedule, clock
        self._began, self._earlier_s = clock(), 0.0
        self._losses: list[tuple[Tensor, int]] = []
        self._errors: list[Tensor] = []
        self._held_out_px: float | None = None
        self._waited_before_s = 0.0

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Two groups: weights decay, biases and normalisation do not."""
        weights = [parameter for parameter in self.network.parameters() if parameter.ndim > 1]
        others = [parameter for parameter in self.network.parameters() if parameter.ndim <= 1]
        groups = [{"params": weights, "weight_decay": self._schedule.weight_decay}, {"params": others, "weight_decay": 0.0}]
        kind = torch.optim.AdamW if self._schedule.optimiser == "adamw" else torch.optim.Adam
        return kind(groups, lr=self._schedule.learning_rate, betas=(0.9, 0.99))

    def on_train_start(self) -> None:
        """Time counts from the first step, not from reading images."""
        self._began = self._clock()

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:
        """Set this step's learning rate."""
        rate = learning_rate(self._schedule, self._progress())
        for group in self.trainer.optimizers[0].param_groups:
            group["lr"] = rate

    def training_step(self, batch: Any, batch_idx: int) -> Tensor:
        """Loss of one batch."""
        pictures = Batch(*batch)
        loss = LOSSES[self.plan.head](self.network, pictures, self._loss)
        self._losses.append((loss.detach(), len(pictures.frames)))
        return loss

    def on_train_batch_end(self, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Average the weights; stop when the time is up."""
        self._average()
        if self._schedule.seconds is not None and self.elapsed_s() >= self._schedule.seconds:
            self.stopped = "minutes"
            self.trainer.should_stop = True

    def validation_step(self, batch: Any, batch_idx: int) -> None:
        """Euclidean distances of one batch of held-out frames, in pixels, in full precision."""
        frames, points = batch
        with torch.autocast(self.device.type, enabled=False):
            poses = self.averaged(frames)[:, 0]
        distance = torch.linalg.vector_norm(poses[..., :2] - points[:, 0], dim=2)
        self._errors.append(distance[~torch.isnan(distance)])

    def on_validation_epoch_end(self) -> None:
        """Mean over all labelled points of all frames, never a mean of batch means (R0-20)."""
        errors = torch.cat(self._errors)
        self._errors.clear()
        self._held_out_px = float(errors.mean()) if len(errors) else math.inf
        self.log(HELD_OUT, self._held_out_px, prog_bar=True)

    def on_train_epoch_end(self) -> None:
        """Add the epoch to the history."""
        losses, sizes = [float(loss) for loss, _ in self._losses], [size for _, size in self._losses]
        self._losses.clear()
        mean = sum(loss * size for loss, size in zip(losses, sizes, strict=True)) / sum(sizes)
        if not math.isfinite(mean):
            raise TrainingError(f"the loss is {mean} in epoch {self.current_epoch}; lower the learning rate, or train with --precision 32")
        rate = float(self.trainer.optimizers[0].param_groups[0]["lr"])
        self.history.batch_loss.extend(losses)
        self.history.epochs.append(
            Epoch(
                epoch=self.current_epoch,
                loss=mean,
                held_out_px=self._held_out_px,
                learning_rate=rate,
                seconds=self.elapsed_s(),
                waited_s=self._waited_s(),
            )
        )
        self.log("loss", mean, prog_bar=True)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Add what rebuilds the network and continues the run: plain values only, so that it loads without pickle."""
        checkpoint[ABOUT] = {
            **self.about,
            "history": self.history.to_plain(),
            "elapsed_s": self.elapsed_s(),
            "stopped": self.stopped,
        }

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Continue where the checkpoint was written."""
        about = checkpoint[ABOUT]
        self.history = history_from_plain(about["history"])
        self._earlier_s = float(about["elapsed_s"])
        self.stopped = about["stopped"]

    def elapsed_s(self) -> float:
        """Seconds of learning, earlier sittings included."""
        return self._earlier_s + self._clock() - self._began

    def _waited_s(self) -> float:
        """Since it was last asked."""
        loader = self.trainer.train_dataloader
        before, self._waited_before_s = self._waited_before_s, float(loader.waited_s) if isinstance(loader, TrainingLoader) else 0.0
        return self._waited_before_s - before

    def _progress(self) -> float:
        """How much of the run is over, 0..1: by steps, or by time where that runs out first."""
        by_steps = self.global_step / self._schedule.steps if self._schedule.steps else 0.0
        by_time = self.elapsed_s() / self._schedule.seconds if self._schedule.seconds else 0.0
        return min(1.0, max(by_steps, by_time))

    @torch.no_grad()
    def _average(self) -> None:
        """Exponential mean of weights and statistics; a short memory first, so that random initial weights are forgotten."""
        step = self.global_step
        keep = min(self._schedule.averaging, (1 + step) / (10 + step))
        for mean, value in zip(self.averaged.state_dict().values(), self.network.state_dict().values(), strict=True):
            if mean.dtype.is_floating_point:
                mean.lerp_(value, 1 - keep)
            else:
                mean.copy_(value)


def learning_rate(schedule: Schedule, progress: float) -> float:
    """Linear warm-up, then a half cosine to zero (Loshchilov & Hutter 2017).

    Driven by progress, not by steps: on a busy machine a run limited in minutes still ends with a rate of zero.
    """
    warm_up = min(1.0, (progress + 1e-3) / WARM_UP)
    return schedule.learning_rate * warm_up * (0.5 + 0.5 * math.cos(math.pi * progress))
