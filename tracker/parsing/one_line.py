"""Text from outside, as it may stand in a line of a log and in an answer: on one line, and of bounded length."""

import unicodedata

_BEGINNING, _END = 700, 300  # characters that are kept; a sentence says what it is about first and what to do last


def one_line(text: str) -> str:
    """The text with every character that is not printable written as its escape, and without its middle if it is long."""
    if len(text) > _BEGINNING + _END:
        left_out = len(text) - _BEGINNING - _END
        text = f"{text[:_BEGINNING]}… ({left_out} characters) …{text[-_END:]}"
    return escaped(text)


def escaped(text: str) -> str:
    """The text with every character that cannot be shown on a line written as its escape."""
    return text if is_one_line(text) else "".join(each if is_one_line(each) else ascii(each)[1:-1] for each in text)


def is_one_line(text: str) -> bool:
    """Whether a terminal shows every character and obeys none: no new line, escape or change of direction; spaces of any width are fine."""
    return text.isprintable() or all(each.isprintable() or unicodedata.category(each) == "Zs" for each in text)
