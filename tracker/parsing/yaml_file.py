"""Read one YAML file into typed values, and name file, line and key of whatever is wrong with it."""

import os
import re
import stat
from collections.abc import Hashable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import yaml

from tracker.errors import RigtrackError
from tracker.parsing.value_fault import Place, dotted, faults_of, shown

T = TypeVar("T")
_BOOLEAN = "tag:yaml.org,2002:bool"
_MAPPING, _SEQUENCE = "tag:yaml.org,2002:map", "tag:yaml.org,2002:seq"
_MERGE = "tag:yaml.org,2002:merge"
_LONGEST = 1_048_576  # bytes; PyYAML needs seconds for as much
_MOST_VALUES = 200_000  # after aliases: a few lines of aliases to aliases can stand for billions
_DEEPEST = 64
_MOST_FAULTS = 8  # in one refusal
# What PyYAML's own constructors let through for a value such as 2026-13-45, !!int '' or a number of 5000 digits.
_UNREADABLE = (ValueError, KeyError, IndexError, TypeError, AttributeError, OverflowError)


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader with the booleans of YAML 1.2: `on`, `off`, `yes` and `no` are words, `true` and `false` are not."""


_Loader.yaml_implicit_resolvers = {
    first: [pair for pair in pairs if pair[0] != _BOOLEAN] for first, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(_BOOLEAN, re.compile(r"^(?:true|false)$"), ["t", "f"])


@dataclass(frozen=True, slots=True, kw_only=True)
class YamlFile:
    """A file as plain values, and where each of them stands.

    Attributes:
        path: of the file.
        values: dicts, lists and scalars.
        lines: place of a key or item to its line, counted from 1.
    """

    path: Path
    values: Any
    lines: dict[Place, int]

    def at(self, place: Place) -> str:
        """FILE:LINE of a place, or of the nearest one that encloses it."""
        while place and place not in self.lines:
            place = place[:-1]
        return f"{self.path}:{self.lines.get(place, 1)}"


def read_yaml(path: Path, *, kind: type[T], error: type[RigtrackError]) -> T:
    """Read a YAML file as `kind`, refusing unknown, missing, repeated, mistyped and out-of-bounds keys and numbers that are not finite.

    Raises:
        error: one sentence with file, line, key, what was found and what was expected.
    """
    return typed(open_yaml(path, error=error), kind=kind, error=error)


def typed(file: YamlFile, *, kind: type[T], error: type[RigtrackError]) -> T:
    """The values of a file as `kind`.

    Raises:
        error: as `read_yaml` does.
    """
    faults = list(islice(faults_of(file.values, kind), _MOST_FAULTS))
    if faults:
        raise error("; and ".join(f"{file.at(fault.place)}: {fault.sentence}" for fault in faults))
    try:
        return msgspec.convert(file.values, kind, strict=True)
    except msgspec.ValidationError as problem:  # a kind of value that first_fault does not know
        raise error(f"{file.path}: {str(problem).replace('`', '')}") from None


def open_yaml(path: Path, *, error: type[RigtrackError]) -> YamlFile:
    """Read a YAML file as plain values: one document, no tags but YAML's own, no key twice.

    Raises:
        error: one sentence with file, line and what was found.
    """
    loader, root = _composed(_text(path, error), path, error)
    try:
        reader = _Reader(loader, path, error)
        return YamlFile(path=path, values=reader.value(root, ()), lines=reader.lines)
    except yaml.MarkedYAMLError as problem:
        raise _not_yaml(problem, path, error) from None


def _composed(text: str, path: Path, error: type[RigtrackError]) -> tuple[_Loader, yaml.Node]:
    try:
        loader = _Loader(text)
        root = loader.get_single_node()
    except yaml.MarkedYAMLError as problem:
        raise _not_yaml(problem, path, error) from None
    except yaml.reader.ReaderError as problem:
        raise error(f"{path}: is not YAML: character {problem.character!r} may not stand in a text file") from None
    except RecursionError:
        raise error(f"{path}: is nested more than {_DEEPEST} levels deep; expected a plain configuration") from None
    except _UNREADABLE as problem:
        raise error(f"{path}: is not YAML: {problem}") from None
    if root is None:
        raise error(f"{path}: is empty; expected a mapping of keys to values")
    return loader, root


def _not_yaml(problem: yaml.MarkedYAMLError, path: Path, error: type[RigtrackError]) -> RigtrackError:
    mark = problem.problem_mark or problem.context_mark
    found = " ".join(str(problem.problem or problem.context).split())
    return error(f"{path}:{mark.line + 1 if mark else 1}: is not YAML: {found}")


def _text(path: Path, error: type[RigtrackError]) -> str:
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # a pipe could be waited for without end
            what = "a folder" if path.is_dir() else "not a regular file"
            raise error(f"{path}: cannot be read: it is {what}; give the path of a text file")
        with path.open("rb") as file:
            content = file.read(_LONGEST + 1)
    except FileNotFoundError:
        raise error(f"{path}: no such file; give the path of an existing one") from None
    except OSError as problem:
        raise error(f"{path}: cannot be read: {problem.strerror or os.strerror(problem.errno or 0)}") from None
    except ValueError as problem:
        raise error(f"{str(path)!r}: is not a path: {problem}") from None
    if len(content) > _LONGEST:
        raise error(f"{path}: is longer than {_LONGEST} bytes; expected a configuration of a few kilobytes")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as problem:
        raise error(f"{path}: is not UTF-8 text (byte {problem.start}); save it as UTF-8") from None


class _Reader:
    """Turns nodes into plain values, noting lines; counts what aliases stand for, so that few lines cannot become billions of values."""

    def __init__(self, loader: _Loader, path: Path, error: type[RigtrackError]) -> None:
        self.lines: dict[Place, int] = {}
        self._loader = loader
        self._path = path
        self._error = error
        self._count = 0

    def value(self, node: yaml.Node, place: Place) -> Any:
        self._count += 1
        if self._count > _MOST_VALUES:
            raise self._refuse(node, f"stands for more than {_MOST_VALUES} values; write it without aliases")
        if len(place) > _DEEPEST:
            raise self._refuse(node, f"is nested more than {_DEEPEST} levels deep; expected a plain configuration")
        self.lines.setdefault(place, _line(node))
        if isinstance(node, yaml.MappingNode) and node.tag == _MAPPING:
            return self._mapping(node, place)
        if isinstance(node, yaml.SequenceNode) and node.tag == _SEQUENCE:
            return [self.value(item, (*place, index)) for index, item in enumerate(node.value)]
        return self._scalar(node, place)

    def _mapping(self, node: yaml.MappingNode, place: Place) -> dict[Any, Any]:
        values: dict[Any, Any] = {}
        merged: dict[Any, Any] = {}
        for key_node, value_node in node.value:
            if key_node.tag == _MERGE:
                merged = {**self._merged(value_node, place, _line(key_node)), **merged}
                continue
            key = self._scalar(key_node, place)
            inner = (*place, str(key))
            if not isinstance(key, Hashable):
                raise self._refuse(key_node, f"cannot be a key, in {dotted(place)}; expected a word")
            if key in values:
                raise self._refuse(key_node, f"key '{dotted(inner)}' is repeated; line {self.lines[inner]} already sets it")
            self.lines[inner] = _line(key_node)
            values[key] = self.value(value_node, inner)
        return {**merged, **values}

    def _merged(self, node: yaml.Node, place: Place, line: int) -> dict[Any, Any]:
        """What `<<: *name` takes over from another mapping, or from several, the first before the others."""
        found = self.value(node, (*place, "<<"))
        merged: dict[Any, Any] = {}
        for mapping in found if isinstance(found, list) else [found]:
            if not isinstance(mapping, dict):
                raise self._refuse(node, f"{dotted((*place, '<<'))} is {shown(mapping)}; expected a mapping, such as *name")
            merged = {**mapping, **merged}
        for key in merged:
            self.lines.setdefault((*place, str(key)), line)
        return merged

    def _scalar(self, node: yaml.Node, place: Place) -> Any:
        if not isinstance(node, yaml.ScalarNode) or node.tag not in _Loader.yaml_constructors or node.tag == "tag:yaml.org,2002:binary":
            if node.tag in (_MAPPING, _SEQUENCE):
                raise self._refuse(node, f"a list or mapping cannot be a key, in {dotted(place)}; expected a word")
            raise self._refuse(node, f"{dotted(place)} has the tag {node.tag}, which means nothing here; write the value itself")
        try:
            return self._loader.construct_object(node)
        except _UNREADABLE:
            kind = node.tag.rpartition(":")[2]
            raise self._refuse(node, f"{dotted(place)} is {shown(node.value)}, which is not a valid {kind}; correct or quote it") from None

    def _refuse(self, node: yaml.Node, sentence: str) -> RigtrackError:
        return self._error(f"{self._path}:{_line(node)}: {sentence}")


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1
