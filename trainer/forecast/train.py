"""A forecaster learns, epoch after epoch; goes on where it was left."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from tracker.whole_files import write_whole
from trainer.behaviour.kept_training import BEST, LAST, read_training, refuse_differing, training_as_bytes
from trainer.behaviour_scores.threshold_curves import curve
from trainer.errors import TrainingError
from trainer.forecast.answers import answers_of
from trainer.forecast.earlier_forecast import begin_with
from trainer.forecast.forecaster import Forecaster
from trainer.forecast.parts import Parts, Stretch
from trainer.forecast.sequences import UNJUDGED, batches, lengths, sequences_of
from trainer.forecast.settings import SMALLER, ForecastSettings
from trainer.training.lack_of_memory import batch_refused
from trainer.training.training_device import device_of, training_device

BEST_AUC = "best-auc.ckpt"
CLIP = 1.0  # longest gradient
BETTER = 1e-4  # of the loss; a smaller gain is chance
SAME = 1e-3  # a spread of probabilities below it is one answer to everything
Stopped = Literal["epochs", "minutes", "no improvement"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ForecastEpoch:
    """One pass over the training part.

    Attributes:
        train, validation: mean loss, with class weights.
        train_plain, validation_plain: mean loss, every frame counting as one.
        train_auc: of the answers given while learning, with dropout.
        validation_auc: of the validation part.
        spread: standard deviation of the probabilities of the validation part.
        seconds: since the training began.
    """

    train: float
    validation: float
    train_plain: float
    validation_plain: float
    train_auc: float
    validation_auc: float
    spread: float
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """A network and how it came about.

    Attributes:
        network: of the epoch with the smallest validation loss, in evaluation mode, not yet calibrated.
        history: of all epochs; empty where there are none.
        stopped: by what.
        weights: of a frame that no burst follows, and of one that a burst follows.
    """

    network: Forecaster
    history: tuple[ForecastEpoch, ...]
    stopped: Stopped
    weights: tuple[float, float]

    @property
    def notes(self) -> list[str]:
        """What the curves warn of."""
        said = []
        if self.history and min(epoch.spread for epoch in self.history[-1:]) < SAME:
            said.append("collapsed: the network gives the same answer to every frame; it has learnt nothing from these recordings")
        best = min(range(len(self.history)), key=lambda place: self.history[place].validation) if self.history else 0
        if self.history and best < len(self.history) - 3 and self.history[-1].train < self.history[best].train:
            said.append(
                f"from epoch {best + 2} on the training loss falls and the validation loss rises: more epochs learn these frames by heart"
            )
        return said


def class_weights(parts: Parts, *, weighted: bool) -> tuple[float, float]:
    """What a frame of label 0 and one of label 1 counts: the share of the other label, or 1 each."""
    labelled, positive = parts.shares("train")
    return (positive / labelled, 1 - positive / labelled) if weighted else (1.0, 1.0)


def losses(logits: Tensor, labels: Tensor, weights: tuple[float, float]) -> tuple[Tensor, Tensor]:
    """Sum of the binary cross-entropy over judged steps, with class weights and without."""
    labels = labels.to(logits.device)
    judged = labels != UNJUDGED
    truth = labels[judged].to(torch.float32)
    each = nn.functional.binary_cross_entropy_with_logits(logits[judged], truth, reduction="none")
    return (each * torch.where(truth == 1, weights[1], weights[0])).sum(), each.sum()


def train(
    network: Forecaster,
    parts: Parts,
    settings: ForecastSettings,
    out: Path,
    *,
    about: dict[str, Any],
    say: Callable[[str], None],
    anew: bool,
) -> Trained:
    """Train, or go on with the run in `out`.

    Args:
        network: as built with the settings' seed.
        parts: what to learn from.
        settings: everything else.
        out: folder of the checkpoints.
        about: what a run must agree with to be gone on with.
        say: told a sentence of every epoch.
        anew: begin again though `out` holds a run of other recordings or settings.

    Raises:
        TooLargeError: the memory does not hold a batch.
        TrainingError: a run of other recordings or settings in `out`, or a loss that is not a number.
        OSError: the disk takes no more.
    """
    out.mkdir(parents=True, exist_ok=True)
    for sentence in begin_with(network, settings):
        say(sentence)
    network.to(training_device(settings.device))
    run = _Run(network, parts, settings, out, about={**settings.as_plain(), **about})
    run.resume(anew=anew, say=say)
    run.learn(say=say)
    return Trained(network=run.best(), history=tuple(run.history), stopped=run.stopped or "epochs", weights=run.weights)


class _Run:
    """The state of a training: what a checkpoint holds."""

    def __init__(self, network: Forecaster, parts: Parts, settings: ForecastSettings, out: Path, *, about: dict[str, Any]) -> None:
        self.network, self.parts, self.settings, self.out, self.about = network, parts, settings, out, about
        self.optimiser = torch.optim.Adam(network.parameters(), lr=settings.rate, betas=(0.9, 0.999), weight_decay=settings.weight_decay)
        self.weights = class_weights(parts, weighted=settings.class_weights)
        self.history: list[ForecastEpoch] = []
        self.stopped: Stopped | None = None
        self._sequences = sequences_of(parts.of("train"), settings, flips=settings.flips)
        self._lengths = lengths(parts.rule, settings)

    def resume(self, *, anew: bool, say: Callable[[str], None]) -> None:
        """Take up what the folder holds."""
        last = self.out / LAST
        if anew:
            for name in (LAST, BEST, BEST_AUC):
                (self.out / name).unlink(missing_ok=True)
        if not last.exists():
            return
        kept = read_training(last)
        differ = [name.replace("_", " ") for name in self.about if kept["about"].get(name) != self.about[name] and name != "epochs"]
        refuse_differing(self.out, differ)
        self.network.load_state_dict(kept["network"])
        self.optimiser.load_state_dict(kept["optimiser"])
        self.history = [ForecastEpoch(**epoch) for epoch in kept["history"]]
        self.stopped = None if kept["stopped"] != "no improvement" else kept["stopped"]
        if self.stopped is None and len(self.history) >= self.settings.epochs:
            self.stopped = "epochs"
        say(f"going on after epoch {len(self.history)}")

    def learn(self, *, say: Callable[[str], None]) -> None:
        """Epoch after epoch, each kept whole before the next begins."""
        before = self.history[-1].seconds if self.history else 0.0
        begun = time.monotonic()
        while self.stopped is None:
            learnt = batch_refused(self._epoch, self._one_of, self.settings.batch, what="sequences", otherwise=SMALLER)
            self._keep(learnt, seconds=before + time.monotonic() - begun)
            last = self.history[-1]
            say(
                f"epoch {len(self.history)} of {self.settings.epochs}: loss {last.train:.4f}, validation {last.validation:.4f} "
                f"(unweighted {last.train_plain:.4f}, {last.validation_plain:.4f}), AUC {last.train_auc:.3f}, "
                f"validation {last.validation_auc:.3f}"
            )

    def best(self) -> Forecaster:
        """The network of the best epoch."""
        self.network.load_state_dict(read_training(self.out / BEST)["network"])
        return self.network.cpu().eval()

    def _epoch(self) -> tuple[float, float, float]:
        """Mean loss with class weights and without, and the AUC of the answers on the way."""
        number = len(self.history)
        torch.manual_seed(self.settings.seed * 100_003 + number)  # of dropout: a run that goes on draws what it would have drawn
        rng = np.random.default_rng((self.settings.seed, number))
        for group in self.optimiser.param_groups:
            group["lr"] = self.settings.rate * (0.05 + 0.95 * (1 + math.cos(math.pi * number / self.settings.epochs)) / 2)
        self.network.train()
        weighted = plain = counted = weight = 0.0
        logits_seen, labels_seen = [], []
        states = self.network.zero_states()
        for chunk in batches(self._sequences, self._lengths, batch=self.settings.batch, rng=rng):
            states = self.network.zero_states(len(chunk.steps)) if chunk.begins else [state.detach() for state in states]
            logits, states = self.network.chunk(chunk.steps.to(device_of(self.network)), states)
            judged = chunk.labels != UNJUDGED
            if not judged.any():
                continue
            with_weights, without = losses(logits, chunk.labels, self.weights)
            of_chunk = self._weight(chunk.labels)
            self.optimiser.zero_grad()
            (with_weights / of_chunk).backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(self.network.parameters(), CLIP)
            self.optimiser.step()
            weighted, plain = weighted + float(with_weights.detach()), plain + float(without.detach())
            counted, weight = counted + int(judged.sum()), weight + of_chunk
            logits_seen.append(logits.detach().cpu()[judged])
            labels_seen.append(chunk.labels[judged])
        if not math.isfinite(weighted):
            raise TrainingError(f"the loss is not a number in epoch {number + 1}; lower --learning-rate")
        found = curve(torch.cat(logits_seen).double().numpy(), torch.cat(labels_seen).numpy() == 1)
        return weighted / weight, plain / counted, found.auc if found else float("nan")

    def _one_of(self, batch: int) -> None:
        """Learn nothing, from the first steps of so many sequences: as much memory as learning takes."""
        self.network.train()
        self.optimiser.zero_grad()
        chunk = next(batches(self._sequences, self._lengths, batch=batch, rng=np.random.default_rng(self.settings.seed)))
        logits, _ = self.network.chunk(chunk.steps.to(device_of(self.network)), self.network.zero_states(len(chunk.steps)))
        logits.sum().backward()  # type: ignore[no-untyped-call]

    def _weight(self, labels: Tensor) -> float:
        return float((labels == 0).sum()) * self.weights[0] + float((labels == 1).sum()) * self.weights[1]

    def _keep(self, learnt: tuple[float, float, float], *, seconds: float) -> None:
        logits, labels = judged_logits(self.network, self.parts.of("validation"), self.settings)
        with_weights, without = losses(torch.from_numpy(logits), torch.from_numpy(labels), self.weights)
        found = curve(logits, labels == 1)
        auc = found.auc if found else float("nan")
        validation = float(with_weights) / self._weight(torch.from_numpy(labels))
        smallest = min((epoch.validation for epoch in self.history), default=math.inf)
        greatest = max((epoch.validation_auc for epoch in self.history), default=-math.inf)
        self.history.append(
            ForecastEpoch(
                train=learnt[0], validation=validation, train_plain=learnt[1], validation_plain=float(without) / len(labels),
                train_auc=learnt[2], validation_auc=auc, spread=float(torch.sigmoid(torch.from_numpy(logits)).std()), seconds=seconds,
            )
        )  # fmt: skip
        best = int(np.argmin([epoch.validation for epoch in self.history]))
        if len(self.history) >= self.settings.epochs:
            self.stopped = "epochs"
        elif len(self.history) - 1 - best >= self.settings.patience:
            self.stopped = "no improvement"
        elif self.settings.minutes is not None and seconds > 60 * self.settings.minutes:
            self.stopped = "minutes"
        content = self._content()
        if validation < smallest - BETTER or len(self.history) == 1:
            write_whole(self.out / BEST, content)
        if auc > greatest:
            write_whole(self.out / BEST_AUC, content)
        write_whole(self.out / LAST, content)

    def _content(self) -> bytes:
        return training_as_bytes(self.network, self.optimiser, about=self.about, history=self.history, stopped=self.stopped)


def judged_logits(network: Forecaster, stretches: Sequence[Stretch], settings: ForecastSettings) -> tuple[Any, Any]:
    """Logits and labels of every labelled frame of some stretches: float64 (n,) and int8 (n,)."""
    answers = [answers_of(network, stretch, settings) for stretch in stretches]
    logits = np.concatenate([answer[stretch.labelled] for answer, stretch in zip(answers, stretches, strict=True)])
    return logits, np.concatenate([stretch.labels[stretch.labelled] for stretch in stretches])
