"""One answer scored for each video, trial, session and animal by itself, class by class; and which class is nowhere in one of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tracker.behaviour.score import score_frames
from trainer.behaviour_scores.behaviour_score import columns, macro_f1
from trainer.behaviour_scores.bout_score import number, score_bouts
from trainer.behaviour_scores.scored_video import ScoredVideo

KINDS = ("animal", "session", "trial")  # groups of videos, in the order in which they are shown
_NAMED = 6  # videos or classes in a sentence


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassThere:
    """One class in some videos. Ratios without a denominator are NaN.

    Attributes:
        name: of the class.
        judged: frames that a person judged.
        frames: of these, how many say yes.
        bouts: true bouts; None where frames do not follow one another.
        f1: by frame.
        bout_f1: by bout.
    """

    name: str
    judged: int
    frames: int
    bouts: int | None
    f1: float
    bout_f1: float

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        counts = {"judged_frames": self.judged, "frames": self.frames, "bouts": self.bouts}
        return {"class": self.name, **counts, "f1": number(self.f1), "bout_f1": number(self.bout_f1)}


@dataclass(frozen=True, slots=True, kw_only=True)
class SomeVideos:
    """A video, or all of a trial, of a session or of an animal.

    Attributes:
        kind: video, trial, session or animal.
        name: of it.
        macro_f1: over the classes that are there or were found.
        classes: in the labels' order.
    """

    kind: str
    name: str
    macro_f1: float
    classes: tuple[ClassThere, ...]

    @property
    def title(self) -> str:
        """Of its row."""
        return self.name if self.kind == "video" else f"{self.kind} {self.name}"

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {"kind": self.kind, "name": self.name, "macro_f1": number(self.macro_f1), "classes": [one.as_json() for one in self.classes]}


def breakdown(videos: Sequence[ScoredVideo]) -> tuple[SomeVideos, ...]:
    """Every animal, every session and every trial, as far as they were named, and every video."""
    found = []
    for kind in KINDS:
        names = dict.fromkeys(video.groups[kind] for video in videos if video.groups.get(kind))
        found += [_scored(kind, name, [video for video in videos if video.groups.get(kind) == name]) for name in names]
    return (*found, *(_scored("video", video.name, [video]) for video in videos))


def missing_sentences(parts: Sequence[SomeVideos]) -> list[str]:
    """Of each class, the sessions (or animals, or videos, where there are not several of these) in whose judged frames it never is."""
    kind = next((kind for kind in ("session", "animal") if sum(part.kind == kind for part in parts) > 1), "video")
    of_kind = [part for part in parts if part.kind == kind]
    said = []
    for place, one in enumerate(of_kind[0].classes if of_kind else ()):
        without = [part.title for part in of_kind if not part.classes[place].frames]
        if without and len(of_kind) > 1:
            said.append(f"'{one.name}' is in no judged frame of {_some(without)}: nothing is said of how well it is found there")
    return said if len(said) <= _NAMED else [*said[:_NAMED], f"so it is with {len(said) - _NAMED} more classes"]


def _scored(kind: str, name: str, videos: Sequence[ScoredVideo]) -> SomeVideos:
    classes = []
    for place, each in enumerate(videos[0].class_names):
        said, true = columns(videos, place)
        bouts = score_bouts(videos, place) if all(video.in_time for video in videos) else None
        classes.append(
            ClassThere(
                name=each,
                judged=len(true),
                frames=int(np.count_nonzero(true)),
                bouts=bouts.true if bouts is not None else None,
                f1=score_frames(said, true).f1,
                bout_f1=bouts.f1 if bouts is not None else float("nan"),
            )
        )
    return SomeVideos(kind=kind, name=name, macro_f1=macro_f1(videos), classes=tuple(classes))


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more
