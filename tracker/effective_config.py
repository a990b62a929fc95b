"""The whole of what a configuration comes to, as YAML: every key with its value, and whether the file or a default gave it."""

from pathlib import Path
from typing import Any

import msgspec
import yaml

from tracker.config import load_with_lines
from tracker.parsing.value_fault import Place

_COMMENT_COLUMN = 56


def effective_yaml(path: Path) -> str:
    """The configuration in full. Read as a configuration, it means the same: paths are absolute, placeholders are filled in.

    Raises:
        ConfigError: as load_config does.
    """
    config, lines = load_with_lines(path)
    head = f"# {path}: every key in effect, and the line of that file which sets it\n"
    return head + "\n".join(_mapping(msgspec.to_builtins(config), (), lines)) + "\n"


def _mapping(values: dict[str, Any], place: Place, lines: dict[Place, int]) -> list[str]:
    """Lines of a mapping, without its own indentation."""
    return [line for key, value in values.items() for line in _item(f"{key}:", value, (*place, key), lines)]


def _item(label: str, value: Any, place: Place, lines: dict[Place, int]) -> list[str]:
    if isinstance(value, dict):
        return [label, *(f"  {line}" for line in _mapping(value, place, lines))]
    if isinstance(value, list | tuple) and any(isinstance(item, dict) for item in value):
        inner = [_mapping(item, (*place, index), lines) for index, item in enumerate(value)]
        return [label, *(f"  {'- ' if number == 0 else '  '}{line}" for item in inner for number, line in enumerate(item))]
    return [f"{label} {_flow(value)}".ljust(_COMMENT_COLUMN - 2 * (len(place) - 1)) + f"  # {_origin(place, lines)}"]


def _flow(value: Any) -> str:
    return yaml.safe_dump(value, default_flow_style=True, width=float("inf"), allow_unicode=True).removesuffix("\n...\n").rstrip("\n")


def _origin(place: Place, lines: dict[Place, int]) -> str:
    return f"line {lines[place]}" if place in lines else "default"
