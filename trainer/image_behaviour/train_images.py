"""Cut frames and labels → a trained network. Goes on where it was left; what is held stays bit for bit."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec
import numpy as np
import torch
from torch import Tensor

from trainer.behaviour.clips import both_ways, targets_of
from trainer.behaviour.earlier_layers import take_layers
from trainer.behaviour.false_bouts import Runs
from trainer.behaviour.settings import Loss
from trainer.behaviour.standstill import Standstill
from trainer.behaviour.training_run import BehaviourEpoch, Stopped, TrainingRun, Validated
from trainer.behaviour.weighted_loss import accuracy_of, class_weights, loss_of
from trainer.errors import TrainingError
from trainer.image_behaviour.image_mirroring import settled_mirror
from trainer.image_behaviour.image_videos import ImageVideo, ImageVideos
from trainer.image_behaviour.networks import ImageBehaviour, ImagePlan, scaled
from trainer.image_behaviour.samples import Batch, Samples
from trainer.image_behaviour.settings import OWN, ImageSettings
from trainer.networks.frozen import freeze_all_but_head, held_norms
from trainer.networks.usual_training import IMAGES_HELD_OUT
from trainer.training.lack_of_memory import batch_refused, held_out_refused
from trainer.training.training_device import device_of, training_device
from trainer.training.weights import load_library_weights

SMALLER = "give a smaller --size or --region, or a smaller --network"
_PIXELS_TOGETHER = 1 << 21  # and their pixels: of a body with 64 maps of half the size, 130 MB a layer


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainedImages:
    """A network and how it came about.

    Attributes:
        network: of the epoch with the smallest validation loss, in evaluation mode, not yet calibrated.
        history: of all epochs.
        stopped: by what.
        shown: what an epoch has shown, a sentence.
        added: what learning has added to the logit of each exclusive answer, (answers,): the logarithm of what a frame of it counted, and
            of the share of such frames that an epoch shows. None where classes overlap.
    """

    shown: str
    added: Tensor | None
    network: ImageBehaviour
    history: tuple[BehaviourEpoch, ...]
    stopped: Stopped


def train_images(
    videos: ImageVideos,
    settings: ImageSettings,
    out: Path,
    *,
    say: Callable[[str], None],
    anew: bool = False,
    false: Sequence[Runs] | None = None,
) -> TrainedImages:
    """Train, or go on with the run in `out`; `false` are the false bouts of an earlier bundle in each training video.

    Raises:
        TooLargeError: the memory does not hold a batch.
        LabelError: named pairs that there are not.
        TrainingError: settings that do not go together, a run of other labels or settings in `out`, weights that cannot be had, a loss
            that is not a number, or layers that were to be held and changed.
        OSError: the disk takes no more.
    """
    plan = videos.plan
    mirroring, settings = settled_mirror(settings, videos.class_names)
    exchanged = mirroring.exchanged(exclusive=videos.exclusive)
    settings.check(height=plan.height, width=plan.width, in_time=videos.in_time)
    torch.manual_seed(settings.seed)
    network = ImageBehaviour(plan_for(videos, settings))
    taken = load_library_weights(network, settings.network, settings.weights) if settings.network not in OWN else None
    if taken is not None:
        say(f"{len(taken.taken)} tensors begin with the weights of {taken.source}")
    if settings.start_from is not None:
        for sentence in take_layers(network, Path(settings.start_from)):
            say(sentence)
    if settings.head_only:
        freeze_all_but_head(network)
    held = {name: value.clone() for name, value in network.state_dict().items() if settings.head_only and name.startswith("backbone.")}
    out.mkdir(parents=True, exist_ok=True)
    about = {
        "sha256": videos.sha256,
        "parts": [str(video.part) for video in videos.videos],
        **settings.as_plain(),
        "region": msgspec.json.encode({"region": plan.region, "view": plan.view, "size": [plan.height, plan.width]}).decode(),
        **({"hard_negatives": [runs.tolist() for runs in false]} if false is not None else {}),
        **({"exchanged": list(exchanged)} if exchanged else {}),
    }
    network.to(training_device(settings.device))
    run = TrainingRun(network, settings, out, about=about)
    run.resume(anew=anew, say=say)
    samples = Samples(videos.of("train"), settings, exclusive=network.plan.exclusive, reach=network.reach, false=false, exchanged=exchanged)
    shown = "; ".join(said for said in (samples.sentence, samples.oversampled(videos.class_names)) if said is not None)
    say(shown)
    weights = class_weights(both_ways(samples.targets, exchanged))
    _learn(run, network, videos, samples, weights, settings, say=say)
    run.take_best()
    network.cpu()
    changed = [name for name, value in held.items() if not torch.equal(network.state_dict()[name], value)]
    if changed:
        raise TrainingError(f"{changed[0]} was to be held and has changed; please report this, and train all layers meanwhile")
    return TrainedImages(
        shown=shown,
        added=(weights[0] * samples.shares).log() if network.plan.exclusive else None,
        network=network,
        history=tuple(run.history),
        stopped=run.stopped or "epochs",
    )


def plan_for(videos: ImageVideos, settings: ImageSettings) -> ImagePlan:
    """What builds the network for these images."""
    plan = videos.plan
    return ImagePlan(
        height=plan.height,
        width=plan.width,
        channels=plan.channels,
        inside=(settings.inside[1], settings.inside[0]) if settings.inside is not None else None,
        contrast=settings.contrast,
        lags=settings.lags,
        network=settings.network,
        memory=settings.memory,
        dropout=settings.dropout,
        classes=len(videos.class_names),
        exclusive=videos.exclusive,
        mirrors=settings.mirrors,
    )


def _learn(
    run: TrainingRun,
    network: ImageBehaviour,
    videos: ImageVideos,
    samples: Samples,
    weights: tuple[Tensor, Tensor],
    settings: ImageSettings,
    *,
    say: Callable[[str], None],
) -> None:
    exclusive = network.plan.exclusive
    validation = videos.of("validation")
    targets = all_targets(validation, exclusive=exclusive)

    def steps(of: Samples, rng: np.random.Generator) -> Iterator[float]:
        network.train()
        for norm in held_norms(network):
            norm.eval()
        yield from (run.step(_loss(network, batch, weights, settings.loss)) for batch in of.batches(rng))

    def one_of(batch: int) -> float:
        smaller = Samples(videos.of("train"), replace(settings, batch=batch), exclusive=exclusive, reach=network.reach)
        return next(steps(smaller, np.random.default_rng(settings.seed)))

    def epoch(number: int) -> list[float]:
        rng = np.random.default_rng((settings.seed, number))
        return batch_refused(lambda: list(steps(samples, rng)), one_of, settings.batch, what="images", otherwise=SMALLER)

    standstill = Standstill(say)

    def validate() -> Validated:
        logits = whole_logits(network, validation, together=settings.held_out_batch)
        standstill.look(network.probabilities(logits.to(device_of(network))))
        loss = loss_of(logits, targets, weights, exclusive=exclusive, kind=settings.loss)
        return Validated(loss=float(loss), accuracy=accuracy_of(logits, targets, exclusive=exclusive))

    run.learn(epoch, validate, say=say)


def _loss(network: ImageBehaviour, batch: Batch, weights: tuple[Tensor, Tensor], kind: Loss) -> Tensor:
    device = device_of(network)
    clips, frames = batch.images.shape[:2]
    prepared = network.prepared(batch.images.to(device).flatten(0, 1))
    prepared = prepared.reshape(clips, frames, *prepared.shape[1:])
    stacked = network.stacked(prepared * batch.seen.to(device)[:, :, None, None, None])
    features = network.features(stacked.flatten(0, 1)).reshape(clips, stacked.shape[1], -1)
    return loss_of(network.logits(features), batch.targets, weights, exclusive=network.plan.exclusive, kind=kind)


def all_targets(videos: Sequence[ImageVideo], *, exclusive: bool) -> Tensor:
    """Targets of videos, one after the other, (frames of all, answers)."""
    return torch.cat([torch.from_numpy(targets_of(video.marks, exclusive=exclusive)) for video in videos])


def frames_together(plan: ImagePlan) -> int:
    """Frames of a video that go through the network at once: the larger they are, the fewer."""
    pixels = max(plan.height * plan.width, plan.size[0] * plan.size[1])
    return max(1, min(IMAGES_HELD_OUT, _PIXELS_TOGETHER // pixels))


@torch.no_grad()
def whole_features(network: ImageBehaviour, video: ImageVideo, *, together: int | None = None) -> Tensor:
    """Of every frame of a video that begins with nothing seen, (frames, count), on the CPU.

    Args:
        network: put into evaluation mode.
        video: whose frames are answered.
        together: frames that are answered at a time; None for `frames_together`. The answers are the same, but for rounding.
    """
    network.eval()
    found, device, count = [], device_of(network), together or frames_together(network.plan)
    before = torch.zeros(network.reach, network.plan.channels, *network.plan.size, device=device)
    for begin in range(0, len(video.images), count):
        images = torch.from_numpy(np.ascontiguousarray(video.images[begin : begin + count]))
        seen = torch.cat([before, network.prepared(scaled(images.to(device)))])
        found.append(network.features(network.stacked(seen[None])[0]).cpu())
        before = seen[len(seen) - network.reach :]
    return torch.cat(found)


@torch.no_grad()
def whole_logits(network: ImageBehaviour, videos: Sequence[ImageVideo], *, together: int | None = None) -> Tensor:
    """Of every video, each as one run, one after the other: (frames of all, answers), on the CPU; `together` as in `whole_features`.

    Raises:
        TooLargeError: the memory does not hold so many frames at a time, with how many it holds.
    """
    longest = max(videos, key=lambda video: len(video.images))
    count, device = min(together or frames_together(network.plan), len(longest.images)), device_of(network)

    def answered(together: int) -> Tensor:
        found = (whole_features(network, video, together=together) for video in videos)
        return torch.cat([network.logits(features[None].to(device))[0].cpu() for features in found])

    def some(together: int) -> Tensor:
        return whole_features(network, replace(longest, images=longest.images[:together]), together=together)

    return held_out_refused(lambda: answered(count), some, count, otherwise=SMALLER)
