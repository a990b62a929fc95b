"""Which videos are learnt from, which validate, and which are held out: whole animals, sessions, trials, videos or blocks of frames."""

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from trainer.behaviour.table_rows import GROUPS, PARTS, Part
from trainer.errors import TrainingError

SplitBy = Literal["animal", "session", "trial", "video", "block"]
_LACKED: dict[Part, str] = {
    "train": "would not be learnt from", "validation": "would be in no validation video", "test": "would be in no video that is held out"
}  # fmt: skip
_NAMED = 10  # videos in a sentence
BY_BLOCK = "by block; "  # how the description of a bundle begins that has learnt from blocks
_TRIED = 40  # units that are tried in the place of another
Counts = NDArray[np.int64]  # (videos, classes): frames of each class in each video


@dataclass(frozen=True, slots=True, kw_only=True)
class DivisionAsked:
    """What was asked.

    Attributes:
        test: videos to be held out.
        validation: videos to validate by.
        nothing_held_out: no video is kept to be judged by.
        by: what stays together; None: animals, else sessions, else trials, where the table names enough of them, else videos.
    """

    test: Sequence[str] = ()
    validation: Sequence[str] = ()
    nothing_held_out: bool = False
    by: SplitBy | None = None

    @property
    def parts(self) -> tuple[Part, ...]:
        """That must not be empty."""
        return ("train", "validation") if self.nothing_held_out else PARTS


@dataclass(frozen=True, slots=True, kw_only=True)
class Divided:
    """What became of it.

    Attributes:
        parts: of every video.
        by: what stayed together.
        notes: why others than the last are held out, and which animal, session or trial is on both sides; a sentence each.
    """

    parts: tuple[Part, ...]
    by: SplitBy
    notes: tuple[str, ...]


def divided(
    names: Sequence[str],
    given: Sequence[Part | None],
    *,
    groups: Sequence[Mapping[str, str]],
    counts: Counts,
    class_names: Sequence[str],
    asked: DivisionAsked,
) -> Divided:
    """The part of every video: as the table says, as asked by name, or by default the last fifth tests and the one before validates.

    Where a part would lack a class that another one has, videos change places until it has one, as far as that can be: first for the
    part that is learnt from, then for the two others, and each time those that leave the classes divided most evenly.

    Args:
        names: of the videos or blocks.
        given: the part of each that the table names.
        groups: animal, session and trial of each, as far as they are known.
        counts: frames of each class in each.
        class_names: of the columns of `counts`.
        asked: by name, and what stays together.

    Raises:
        TrainingError: a name that is none, or too few videos.
    """
    _refuse_names(names, asked)
    if not asked.test and not asked.validation and any(given):
        parts: list[Part] = [part or "train" for part in given]
        by: SplitBy = asked.by or "video"
        said: list[str] = []
    else:
        by = asked.by or coarsest(groups, fewest=len(asked.parts)) or "video"
        refuse_absent(by, groups)
        units = [unit_of(name, group, by) for name, group in zip(names, groups, strict=True)]
        late = _late_in_session(units, groups) if by == "trial" and not asked.test and not asked.validation else {}
        usual = _usual(names, units, asked, by=by, late=late)
        parts = _balanced(usual, names, units, counts, asked)
        said = [*([_last_trials(asked)] if late else []), *_moved(names, usual, parts, counts, class_names)]
    for part in asked.parts:
        if part not in parts:
            count, judge = len(asked.parts), "" if asked.nothing_held_out else ", and to be judged by (or --no-held-out)"
            raise TrainingError(
                f"{_how_many(names, groups, by)} leave none for {part}; give at least {count}: to learn from, to choose temperature and "
                f"thresholds by{judge}, or --split-by block"
            )
    return Divided(parts=tuple(parts), by=by, notes=(*said, *on_both_sides(names, groups, parts)))


def _how_many(names: Sequence[str], groups: Sequence[Mapping[str, str]], by: SplitBy) -> str:
    units = {unit_of(name, group, by) for name, group in zip(names, groups, strict=True)}
    return f"{len(units)} {by}s" if by in GROUPS else f"{len(names)} videos"


