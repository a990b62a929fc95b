"""Boosted trees on the features of the network: what a network must beat. They stay in the trainer, for no rig runs them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray

from trainer.behaviour.clips import UNJUDGED, delayed_targets
from trainer.behaviour.delay import on_own_frames
from trainer.behaviour.features import DEFINITION, BodyPlan
from trainer.behaviour.network import BehaviourPlan, PoseBehaviour, features_of
from trainer.behaviour.trailing_windows import with_windows
from trainer.behaviour.train import Prepared, class_weights
from trainer.behaviour.video_table import PoseVideo, PoseVideos
from trainer.behaviour_scores.scored_video import Decide, Probabilities, ScoredVideo
from trainer.behaviour_scores.threshold_curves import Rule, choose_threshold, curve
from trainer.errors import TrainingError
from trainer.whole_files import replace_files

NAME = "LightGBM"
REFERENCE_FILE = "reference.json"
WINDOWS_S = (1 / 3, 1.0, 3.0)  # trees remember nothing, so that they are given means and deviations of the past
_ROWS = 20_000  # learnt from at most, evenly taken: neighbouring frames say the same
_ROUNDS = 150
_PATIENCE = 20  # rounds without a smaller validation loss
_PARAMETERS = {
    "learning_rate": 0.07,
    "num_leaves": 15,
    "min_data_in_leaf": 20,
    "feature_fraction": 0.3,
    "bagging_fraction": 0.5,
    "bagging_freq": 1,
    "lambda_l2": 5.0,
    "verbose": -1,
    "deterministic": True,
    "force_row_wise": True,
}
Rows = NDArray[np.float32]  # (frames, features)


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
    thresholds: tuple[float, ...]
    models: tuple[str, ...]
    delay_ms: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """Rows of some videos, with what is on in each and how much it counts."""

    rows: Rows
    targets: NDArray[np.float32]  # (frames, answers), see `Clips`


def missing_library() -> str | None:
    """Why LightGBM cannot be used here, a sentence; None where it can."""
    try:
        import lightgbm  # noqa: F401
    except ImportError as problem:
        return f"there is no reference to beat: LightGBM is not there ({problem}); run `pip install lightgbm`"
    except OSError as problem:  # its wheel takes the system's OpenMP
        return f"there is no reference to beat: LightGBM cannot be loaded ({problem}); on Debian, run `sudo apt-get install libgomp1`"
    return None


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
    learnt = _part(train, found[0], exclusive=videos.exclusive, most=_ROWS, delay_ms=delay_ms)
    held = _part(validation, found[1], exclusive=videos.exclusive, most=None, delay_ms=delay_ms)
    columns: list[int | None] = [None] if videos.exclusive else list(range(len(videos.class_names)))
    models = [_boosted(learnt, held, column, seed=seed) for column in columns]
    made = Reference(
        features=DEFINITION,
        body=body,
        exclusive=videos.exclusive,
        class_names=videos.class_names,
        thresholds=(),
        models=tuple(model.model_to_string() for model in models),
        delay_ms=delay_ms,
    )
    made = msgspec.structs.replace(made, thresholds=_thresholds(made, held, rule))
    if not from_all:
        return made
    both = _part([*train, *validation], [*found[0], *found[1]], exclusive=videos.exclusive, most=_ROWS, delay_ms=delay_ms)
    models = [_boosted(both, None, column, seed=seed, rounds=model.best_iteration) for column, model in zip(columns, models, strict=True)]
    return msgspec.structs.replace(made, models=tuple(model.model_to_string() for model in models))


def answers_of(reference: Reference, videos: Sequence[PoseVideo]) -> list[ScoredVideo]:
    """Every video as the trees decide it, in the reference's own order of classes."""
    decide = Decide(exclusive=reference.exclusive, thresholds=reference.thresholds)
    answers = []
    for video, features in zip(videos, _features(videos, reference.body), strict=True):
        found = on_own_frames(_probabilities(reference, _rows(video, features)), [video], reference.delay_ms)
        answers.append(
            ScoredVideo(
                name=video.name,
                class_names=reference.class_names,
                truth=video.marks,
                said=decide.of(found),
                probabilities=found,
                fps=video.fps,
            )
        )
    return answers


def write_reference(bundle: Path, reference: Reference) -> None:
    """Put the trees beside a bundle, where `trainer evaluate` finds them.

    Raises:
        TrainingError: the folder cannot be written.
    """
    replace_files(bundle, {REFERENCE_FILE: msgspec.json.encode(reference)}, what="the reference")


