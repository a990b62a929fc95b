"""Boosted trees on the features of the network: what a network must beat. They stay in the trainer, for no rig runs them."""

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any, Protocol, TypeVar

import msgspec
import torch

from trainer.behaviour.answers import JudgedVideo
from trainer.behaviour.boosted_trees import NAME, Rows, Threshold, check_parts, grow, probabilities_of
from trainer.behaviour.clips import delayed_targets
from trainer.behaviour.delay import on_own_frames
from trainer.behaviour.features import DEFINITION, BodyPlan
from trainer.behaviour.network import BehaviourPlan, PoseBehaviour, features_of
from trainer.behaviour.settings import LONGEST_DELAY_MS
from trainer.behaviour.trailing_windows import with_windows
from trainer.behaviour.train import Prepared
from trainer.behaviour.video_table import PoseVideo, PoseVideos
from trainer.behaviour_scores.scored_video import Decide, Probabilities, ScoredVideo
from trainer.behaviour_scores.threshold_curves import Rule
from trainer.errors import TrainingError
from trainer.whole_files import replace_files

REFERENCE_FILE = "reference.json"
_HASH = "sha256"  # of everything else in the file: damaged trees may end the process that reads them
_REMEDY = "delete it, or make the bundle again"
WINDOWS_S = (1 / 3, 1.0, 3.0)  # trees remember nothing, so that they are given means and deviations of the past


