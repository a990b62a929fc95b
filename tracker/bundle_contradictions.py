"""What no bundle can say of itself: parts that contradict each other, and text that no screen should be given. Pure."""

import math
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

import msgspec

from tracker.bundle_description import Description, Lighting
from tracker.parsing.one_line import escaped, is_one_line
from tracker.parsing.value_fault import Place, dotted, shown

T = TypeVar("T")
_LONGEST_NAME = 200  # characters, as every text that is named nowhere here
_LONGEST_FILE_NAME = 200  # bytes, of 255 that a file system takes, for more is put before and behind it
_NO_FILE_NAME = re.compile(r"^\.+|/|\\(?!n|r|t|x[0-9a-f]{2}|u[0-9a-f]{4}|U[0-9a-f]{8})")  # an escape, as `printable` writes it, is fine
_LONGEST_LIST = 100_000  # these name every video that was learnt from or held out: some thousand of them
_LONGEST: dict[Place, int] = {
    ("network",): 1000,
    ("training", "source"): _LONGEST_LIST,
    ("training", "split"): _LONGEST_LIST,
    ("lighting", "background"): _LONGEST_LIST,
    ("behaviour", "threshold_rule"): _LONGEST_LIST,
}
_NAMES = ("point_names", "skeleton", "class_names", "input", "output", "states", "behaviour", "forecast")  # by which parts know each other


def contradiction(description: Description) -> str | None:
    """What no network can have, and what was expected; None where there is nothing of the kind."""
    checks = (_unprintable, _too_long, _no_file_name, _odd_names, _odd_answer, _odd_behaviour, _odd_lighting, _odd_intervals)
    return next((said for check in checks if (said := check(description)) is not None), None)


def printable(description: Description) -> Description:
    """The same, its texts with escapes for what cannot be shown and not too long; names, by which parts know each other, stay."""
    parts = msgspec.to_builtins(description)
    changed = {name: part if name in _NAMES else _each_text(part, _writable) for name, part in parts.items()}
    changed["name"] = _file_name(parts["name"])
    if changed.get("behaviour") is not None:
        changed["behaviour"] = {**changed["behaviour"], "threshold_rule": _writable(changed["behaviour"]["threshold_rule"])}
    return msgspec.convert(changed, Description)


def _unprintable(description: Description) -> str | None:
    """A control character in a name would be obeyed by the terminal that it is printed to, and a new line would begin a line of a log."""
    for place, text in _texts(msgspec.to_builtins(description), ()):
        if not is_one_line(text):
            return f"{dotted(place)} is {shown(text)}, which holds characters that cannot be shown; expected printable text on one line"
    return None


def _writable(text: str) -> str:
    return escaped(text)[:_LONGEST_LIST]


def _too_long(description: Description) -> str | None:
    for place, text in _texts(msgspec.to_builtins(description), ()):
        longest = _LONGEST.get(place, _LONGEST_NAME)
        if len(text) > longest:
            return f"{dotted(place)} has {len(text)} characters; expected at most {longest}"
    return None


def _no_file_name(description: Description) -> str | None:
    name = description.name
    if (size := len(name.encode())) > _LONGEST_FILE_NAME:
        return f"name has {size} bytes; expected at most {_LONGEST_FILE_NAME}, for files are called after it"
    if _NO_FILE_NAME.search(name):
        return f"name is {shown(name)}; expected no slash and no dot at its beginning, for files are called after it"
    return None


def _file_name(text: str) -> str:
    """The nearest text that a file can be called after."""
    fitting = _NO_FILE_NAME.sub(lambda found: "" if found[0].startswith(".") else "-", _writable(text))
    return fitting.encode()[:_LONGEST_FILE_NAME].decode(errors="ignore")


def _odd_names(description: Description) -> str | None:
    for kind, what in (("point_names", "key point"), ("class_names", "class")):
        names: tuple[str, ...] = getattr(description, kind)
        if any(not name.strip() for name in names):
            return f"{kind} has an empty name; expected a name for every {what}"
        if (twice := _twice(names)) is not None:
            return f"{kind} has '{twice}' twice; expected different names"
    return None


