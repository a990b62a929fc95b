"""A search over the settings of one training: drawn, scored on the validation part, and the best again with other seeds beside the usual.

What is finished is kept after every training, so that the same command goes on.
"""

import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import msgspec
import numpy as np
from scipy.stats import t as student  # type: ignore[import-untyped]

from trainer.errors import TrainingError
from trainer.experiments.search_space import Dimension, Space, Value
from trainer.whole_files import replace_files

SEARCH_FILE = "search.json"
_CONFIDENCE = 0.95
_NOT_SEARCHED = ("seed", "epochs", "minutes", "patience", "threshold", "start_from", "weights", "held_out_batch")


class Trials(Protocol):
    """What is trained again and again."""

    @property
    def scored_by(self) -> str:
        """Words for the score, of which more is better."""
        ...

    @property
    def about(self) -> dict[str, Any]:
        """What tells its data and their division, plain values."""
        ...

    @property
    def settings(self) -> Any:
        """The usual settings, a frozen dataclass with a `seed`."""
        ...

    def score(self, settings: Any, folder: Path) -> float:
        """Train in a folder; a training that was interrupted goes on.

        Raises:
            TrainingError: it cannot be trained so.
        """
        ...


class Attempt(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One training.

    Attributes:
        values: of the settings that were changed; empty for the usual ones.
        seed: of it.
        score: None where it could not be trained.
        fault: why, then.
        seconds: it took.
    """

    values: dict[str, Value]
    seed: int
    score: float | None
    fault: str | None
    seconds: float


class _Kept(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    about: dict[str, Any]
    attempts: tuple[Attempt, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingsSearch:
    """What was found.

    Attributes:
        scored_by: words for the score.
        tried: the usual settings first, then every draw, all with one seed.
        usual: the usual settings again, with other seeds.
        winner: the best draw again, with those seeds; empty where the usual settings were best.
    """

    scored_by: str
    tried: tuple[Attempt, ...]
    usual: tuple[Attempt, ...]
    winner: tuple[Attempt, ...]

    @property
    def best(self) -> Attempt:
        """The attempt with the greatest score."""
        return max((one for one in self.tried if one.score is not None), key=lambda one: one.score or 0.0)

    @property
    def gain(self) -> tuple[float, float, float] | None:
        """Mean difference of the winner from the usual settings over the other seeds, and its 95 % interval (Student's t, in pairs)."""
        pairs = [(one.score, other.score) for one, other in zip(self.winner, self.usual, strict=True)]
        differences = np.array([one - other for one, other in pairs if one is not None and other is not None])
        if len(differences) < 2:
            return None
        half = float(student.ppf((1 + _CONFIDENCE) / 2, len(differences) - 1) * differences.std(ddof=1) / np.sqrt(len(differences)))
        mean = float(differences.mean())
        return mean, mean - half, mean + half

    @property
    def sentence(self) -> str:
        """The verdict: better is said only of an interval over other seeds that leaves out zero."""
        best = self.best
        if not best.values:
            return f"The usual settings are the best of {len(self.tried)} ({self.scored_by} {best.score:.3f})."
        usual = _shown(self.tried[0].score)
        found = f"The best of {len(self.tried)} is {words(best.values)} ({self.scored_by} {best.score:.3f}, usual {usual})"
        if self.gain is None:
            return f"{found}; with one seed that is no proof of being better: give --confirm 3 or more."
        mean, low, high = self.gain
        again = f"with {len(self.winner)} other seeds it differs from the usual by {mean:+.3f} (95 % interval {low:+.3f} to {high:+.3f})"
        return f"{found}; {again}: {'better' if low > 0 else 'worse' if high < 0 else 'not shown to be better'}."

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        gain = dict(zip(("mean", "low", "high"), self.gain, strict=True)) if self.gain else None
        parts = {name: msgspec.to_builtins(getattr(self, name)) for name in ("tried", "usual", "winner")}
        return {"scored_by": self.scored_by, "best": msgspec.to_builtins(self.best), "gain": gain, "sentence": self.sentence, **parts}


def search_settings(task: Trials, space: Space, out: Path, *, trials: int, confirm: int, say: Callable[[str], None]) -> SettingsSearch:
    """Train with the usual settings and with so many draws, then the best and the usual with other seeds.

    Args:
        task: what is trained.
        space: what is changed, see `read_space`.
        out: folder of the trainings, and of what is finished.
        trials: how many are drawn.
        confirm: how many other seeds.
        say: told of every training.

    Raises:
        TrainingError: a setting that there is not, a search of other data or settings in the folder, or nothing that could be trained.
    """
    refuse_unknown(task.settings, space)
    kept = _Keeping(out, {**task.about, "settings": _plain(asdict(task.settings)), "space": msgspec.to_builtins(space)})
    draws: list[dict[str, Value]] = [{}, *(_draw(space, task.settings.seed, number) for number in range(trials))]
    attempts = [
        kept.attempt(task, values, seed=task.settings.seed, title=f"trial {number} of {trials}", say=say)
        for number, values in enumerate(draws)
    ]
    found = SettingsSearch(scored_by=task.scored_by, tried=tuple(attempts), usual=(), winner=())
    if all(one.score is None for one in attempts):
        raise TrainingError(f"none of {len(attempts)} trainings came to an end; the first: {attempts[0].fault}")
    if not found.best.values:
        return found
    again: dict[str, list[Attempt]] = {"usual": [], "winner": []}
    for step in range(1, confirm + 1):
        for name, values in (("usual", {}), ("winner", found.best.values)):
            title = f"{'the usual settings' if name == 'usual' else 'the best'} with other seeds, {step} of {confirm}"
            again[name].append(kept.attempt(task, values, seed=task.settings.seed + step, title=title, say=say))
    return replace(found, usual=tuple(again["usual"]), winner=tuple(again["winner"]))


def words(values: Mapping[str, Value]) -> str:
    """Settings for people."""
    return ", ".join(f"{name} {value:.3g}" if isinstance(value, float) else f"{name} {value}" for name, value in values.items()) or "usual"


def refuse_unknown(settings: Any, space: Space) -> None:
    """Try the ends of every range and every listed value.

    Raises:
        TrainingError: a setting of no such name, or a value that it cannot have.
    """
    there = [name for name in asdict(settings) if name not in _NOT_SEARCHED]
    if not space:
        raise TrainingError("the space names no setting; give at least one, such as learning_rate")
    for name, dimension in space.items():
        if name not in there:
            raise TrainingError(f"'{name}' is not a setting that can be searched; expected some of {', '.join(there)}")
        for value in dimension.choices or (dimension.low or 0.0, dimension.high or 0.0):
            changed(settings, {name: int(value) if dimension.whole and isinstance(value, float) else value})


def changed(settings: Any, values: Mapping[str, Any]) -> Any:
    """Settings with some changed.

    Raises:
        TrainingError: a value of another type.
    """
    try:
        return msgspec.convert({**asdict(settings), **values}, type(settings))
    except msgspec.ValidationError as problem:
        raise TrainingError(f"the space asks for {words(values)}: {problem}") from None


class _Keeping:
    """The attempts that are finished, on the disk."""

    def __init__(self, out: Path, about: dict[str, Any]) -> None:
        self._out, self._about = out, _plain(about)
        self._attempts: list[Attempt] = []
        path = out / SEARCH_FILE
        if not path.exists():
            return
        try:
            kept = msgspec.json.decode(path.read_bytes(), type=_Kept)
        except (OSError, msgspec.DecodeError, UnicodeDecodeError) as problem:
            raise TrainingError(f"{path}: cannot be read ({problem}); choose another --out") from problem
        if kept.about != self._about:
            raise TrainingError(f"{path}: is a search over other data, settings or ranges; choose another --out, or give the same again")
        self._attempts = list(kept.attempts)

    def attempt(self, task: Trials, values: dict[str, Value], *, seed: int, title: str, say: Callable[[str], None]) -> Attempt:
        """One training, unless it is finished."""
        done = next((one for one in self._attempts if one.values == values and one.seed == seed), None)
        if done is None:
            say(f"{title}: {words(values)}, seed {seed}")
            begun = time.monotonic()
            score, fault = None, None
            folder = self._out / f"run-{len(self._attempts):03d}"
            try:
                score = task.score(changed(task.settings, {**values, "seed": seed}), folder)
            except TrainingError as problem:
                fault = str(problem)
            done = Attempt(values=values, seed=seed, score=score, fault=fault, seconds=time.monotonic() - begun)
            self._attempts.append(done)
            content = msgspec.json.encode(_Kept(about=self._about, attempts=tuple(self._attempts)))
            replace_files(self._out, {SEARCH_FILE: msgspec.json.format(content, indent=1)}, what="the search")
            shutil.rmtree(folder, ignore_errors=True)
        say(f"{title}: {task.scored_by} {_shown(done.score)}{f' ({done.fault})' if done.fault else ''}")
        return done


def _draw(space: Space, seed: int, number: int) -> dict[str, Value]:
    rng = np.random.default_rng((seed, number))
    return {name: _value(dimension, rng) for name, dimension in space.items()}


def _value(dimension: Dimension, rng: np.random.Generator) -> Value:
    if dimension.choices is not None:
        return dimension.choices[int(rng.integers(len(dimension.choices)))]
    low, high = dimension.low or 0.0, dimension.high or 0.0
    drawn = float(np.exp(rng.uniform(np.log(low), np.log(high)))) if dimension.log else float(rng.uniform(low, high))
    return round(drawn) if dimension.whole else float(f"{drawn:.4g}")


def _plain(value: Any) -> Any:
    """As it reads back from a file."""
    return msgspec.json.decode(msgspec.json.encode(value))


def _shown(score: float | None) -> str:
    return "–" if score is None else f"{score:.3f}"