class Reference(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Trained trees, as they are kept beside a bundle.

    Attributes:
        features: which definition of the features they know.
        body: of the features.
        exclusive: whether the classes exclude each other.
        class_names: of the answers; what is left over of exclusive ones comes last and has no name.
        thresholds: one for each class.
        delay_ms: how much later than a frame it is answered.
        models: LightGBM's own text: one for all exclusive answers, else one for each class.
    """

    features: int
    body: BodyPlan
    exclusive: bool
    class_names: tuple[str, ...]
    thresholds: tuple[Threshold, ...]
    models: tuple[str, ...]
    delay_ms: Annotated[float, msgspec.Meta(ge=0, le=LONGEST_DELAY_MS)] = 0.0

    def __post_init__(self) -> None:
        """Raise ValueError where parts contradict each other."""
        check_parts(self.class_names, self.thresholds, self.models, exclusive=self.exclusive)
        body = self.body
        if not (0 <= body.front < body.points and 0 <= body.back < body.points and body.scale_px > 0):
            raise ValueError(f"its body has an axis from point {body.back} to {body.front} of {body.points}, {body.scale_px:g} px long")


def train_reference(
    videos: PoseVideos,
    body: BodyPlan,
    *,
    rule: Rule,
    seed: int,
    say: Callable[[str], None],
    prepared: Prepared | None = None,
    from_all: bool = False,
    delay_ms: float = 0.0,
) -> Reference:
    """Learn from the training videos; the number of rounds and the thresholds come from the validation videos.

    Args:
        videos: divided.
        body: of the features.
        rule: by which thresholds are chosen.
        seed: of the draws.
        say: told what is done.
        prepared: features of the same videos, where they were found before.
        from_all: learn from the validation videos too, once they have told the number of rounds and the thresholds, as several networks
            together do.
        delay_ms: how much later than a frame it is answered.
    """
    say(f"training the reference: {NAME} on the same features, with means and deviations of the last {_seconds()} s")
    train, validation = videos.of("train"), videos.of("validation")
    found = (_features(train, body), _features(validation, body)) if prepared is None else _prepared(prepared)
    of = [
        (
            [_rows(video, each) for video, each in zip(part, features, strict=True)],
            [delayed_targets(video, exclusive=videos.exclusive, delay_ms=delay_ms) for video in part],
        )
        for part, features in zip((train, validation), found, strict=True)
    ]
    trees = grow(of[0], of[1], exclusive=videos.exclusive, rule=rule, seed=seed, from_all=from_all)
    return Reference(
        features=DEFINITION,
        body=body,
        exclusive=videos.exclusive,
        class_names=videos.class_names,
        thresholds=trees.thresholds,
        models=trees.models,
        delay_ms=delay_ms,
    )


def answers_of(reference: Reference, videos: Sequence[PoseVideo]) -> list[ScoredVideo]:
    """Every video as the trees decide it, in the reference's own order of classes."""
    answers = []
    for video, features in zip(videos, _features(videos, reference.body), strict=True):
        given = probabilities_of(
            reference.models, _rows(video, features), classes=len(reference.class_names), exclusive=reference.exclusive
        )
        found = on_own_frames(given, [video], reference.delay_ms)
        answers.append(decided(reference, video, found))
    return answers


def decided(reference: "Kept", video: JudgedVideo, found: Probabilities) -> ScoredVideo:
    """A video with the trees' probabilities, float32 (frames, classes), and what they decide."""
    return ScoredVideo(
        name=video.name,
        class_names=reference.class_names,
        truth=video.marks,
        said=Decide(exclusive=reference.exclusive, thresholds=reference.thresholds).of(found),
        probabilities=found,
        fps=video.fps,
        in_time=video.in_time,
    )


class Kept(Protocol):
    """What every kind of trees beside a bundle has."""

    @property
    def features(self) -> int: ...  # noqa: D102
    @property
    def class_names(self) -> tuple[str, ...]: ...  # noqa: D102
    @property
    def exclusive(self) -> bool: ...  # noqa: D102
    @property
    def thresholds(self) -> tuple[float, ...]: ...  # noqa: D102


KeptAs = TypeVar("KeptAs", bound=Kept)


def write_reference(bundle: Path, reference: Kept) -> None:
    """Put the trees beside a bundle, where `trainer evaluate` finds them.

    Raises:
        TrainingError: the folder cannot be written.
    """
    plain = msgspec.to_builtins(reference)
    replace_files(bundle, {REFERENCE_FILE: msgspec.json.encode({**plain, _HASH: _hash_of(plain)})}, what="the reference")


def read_reference(bundle: Path) -> Reference | None:
    """The trees beside a bundle; None where there are none.

    Raises:
        TrainingError: they are of other features, or the file is damaged.
    """
    return read_kept(bundle, Reference, definition=DEFINITION)


def read_kept(bundle: Path, kind: type[KeptAs], *, definition: int) -> KeptAs | None:
    """The trees beside a bundle, of the kind and definition of features that it goes by; None where there are none.

    Raises:
        TrainingError: they are of other features, or the file is damaged.
    """
    path = bundle / REFERENCE_FILE
    if not path.exists():
        return None
    try:
        plain = msgspec.json.decode(path.read_bytes(), type=dict[str, Any])
        said = plain.pop(_HASH, None)
        found = msgspec.convert(plain, kind)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as problem:
        raise TrainingError(f"{path}: cannot be read ({problem}); {_REMEDY}") from problem
    if found.features != definition:
        raise TrainingError(f"{path}: is of features that are defined otherwise by now; {_REMEDY}")
    if said is not None and said != _hash_of(plain):  # in files of older versions there is none
        raise TrainingError(f"{path}: its content does not have its SHA-256, so it is damaged; {_REMEDY}")
    return found


def _hash_of(plain: dict[str, Any]) -> str:
    return hashlib.sha256(msgspec.json.encode(plain)).hexdigest()


def _rows(video: PoseVideo, features: Rows) -> Rows:
    return with_windows(features, [window * video.fps for window in WINDOWS_S])


def _prepared(prepared: Prepared) -> tuple[list[Rows], list[Rows]]:
    """As seen, not mirrored."""
    return [of[0].numpy() for of in prepared.training.variants], [of[0].numpy() for of in prepared.validation.variants]


def _features(videos: Sequence[PoseVideo], body: BodyPlan) -> list[Rows]:
    network = PoseBehaviour(BehaviourPlan(body=body, classes=1, exclusive=False, hidden=1)).eval()
    poses, seconds = [torch.from_numpy(video.poses) for video in videos], [torch.from_numpy(video.seconds) for video in videos]
    return [each.numpy() for each in features_of(network, poses, seconds)]


def _seconds() -> str:
    return ", ".join(f"{window:.2g}" for window in WINDOWS_S)
