"""Commands of the trainer as they can be typed, and options in them."""

import shlex
from collections.abc import Iterable, Sequence


def options_without(options: Sequence[str], without: Sequence[str]) -> list[str]:
    """The options but for some, each with the values that follow it."""
    kept, keep = list[str](), True
    for word in options:
        keep = word not in without if word.startswith("--") else keep
        if keep:
            kept.append(word)
    return kept


def after_each_other(commands: Iterable[str]) -> str:
    """Commands of which each begins where the one before has succeeded."""
    return " && ".join(commands)


def typed(*words: str) -> str:
    """A command of the trainer as it can be typed."""
    return shlex.join(["trainer", *words])
