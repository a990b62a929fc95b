"""Commands of the trainer as they can be typed, and options in them."""

import shlex
from collections.abc import Iterable, Sequence

_AND_THEN = " && "


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
    return _AND_THEN.join(commands)


def words_of_last(commands: str) -> list[str]:
    """The words of the last of these commands; the inverse of `typed` and `after_each_other`, whatever names folders have."""
    place = len(commands)
    while (place := commands.rfind(_AND_THEN, 0, place)) >= 0:
        if _closed(commands[:place]):
            return shlex.split(commands[place + len(_AND_THEN) :])
    return shlex.split(commands)


def _closed(text: str) -> bool:
    """Whether no quotation is open at its end."""
    try:
        shlex.split(text)
    except ValueError:
        return False
    return True


def typed(*words: str) -> str:
    """A command of the trainer as it can be typed."""
    return shlex.join(["trainer", *words])
