"""Boosted trees on rows of features: learnt with the class weights of the networks, and no more rounds than held-back rows find good."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import torch
from msgspec import Meta
from numpy.typing import NDArray

from trainer.behaviour.clips import UNJUDGED
from trainer.behaviour.weighted_loss import class_weights
from trainer.behaviour_scores.scored_video import Probabilities
from trainer.behaviour_scores.threshold_curves import Rule, choose_threshold, curve
from trainer.errors import TrainingError

NAME = "LightGBM"
MOST_ROWS = 20_000  # learnt from at most, evenly taken: neighbouring frames say the same
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
_SIZES = re.compile(r"^tree_sizes=.*\n", re.MULTILINE)  # LightGBM reads trees by it in threads, where a fault ends the process
_END = "\nend of trees\n"
Threshold = Annotated[float, Meta(ge=0, le=1)]
Rows = NDArray[np.float32]  # (frames, features)


Targets = NDArray[np.float32]  # (frames, answers), see `Clips`


class DamagedTreesError(TrainingError):
    """What is kept of trees is not whole, or not of these classes and features."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trees:
    """What was learnt.

    Attributes:
        models: LightGBM's own text: one for all exclusive answers, else one for each class.
        thresholds: one for each class.
    """

    models: tuple[str, ...]
    thresholds: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _JudgedRows:
    rows: Rows
    targets: Targets


def missing_library() -> str | None:
    """Why LightGBM cannot be used here, a sentence; None where it can."""
    try:
        import lightgbm  # noqa: F401
    except ImportError as problem:
        return f"there is no reference to beat: LightGBM is not there ({problem}); run `pip install lightgbm`"
    except OSError as problem:  # its wheel takes the system's OpenMP
        return f"there is no reference to beat: LightGBM cannot be loaded ({problem}); on Debian, run `sudo apt-get install libgomp1`"
    return None


def grow(
    train: tuple[Sequence[Rows], Sequence[Targets]],
    validation: tuple[Sequence[Rows], Sequence[Targets]],
    *,
    exclusive: bool,
    rule: Rule,
    seed: int,
    from_all: bool = False,
) -> Trees:
    """Learn from the training rows; the number of rounds and the thresholds come from the validation rows.

    Args:
        train: rows and targets of each video.
        validation: the same, of those that validate.
        exclusive: whether the answers exclude each other.
        rule: by which thresholds are chosen.
        seed: of the draws.
        from_all: learn from the validation rows too, once they have told the number of rounds and the thresholds.
    """
    learnt, held = _judged(*train, most=MOST_ROWS), _judged(*validation, most=None)
    answers = learnt.targets.shape[1]
    columns: list[int | None] = [None] if exclusive else list(range(answers))
    models = [_boosted(learnt, held, column, seed=seed) for column in columns]
    said = probabilities_of([model.model_to_string() for model in models], held.rows, classes=answers - exclusive, exclusive=exclusive)
    if from_all:
        both = _judged([*train[0], *validation[0]], [*train[1], *validation[1]], most=MOST_ROWS)
        models = [
            _boosted(both, None, column, seed=seed, rounds=model.best_iteration) for column, model in zip(columns, models, strict=True)
        ]
    return Trees(models=tuple(model.model_to_string() for model in models), thresholds=_thresholds(said, held, rule))


def _judged(rows: Sequence[Rows], targets: Sequence[Targets], *, most: int | None) -> _JudgedRows:
    """Those of all videos that somebody judged, at most so many, evenly taken."""
    every, on = np.concatenate(rows), np.concatenate(targets)
    judged = (on != UNJUDGED).any(axis=1)
    every, on = every[judged], on[judged]
    step = 1 if most is None else max(1, -(-len(every) // most))
    return _JudgedRows(rows=every[::step], targets=on[::step])


def _boosted(learnt: _JudgedRows, held: _JudgedRows | None, column: int | None, *, seed: int, rounds: int = _ROUNDS) -> Any:
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


def check_parts(class_names: Sequence[str], thresholds: Sequence[float], models: Sequence[str], *, exclusive: bool) -> None:
    """Check that kept trees are of their classes.

    Raises:
        ValueError: they are not, or there are no classes.
    """
    classes, count = len(class_names), 1 if exclusive else len(class_names)
    if not classes:
        raise ValueError("it has no classes")
    if len(thresholds) != classes:
        raise ValueError(f"it has {len(thresholds)} thresholds; expected one for each of {classes} classes")
    if len(models) != count:
        kind = "one, for its classes exclude each other" if exclusive else f"one for each of {classes} classes"
        raise ValueError(f"it has {len(models)} models; expected {kind}")


def probabilities_of(models: Sequence[str], rows: Rows, *, classes: int, exclusive: bool) -> Probabilities:
    """What trees say of rows, float32 (frames, classes).

    Raises:
        DamagedTreesError: they cannot be read, or are of other classes or features.
    """
    threads = torch.get_num_threads()
    boosters = [_booster(text, answers=classes + 1 if exclusive else 1, features=rows.shape[1]) for text in models]
    found = [np.asarray(booster.predict(rows, num_threads=threads)) for booster in boosters]
    together = found[0][:, :classes] if exclusive else np.stack(found, axis=1)
    return np.asarray(together, np.float32)


def _booster(text: str, *, answers: int, features: int) -> Any:
    import lightgbm

    if _END not in text:
        raise DamagedTreesError(f"it is not {NAME}'s text of trees, or not all of it")
    try:
        found = lightgbm.Booster(model_str=_SIZES.sub("", text, count=1))
    except lightgbm.basic.LightGBMError as problem:
        raise DamagedTreesError(f"{NAME} cannot read its trees ({str(problem).strip()})") from problem
    there = found.num_model_per_iteration(), found.num_feature()
    if there != (answers, features):
        raise DamagedTreesError(f"its trees give {there[0]} answers to {there[1]} features; expected {answers} to {features}")
    return found


def _thresholds(found: Probabilities, held: _JudgedRows, rule: Rule) -> tuple[float, ...]:
    judged = held.targets != UNJUDGED
    return tuple(
        choose_threshold(curve(found[judged[:, place], place], held.targets[judged[:, place], place] == 1), rule)
        for place in range(found.shape[1])
    )