def read_reference(bundle: Path) -> Reference | None:
    """The trees beside a bundle; None where there are none.

    Raises:
        TrainingError: they are of other features, or the file is damaged.
    """
    path = bundle / REFERENCE_FILE
    if not path.exists():
        return None
    try:
        found = msgspec.json.decode(path.read_bytes(), type=Reference)
    except (OSError, msgspec.DecodeError) as problem:
        raise TrainingError(f"{path}: cannot be read ({problem}); delete it, or make the bundle again") from problem
    if found.features != DEFINITION:
        raise TrainingError(f"{path}: is of features that are defined otherwise by now; delete it, or make the bundle again")
    return found


def _boosted(learnt: _Part, held: _Part | None, column: int | None, *, seed: int, rounds: int = _ROUNDS) -> Any:
    """Trees for one answer, or for all that exclude each other; of no more rounds than videos that are held back find good."""
    import lightgbm

    answers = learnt.targets.shape[1]
    kind = {"objective": "binary"} if column is not None else {"objective": "multiclass", "num_class": answers}
    weights = class_weights([torch.from_numpy(learnt.targets)])
    sets: list[Any] = []
    for part in (learnt, held) if held is not None else (learnt,):
        judged, labels, counts = _labels(part.targets, column, weights)
        reference = sets[0] if sets else None
        sets.append(lightgbm.Dataset(part.rows[judged], labels, weight=counts, reference=reference))
    threads = torch.get_num_threads()
    return lightgbm.train(
        {**_PARAMETERS, **kind, "seed": seed, "num_threads": threads},
        sets[0],
        rounds,
        valid_sets=sets[1:],
        callbacks=[lightgbm.early_stopping(_PATIENCE, verbose=False)] if held is not None else [],
    )


def _labels(
    targets: NDArray[np.float32], column: int | None, weights: tuple[torch.Tensor, torch.Tensor]
) -> tuple[NDArray[np.bool_], NDArray[np.int64], NDArray[np.float32]]:
    """Which frames were judged, what is right in these, and what each counts, by the network's own class weights."""
    yes, no = (each.numpy() for each in weights)
    if column is None:
        judged = (targets != UNJUDGED).all(axis=1)
        labels = targets[judged].argmax(axis=1)
        return judged, labels, yes[labels]
    judged = targets[:, column] != UNJUDGED
    labels = (targets[judged, column] == 1).astype(np.int64)
    return judged, labels, np.where(labels == 1, yes[column], no[column])


def _part(videos: Sequence[PoseVideo], features: Sequence[Rows], *, exclusive: bool, most: int | None, delay_ms: float) -> _Part:
    rows = np.concatenate([_rows(video, each) for video, each in zip(videos, features, strict=True)])
    targets = np.concatenate([delayed_targets(video, exclusive=exclusive, delay_ms=delay_ms) for video in videos])
    judged = (targets != UNJUDGED).any(axis=1)
    rows, targets = rows[judged], targets[judged]
    step = 1 if most is None else max(1, -(-len(rows) // most))
    return _Part(rows=rows[::step], targets=targets[::step])


def _rows(video: PoseVideo, features: Rows) -> Rows:
    return with_windows(features, [window * video.fps for window in WINDOWS_S])


def _prepared(prepared: Prepared) -> tuple[list[Rows], list[Rows]]:
    """As seen, not mirrored."""
    return [of[0].numpy() for of in prepared.training.variants], [of[0].numpy() for of in prepared.validation.variants]


def _features(videos: Sequence[PoseVideo], body: BodyPlan) -> list[Rows]:
    network = PoseBehaviour(BehaviourPlan(body=body, classes=1, exclusive=False, hidden=1)).eval()
    poses, seconds = [torch.from_numpy(video.poses) for video in videos], [torch.from_numpy(video.seconds) for video in videos]
    return [each.numpy() for each in features_of(network, poses, seconds)]


def _probabilities(reference: Reference, rows: Rows) -> Probabilities:
    import lightgbm

    threads = torch.get_num_threads()
    found = [np.asarray(lightgbm.Booster(model_str=text).predict(rows, num_threads=threads)) for text in reference.models]
    together = found[0][:, : len(reference.class_names)] if reference.exclusive else np.stack(found, axis=1)
    return np.asarray(together, np.float32)


def _thresholds(reference: Reference, held: _Part, rule: Rule) -> tuple[float, ...]:
    found = _probabilities(reference, held.rows)
    judged = held.targets != UNJUDGED
    return tuple(
        choose_threshold(curve(found[judged[:, place], place], held.targets[judged[:, place], place] == 1), rule)
        for place in range(len(reference.class_names))
    )


def _seconds() -> str:
    return ", ".join(f"{window:.2g}" for window in WINDOWS_S)
