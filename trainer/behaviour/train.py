"""Videos with poses and labels → a trained network. Goes on where it was left."""

import io
import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from tracker.whole_files import write_whole
from trainer.behaviour.clips import UNJUDGED, Clips, clips_of
from trainer.behaviour.features import DEFINITION, BodyPlan
from trainer.behaviour.network import BehaviourPlan, PoseBehaviour
from trainer.behaviour.settings import BehaviourSettings
from trainer.behaviour.video_table import PoseVideos
from trainer.errors import TrainingError

LAST, BEST = "last.ckpt", "best.ckpt"
CLIP = 1.0  # longest gradient
BETTER = 1e-3  # of the loss; a smaller gain is chance
_WARM_UP = 15  # frames at a clip's start that do not count, for there the network has seen nothing yet
Stopped = Literal["epochs", "minutes", "no improvement"]


@dataclass(frozen=True, slots=True, kw_only=True)
class BehaviourEpoch:
    """One pass over the training videos: mean losses, weighted as they are learnt from.

    Attributes:
        train: of the training clips, with dropout and noise.
        validation: of the validation videos, whole, each as one run.
        seconds: since the training began.
    """

    train: float
    validation: float
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """A network and how it came about.

    Attributes:
        network: of the epoch with the smallest validation loss, in evaluation mode, not yet calibrated.
        validation: clips of the validation videos, normalised.
        history: of all epochs.
        stopped: by what.
    """

    network: PoseBehaviour
    validation: Clips
    history: tuple[BehaviourEpoch, ...]
    stopped: Stopped


def train(
    videos: PoseVideos, body: BodyPlan, settings: BehaviourSettings, out: Path, *, say: Callable[[str], None], anew: bool = False
) -> Trained:
    """Train, or go on with the run in `out`.

    Args:
        videos: divided.
        body: of the features.
        settings: everything else.
        out: folder of the checkpoints.
        say: told a sentence of every epoch.
        anew: begin again though `out` holds a run of other labels or settings.

    Raises:
        TrainingError: a run of other labels or settings in `out`, or a loss that is not a number.
        OSError: the disk takes no more.
    """
    settings.check()
    torch.manual_seed(settings.seed)
    plan = BehaviourPlan(body=body, classes=len(videos.class_names), exclusive=videos.exclusive, hidden=settings.hidden)
    network = PoseBehaviour(plan)
    about = {
        "sha256": videos.sha256,
        "parts": [str(video.part) for video in videos.videos],
        **settings.as_plain(),
        "body": asdict(body),
        "features": DEFINITION,
    }
    out.mkdir(parents=True, exist_ok=True)
    run = _Run(network, settings, out, about=about)
    run.resume(anew=anew, say=say)
    say("computing the features of every video")
    raw = clips_of(network, videos.of("train"), videos.point_names, settings)
    if not run.history:
        _set_normalisation(network, raw)
    clips = raw.normalise(network)
    validation = clips_of(network, videos.of("validation"), videos.point_names, None).normalise(network)
    run.learn(clips, validation, say=say)
    return Trained(network=run.best(), validation=validation, history=tuple(run.history), stopped=run.stopped or "epochs")


def class_weights(targets: list[Tensor]) -> tuple[Tensor, Tensor]:
    """What a frame of each answer counts: by the root of how rare it is, so that the mean over all frames is 1.

    Args:
        targets: (frames, answers) each, see `Clips`.

    Returns:
        Weight where the answer is on, and where it is not, float32 (answers,) each.
    """
    together = torch.cat(targets)
    judged = together != UNJUDGED
    on, total = ((together == 1) & judged).sum(dim=0).double(), judged.sum(dim=0).double().clamp(min=1)
    share = (on / total).clamp(1e-4, 1 - 1e-4)
    yes, no = share.rsqrt(), (1 - share).rsqrt()
    mean = share * yes + (1 - share) * no
    return (yes / mean).float(), (no / mean).float()