def _twice(names: Sequence[str]) -> str | None:
    return next((name for name in names if names.count(name) > 1), None)


def _odd_answer(description: Description) -> str | None:
    names, output, radii = description.point_names, description.output.shape, description.correct_within_px
    if radii is not None and len(radii) != len(names):
        return f"correct_within_px has {len(radii)} numbers; expected one for each of {len(names)} key points"
    if description.task == "keypoints" and len(output) == 4 and (output[0], *output[2:]) != (1, len(names), 3):
        return f"output has the shape {list(output)}; expected [1, animals, {len(names)} key points, 3]"
    numbers, expected = len(description.self_test.expected), math.prod(output[1:])
    return None if numbers == expected else f"self_test.expected has {numbers} numbers, the output {expected}; expected as many"


def _odd_behaviour(description: Description) -> str | None:
    if description.behaviour is None:
        return None
    if (description.task == "forecast") != (description.forecast is not None):
        part = "no part" if description.forecast is None else "a part"
        return f"task is '{description.task}' and there is {part} forecast; expected that part for the task 'forecast' alone"
    classes, accuracy = len(description.class_names), description.behaviour.accuracy
    for name, scores in (("f1", accuracy.f1), ("bout_f1", accuracy.bout_f1)):
        if len(scores) != classes:
            return f"behaviour.accuracy.{name} has {len(scores)} numbers; expected one for each of {classes} classes"
    states = [state.name for state in description.states]
    return f"states has '{twice}' twice; expected different names" if (twice := _twice(states)) is not None else None


def _odd_lighting(description: Description) -> str | None:
    return None if description.lighting is None else _half_described(description.lighting)


def _half_described(lighting: Lighting) -> str | None:
    pairs = (
        (("contrast", lighting.contrast), ("cell_px", lighting.cell_px)),
        (("background", lighting.background), ("background_sha256", lighting.background_sha256)),
    )
    for pair in pairs:
        there = [name for name, value in pair if value is not None]
        away = [name for name, value in pair if value is None]
        if there and away:
            return f"lighting has {there[0]} and no {away[0]}; expected both or neither"
    if lighting.contrast is None and lighting.background is None:
        return "lighting says that nothing is done; expected null in its place"
    return None


def _odd_intervals(description: Description) -> str | None:
    learnt, behaviour = description.learnt, description.behaviour
    intervals = {"learnt.brightness": learnt.brightness, "learnt.contrast": learnt.contrast} if learnt is not None else {}
    if description.learnt_poses is not None and description.learnt_poses.length_px is not None:
        intervals["learnt_poses.length_px"] = description.learnt_poses.length_px
    if behaviour is not None:
        intervals["behaviour.frame_interval_s"] = behaviour.frame_interval_s
        if behaviour.frame_interval_s[1] == 0:
            return "behaviour.frame_interval_s is 0, no time between frames; expected the shortest and longest that were learnt from"
    for name, (low, high) in intervals.items():
        if low < 0 or (low > high and not math.isclose(low, high)):  # of equal intervals, percentiles may differ by rounding
            return f"{name} is {low:g} to {high:g}; expected the smaller number first, from 0"
    return None


def _texts(part: Any, place: Place) -> Iterator[tuple[Place, str]]:
    if isinstance(part, str):
        yield place, part
    elif isinstance(part, dict):
        for name, inside in part.items():
            yield from _texts(inside, (*place, name))
    elif isinstance(part, list | tuple):
        for index, inside in enumerate(part):
            yield from _texts(inside, (*place, index))


def _each_text(part: T, change: Callable[[str], str]) -> Any:
    if isinstance(part, str):
        return change(part)
    if isinstance(part, dict):
        return {name: _each_text(inside, change) for name, inside in part.items()}
    return [_each_text(inside, change) for inside in part] if isinstance(part, list | tuple) else part
