"""docs/configuration.md lists every key with its default and its bounds, as the types have them, and no other key."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from msgspec import inspect

from tracker.config import RETIRED, Config, load_config
from tracker.parsing.value_fault import expectation

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "configuration.md").read_text(encoding="utf-8")
Row = tuple[str, str, str, str]  # section, key, default, expected


def keys(kind: inspect.Type, section: str) -> Iterator[Row]:
    """The keys of a kind of value and of what lies inside it."""
    if isinstance(kind, inspect.Metadata):
        yield from keys(kind.type, section)
    elif isinstance(kind, inspect.UnionType):
        structs = [option for option in kind.types if isinstance(option, inspect.StructType)]
        for struct in structs:
            yield from keys(struct, section if struct.tag is None else f"{section}, {struct.tag_field}: {struct.tag}")
    elif isinstance(kind, inspect.VarTupleType):
        yield from keys(kind.item_type, section)
    elif isinstance(kind, inspect.StructType):
        for field in kind.fields:
            inner = field.encode_name if section == "top level" else f"{section}.{field.encode_name}"
            inside = list(keys(field.type, inner))
            yield from inside
            if not inside:
                yield section, field.encode_name, default(field), expectation(field.type)


def default(field: inspect.Field) -> str:
    if field.required:
        return "**required**"
    given = field.default_factory() if field.default is msgspec.NODEFAULT else field.default
    return yaml.safe_dump(msgspec.to_builtins(given), default_flow_style=True).removesuffix("\n").removesuffix("\n...")


def rows(page: str) -> Iterator[Row]:
    section = ""
    for line in page.splitlines():
        if line.startswith("## "):
            section = line.removeprefix("## ").replace("`", "")
        elif found := re.fullmatch(r"\| `(\w+)` \| (.+?) \| (.+?) \| .+ \|", line):
            key, given, expected = found.groups()
            yield section, key, given.replace("`", ""), expected


def test_every_key_is_listed_with_its_default_and_its_bounds_and_no_other() -> None:
    expected = list(keys(inspect.type_info(Config), "top level"))
    listed = list(rows(PAGE))
    assert [row for row in expected if row not in listed] == []
    assert [row for row in listed if row not in expected] == []
    assert len(listed) == len(set(listed))


def test_the_check_would_notice_a_key_that_is_not_listed() -> None:
    class Longer(msgspec.Struct):
        known: int = 3
        unlisted: float | None = None

    assert list(keys(inspect.type_info(Longer), "top level")) == [
        ("top level", "known", "3", "a whole number"),
        ("top level", "unlisted", "null", "a finite number or null"),
    ]


def test_retired_keys_are_named() -> None:
    assert all(f"`{section}.{key}`" in PAGE for section, key in RETIRED)


@pytest.mark.parametrize("text", re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL))
def test_what_the_page_shows_is_a_configuration(text: Any, tmp_path: Path) -> None:
    (tmp_path / "tracker.yaml").write_text(text)
    load_config(tmp_path / "tracker.yaml")
