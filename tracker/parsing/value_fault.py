"""Find what is wrong with plain values that are to become a typed value, and say in words what was expected. Pure."""

import difflib
import math
import re
import reprlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, TypeAlias

from msgspec import inspect

Place: TypeAlias = tuple[str | int, ...]  # ("camera", "rate_hz"), ("behaviour", 0, "event")
_LONGEST_SHOWN = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class ValueFault:
    """What is wrong at one place.

    Attributes:
        place: of the value; of the mapping, where one of its keys is missing.
        says: of the value, what was found and what is expected; of a key, the remedy.
        missing: the key that is not there.
        unknown: the key, the last step of the place, is not known.
    """

    place: Place
    says: str
    missing: str | None = None
    unknown: bool = False

    @property
    def sentence(self) -> str:
        """The fault with its place, for people."""
        if self.missing is not None:
            return f"missing key '{dotted((*self.place, self.missing))}'; add it: {self.says}"
        return f"unknown key '{dotted(self.place)}'{self.says}" if self.unknown else f"{dotted(self.place)} {self.says}"


def first_fault(values: Any, kind: Any) -> ValueFault | None:
    """The first fault of plain values that are to become `kind`, or None. Kinds of values beyond those below are not judged."""
    return next(faults_of(values, kind), None)


def faults_of(values: Any, kind: Any) -> Iterator[ValueFault]:
    """All of them, in their sequence in the kind; of a list, the first."""
    return _judge(values, inspect.type_info(kind), ())


def expectation(kind: inspect.Type) -> str:
    """What a value of this kind looks like: "a number from 10 to 10000", "'recorded' or 'flat_out'"."""
    if isinstance(kind, inspect.Metadata):
        return str((kind.extra_json_schema or {}).get("description") or expectation(kind.type))
    if isinstance(kind, inspect.UnionType):
        return _either(dict.fromkeys(expectation(option) for option in kind.types))
    if isinstance(kind, inspect.LiteralType):
        return _either(repr(value) for value in kind.values)
    if isinstance(kind, inspect.IntType | inspect.FloatType):
        bounds = _bounds(kind)
        return f"a {'whole' if isinstance(kind, inspect.IntType) else '' if bounds else 'finite'} number{bounds}".replace("  ", " ")
    if isinstance(kind, inspect.VarTupleType | inspect.ListType):
        least = f" of at least {kind.min_length}" if kind.min_length else ""
        return f"a list{least}, each {expectation(kind.item_type)}"
    if isinstance(kind, inspect.TupleType):
        return f"a list of {len(kind.item_types)}, each {_either(dict.fromkeys(map(expectation, kind.item_types)))}"
    if isinstance(kind, inspect.StructType | inspect.DictType):
        return "a mapping of keys to values"
    words = {inspect.NoneType: "null", inspect.BoolType: "true or false", inspect.StrType: "text", inspect.DateType: "a date"}
    return words.get(type(kind), type(kind).__name__.removesuffix("Type").lower())


def dotted(place: Place) -> str:
    """A place as people write it: behaviour[0].rule.on."""
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{_printable(step)}" for step in place)
    return text.removeprefix(".") or "the file"


