"""Read one YAML file into typed values, and name file, line and key of whatever is wrong with it."""

import re
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import yaml

from tracker.errors import RigtrackError

T = TypeVar("T")
Place = tuple[str | int, ...]  # ("camera", "rate_hz"), ("behaviour", 0, "event")
_BOOLEAN = "tag:yaml.org,2002:bool"


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader with the booleans of YAML 1.2: `on`, `off`, `yes` and `no` are words, `true` and `false` are not."""


_Loader.yaml_implicit_resolvers = {
    first: [pair for pair in pairs if pair[0] != _BOOLEAN] for first, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(_BOOLEAN, re.compile(r"^(?:true|false)$"), ["t", "f"])


def read_yaml(path: Path, *, kind: type[T], error: type[RigtrackError]) -> T:
    """Read a YAML file as `kind`, refusing unknown, missing, repeated, mistyped and out-of-bounds keys.

    Raises:
        error: one sentence with file, line, key, what was found and what was expected.
    """
    values, lines = _compose(path, error)
    try:
        return msgspec.convert(values, kind, strict=True)
    except msgspec.ValidationError as problem:
        raise error(f"{path}{_explain(str(problem), values, lines)}") from None


def _compose(path: Path, error: type[RigtrackError]) -> tuple[Any, dict[Place, int]]:
    try:
        text = path.read_text(encoding="utf-8")
        root = yaml.compose(text, Loader=_Loader)
    except FileNotFoundError:
        raise error(f"{path}: no such file; give the path of an existing one") from None
    except OSError as problem:
        raise error(f"{path}: cannot be read: {problem.strerror}") from None
    except UnicodeDecodeError as problem:
        raise error(f"{path}: is not UTF-8 text (byte {problem.start}); save it as UTF-8") from None
    except yaml.MarkedYAMLError as problem:
        line = problem.problem_mark.line + 1 if problem.problem_mark else 1
        raise error(f"{path}:{line}: is not YAML: {problem.problem}") from None
    except yaml.YAMLError as problem:
        raise error(f"{path}: is not YAML: {' '.join(str(problem).split())}") from None
    if root is None:
        raise error(f"{path}: is empty; expected a mapping of keys to values")
    lines: dict[Place, int] = {}
    _note_lines(root, (), lines, path, error)
    return yaml.load(text, Loader=_Loader), lines


def _note_lines(node: yaml.Node, place: Place, lines: dict[Place, int], path: Path, error: type[RigtrackError]) -> None:
    lines.setdefault(place, node.start_mark.line + 1)
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            inner = (*place, str(key.value))
            if inner in lines:
                raise error(f"{path}:{key.start_mark.line + 1}: key '{_dotted(inner)}' is repeated; line {lines[inner]} already sets it")
            lines[inner] = key.start_mark.line + 1
            _note_lines(value, inner, lines, path, error)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            _note_lines(value, (*place, index), lines, path, error)


def _explain(problem: str, values: Any, lines: dict[Place, int]) -> str:
    text, _, where = problem.partition(" - at `")
    place = _place(where.removesuffix("`"))
    if found := re.search(r"unknown field `(.+?)`", text):
        inner = (*place, found[1])
        return f":{_line(inner, lines)}: unknown key '{_dotted(inner)}'; remove it or correct its spelling"
    if found := re.search(r"missing required field `(.+?)`", text):
        return f":{_line(place, lines)}: missing key '{_dotted((*place, found[1]))}'; add it"
    expected = text.split(", got ")[0].replace("`", "").removeprefix("Expected ").removeprefix("Invalid ")
    return f":{_line(place, lines)}: {_dotted(place)} is {_at(values, place)!r}; expected {expected}"


def _place(path: str) -> Place:
    steps = re.findall(r"\.([^.\[\]]+)|\[(\d+|\.\.\.|'[^']*')\]", path)
    return tuple(int(index) if index.isdigit() else (name or index.strip("'")) for name, index in steps)


def _dotted(place: Place) -> str:
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in place)
    return text.removeprefix(".") or "the file"


def _line(place: Place, lines: dict[Place, int]) -> int:
    while place and place not in lines:
        place = place[:-1]
    return lines.get(place, 1)


def _at(values: Any, place: Place) -> Any:
    for step in place:
        try:
            values = values[step]
        except (KeyError, IndexError, TypeError):
            return values
    return values
