"""One thing about a set of labels that somebody should look at."""

from dataclasses import dataclass

from trainer.labels.images import ImageRef


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelFinding:
    """Something to look at.

    Attributes:
        kind: "too few", "origin", "rare point", "lopsided", "size", "distance", "mirrored" or "other side".
        sentence: what was found and what to do.
        frame: index of the frame it is about, None where it is about the set.
        image: of that frame.
        of_pair: the two points it is about, None where it is about other things.
    """

    kind: str
    sentence: str
    frame: int | None = None
    image: ImageRef | None = None
    of_pair: "OddPair | None" = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OddPair:
    """What is odd about two points of one frame.

    Attributes:
        names: of the points, as they stand in a sentence.
        than: what they are compared with, in words.
        look: what to look for, in words.
        length_px: between them; None where it is not their distance that is odd.
    """

    names: str
    than: str
    look: str
    length_px: float | None = None


def image_name(image: ImageRef) -> str:
    """An image as a sentence names it: a file with its folder, or a frame of a video."""
    return f"{image.path.parent.name}/{image.path.name}" if image.frame is None else str(image)