def shown(value: Any) -> str:
    """A value as it is shown in a sentence: never long, whatever it is."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and not math.isfinite(value):
        return ".nan" if math.isnan(value) else (".inf" if value > 0 else "-.inf")
    if isinstance(value, int) and abs(value) >= 10**_LONGEST_SHOWN:
        return f"a number of more than {_LONGEST_SHOWN} digits"
    limited = reprlib.Repr()
    limited.maxstring = limited.maxother = limited.maxlong = _LONGEST_SHOWN
    return limited.repr(value)


def meant(found: object, known: Iterable[object]) -> str:
    """The hint `(did you mean 'X'?)`, after a space, where one of the known words is much like the one found; else nothing."""
    close = difflib.get_close_matches(str(found).lower(), names := {str(name).lower(): str(name) for name in known}, n=1)
    return f" (did you mean '{names[close[0]]}'?)" if close else ""


def _printable(word: str) -> str:
    """A key as it can be shown on one line of any terminal."""
    short = word if len(word) <= _LONGEST_SHOWN else f"{word[:_LONGEST_SHOWN]}…"
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in short)


def _judge(value: Any, kind: inspect.Type, place: Place) -> Iterator[ValueFault]:
    if isinstance(kind, inspect.Metadata):
        for fault in _judge(value, kind.type, place):
            yield _unexpected(value, kind, place) if fault.place == place else fault
    elif isinstance(kind, inspect.UnionType):
        yield from _judge_union(value, kind, place)
    elif isinstance(kind, inspect.StructType):
        yield from _judge_struct(value, kind, place)
    elif isinstance(kind, inspect.VarTupleType | inspect.ListType | inspect.TupleType):
        yield from _judge_list(value, kind, place)
    elif isinstance(kind, inspect.DictType) and isinstance(value, dict):
        for key in value:
            yield from _judge(value[key], kind.value_type, (*place, str(key)))
    elif isinstance(kind, inspect.LiteralType):
        if not any(value == known and type(value) is type(known) for known in kind.values):
            yield _unexpected(value, kind, place, meant(value, kind.values))
    elif not _fits(value, kind):
        yield _unexpected(value, kind, place)


def _judge_union(value: Any, kind: inspect.UnionType, place: Place) -> Iterator[ValueFault]:
    structs = [option for option in kind.types if isinstance(option, inspect.StructType)]
    if value is None and len(structs) < len(kind.types) and any(isinstance(option, inspect.NoneType) for option in kind.types):
        return
    if structs and structs[0].tag_field is not None:
        yield from _judge_tagged(value, structs, place)
        return
    faults = [list(_judge(value, option, place)) for option in kind.types]
    if [] in faults:
        return
    inside = next((each for each in faults if each[0].place != place or each[0].missing is not None), None)
    yield from inside or (_unexpected(value, kind, place),)


def _judge_tagged(value: Any, structs: list[inspect.StructType], place: Place) -> Iterator[ValueFault]:
    tag_field, tags = str(structs[0].tag_field), [struct.tag for struct in structs]
    if not isinstance(value, dict):
        yield ValueFault(place=place, says=f"is {shown(value)}; expected a mapping that begins with {tag_field}: {tags[0]}")
    elif tag_field not in value:
        yield ValueFault(place=place, says=_either(repr(tag) for tag in tags), missing=tag_field)
    elif value[tag_field] not in tags:
        yield _unexpected(value[tag_field], inspect.LiteralType(values=tuple(tags)), (*place, tag_field), meant(value[tag_field], tags))
    else:
        yield from _judge_struct(value, next(struct for struct in structs if struct.tag == value[tag_field]), place)


def _judge_struct(value: Any, kind: inspect.StructType, place: Place) -> Iterator[ValueFault]:
    if not isinstance(value, dict):
        yield _unexpected(value, kind, place)
        return
    known, hints = {field.encode_name: field for field in kind.fields}, ""
    for key in value:
        if kind.forbid_unknown_fields and key not in known and key != kind.tag_field:
            remedy = meant(key, known) or f"; expected one of {', '.join(known)}"
            hints += remedy
            yield ValueFault(place=(*place, str(key)), says=remedy, unknown=True)
    for name, field in known.items():
        if name in value:
            yield from _judge(value[name], field.type, (*place, name))
        elif field.required and f"did you mean '{name}'" not in hints:
            yield ValueFault(place=place, says=expectation(field.type), missing=name)


def _judge_list(value: Any, kind: inspect.VarTupleType | inspect.ListType | inspect.TupleType, place: Place) -> Iterator[ValueFault]:
    if not isinstance(value, list | tuple):
        yield _unexpected(value, kind, place)
        return
    if isinstance(kind, inspect.TupleType):
        if len(value) != len(kind.item_types):
            yield _unexpected(value, kind, place)
            return
        items = kind.item_types
    else:
        if len(value) < (kind.min_length or 0) or (kind.max_length is not None and len(value) > kind.max_length):
            yield _unexpected(value, kind, place)
            return
        items = (kind.item_type,) * len(value)
    yield from islice((fault for i, item in enumerate(items) for fault in _judge(value[i], item, (*place, i))), 1)


def _unexpected(value: Any, kind: inspect.Type, place: Place, hint: str = "") -> ValueFault:
    return ValueFault(place=place, says=f"is {shown(value)}; expected {expectation(kind)}{hint}")


def _fits(value: Any, kind: inspect.Type) -> bool:
    """Whether a scalar is of a kind and within its bounds; True for kinds that are not judged here."""
    if isinstance(kind, inspect.IntType | inspect.FloatType):
        return _is_number(value, kind) and _is_within(value, kind)
    if isinstance(kind, inspect.StrType):
        return isinstance(value, str) and _is_text(value, kind)
    if isinstance(kind, inspect.NoneType):
        return value is None
    return isinstance(value, bool) if isinstance(kind, inspect.BoolType) else True


def _is_number(value: Any, kind: inspect.IntType | inspect.FloatType) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    try:
        return math.isfinite(value) and (isinstance(value, int) or isinstance(kind, inspect.FloatType))
    except OverflowError:  # a whole number beyond what a float can hold
        return False


def _is_within(value: float, kind: inspect.IntType | inspect.FloatType) -> bool:
    return (
        (kind.ge is None or value >= kind.ge)
        and (kind.gt is None or value > kind.gt)
        and (kind.le is None or value <= kind.le)
        and (kind.lt is None or value < kind.lt)
    )


def _is_text(value: str, kind: inspect.StrType) -> bool:
    long_enough = len(value) >= (kind.min_length or 0)
    short_enough = kind.max_length is None or len(value) <= kind.max_length
    return long_enough and short_enough and (kind.pattern is None or re.search(kind.pattern, value) is not None)


def _bounds(kind: inspect.IntType | inspect.FloatType) -> str:
    low = kind.ge if kind.ge is not None else kind.gt
    high = kind.le if kind.le is not None else kind.lt
    above = "above " if kind.ge is None else ""
    if low is not None and high is not None:
        return f" {above}{_plain(low)}, at most {_plain(high)}" if above else f" from {_plain(low)} to {_plain(high)}"
    if low is not None:
        return f" {above or 'of at least '}{_plain(low)}"
    return f" of at most {_plain(high)}" if high is not None else ""


def _either(options: Iterable[str]) -> str:
    *first, last = options
    return f"{', '.join(first)} or {last}" if first else last


def _plain(number: float) -> str:
    return str(int(number)) if float(number).is_integer() else str(number)
