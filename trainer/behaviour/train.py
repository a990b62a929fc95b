"""Videos with poses and labels → a trained network. Goes on where it was left."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from trainer.behaviour.clips import Clips, both_ways, clips_of
from trainer.behaviour.earlier_layers import take_layers
from trainer.behaviour.features import DEFINITION, BodyPlan
from trainer.behaviour.members import together
from trainer.behaviour.mirroring import mirroring_of
from trainer.behaviour.network import BehaviourPlan, PoseBehaviour
from trainer.behaviour.recurrent_step import spread_memories
from trainer.behaviour.settings import BehaviourSettings
from trainer.behaviour.standstill import Standstill
from trainer.behaviour.training_run import BehaviourEpoch, Stopped, TrainingRun, Validated
from trainer.behaviour.video_table import PoseVideos
from trainer.behaviour.weighted_loss import accuracy_of, class_weights, loss_of
from trainer.behaviour.whole_videos import SMALLER, whole_logits
from trainer.errors import TrainingError
from trainer.training.lack_of_memory import batch_refused
from trainer.training.training_device import device_of, training_device

_NEXT_SEED = 7919  # between the networks of one training
LONGEST_MEMORY_S = 10 / 3  # of the numbers that a recurrent unit carries, as it begins
WARM_UP = 15  # frames at a clip's start that do not count, for there the network has seen nothing yet


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """A network and how it came about.

    Attributes:
        network: of the epoch with the smallest validation loss, in evaluation mode, not yet calibrated.
        logits: (frames, answers) of the validation videos. Of several networks, each tells of the videos that it has not learnt from.
        targets: of the same frames, see `Clips`.
        weights: what a frame of each exclusive answer counted in the loss, (answers,), of several networks the geometric mean; None where
            classes overlap.
        history: of all epochs; of the first member where there are several.
        stopped: by what.
    """

    network: PoseBehaviour
    logits: Tensor
    targets: Tensor
    weights: Tensor | None
    history: tuple[BehaviourEpoch, ...]
    stopped: Stopped


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """Features of all videos, not yet normalised: of any number of trainings with the same division and body plan.

    Attributes:
        training: clips of the training videos, as seen and mirrored.
        validation: clips of the validation videos, as seen, and mirrored where they are also learnt from.
    """

    training: Clips
    validation: Clips


def prepare(videos: PoseVideos, body: BodyPlan, settings: BehaviourSettings) -> Prepared:
    """Run the feature step over the training and the validation videos.

    Raises:
        LabelError: named pairs that there are not.
        TrainingError: a video, or a block of one, that is not at least twice as long as answers are late: little of it would be learnt.
    """
    for video in videos.videos:
        lasts_ms = 1000 * float(video.seconds[1:].sum())
        if 2 * settings.delay_ms > lasts_ms:
            raise TrainingError(
                f"--delay is {settings.delay_ms:g} ms, and '{video.name}' lasts {lasts_ms:.0f} ms; expected at most half of the shortest"
            )
    mirroring = mirroring_of(videos.point_names, videos.class_names, settings)
    network = PoseBehaviour(BehaviourPlan(body=body, classes=len(videos.class_names), exclusive=videos.exclusive, hidden=1))
    return Prepared(
        training=clips_of(network, videos.of("train"), mirroring, delay_ms=settings.delay_ms),
        validation=clips_of(network, videos.of("validation"), mirroring if settings.members > 1 else None, delay_ms=settings.delay_ms),
    )


def train(
    videos: PoseVideos,
    body: BodyPlan,
    settings: BehaviourSettings,
    out: Path,
    *,
    say: Callable[[str], None],
    anew: bool = False,
    prepared: Prepared | None = None,
) -> Trained:
    """Train, or go on with the run in `out`.

    Args:
        videos: divided.
        body: of the features.
        settings: everything else.
        out: folder of the checkpoints.
        say: told a sentence of every epoch.
        anew: begin again though `out` holds a run of other labels or settings.
        prepared: of the same videos, body plan and settings, where their features were found before.

    Raises:
        TooLargeError: the memory does not hold a batch.
        TrainingError: a run of other labels or settings in `out`, or a loss that is not a number.
        OSError: the disk takes no more.
    """
    settings.check()
    if prepared is None:
        say("computing the features of every video")
        prepared = prepare(videos, body, settings)
    if settings.members == 1:
        return _train_one(videos, body, settings, out, prepared, mean_of=prepared.training, say=say, anew=anew)
    pool = [*videos.of("train"), *videos.of("validation")]
    if len(pool) < settings.members:
        raise TrainingError(f"{settings.members} networks need as many videos that are not held out, one for each; there are {len(pool)}")
    clips, found = prepared.training.followed_by(prepared.validation), []
    for number in range(settings.members):
        validate = range(number, len(pool), settings.members)
        learn = [place for place in range(len(pool)) if place not in validate]
        names = [pool[place].name for place in validate]
        say(f"network {number + 1} of {settings.members}, validated on {', '.join(names)}")
        found.append(
            _train_one(
                _parted(videos, names),
                body,
                replace(settings, seed=settings.seed + number * _NEXT_SEED),
                out / f"network-{number + 1}",
                Prepared(training=clips.of(learn), validation=clips.of(validate)),
                mean_of=clips,
                say=say,
                anew=anew,
            )
        )
    return Trained(
        network=together([each.network for each in found]),
        logits=torch.cat([each.logits for each in found]),
        targets=torch.cat([each.targets for each in found]),
        weights=_mean([each.weights for each in found if each.weights is not None]),
        history=found[0].history,
        stopped=found[0].stopped,
    )


def _parted(videos: PoseVideos, validate: Sequence[str]) -> PoseVideos:
    """With other validation videos: all others that are not held out are learnt from."""
    learnt = [one if one.part == "test" else replace(one, part="train") for one in videos.videos]
    return replace(videos, videos=tuple(replace(one, part="validation") if one.name in validate else one for one in learnt))


def _train_one(
    videos: PoseVideos,
    body: BodyPlan,
    settings: BehaviourSettings,
    out: Path,
    prepared: Prepared,
    *,
    mean_of: Clips,
    say: Callable[[str], None],
    anew: bool,
) -> Trained:
    """One network; the features are normalised by the mean and deviation of `mean_of`."""
    torch.manual_seed(settings.seed)
    plan = BehaviourPlan(
        body=body, classes=len(videos.class_names), exclusive=videos.exclusive, hidden=settings.hidden, network=settings.network
    )
    network = PoseBehaviour(plan)
    if settings.network == "gru":
        spread_memories(network.gru, max(1.0, LONGEST_MEMORY_S * videos.videos[0].fps))
    about = {
        "sha256": videos.sha256,
        "parts": [str(video.part) for video in videos.videos],
        **settings.as_plain(),
        "body": asdict(body),
        "features": DEFINITION,
        **({"hard_negatives": [list(each) for each in prepared.training.again]} if prepared.training.again else {}),
        **({"exchanged": list(prepared.training.exchanged)} if prepared.training.exchanged else {}),
    }
    out.mkdir(parents=True, exist_ok=True)
    device = training_device(settings.device)
    network.to(device)
    run = TrainingRun(network, settings, out, about=about)
    if settings.start_from is not None:
        for sentence in take_layers(network, Path(settings.start_from)):
            say(sentence)
    run.resume(anew=anew, say=say)
    if not run.history:
        _set_normalisation(network, mean_of)
    clips, validation = prepared.training.normalise(network), prepared.validation.normalise(network)
    weights = class_weights(both_ways(clips.targets, clips.exchanged))

    def steps(of: BehaviourSettings, rng: np.random.Generator) -> Iterator[float]:
        network.train()
        yield from (run.step(_loss(network, settings, *batch, weights)) for batch in clips.batches(of, rng))

    def one_of(batch: int) -> float:
        return next(steps(replace(settings, batch=batch), np.random.default_rng(settings.seed)))

    def epoch(number: int) -> list[float]:
        rng = np.random.default_rng((settings.seed, number))
        return batch_refused(lambda: list(steps(settings, rng)), one_of, settings.batch, what="clips", otherwise=SMALLER)

    standstill = Standstill(say)

    def validate() -> Validated:
        logits, targets = whole_logits(network, validation, together=settings.held_out_batch), torch.cat(validation.targets)
        standstill.look(network.probabilities(logits.to(device)))
        loss = loss_of(logits, targets, weights, exclusive=network.plan.exclusive, kind=settings.loss)
        return Validated(loss=float(loss), accuracy=accuracy_of(logits, targets, exclusive=network.plan.exclusive))

    run.learn(epoch, validate, say=say)
    run.take_best()
    network.cpu()
    return Trained(
        network=network,
        logits=whole_logits(network, validation, together=settings.held_out_batch),
        targets=torch.cat(validation.targets),
        weights=weights[0] if network.plan.exclusive else None,
        history=tuple(run.history),
        stopped=run.stopped or "epochs",
    )


def _mean(weights: Sequence[Tensor]) -> Tensor | None:
    return torch.stack(list(weights)).log().mean(dim=0).exp() if weights else None


def _set_normalisation(network: PoseBehaviour, raw: Clips) -> None:
    together = torch.cat([each for of in raw.variants for each in of])
    network.mean.copy_(together.mean(dim=0))
    network.deviation.copy_(together.std(dim=0).clamp(min=0.02))


def _loss(network: PoseBehaviour, settings: BehaviourSettings, features: Tensor, targets: Tensor, weights: tuple[Tensor, Tensor]) -> Tensor:
    """Of one batch, with dropout and noise."""
    features = features.to(device_of(network))
    shown = nn.functional.dropout(features + settings.noise * torch.randn_like(features), settings.dropout)
    logits = network.answer(nn.functional.dropout(network.hidden(shown), settings.dropout))
    return loss_of(logits[:, WARM_UP:], targets[:, WARM_UP:], weights, exclusive=network.plan.exclusive, kind=settings.loss)
