"""From parsed JSON to frozen dataclasses, as their annotations say. Standard library only; annotations are read once, at import.

Whatever JSON comes, it is either read or refused with a ValueError: numbers are finite, integers fit in 64 bits, strings can be
encoded again, and free-form values are not nested deeper than `_DEPTH`.
"""

import json
from collections.abc import Callable
from dataclasses import MISSING, fields, is_dataclass
from itertools import chain
from math import isfinite
from types import UnionType
from typing import Any, Literal, TypeVar, get_args, get_origin

_DEPTH = 16
_SHOWN = 60  # characters of a value in an error
_LARGEST = 2**63 - 1
_SPACE = " \t\n\r"  # of JSON
Value = TypeVar("Value")
Reader = Callable[[Any], Any]


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is no JSON")


_DECODER = json.JSONDecoder(parse_constant=_refuse)  # made once: json.loads would make one for every message


def parse(text: bytes) -> Any:
    """Parse JSON in UTF-8.

    Raises:
        ValueError: no JSON, nested too deeply, or with a string that is not Unicode.
    """
    try:
        plain = text.decode().strip(_SPACE)
        value, end = _DECODER.raw_decode(plain)
        if end != len(plain):
            raise ValueError(f"more follows the JSON value, from character {end}")
        if rb"\u" in text:  # the one way in which a lone surrogate gets in
            json.dumps(value, ensure_ascii=False).encode()
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    return value


def reader(kind: type[Value]) -> Callable[[Any], Value]:
    """A function that makes `kind`, a dataclass with slots, from a parsed JSON object, and raises ValueError where it does not fit.

    Members that `kind` does not know are left out; fields that have a default may be absent.
    """
    known = [(field.name, _reader(field.type), field.default is MISSING and field.default_factory is MISSING) for field in fields(kind)]  # type: ignore[arg-type]
    puts = [(name, getattr(kind, name).__set__, convert) for name, convert, _ in known if convert is not _integer]
    put_integers = [(name, getattr(kind, name).__set__) for name, convert, _ in known if convert is _integer]

    def read(value: Any) -> Value:
        """The usual case: every field is there and fits. Slots are set directly; a frozen dataclass's own way takes four times as long."""
        made = object.__new__(kind)
        try:
            for name, put in put_integers:  # most of a message; a call for each would cost as much as all the rest
                integer = value[name]
                if type(integer) is not int or not -_LARGEST <= integer <= _LARGEST:
                    return read_carefully(value)
                put(made, integer)
            for name, put, convert in puts:
                put(made, convert(value[name]))
        except (ValueError, LookupError, TypeError):
            return read_carefully(value)
        return made

    def read_carefully(value: Any) -> Value:
        """With defaults, and with a word on what does not fit."""
        if type(value) is not dict:
            raise ValueError(_mismatch(value, "an object"))
        found = {}
        for name, convert, required in known:
            if name in value:
                try:
                    found[name] = convert(value[name])
                except ValueError as problem:
                    raise ValueError(f"{name}: {problem}") from None
            elif required:
                raise ValueError(f"'{name}' is missing")
        return kind(**found)

    return read


def _reader(kind: Any) -> Reader:
    if is_dataclass(kind):
        return reader(kind)  # type: ignore[arg-type]
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Literal:
        return _one_of(arguments)
    if origin is UnionType:
        return _optional(_reader(next(each for each in arguments if each is not type(None))))
    if origin is tuple:
        return _fixed(arguments)
    if origin is list:
        return _listed(_reader(arguments[0]))
    if origin is dict:
        convert, numbers = _reader(arguments[1]), get_args(arguments[1])
        return _points(convert, len(numbers)) if numbers and set(numbers) == {float | None} else _mapped(convert)
    return {int: _integer, float: _number, str: _text, bool: _truth, bytes: _bytes}.get(kind, _anything)


def _integer(value: Any) -> int:
    if type(value) is not int or not -_LARGEST <= value <= _LARGEST:
        raise ValueError(_mismatch(value, "an integer of 64 bits"))
    return value


def _number(value: Any) -> float:
    if type(value) is float and isfinite(value):
        return value
    return _integer_as_number(value)


def _integer_as_number(value: Any) -> float:
    if type(value) is not int or not -_LARGEST <= value <= _LARGEST:
        raise ValueError(_mismatch(value, "a finite number"))
    return float(value)


def _text(value: Any) -> str:
    if type(value) is not str:
        raise ValueError(_mismatch(value, "a string"))
    return value


def _truth(value: Any) -> bool:
    if type(value) is not bool:
        raise ValueError(_mismatch(value, "true or false"))
    return value


def _bytes(value: Any) -> bytes:
    if type(value) is not bytes:
        raise ValueError(_mismatch(value, "bytes"))
    return value


def _one_of(choices: tuple[Any, ...]) -> Reader:
    def read(value: Any) -> Any:
        if type(value) is not str or value not in choices:
            raise ValueError(_mismatch(value, f"one of {', '.join(choices)}"))
        return value

    return read


def _optional(convert: Reader) -> Reader:
    return lambda value: None if value is None else convert(value)


def _fixed(kinds: tuple[Any, ...]) -> Reader:
    converts = tuple(_reader(kind) for kind in kinds)

    def read(value: Any) -> tuple[Any, ...]:
        if type(value) is not list or len(value) != len(converts):
            raise ValueError(_mismatch(value, f"a list of {len(converts)}"))
        return tuple(convert(each) for convert, each in zip(converts, value, strict=True))

    return read


def _listed(convert: Reader) -> Reader:
    def read(value: Any) -> list[Any]:
        if type(value) is not list:
            raise ValueError(_mismatch(value, "a list"))
        return [convert(each) for each in value]

    return read


def _mapped(convert: Reader) -> Reader:
    def read(value: Any) -> dict[str, Any]:
        if type(value) is not dict:
            raise ValueError(_mismatch(value, "an object"))
        return {name: convert(each) for name, each in value.items()}

    return read


def _points(convert: Reader, count: int) -> Reader:
    """Key points by name: the one kind of value of which there are many in every message, so the usual case is read at once."""
    careful = _mapped(convert)
    lists, counts, floats = {list}, {count}, {float}

    def read(value: Any) -> dict[str, Any]:
        if type(value) is dict and value:
            points = value.values()
            if set(map(type, points)) == lists and set(map(len, points)) == counts:
                numbers = list(chain.from_iterable(points))
                if set(map(type, numbers)) == floats and isfinite(sum(numbers)):
                    return dict(zip(value, map(tuple, points), strict=True))
        return careful(value)  # type: ignore[no-any-return]

    return read


def _anything(value: Any, depth: int = 0) -> Any:
    """Free-form JSON, of a depth that whoever prints or walks it can stand."""
    if depth > _DEPTH:
        raise ValueError(f"it is nested deeper than {_DEPTH}")
    if type(value) is dict:
        return {name: _anything(each, depth + 1) for name, each in value.items()}
    if type(value) is list:
        return [_anything(each, depth + 1) for each in value]
    return _number(value) if type(value) is float else _integer(value) if type(value) is int else value


def _mismatch(value: Any, expected: str) -> str:
    shown = repr(value) if type(value) in (int, float, bool, str, type(None)) else f"a {type(value).__name__}"
    return f"is {shown if len(shown) <= _SHOWN else shown[:_SHOWN] + '...'}; expected {expected}"
