"""Sentences for people, on a console."""

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console


def sentences_to(console: "Console") -> Callable[[str], None]:
    """Prints a sentence as it is written, in one line however long."""

    def say(sentence: str) -> None:
        console.print(sentence, soft_wrap=True, highlight=False, markup=False)

    return say


def frames(count: int) -> str:
    """A number of frames, in words."""
    return "1 frame" if count == 1 else f"{count} frames"
