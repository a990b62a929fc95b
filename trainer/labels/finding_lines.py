"""Findings about labels in few lines: where many frames have the same fault, one line tells of all of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from trainer.labels.images import ImageRef
from trainer.labels.label_finding import LabelFinding, OddPair, image_name

FEW = 12  # so many findings are read one by one
FIRST = 3  # frames that a line names


@dataclass(frozen=True, slots=True, kw_only=True)
class OddLabels:
    """What is odd about a set of labels, in sentences.

    Attributes:
        lines: few enough to be read.
        each: one for each finding.
    """

    lines: tuple[str, ...] = ()
    each: tuple[str, ...] = ()

    @property
    def gathered(self) -> str | None:
        """How many findings the lines stand for; None where each has its own."""
        if len(self.each) == len(self.lines):
            return None
        return f"{len(self.each)} findings in {'1 line' if len(self.lines) == 1 else f'{len(self.lines)} lines'}"


def odd_labels(found: Sequence[LabelFinding], *more: str) -> OddLabels:
    """Findings, and sentences that stand for themselves, for people."""
    return OddLabels(lines=(*finding_lines(found), *more), each=(*(one.sentence for one in found), *more))


def finding_lines(found: Sequence[LabelFinding]) -> list[str]:
    """A line for each finding where they are few; else one for each kind and pair of points, with the first frames of it."""
    if len(found) <= FEW:
        return [one.sentence for one in found]
    alike: dict[object, list[LabelFinding]] = {}
    for place, one in enumerate(found):
        key = place if one.of_pair is None else (one.kind, one.of_pair.names, one.of_pair.than, one.of_pair.look)
        alike.setdefault(key, []).append(one)
    return [_line(several) for several in alike.values()]


def _line(several: Sequence[LabelFinding]) -> str:
    first, pair = several[0], several[0].of_pair
    images = list(dict.fromkeys(one.image for one in several if one.image is not None))
    if pair is None or len(images) < 2:
        return first.sentence
    return f"{_of_all(several, pair, count=len(images))}: {_names(images)}; {pair.look}"


def _of_all(several: Sequence[LabelFinding], pair: OddPair, *, count: int) -> str:
    lengths = [one.of_pair.length_px for one in several if one.of_pair is not None and one.of_pair.length_px is not None]
    if not lengths:
        return f"{pair.names} lie the other way round {pair.than}, in {count} frames"
    low, high = f"{min(lengths):.0f}", f"{max(lengths):.0f}"
    return f"{pair.names} are {low if low == high else f'{low} to {high}'} px apart, {pair.than}, in {count} frames"


def _names(images: Sequence[ImageRef]) -> str:
    """The first images, those of one video by their numbers alone."""
    words = []
    for path, these in groupby(images[:FIRST], key=lambda image: image.path):
        named = list(these)
        numbers = ", ".join(str(image.frame) for image in named)
        words.append(image_name(named[0]) if len(named) == 1 else f"{numbers} of {path.name}")
    return ", ".join(words) + (", …" if len(images) > FIRST else "")