def loss_of(logits: Tensor, targets: Tensor, weights: tuple[Tensor, Tensor] | None, *, exclusive: bool) -> Tensor:
    """Mean over judged frames: cross-entropy over exclusive answers, binary cross-entropy over each where classes overlap.

    The soft-max is in the loss; the logits must not have been through one.

    Args:
        logits: (..., answers).
        targets: (..., answers), 1, 0 or `UNJUDGED`.
        weights: as `class_weights`, None to count every frame as one.
        exclusive: which of the two.
    """
    if exclusive:
        judged = (targets != UNJUDGED).all(dim=-1)
        of_frame = -(torch.log_softmax(logits, dim=-1) * targets)[judged].sum(dim=-1)
        each = targets[judged] @ weights[0] if weights is not None else torch.ones_like(of_frame)
    else:
        judged = targets != UNJUDGED
        of_frame = nn.functional.binary_cross_entropy_with_logits(logits[judged], targets[judged], reduction="none")
        each = torch.ones_like(of_frame)
        if weights is not None:
            each = (targets * weights[0] + (1 - targets) * weights[1])[judged]
    return (of_frame * each).sum() / each.sum().clamp(min=1e-9)


@torch.no_grad()
def whole_logits(network: PoseBehaviour, clips: Clips) -> Tensor:
    """Of every video as seen, each as one run, one after the other: (frames of all, answers)."""
    network.eval()
    return torch.cat([network.logits(of[0][None])[0][0] for of in clips.variants])


def _set_normalisation(network: PoseBehaviour, raw: Clips) -> None:
    together = torch.cat([each for of in raw.variants for each in of])
    network.mean.copy_(together.mean(dim=0))
    network.deviation.copy_(together.std(dim=0).clamp(min=0.02))


