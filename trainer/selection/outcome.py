"""What is asked of a selection, and what came of it, for people and programs."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from trainer.selection.candidates import Span


@dataclass(frozen=True, slots=True, kw_only=True)
class SelectionSettings:
    """What is asked for.

    Attributes:
        count: frames of each video.
        by: one of `trainer.selection.methods.METHODS`.
        seed: of k-means and of chance.
        span: which frames of each video may be chosen.
        similar: whether near-duplicates may be chosen too.
    """

    count: int
    by: str
    seed: int = 0
    span: Span = field(default_factory=Span)
    similar: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """One frame that was chosen: its number in its video file, seconds from the start of the video or session, and why."""

    frame: int
    seconds: float
    why: str
    detail: str
    video: str = ""  # the file's name, for a session of several


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """What came of one video.

    Attributes:
        video: the file.
        settings: what was asked.
        frames: that were decoded.
        candidates: of them, one in `step`.
        step: frames from one candidate to the next; 0: those that the rig's own poses single out.
        alike: difference in grey levels up to which two frames were near-duplicates, None where all could be chosen.
        left_out: how many candidates were left, by reason.
        chosen: in order of time.
        sheet: the contact sheet, None where nothing was chosen.
        proposed: of the chosen ones, those with the rig's key points as a proposal; None for a video.
        unlabelled: names of the rig's key points that the project does not label.
        unlike: that the images do not resemble those that the bundle was trained on; None where they do, or none was asked.
    """

    video: Path
    settings: SelectionSettings
    frames: int
    candidates: int
    step: int
    alike: float | None
    left_out: dict[str, int]
    chosen: tuple[Chosen, ...]
    sheet: Path | None
    proposed: int | None = None
    unlabelled: tuple[str, ...] = ()
    unlike: str | None = None

    def as_json(self) -> dict[str, Any]:
        """Everything that a program would read."""
        return {
            "video": str(self.video),
            "by": self.settings.by,
            "asked": self.settings.count,
            "added": len(self.chosen),
            "frames_read": self.frames,
            "candidates": self.candidates,
            "step": self.step,
            "alike_below": self.alike,
            "left_out": self.left_out,
            "chosen": [
                {"frame": each.frame, "time_s": each.seconds, "why": each.why, "detail": each.detail}
                | ({"video": each.video} if each.video else {})
                for each in self.chosen
            ],
            "contact_sheet": None if self.sheet is None else str(self.sheet),
            "unlike_training": self.unlike,
        } | ({} if self.proposed is None else {"proposed": self.proposed, "unlabelled": list(self.unlabelled)})

    @property
    def sentence(self) -> str:
        """What a person would read."""
        every = {0: f", of {self.frames} by their poses,", 1: ""}.get(self.step, f", one in {self.step} of {self.frames}")
        said = f"{self.video}: {len(self.chosen)} of {self.candidates} frames{every} added by {self.settings.by}"
        names = {"in_project": "in the project already", "near_duplicate": "near-duplicates", "too_near_in_time": "too near in time"}
        left = ", ".join(f"{count} {names[reason]}" for reason, count in self.left_out.items() if count)
        said += f"; left out: {left}" if left else ""
        if self.proposed is not None:
            said += f"; {self.proposed} with the rig's key points as a proposal"
        if self.unlabelled:
            said += f"; the project does not label {', '.join(self.unlabelled)}"
        if len(self.chosen) < self.settings.count:
            said += f"; {self.settings.count} were asked for, there are no more to choose"
        return said + (f"; {self.unlike}; label them and train on with `trainer fit --refresh`" if self.unlike is not None else "")
