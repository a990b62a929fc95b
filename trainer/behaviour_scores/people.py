"""What a second person reaches against the same labels: the most that can be expected of a program, on the frames that both judged."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from trainer.behaviour_scores.behaviour_score import BehaviourScore, score_behaviour
from trainer.behaviour_scores.bout_score import number
from trainer.behaviour_scores.same_frames import judged_by_both
from trainer.behaviour_scores.scored_video import ScoredVideo

Named = tuple[str, Sequence[ScoredVideo]]


@dataclass(frozen=True, slots=True, kw_only=True)
class SecondPerson:
    """A person who labelled the same videos, and others' answers on the frames that both judged.

    Attributes:
        name: of the person.
        frames: that both judged, for at least one class.
        score: of the person, against the labels.
        answers: scores of the others on these frames.
    """

    name: str
    frames: int
    score: BehaviourScore
    answers: tuple[BehaviourScore, ...]

    @property
    def sentence(self) -> str:
        """The person beside the first two answers."""
        if not self.frames:
            return f"No frame that is scored was judged by '{self.name}' too: how far people agree is not known."
        of = ("", "") if not self.score.in_time else (" by frame", f" and {_figure(self.score.macro_bout_f1)} by bout")
        said = (
            f"On {self.frames} {self.score.unit} that '{self.name}' judged too, people reach a macro-F1 of {_figure(self.score.macro_f1)}"
        )
        said += of[0] + of[1]
        for one in self.answers[:2]:
            said += f", {one.name} {_figure(one.macro_f1)}{f' and {_figure(one.macro_bout_f1)}' if one.in_time else ''}"
        return f"{said}."

    def as_json(self) -> dict[str, Any]:
        """For programs: the person's scores, and what the others reach on the same frames."""
        return {
            "name": self.name,
            "frames": self.frames,
            "sentence": self.sentence,
            "score": self.score.as_json(),
            "answers": [
                {
                    "name": one.name,
                    "macro_f1": number(one.macro_f1),
                    "macro_bout_f1": number(one.macro_bout_f1) if one.in_time else None,
                    "f1": [number(each.frames.f1) for each in one.classes],
                    "bout_f1": [number(each.bouts.f1) if one.in_time else None for each in one.classes],
                }
                for one in self.answers
            ],
        }


def second_person(person: Named, answers: Sequence[Named]) -> SecondPerson:
    """Score a person and the others on the frames that the person judged.

    Args:
        person: name and videos, with what the person said as the answer to the labels.
        answers: the others to the same videos.
    """
    name, videos = person
    beside = []
    for other, of in answers:
        _, judged = judged_by_both(videos, of)
        beside.append(score_behaviour(other, judged))
    first = judged_by_both(videos, answers[0][1])[0] if answers else list(videos)
    frames = sum(int(video.judged.any(axis=1).sum()) for video in first)
    return SecondPerson(name=name, frames=frames, score=score_behaviour(name, first), answers=tuple(beside))


def _figure(value: float) -> str:
    return f"{value:.3f}" if value == value else "–"
