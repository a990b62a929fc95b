"""Ctrl-C at a moment that does not depend on speed: when certain words are said."""

import io
import signal


class PressedAt(io.StringIO):
    """Stands for a terminal or log at which somebody presses Ctrl-C on reading the words."""

    def __init__(self, words: str) -> None:
        super().__init__()
        self._words = words

    def write(self, text: str) -> int:
        if self._words in text:
            signal.raise_signal(signal.SIGINT)
        return super().write(text)