def _refuse_names(names: Sequence[str], asked: DivisionAsked) -> None:
    for name in (*asked.test, *asked.validation):
        if name not in names:
            raise TrainingError(f"there is not a video '{name}'; the table has {', '.join(names)}")
    both = [name for name in asked.test if name in asked.validation]
    if both:
        raise TrainingError(f"the video '{both[0]}' cannot both be held out and validate; name it once")


def coarsest(groups: Sequence[Mapping[str, str]], *, fewest: int) -> SplitBy | None:
    """Animals, else sessions, else trials, of which there are at least so many; None where there are of none."""
    kinds: tuple[SplitBy, ...] = ("animal", "session", "trial")
    return next((kind for kind in kinds if len({group[kind] for group in groups if kind in group}) >= fewest), None)


def refuse_absent(by: SplitBy, groups: Sequence[Mapping[str, str]]) -> None:
    """Refuse to keep together what nobody names.

    Raises:
        TrainingError: no video is said to be of an animal, session or trial.
    """
    if by in GROUPS and not any(by in group for group in groups):
        raise TrainingError(f"--split-by {by} needs a column {by} that says of which {by} each is; add it to the table, or leave it out")


def unit_of(name: str, group: Mapping[str, str], by: SplitBy) -> str:
    """What stays together with others of the same words."""
    return f"{by} {group[by]}" if by in group else f"video {name}"


def _late_in_session(units: Sequence[str], groups: Sequence[Mapping[str, str]]) -> dict[str, float]:
    """How late in its session each trial is, 0..1, in the sequence of the table; empty where it names fewer than two sessions."""
    of: dict[tuple[str | None, str | None], list[str]] = {}
    for unit, group in zip(units, groups, strict=True):
        of.setdefault((group.get("animal"), group.get("session")), []).append(unit)
    if not any("session" in group for group in groups) or len(of) < 2:
        return {}
    trials = [list(dict.fromkeys(each)) for each in of.values()]
    return {unit: (place + 0.5) / len(each) for each in trials for place, unit in enumerate(each)}


def _last_trials(asked: DivisionAsked) -> str:
    held_out = "validate" if asked.nothing_held_out else "are held out, and those before them validate"
    return f"the last trials within each session {held_out}"


