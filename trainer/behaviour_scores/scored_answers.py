"""Answers to behaviour labels scored side by side: the answer, the same cleaned, other people, and what is trivial."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from trainer.behaviour_scores.behaviour_score import BehaviourScore, Cleaning, always_the_commonest, clean, score_behaviour
from trainer.behaviour_scores.breakdown import SomeVideos, breakdown, missing_sentences
from trainer.behaviour_scores.intervals import PairedF1, compare_f1
from trainer.behaviour_scores.people import SecondPerson, second_person
from trainer.behaviour_scores.same_frames import judged_by_both, left_out_sentence, shaped_as, silent_frames, without_frames
from trainer.behaviour_scores.score_tables import figure, summary
from trainer.behaviour_scores.scored_video import ScoredVideo
from trainer.errors import TrainingError

TRIVIAL = "always the commonest"


@dataclass(frozen=True, slots=True, kw_only=True)
class BehaviourRun:
    """Answers that were scored on the same videos.

    Attributes:
        title: what was scored.
        answers: name and videos of each: the answer first, then the same cleaned, other people, the trivial one last.
        scores: of each.
        comparison: the first against the trivial one, None where the videos are too short for any.
        against_reference: the first against the reference, None where there is none, or the videos are too short.
        against_rules: the same against rules written by hand.
        cleaning: what was done for the cleaned ones.
        notes: what was left out or mended, a sentence each.
        people: every second person, with the others' answers on the frames that both judged.
        parts: the first answer for each animal, session and video by itself.
        reference: the name of what the answer is to beat, None where there is none.
    """

    title: str
    answers: tuple[tuple[str, Sequence[ScoredVideo]], ...]
    scores: tuple[BehaviourScore, ...]
    comparison: PairedF1 | None
    against_reference: PairedF1 | None
    against_rules: PairedF1 | None
    cleaning: Cleaning
    notes: tuple[str, ...]
    people: tuple[SecondPerson, ...] = ()
    parts: tuple[SomeVideos, ...] = ()
    reference: str | None = None

    @property
    def not_trivial(self) -> tuple[tuple[str, Sequence[ScoredVideo]], ...]:
        """Name and videos of each answer but the trivial one."""
        return self.answers[:-1]

    @property
    def reference_score(self) -> BehaviourScore | None:
        """Of what the answer is to beat."""
        return next((score for score in self.scores if score.name == self.reference), None)

    @property
    def headline(self) -> str:
        """The figures of the answer over all classes, and beside them those of the reference."""
        beside = self.reference_score
        if beside is None:
            return summary(self.scores[0])
        by_bout = f" by frame, {figure(beside.macro_bout_f1)} by bout" if beside.in_time else ""
        return f"{summary(self.scores[0])}; the reference, {beside.name}, reaches macro-F1 {figure(beside.macro_f1)}{by_bout}"

    @property
    def verdicts(self) -> tuple[str, ...]:
        """What may be claimed, a sentence for each comparison; that the reference is not beaten is said in words."""
        said = [*self.comparison.sentences] if self.comparison is not None else []
        if self.against_rules is not None:
            said += self.against_rules.sentences
        if self.against_reference is not None:
            said += self.against_reference.sentences
            first, second = self.against_reference.first, self.against_reference.second
            if not self.against_reference.second_is_better:
                said.append(f"{second} does not beat the reference: what it has learnt, {first} learns too.")
        return (*said, *(person.sentence for person in self.people))

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "title": self.title,
            "scores": [score.as_json() for score in self.scores],
            "comparison": self.comparison.as_json() if self.comparison else None,
            "against_reference": self.against_reference.as_json() if self.against_reference else None,
            "against_rules": self.against_rules.as_json() if self.against_rules else None,
            "cleaning": {"minimum_ms": self.cleaning.minimum_ms, "gap_ms": self.cleaning.gap_ms},
            "notes": list(self.notes),
            "people": [person.as_json() for person in self.people],
            "parts": [part.as_json() for part in self.parts],
        }


def score_answers(
    title: str,
    answer: tuple[str, Sequence[ScoredVideo]],
    *,
    cleaning: Cleaning,
    people: Sequence[tuple[str, Sequence[ScoredVideo]]] = (),
    reference: tuple[str, Sequence[ScoredVideo]] | None = None,
    rules: tuple[str, Sequence[ScoredVideo]] | None = None,
    notes: Sequence[str] = (),
) -> BehaviourRun:
    """Score an answer beside others of the same videos and the trivial one, all on the frames to which the answer says something.

    Args:
        title: what is scored.
        answer: its name, and the videos with its decisions.
        cleaning: of its decisions, scored beside the raw ones where it changes anything.
        people: names and labels of other people, as answers to the same labels.
        reference: name and videos of what the answer is to beat.
        rules: the same of rules written by hand.
        notes: what was left out or mended.
    """
    name, videos = answer[0], list(answer[1])
    silent = silent_frames(videos)
    warming = left_out_sentence(name, videos, silent)
    answer = name, without_frames(videos, silent)

    def same(other: tuple[str, Sequence[ScoredVideo]] | None) -> tuple[str, Sequence[ScoredVideo]] | None:
        return None if other is None else (other[0], without_frames(shaped_as(other[1], videos), silent))

    rules, reference = same(rules), same(reference)
    persons = [each for each in map(same, people) if each is not None]
    own = [answer, *([(f"{name}, cleaned", clean(answer[1], cleaning))] if cleaning.changes else [])]
    others = [*(each for each in (rules, reference) if each is not None), (TRIVIAL, always_the_commonest(answer[1]))]
    answers = [*own, *persons, *others]
    parts = breakdown(answer[1])
    return BehaviourRun(
        title=title,
        answers=tuple(answers),
        scores=tuple(score_behaviour(each, of) for each, of in answers),
        comparison=_compared(answers[-1], answer),
        against_reference=_compared(reference, answer) if reference is not None else None,
        against_rules=_compared(rules, answer) if rules is not None else None,
        cleaning=cleaning,
        notes=(*notes, *([warming] if warming is not None else []), *missing_sentences(parts)),
        people=tuple(second_person(person, [*own, *others]) for person in persons),
        parts=parts,
        reference=reference[0] if reference is not None else None,
    )


def _compared(first: tuple[str, Sequence[ScoredVideo]], second: tuple[str, Sequence[ScoredVideo]]) -> PairedF1 | None:
    try:
        return compare_f1((first[0], second[0]), *judged_by_both(first[1], second[1]))
    except TrainingError:  # too short for any
        return None
