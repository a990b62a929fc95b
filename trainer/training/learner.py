"""One learning run as Lightning sees it: steps, schedule, averaged weights, and what a checkpoint holds."""

import copy
import logging
import math
import time
from collections.abc import Callable, Container
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from trainer.errors import DivergedError
from trainer.networks.build import NetworkPlan
from trainer.networks.frozen import held_norms
from trainer.networks.usual_training import PRETRAINED_RATE
from trainer.scoring.assignment import in_order_of_labels
from trainer.training.collapse import collapse_sentence, has_collapsed, movement
from trainer.training.head_losses import loss_of
from trainer.training.history import Epoch, History, history_from_plain
from trainer.training.lightning_library import pl
from trainer.training.losses import Batch, LossSettings
from trainer.training.training_loader import TrainingLoader

logger = logging.getLogger(__name__)

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
        pretrained_rate: share of the learning rate for weights that began with another network's.
    """

    steps: int | None
    seconds: float | None
    learning_rate: float
    weight_decay: float
    optimiser: Literal["adamw", "adam"]
    averaging: float
    pretrained_rate: float = PRETRAINED_RATE


class Learner(pl.LightningModule):
    """A network, its averaged copy, and how they learn.

    Args:
        network: in training mode.
        plan: what it was built from.
        loss: what is minimised.
        schedule: how fast, how long.
        about: plain values that every checkpoint carries.
        pretrained: names of the network's parameters that began with another network's weights; they learn more slowly.
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
        pretrained: Container[str] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__()
        self.network = network
        self.averaged = copy.deepcopy(network).requires_grad_(False)
        self.history = History()
        self.stopped: Stopped | None = None
        self.on_epoch: Callable[[History], None] | None = None  # told of every epoch that is kept; what it raises ends the run
        self.plan, self.about = plan, about
        self._loss, self._schedule, self._clock = loss, schedule, clock
        self._pretrained, self._held_norms = pretrained, held_norms(network)
        self._began, self._earlier_s = clock(), 0.0
        self._losses: list[tuple[Tensor, int]] = []
        self._validated: list[tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]] = []
        self._movement: float | None = None
        self._held_out_px: float | None = None
        self.held_out_loss: float | None = None  # of this epoch; see `HeldOutLoss`
        self.answers_held_out = False  # at this moment; stays so where an error ends the run there
        self._waited_before_s = 0.0
        self.train()

    @property
    def steps(self) -> int | None:
        """All steps of the run; None where only time limits it."""
        return self._schedule.steps

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """What learns, in groups: weights decay, biases and normalisation do not; pretrained ones learn more slowly."""
        learning = [(name, parameter) for name, parameter in self.network.named_parameters() if parameter.requires_grad]
        groups: list[dict[str, Any]] = []
        for slow in (False, True):
            for decays in (True, False):
                chosen = [value for name, value in learning if (name in self._pretrained) == slow and (value.ndim > 1) == decays]
                decay = self._schedule.weight_decay if decays else 0.0
                groups.append({"params": chosen, "weight_decay": decay, "share": self._schedule.pretrained_rate if slow else 1.0})
        kind = torch.optim.AdamW if self._schedule.optimiser == "adamw" else torch.optim.Adam
        return kind([group for group in groups if group["params"]], lr=self._schedule.learning_rate, betas=(0.9, 0.99))

    def train(self, mode: bool = True) -> "Learner":
        """As any module, but what is frozen keeps its running statistics."""
        super().train(mode)
        for norm in self._held_norms:
            norm.eval()
        return self

    def on_train_start(self) -> None:
        """Time counts from the first step, not from reading images."""
        self._began = self._clock()

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:
        """Set this step's learning rate."""
        rate = learning_rate(self._schedule, self._agreed(self._progress()))
        for group in self.trainer.optimizers[0].param_groups:
            group["lr"] = rate * group["share"]

    def training_step(self, batch: Any, batch_idx: int) -> Tensor:
        """Loss of one batch."""
        pictures = Batch(*batch)
        loss = self.loss_of(self.network, pictures)
        self._losses.append((loss.detach(), len(pictures.frames)))
        return loss

    def loss_of(self, network: nn.Module, pictures: Batch) -> Tensor:
        """What is minimised, for a network of this plan: one number."""
        return loss_of(self.plan)(network, pictures, self._loss)

    def on_train_batch_end(self, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Average the weights; stop when the time is up."""
        self._average()
        if self._schedule.seconds is not None and self._agreed(self.elapsed_s()) >= self._schedule.seconds:
            self.stopped = "minutes"
            self.trainer.should_stop = True

    def on_validation_start(self) -> None:
        """From here on it answers held-out frames."""
        self.answers_held_out = True

    def on_validation_end(self) -> None:
        """It learns again."""
        self.answers_held_out = False

    def validation_step(self, batch: Any, batch_idx: int) -> None:
        """Answers to one batch of held-out frames, and their labels, in full precision."""
        frames, points, scale = batch
        with torch.autocast(self.device.type, enabled=False):
            poses = self.averaged(frames)
        if points.shape[1] > 1 or poses.shape[1] > 1:
            poses = torch.from_numpy(in_order_of_labels(poses.cpu().numpy(), points.cpu().numpy())).to(points)
        self._validated.append((poses[..., :2].cpu().numpy(), points.cpu().numpy(), scale.cpu().numpy()))

    def on_validation_epoch_end(self) -> None:
        """Mean over all labelled points of all frames, in each image's own pixels, never a mean of batch means."""
        answers, labels, scale = (np.concatenate(part) for part in zip(*self._validated, strict=True))
        self._validated.clear()
        distance = np.linalg.norm((answers - labels) * scale[:, None, None], axis=3)
        labelled = ~np.isnan(distance)
        self._held_out_px = float(distance[labelled].mean()) if labelled.any() else math.inf
        self._movement = movement(answers, labels)
        self.log(HELD_OUT, self._held_out_px, prog_bar=True)

    def on_train_epoch_end(self) -> None:
        """Add the epoch to the history."""
        losses, sizes = [float(loss) for loss, _ in self._losses], [size for _, size in self._losses]
        self._losses.clear()
        mean = sum(loss * size for loss, size in zip(losses, sizes, strict=True)) / sum(sizes)
        if not math.isfinite(mean):
            raise DivergedError(f"the loss is {mean} in epoch {self.current_epoch}")
        first = self.trainer.optimizers[0].param_groups[0]  # of what was taken over, where nothing is fresh
        rate = float(first["lr"]) / float(first["share"])
        self.history.batch_loss.extend(losses)
        self.history.epochs.append(
            Epoch(
                epoch=self.current_epoch,
                loss=mean,
                held_out_px=self._held_out_px,
                held_out_loss=self.held_out_loss,
                learning_rate=rate,
                seconds=self.elapsed_s(),
                waited_s=self._waited_s(),
                movement=self._movement,
            )
        )
        self._warn_of_collapse()
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

    def _warn_of_collapse(self) -> None:
        """Once, in the epoch that makes it certain."""
        movements = [epoch.movement for epoch in self.history.epochs]
        if self._movement is not None and has_collapsed(movements) and not has_collapsed(movements[:-1]):
            logger.warning("epoch %d: %s", self.current_epoch, collapse_sentence(self._movement))

    def elapsed_s(self) -> float:
        """Seconds of learning, earlier sittings included."""
        return self._earlier_s + self._clock() - self._began

    def _waited_s(self) -> float:
        """Since it was last asked."""
        loader = self.trainer.train_dataloader
        before, self._waited_before_s = self._waited_before_s, float(loader.waited_s) if isinstance(loader, TrainingLoader) else 0.0
        return self._waited_before_s - before

    def _agreed(self, value: float) -> float:
        """The first process's value in all processes, where time decides: their clocks differ, and their weights must not."""
        if self._schedule.seconds is None or self.trainer.world_size == 1:
            return value
        return float(self.trainer.strategy.broadcast(value))

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