class _Run:
    """The state of a training: what a checkpoint holds."""

    def __init__(self, network: PoseBehaviour, settings: BehaviourSettings, out: Path, *, about: dict[str, Any]) -> None:
        self.network, self.settings, self.out, self.about = network, settings, out, about
        self.optimiser = torch.optim.AdamW(network.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay)
        self.history: list[BehaviourEpoch] = []
        self.stopped: Stopped | None = None
        self._smallest, self._since = math.inf, 0

    def resume(self, *, anew: bool, say: Callable[[str], None]) -> None:
        """Take up what the folder holds."""
        last = self.out / LAST
        if not last.exists():
            return
        if anew:
            for name in (LAST, BEST):
                (self.out / name).unlink(missing_ok=True)
            return
        kept = _load(last)
        differ = [name for name in self.about if kept["about"].get(name) != self.about[name]]
        if differ:
            words = {
                "sha256": "the poses or labels",
                "parts": "how the videos are divided",
                "body": "the body's axis or the confidence",
                "features": "the definition of the features",
            }
            said = ", ".join(words.get(name, name.replace("_", " ")) for name in differ)
            raise TrainingError(
                f"{self.out}: holds a training in which {said} differ; give another --out, the same options to go on, "
                "or --force to begin again"
            )
        self.network.load_state_dict(kept["network"])
        self.optimiser.load_state_dict(kept["optimiser"])
        of_epoch = [field.name for field in fields(BehaviourEpoch)]  # earlier versions kept more
        self.history = [BehaviourEpoch(**{name: epoch[name] for name in of_epoch}) for epoch in kept["history"]]
        self.stopped = None if kept["stopped"] == "minutes" else kept["stopped"]
        self._smallest, self._since = kept["smallest"], kept["since"]
        say(f"going on after epoch {len(self.history)}")

    def learn(self, clips: Clips, validation: Clips, *, say: Callable[[str], None]) -> None:
        """Epoch after epoch, each kept whole before the next begins."""
        before = self.history[-1].seconds if self.history else 0.0
        begun = time.monotonic()
        weights = class_weights(list(clips.targets))
        while self.stopped is None:
            loss = self._epoch(clips, weights)
            self._keep(loss, validation, weights, seconds=before + time.monotonic() - begun)
            last = self.history[-1]
            say(
                f"epoch {len(self.history)} of {self.settings.epochs}: loss {last.train:.4f}, validation {last.validation:.4f}"
                f"{' (best)' if self._since == 0 else ''}"
            )

    def best(self) -> PoseBehaviour:
        """The network of the best epoch."""
        self.network.load_state_dict(_load(self.out / BEST)["network"])
        return self.network.eval()

    def _epoch(self, clips: Clips, weights: tuple[Tensor, Tensor]) -> float:
        number = len(self.history)
        torch.manual_seed(self.settings.seed * 100_003 + number)  # of dropout and noise: a run that goes on draws what it would have drawn
        rng = np.random.default_rng((self.settings.seed, number))
        for group in self.optimiser.param_groups:
            group["lr"] = self.settings.learning_rate * _rate(number, self.settings.epochs)
        self.network.train()
        losses = []
        for features, targets in clips.batches(self.settings, rng):
            loss = self._step(features, targets, weights)
            if not math.isfinite(loss):
                raise TrainingError(f"the loss is not a number in epoch {number + 1}; lower --learning-rate, and check the poses")
            losses.append(loss)
        return float(np.mean(losses))

    def _step(self, features: Tensor, targets: Tensor, weights: tuple[Tensor, Tensor]) -> float:
        dropout, noise = self.settings.dropout, self.settings.noise
        shown = nn.functional.dropout(features + noise * torch.randn_like(features), dropout)
        hidden, _ = self.network.gru(shown)
        logits = self.network.answer(nn.functional.dropout(hidden, dropout))
        loss = loss_of(logits[:, _WARM_UP:], targets[:, _WARM_UP:], weights, exclusive=self.network.plan.exclusive)
        self.optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.network.parameters(), CLIP)
        self.optimiser.step()
        return float(loss.detach())

    def _keep(self, loss: float, validation: Clips, weights: tuple[Tensor, Tensor], *, seconds: float) -> None:
        logits, targets = whole_logits(self.network, validation), torch.cat(validation.targets)
        weighted = float(loss_of(logits, targets, weights, exclusive=self.network.plan.exclusive))
        self.history.append(BehaviourEpoch(train=loss, validation=weighted, seconds=seconds))
        better = weighted < self._smallest - BETTER
        self._since = 0 if better else self._since + 1
        self._smallest = min(self._smallest, weighted)
        if len(self.history) >= self.settings.epochs:
            self.stopped = "epochs"
        elif self._since >= self.settings.patience:
            self.stopped = "no improvement"
        elif self.settings.minutes is not None and seconds > 60 * self.settings.minutes:
            self.stopped = "minutes"
        if better:
            write_whole(self.out / BEST, self._content())
        write_whole(self.out / LAST, self._content())

    def _content(self) -> bytes:
        kept = {
            "about": self.about,
            "network": self.network.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "history": [asdict(epoch) for epoch in self.history],
            "stopped": self.stopped,
            "smallest": self._smallest,
            "since": self._since,
        }
        content = io.BytesIO()
        torch.save(kept, content)
        return content.getvalue()


def _rate(epoch: int, epochs: int) -> float:
    """Two epochs of rise, then half a cosine down to a hundredth."""
    rise = min(1.0, (epoch + 1) / 3)
    return rise * (0.01 + 0.99 * (1 + math.cos(math.pi * epoch / max(1, epochs))) / 2)


def _load(path: Path) -> dict[str, Any]:
    try:
        kept: dict[str, Any] = torch.load(path, weights_only=True, map_location="cpu")
    except (OSError, RuntimeError, EOFError, ValueError) as problem:
        raise TrainingError(f"{path}: cannot be read ({type(problem).__name__}); delete it and train again") from problem
    return kept
