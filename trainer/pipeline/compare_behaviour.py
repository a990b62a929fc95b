"""Two behaviour bundles on the videos that neither has learnt from, beside rules, references and what is trivial."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tracker.bundle import Bundle
from trainer.behaviour.answers import decisions_of
from trainer.behaviour.boosted_trees import NAME
from trainer.behaviour.frame_choice import FrameChoice, without_network
from trainer.behaviour.rule_answers import HandRules, answers_of_rules, rule_sentences
from trainer.behaviour.second_people import people_as_answers
from trainer.behaviour.video_table import PoseVideo, PoseVideos
from trainer.behaviour_scores.behaviour_score import BehaviourScore, always_the_commonest, score_behaviour
from trainer.behaviour_scores.intervals import PairedF1, compare_f1, refuse_few_blocks
from trainer.behaviour_scores.people import SecondPerson, second_person
from trainer.behaviour_scores.same_frames import judged_by_both, left_out_sentence, shaped_as, silent_frames, without_frames
from trainer.behaviour_scores.score_tables import summary
from trainer.behaviour_scores.scored_answers import TRIVIAL
from trainer.behaviour_scores.scored_video import ScoredVideo
from trainer.errors import TrainingError
from trainer.ethogram.read_options import ReadOptions
from trainer.image_behaviour.image_videos import ImageVideo, ImageVideos
from trainer.pipeline.behaviour_videos import behaviour_videos, not_learnt, reference_of

Named = tuple[str, list[ScoredVideo]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedBundles:
    """Two bundles on the same videos, and what each must beat.

    Attributes:
        between: the second against the first.
        against_trivial: each against always the commonest class.
        against_rules: each against rules written by hand, where these were given.
        references: each against the trees beside it, as far as there are any.
        scores: of both, then of rules, trees and the trivial answer, all on the same frames.
        people: every second person beside them.
        notes: what was left out, a sentence each.
    """

    between: PairedF1
    against_trivial: tuple[PairedF1, ...]
    against_rules: tuple[PairedF1, ...]
    references: tuple[PairedF1, ...]
    scores: tuple[BehaviourScore, ...]
    people: tuple[SecondPerson, ...]
    notes: tuple[str, ...]

    @property
    def sentences(self) -> tuple[str, ...]:
        """The verdicts: on each other, then of each beside what it must beat."""
        compared = (self.between, *self.against_trivial, *self.against_rules, *self.references)
        return (*(said for each in compared for said in each.sentences), *(each.sentence for each in self.people))

    @property
    def lines(self) -> list[str]:
        """For people: the figures over all classes, what was left out, and the verdicts."""
        figures = [summary(score) for score in (*self.scores, *(each.score for each in self.people))]
        return [*figures, *(f"note: {note}" for note in self.notes), *self.sentences]

    def as_json(self) -> dict[str, Any]:
        """For programs: the comparison, and below it what each is measured against."""
        return self.between.as_json() | {
            "against_trivial": [each.as_json() for each in self.against_trivial],
            "against_rules": [each.as_json() for each in self.against_rules],
            "references": [each.as_json() for each in self.references],
            "scores": [each.as_json() for each in self.scores],
            "people": [each.as_json() for each in self.people],
            "notes": list(self.notes),
        }


def compare_behaviour(
    bundles: tuple[Bundle, Bundle],
    table: Path,
    *,
    asked: ReadOptions,
    left_out: tuple[str, ...],
    say: Callable[[str], None],
    choice: FrameChoice | None = None,
    rules: HandRules | None = None,
) -> ComparedBundles:
    """Two bundles on the videos that neither has learnt from, each beside the trivial answer, the rules, and its own reference.

    Args:
        bundles: that find the same classes; these stand in the sequence of the first.
        table: of videos.
        asked: what label files do not say.
        left_out: classes whose frames count as judged by nobody.
        say: told what is done.
        choice: which frames go to the networks.
        rules: scored beside them on the same frames.

    Raises:
        LabelError, TrainingError, ConfigError: in one sentence; other classes, or no video that both have not learnt from.
    """
    names, class_names = _names(bundles), _classes(bundles)
    otherwise = choice.otherwise if choice is not None else None
    read = [
        behaviour_videos(bundle, table, asked, left_out, choice, with_poses=rules is not None and place == 0)
        for place, bundle in enumerate(bundles)
    ]
    judged = _judged_by_both(bundles, read, table)
    refuse_few_blocks(judged[0])
    said = [decisions_of(bundle, videos, say=say, otherwise=otherwise) for bundle, videos in zip(bundles, judged, strict=True)]
    answers = [[each.with_classes(class_names) for each in videos] for videos in said]
    if any(len(one.truth) != len(other.truth) for one, other in zip(*answers, strict=True)):
        raise TrainingError(f"{names[0]} and {names[1]} do not have an answer to the same frames: their regions follow other key points")
    silent = silent_frames(*answers)
    warming = left_out_sentence(f"{names[0]} or {names[1]}", answers[0], silent)

    def same(videos: Sequence[ScoredVideo]) -> list[ScoredVideo]:
        return without_frames(shaped_as([each.with_classes(class_names) for each in videos], answers[0]), silent)

    both: list[Named] = [(name, same(videos)) for name, videos in zip(names, answers, strict=True)]
    trivial: Named = (TRIVIAL, always_the_commonest(both[0][1]))
    by_rules = [(rules.name, same(_said_by(rules, judged[0], read[0])))] if rules is not None else []
    trees = [reference_of(bundle, videos)[0] for bundle, videos in zip(bundles, judged, strict=True)]
    beside: list[tuple[Named, Named]] = [
        ((f"{NAME} beside {one[0]}", same(without_network(found, videos, otherwise))), one)
        for one, found, videos in zip(both, trees, judged, strict=True)
        if found is not None
    ]
    rows = [*both, *by_rules, *(tree for tree, _ in beside), trivial]
    of_rules = rule_sentences(rules, [video.marks for video in judged[0]], read[0].class_names) if rules is not None else []
    return ComparedBundles(
        between=_paired(*both),
        against_trivial=tuple(_paired(trivial, one) for one in both),
        against_rules=tuple(_paired(each, one) for each in by_rules for one in both),
        references=tuple(_paired(*pair) for pair in beside),
        scores=tuple(score_behaviour(*row) for row in rows),
        people=tuple(second_person((name, same(each)), rows) for name, each in people_as_answers(judged[0], read[0].class_names)),
        notes=(*of_rules, *([warming] if warming is not None else [])),
    )


def _paired(first: Named, second: Named) -> PairedF1:
    """The second against the first, on what is judged for both: rules may say nothing of a class."""
    return compare_f1((first[0], second[0]), *judged_by_both(first[1], second[1]))


def _names(bundles: tuple[Bundle, Bundle]) -> tuple[str, str]:
    """Of their rows; folders where the bundles are called the same."""
    first, second = bundles
    names = (first.description.name, second.description.name)
    return names if names[0] != names[1] else (str(first.folder), str(second.folder))


def _classes(bundles: tuple[Bundle, Bundle]) -> tuple[str, ...]:
    """Of both, in the sequence of the first."""
    first, second = bundles
    if set(first.description.class_names) != set(second.description.class_names):
        raise TrainingError(
            f"{first.folder} finds {', '.join(first.description.class_names)}, {second.folder} "
            f"{', '.join(second.description.class_names)}; only bundles of the same classes compare"
        )
    return first.description.class_names


def _judged_by_both(
    bundles: tuple[Bundle, Bundle], read: Sequence[PoseVideos | ImageVideos], table: Path
) -> list[list[PoseVideo | ImageVideo]]:
    """The videos that neither has learnt from, as each takes them."""
    fresh = [{video.name for video in not_learnt(bundle, videos)[0]} for bundle, videos in zip(bundles, read, strict=True)]
    chosen = [video.name for video in read[0].videos if video.name in fresh[0] & fresh[1]]
    if not chosen:
        raise TrainingError(f"{table}: holds no video that neither bundle has learnt from; give others")
    return [[video for video in videos.videos if video.name in chosen] for videos in read]


def _said_by(rules: HandRules, judged: Sequence[PoseVideo | ImageVideo], videos: PoseVideos | ImageVideos) -> list[ScoredVideo]:
    return answers_of_rules(rules, judged, point_names=videos.point_names, class_names=videos.class_names)
