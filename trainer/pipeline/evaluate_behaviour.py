"""Behaviour bundles scored on a table of videos, alone or two beside each other."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tracker.bundle import Bundle
from tracker.resemblance import unlike_learnt, unlike_learnt_poses
from trainer.behaviour.answers import decisions_of
from trainer.behaviour.boosted_trees import NAME, DamagedTreesError, missing_library
from trainer.behaviour.delay import said_of_delay
from trainer.behaviour.division import BY_BLOCK
from trainer.behaviour.frame_choice import FrameChoice, chosen, said_of, without_network
from trainer.behaviour.learnt_poses import appearance_of_poses
from trainer.behaviour.reference import REFERENCE_FILE, Reference, answers_of, read_reference
from trainer.behaviour.rule_answers import HandRules, answers_of_rules, rule_sentences
from trainer.behaviour.second_people import people_as_answers
from trainer.behaviour.video_table import PoseVideo, PoseVideos, read_videos
from trainer.behaviour.video_table import blocks_of as blocks_of_poses
from trainer.behaviour_scores.behaviour_score import BehaviourScore, Cleaning, score_behaviour
from trainer.behaviour_scores.intervals import PairedF1, compare_f1, refuse_few_blocks
from trainer.behaviour_scores.people import SecondPerson, second_person
from trainer.behaviour_scores.probability_file import probabilities_csv
from trainer.behaviour_scores.same_frames import left_out_sentence, silent_frames, without_frames
from trainer.behaviour_scores.score_tables import summary
from trainer.behaviour_scores.scored_answers import BehaviourRun, score_answers
from trainer.behaviour_scores.scored_video import ScoredVideo
from trainer.errors import TrainingError
from trainer.ethogram.class_words import WORDS_FILE, read_class_words
from trainer.ethogram.read_options import ReadOptions
from trainer.image_behaviour.classes_asked import ClassesAsked
from trainer.image_behaviour.image_reference import ImageReference, answers_to_images, read_image_reference
from trainer.image_behaviour.image_videos import ImageVideo, ImageVideos, in_parts
from trainer.image_behaviour.image_videos import blocks_of as blocks_of_images
from trainer.image_behaviour.learnt_light import appearances_of_images
from trainer.image_behaviour.read_images import read_image_videos
from trainer.image_behaviour.region import plan_of
from trainer.whole_files import replace_files


def evaluate_behaviour(
    bundle: Bundle,
    table: Path,
    *,
    asked: ReadOptions,
    left_out: tuple[str, ...],
    cleaning: Cleaning,
    say: Callable[[str], None],
    choice: FrameChoice | None = None,
    rules: HandRules | None = None,
) -> BehaviourRun:
    """Score a bundle on the videos of a table that it was not made with; on all of them where it was made with all, and say so.

    Args:
        bundle: that finds behaviour.
        table: of videos.
        asked: what label files do not say.
        left_out: classes whose frames count as judged by nobody.
        cleaning: scored beside the raw decisions.
        say: told what is done.
        choice: which frames go to the network; the others are decided without it, and scored like all.
        rules: scored beside it on the same frames.

    Raises:
        LabelError, TrainingError, ConfigError: in one sentence.
    """
    videos = _videos(bundle, table, asked, left_out, choice, with_poses=rules is not None)
    judged, notes = _not_learnt(bundle, videos)
    if not judged:
        judged, notes = list(videos.videos), ["it was made with all of these videos: the scores flatter it"]
    otherwise = choice.otherwise if choice is not None else None
    found = decisions_of(bundle, judged, say=say, otherwise=otherwise)
    beside, absent = _reference_of(bundle, judged)
    if beside is not None:
        beside = without_network(beside, judged, otherwise)
    by_rules = (
        (rules.name, answers_of_rules(rules, judged, point_names=videos.point_names, class_names=videos.class_names))
        if rules is not None
        else None
    )
    if rules is not None:
        notes = [*notes, *rule_sentences(rules, [video.marks for video in judged], videos.class_names)]
    return score_answers(
        bundle.description.name,
        (bundle.description.name, found),
        cleaning=cleaning,
        reference=(NAME, beside) if beside is not None else None,
        rules=by_rules,
        people=people_as_answers(judged, videos.class_names),
        notes=[
            *videos.notes,
            *notes,
            *said_of_delay(bundle.description.behaviour.delay_ms if bundle.description.behaviour is not None else 0.0),
            *_unlike(bundle, judged),
            *absent,
            *said_of(judged, videos.class_names, choice),
        ],
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedBundles:
    """Two bundles on the same videos.

    Attributes:
        between: the second against the first.
        references: each against the trees beside it, as far as there are any.
        scores: of both, on the same frames.
        people: every second person beside them.
        notes: what was left out, a sentence each.
    """

    between: PairedF1
    references: tuple[PairedF1, ...]
    scores: tuple[BehaviourScore, ...]
    people: tuple[SecondPerson, ...]
    notes: tuple[str, ...]

    @property
    def sentences(self) -> tuple[str, ...]:
        """The verdicts."""
        compared = (self.between, *self.references)
        return (*(said for each in compared for said in each.sentences), *(each.sentence for each in self.people))

    @property
    def lines(self) -> list[str]:
        """For people: the figures over all classes, what was left out, and the verdicts."""
        figures = [summary(score) for score in (*self.scores, *(each.score for each in self.people))]
        return [*figures, *(f"note: {note}" for note in self.notes), *self.sentences]

    def as_json(self) -> dict[str, Any]:
        """For programs: the comparison, and below it the references."""
        return self.between.as_json() | {
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
) -> ComparedBundles:
    """Two bundles on the videos that neither has learnt from, and each against its own reference; classes in the first one's sequence.

    Raises:
        LabelError, TrainingError: in one sentence; other classes, or no video that both have not learnt from.
    """
    first, second = bundles
    class_names = first.description.class_names
    if set(class_names) != set(second.description.class_names):
        raise TrainingError(
            f"{first.folder} finds {', '.join(first.description.class_names)}, {second.folder} "
            f"{', '.join(second.description.class_names)}; only bundles of the same classes compare"
        )
    answers: list[list[ScoredVideo]] = []
    beside: list[list[ScoredVideo] | None] = []
    people: list[tuple[str, list[ScoredVideo]]] = []
    otherwise = choice.otherwise if choice is not None else None
    read = [_videos(bundle, table, asked, left_out, choice) for bundle in bundles]
    fresh = [{video.name for video in _not_learnt(bundle, videos)[0]} for bundle, videos in zip(bundles, read, strict=True)]
    chosen = [video.name for video in read[0].videos if video.name in fresh[0] & fresh[1]]
    if not chosen:
        raise TrainingError(f"{table}: holds no video that neither bundle has learnt from; give others")
    refuse_few_blocks([video for video in read[0].videos if video.name in chosen])
    for bundle, videos in zip(bundles, read, strict=True):
        judged = [video for video in videos.videos if video.name in chosen]
        answers.append([each.with_classes(class_names) for each in decisions_of(bundle, judged, say=say, otherwise=otherwise)])
        if bundle is first:
            people = people_as_answers(judged, videos.class_names)
        trees = _reference_of(bundle, judged)[0]
        trees = without_network(trees, judged, otherwise) if trees is not None else None
        beside.append([each.with_classes(class_names) for each in trees] if trees is not None else None)
    names = (first.description.name, second.description.name)
    if names[0] == names[1]:
        names = (str(first.folder), str(second.folder))
    if any(len(one.truth) != len(other.truth) for one, other in zip(*answers, strict=True)):
        raise TrainingError(f"{names[0]} and {names[1]} do not have an answer to the same frames: their regions follow other key points")
    silent = silent_frames(*answers)
    warming = left_out_sentence(f"{names[0]} or {names[1]}", answers[0], silent)
    scored = [without_frames(each, silent) for each in answers]
    references = [
        compare_f1((f"{NAME} beside {name}", name), without_frames(trees, silent), answer)
        for name, answer, trees in zip(names, scored, beside, strict=True)
        if trees is not None
    ]
    both = list(zip(names, scored, strict=True))
    return ComparedBundles(
        between=compare_f1(names, scored[0], scored[1]),
        references=tuple(references),
        scores=tuple(score_behaviour(*each) for each in both),
        people=tuple(second_person((name, without_frames(each, silent)), both) for name, each in people),
        notes=(warming,) if warming is not None else (),
    )


def write_predictions(folder: Path, run: BehaviourRun, *, exclusive: bool) -> None:
    """A table of probabilities for each video; `exclusive` says whether its classes exclude each other.

    Raises:
        TrainingError: the folder cannot be written.
    """
    _, videos = run.answers[0]
    tables = {
        f"{video.name}.csv": probabilities_csv(video.probabilities, video.class_names, exclusive=exclusive, to_network=video.to_network)
        for video in videos
        if video.probabilities is not None
    }
    replace_files(folder, tables, what="the predictions")


def _reference_of(bundle: Bundle, judged: Sequence[PoseVideo | ImageVideo]) -> tuple[list[ScoredVideo] | None, list[str]]:
    """What the trees beside a bundle say of the videos; or why they say nothing."""
    from_images = plan_of(bundle.description) is not None
    reference = read_image_reference(bundle.folder) if from_images else read_reference(bundle.folder)
    if reference is None:
        return None, []
    absent = missing_library()
    if absent is not None:
        return None, [absent]
    if reference.class_names != bundle.description.class_names:
        raise TrainingError(f"{bundle.folder / REFERENCE_FILE}: is of other classes than the bundle; delete it, or make the bundle again")
    try:
        if isinstance(reference, ImageReference):
            return answers_to_images(reference, [video for video in judged if isinstance(video, ImageVideo)]), []
        _refuse_other_poses(reference, bundle)
        return answers_of(reference, [video for video in judged if isinstance(video, PoseVideo)]), []
    except DamagedTreesError as problem:
        raise TrainingError(f"{bundle.folder / REFERENCE_FILE}: {problem}; delete it, or make the bundle again") from problem


def _refuse_other_poses(reference: Reference, bundle: Bundle) -> None:
    """DamagedTreesError: trees take other poses than the bundle, or answer at another time."""
    about, body = bundle.description, reference.body
    delay_ms = about.behaviour.delay_ms if about.behaviour is not None else 0.0
    _, animals, points, *_ = about.input.shape
    if (body.animals, body.points) != (animals, points):
        raise DamagedTreesError(f"it is of {body.animals} animals with {body.points} points, the bundle of {animals} with {points}")
    if reference.delay_ms != delay_ms:
        raise DamagedTreesError(f"it answers {reference.delay_ms:g} ms after a frame, the bundle {delay_ms:g} ms")


def _videos(
    bundle: Bundle, table: Path, asked: ReadOptions, left_out: tuple[str, ...], choice: FrameChoice | None, *, with_poses: bool = False
) -> PoseVideos | ImageVideos:
    about = bundle.description
    if about.behaviour is None:
        raise TrainingError(f"{bundle.folder}: finds key points; expected a bundle that finds behaviour")
    region = plan_of(about)
    if region is not None:
        if not asked.class_words and (bundle.folder / WORDS_FILE).is_file():
            asked = replace(asked, class_words=read_class_words(bundle.folder / WORDS_FILE))
        classes = ClassesAsked(left_out=left_out, known=about.class_names)
        return in_parts(read_image_videos(table, region, asked=asked, classes=classes, choice=choice, with_poses=with_poses))
    videos = read_videos(table, asked=asked, left_out=left_out, known=about.class_names)
    poses = videos.videos[0].poses
    if videos.point_names != about.point_names or poses.shape[1] != about.input.shape[1]:
        raise TrainingError(
            f"{table}: has {poses.shape[1]} animals with the points {', '.join(videos.point_names)}; {bundle.folder} takes "
            f"{about.input.shape[1]} with {', '.join(about.point_names)}"
        )
    return chosen(videos, choice)


def _not_learnt(bundle: Bundle, videos: PoseVideos | ImageVideos) -> tuple[list[PoseVideo | ImageVideo], list[str]]:
    """The videos whose poses or images the bundle has not seen, and what must be known beside."""
    seen = bundle.description.behaviour.seen if bundle.description.behaviour is not None else ()
    every: list[PoseVideo | ImageVideo] = list(videos.videos)
    if bundle.description.training.split.startswith(BY_BLOCK):
        every = [block for video in every for block in _in_its_blocks(video, seen)]
    fresh = [video for video in every if video.taken_sha256 not in seen]
    if len(fresh) == len(every):
        return fresh, []
    what = "videos" if len(every) == len(videos.videos) else "videos or blocks"
    return fresh, [f"{len(every) - len(fresh)} of {len(every)} {what} are those it was made with, and are left out"]


def _unlike(bundle: Bundle, judged: Sequence[PoseVideo | ImageVideo]) -> list[str]:
    """That images or poses do not resemble those that a network was trained on, a sentence."""
    about, poses = bundle.description, [video for video in judged if isinstance(video, PoseVideo)]
    if about.learnt_poses is not None and poses:
        found = unlike_learnt_poses(about, appearance_of_poses(poses, least_confidence=about.learnt_poses.least_confidence))
    else:
        found = unlike_learnt(about, appearances_of_images([video for video in judged if isinstance(video, ImageVideo)]))
    return [found] if found is not None else []


def _in_its_blocks(video: PoseVideo | ImageVideo, seen: Sequence[str]) -> Sequence[PoseVideo | ImageVideo]:
    """The blocks of a video of which a bundle has seen some; any other video as it is."""
    blocks = blocks_of_images(video) if isinstance(video, ImageVideo) else blocks_of_poses(video)
    return blocks if any(block.taken_sha256 in seen for block in blocks) else [video]
