"""What a reader of behaviour labels is asked, and what it answers."""

import csv
import io
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from trainer.errors import LabelError
from trainer.ethogram.bouts import Ethogram


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadOptions:
    """What a file may not say itself.

    Attributes:
        class_names: of a per-frame array, or which columns of a SimBA table hold behaviour.
        fps: frames per second, where the file has none; one that the file contradicts is refused.
        frames: length of the video, where the file does not say.
        variable: which array of a .mat file, as `group/name`.
        channel: which of several sets of classes of a Caltech or Bento file; None for all.
        class_words: names to show in the place of those of class folders.
    """

    class_names: tuple[str, ...] = ()
    fps: float | None = None
    frames: int | None = None
    variable: str | None = None
    channel: str | None = None
    class_words: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What a file holds.

    Attributes:
        path: the file.
        kind: its format: "BORIS tabular events".
        ethograms: one for each video, subject and channel in it.
        mended: what was not as it should be and how it was read, a sentence each.
    """

    path: Path
    kind: str
    ethograms: tuple[Ethogram, ...]
    mended: tuple[str, ...] = ()


def agreed_fps(path: Path, found: float | None, asked: float | None, *, where: str = "") -> float | None:
    """The frame rate that file and user agree on.

    Raises:
        LabelError: they differ.
    """
    if found is not None and asked is not None and abs(found - asked) > 1e-3 * found:
        raise LabelError(
            f"{path}{where}: says {found:g} frames per second, --fps {asked:g}; leave --fps out, or mend the file if it is wrong"
        )
    return found if found is not None else asked


def cells_in(path: Path, text: str) -> list[list[str]]:
    """The cells of a table at commas, semicolons or tabs, whichever it has most of.

    Raises:
        LabelError: a quotation that is broken.
    """
    try:
        unquoted = re.sub(r'"[^"]*"', "", text[:4000])
        rows = list(csv.reader(io.StringIO(text), delimiter=max(",;\t", key=unquoted.count)))
    except csv.Error as problem:
        raise LabelError(f"{path}: is not a table ({problem})") from problem
    return [[" ".join(cell.split("\n")) for cell in row] for row in rows]  # a description may have several lines


def text_of(path: Path) -> str:
    """A text file, in UTF-8, UTF-16 or Windows's encoding.

    Raises:
        LabelError: it cannot be read, is empty or is not text.
    """
    try:
        content = path.read_bytes()
    except OSError as problem:
        raise LabelError(f"{path}: cannot be read: {problem.strerror}") from problem
    if not content.strip():
        raise LabelError(f"{path}: is empty; expected labels of behaviour")
    for encoding in ("utf-16",) if content[:2] in (b"\xff\xfe", b"\xfe\xff") else ("utf-8-sig", "cp1252"):
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if not text.strip():
            raise LabelError(f"{path}: is empty; expected labels of behaviour")
        if "\0" not in text:
            return text.replace("\r\n", "\n").replace("\r", "\n")
    raise LabelError(f"{path}: is not text; expected labels of behaviour as text")