def _usual(names: Sequence[str], units: Sequence[str], asked: DivisionAsked, *, by: SplitBy, late: Mapping[str, float]) -> list[Part]:
    """As asked by name; else the last fifth of what stays together, and the fifth before.

    Of blocks the last of every video come last, and of trials the latest in their sessions.
    """
    named: dict[str, Part] = {**dict.fromkeys(asked.test, "test"), **dict.fromkeys(asked.validation, "validation")}
    free = [unit for name, unit in zip(names, units, strict=True) if name not in named]
    order = list(dict.fromkeys(free))
    if by == "block":
        order.sort(key=lambda unit: int(unit.rpartition(" ")[2]))
    order.sort(key=lambda unit: late.get(unit, 0.0))
    fifth = max(1, len(dict.fromkeys(units)) // 5)
    last = [] if asked.nothing_held_out or asked.test else order[-fifth:]
    before = [] if asked.validation else [unit for unit in order if unit not in last][-fifth:]
    of_unit: dict[str, Part] = {**dict.fromkeys(last, "test"), **dict.fromkeys(before, "validation")}
    return [named.get(name) or of_unit.get(unit, "train") for name, unit in zip(names, units, strict=True)]


def _balanced(usual: Sequence[Part], names: Sequence[str], units: Sequence[str], counts: Counts, asked: DivisionAsked) -> list[Part]:
    """Units of different parts change places for as long as fewer classes are missing then; those that were asked for by name stay."""
    kept = {unit for name, unit in zip(names, units, strict=True) if name in (*asked.test, *asked.validation)}
    order = [unit for unit in reversed(dict.fromkeys(units)) if unit not in kept]
    inside = {unit: np.array([each == unit for each in units]) for unit in order}
    score, parts = _lacking(counts, asked), np.array(usual)
    now = score(parts)
    while now[0] or now[1]:
        best, changed = now, parts
        for one, other in _exchanges(parts, order, inside, counts, asked):
            tried = parts.copy()
            tried[inside[one]], tried[inside[other]] = parts[inside[other]][0], parts[inside[one]][0]
            found = score(tried)
            if found[:2] < now[:2] and (found < best or best is now):
                best, changed = found, tried
        if best is now:
            break
        parts, now = changed, best
    return [part for each in parts.tolist() for part in PARTS if part == each]


def _exchanges(
    parts: NDArray[np.str_], order: Sequence[str], inside: Mapping[str, NDArray[np.bool_]], counts: Counts, asked: DivisionAsked
) -> Iterator[tuple[str, str]]:
    """Pairs of units of which one is in a part that lacks a class and the other, in another part, holds that class."""
    for part in asked.parts:
        here = parts == part
        for place in np.flatnonzero((counts[here].sum(axis=0) == 0) & (counts.sum(axis=0) > 0)).tolist():
            takers = [unit for unit in order if here[inside[unit]].all()][:_TRIED]
            givers = [unit for unit in order if not here[inside[unit]].any() and counts[inside[unit], place].any()][:_TRIED]
            yield from itertools.product(takers, givers)


def _lacking(counts: Counts, asked: DivisionAsked) -> Callable[[NDArray[np.str_]], tuple[int, int, float]]:
    """Of a division: classes that are not learnt from, that other parts lack, and how unevenly the frames of classes are shared out."""
    there = counts[:, counts.sum(axis=0) > 0]
    total = there.sum(axis=0)

    def of(parts: NDArray[np.str_]) -> tuple[int, int, float]:
        here = {part: parts == part for part in asked.parts}
        shares = {part: there[here[part]].sum(axis=0) / np.maximum(total, 1) for part in asked.parts}
        uneven = sum(float(np.abs(shares[part] - here[part].mean()).sum()) for part in asked.parts)
        missing = {part: int((shares[part] == 0).sum()) for part in asked.parts}
        return missing["train"], sum(missing[part] for part in asked.parts if part != "train"), round(uneven, 9)

    return of


def _moved(names: Sequence[str], usual: Sequence[Part], parts: Sequence[Part], counts: Counts, class_names: Sequence[str]) -> list[str]:
    """Why the division is not the usual one."""
    if list(usual) == list(parts):
        return []
    lacked = []
    for place, name in enumerate(class_names):
        for part, words in _LACKED.items():
            inside = [each == part for each in usual]
            if any(inside) and counts[:, place].any() and not counts[inside, place].any():
                lacked.append(f"'{name}' {words}")
    held, validate = ([name for name, each in zip(names, parts, strict=True) if each == part] for part in ("test", "validation"))
    chosen = [*([f"{_some(held)} held out"] if held else []), f"{_some(validate)} to validate by"]
    return [f"divided otherwise than by order, in which {_some(lacked)}: {', '.join(chosen)}"]


def on_both_sides(names: Sequence[str], groups: Sequence[Mapping[str, str]], parts: Sequence[Part]) -> list[str]:
    """Animals, sessions and trials of which some is learnt from and some is not."""
    said = []
    for kind in GROUPS:
        for value in dict.fromkeys(group[kind] for group in groups if kind in group):
            of: dict[Part, list[str]] = {}
            for name, group, part in zip(names, groups, parts, strict=True):
                if group.get(kind) == value:
                    of.setdefault(part, []).append(name)
            if "train" in of and "test" in of:
                said.append(
                    f"{kind} {value} is on both sides: {_some(of['train'])} learnt from, {_some(of['test'])} held out, so that the scores "
                    f"say little of another {kind}"
                )
    return said if len(said) <= _NAMED else [*said[:_NAMED], f"so it is with {len(said) - _NAMED} more animals, sessions or trials"]


def _some(names: Sequence[Any]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more
