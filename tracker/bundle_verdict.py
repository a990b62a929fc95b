"""What is known of how good a bundle is: its error on held-out frames, and the verdict of its training, where that still lies beside it."""

import contextlib
from dataclasses import dataclass
from pathlib import Path

import msgspec

from tracker.bundle import Bundle
from tracker.bundle_description import Description, distance_words
from tracker.parsing.one_line import one_line

FIGURES_FILE = "metrics.json"  # that a training leaves beside its bundle
_GOOD = "good"  # kind of the step that a verdict has where nothing but single labels or an empty scene speaks against the bundle
_LONGEST_FIGURES = 256 << 20  # bytes; those of a long training have some million


class _Step(msgspec.Struct, frozen=True):
    kind: str
    why: str


class _Verdict(msgspec.Struct, frozen=True):
    next: tuple[_Step, ...]


class _Figures(msgspec.Struct, frozen=True):
    """What is read of the figures; whatever else they hold is the trainer's."""

    created: str
    verdict: _Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """How good a bundle is, as far as anyone knows.

    Attributes:
        error: on held-out frames, in words.
        verdict: what its training came to, or what its error says where no verdict is there, with what to do; empty where neither is.
        good: whether nothing is known that speaks against using it.
    """

    error: str
    verdict: str
    good: bool

    @property
    def words(self) -> str:
        """All of it: "1.13 px on 20 held-out frames; verdict of its training: Good: ..."."""
        return f"{self.error}; {self.verdict}" if self.verdict else self.error


def quality(bundle: Bundle) -> Quality:
    """What the figures beside a bundle say of it, or else its own error against what counts as right.

    Figures that cannot be read, or are of another training than the bundle, count as none.
    """
    about = bundle.description
    steps = _steps(bundle.folder / FIGURES_FILE, about)
    if not steps:
        against = _error_against_radius(about)
        return Quality(error=error_in_words(about), verdict=against, good=not against)
    said = next((step for step in steps if step.kind == _GOOD), steps[0])
    good = said.kind == _GOOD
    remedy = "" if good else "; the report beside it says what to do next"
    return Quality(error=error_in_words(about), verdict=f"verdict of its training: {one_line(said.why).rstrip('.')}{remedy}", good=good)


def error_in_words(about: Description) -> str:
    """Mean error and how many frames it is of: "1.13 px on 20 held-out frames"."""
    error, count = about.accuracy.mean_px, about.accuracy.frames
    return (
        f"{error:.2f} px on {count} held-out frame{'' if count == 1 else 's'}" if error is not None else "never scored on held-out frames"
    )


def _steps(path: Path, about: Description) -> tuple[_Step, ...]:
    """Of the verdict beside a bundle, the most important first; none where there is none of this training."""
    with contextlib.suppress(OSError, ValueError, msgspec.MsgspecError):
        if path.stat().st_size <= _LONGEST_FIGURES:
            figures = msgspec.json.decode(path.read_bytes(), type=_Figures)
            return figures.verdict.next if figures.created == about.created else ()
    return ()


def _error_against_radius(about: Description) -> str:
    """What speaks against a bundle whose figures are not there; empty where nothing does, or where nobody noted what counts as right."""
    median, radii = about.accuracy.median_px, about.correct_within_px
    if median is None or radii is None or median <= max(radii):
        return ""
    off = f"half of its answers there are {median:.2f} px or more off, where {distance_words(radii)} count as right"
    return f"{off}; train it again before you rely on it"
