"""Text from outside, as it may stand in a line of a log and in an answer: on one line, and of bounded length."""

_BEGINNING, _END = 700, 300  # characters that are kept; a sentence says what it is about first and what to do last


def one_line(text: str) -> str:
    """The text with every character that is not printable written as its escape, and without its middle if it is long."""
    if len(text) > _BEGINNING + _END:
        left_out = len(text) - _BEGINNING - _END
        text = f"{text[:_BEGINNING]}… ({left_out} characters) …{text[-_END:]}"
    return text if text.isprintable() else "".join(each if each.isprintable() else ascii(each)[1:-1] for each in text)
