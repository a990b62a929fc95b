"""A behaviour bundle scored on a table of videos, beside rules, its reference, people and what is trivial."""

from collections.abc import Callable, Sequence
from pathlib import Path

from tracker.bundle import Bundle
from tracker.resemblance import unlike_learnt, unlike_learnt_poses
from trainer.behaviour.answers import decisions_of
from trainer.behaviour.boosted_trees import NAME
from trainer.behaviour.delay import said_of_delay
from trainer.behaviour.frame_choice import FrameChoice, said_of, without_network
from trainer.behaviour.learnt_poses import appearance_of_poses
from trainer.behaviour.rule_answers import HandRules, answers_of_rules, rule_sentences
from trainer.behaviour.second_people import people_as_answers
from trainer.behaviour.video_table import PoseVideo
from trainer.behaviour_scores.behaviour_score import Cleaning
from trainer.behaviour_scores.probability_file import probabilities_csv
from trainer.behaviour_scores.scored_answers import BehaviourRun, score_answers
from trainer.ethogram.read_options import ReadOptions
from trainer.image_behaviour.image_videos import ImageVideo
from trainer.image_behaviour.learnt_light import appearances_of_images
from trainer.pipeline.behaviour_videos import behaviour_videos, not_learnt, reference_of
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
    videos = behaviour_videos(bundle, table, asked, left_out, choice, with_poses=rules is not None)
    judged, notes = not_learnt(bundle, videos)
    if not judged:
        judged, notes = list(videos.videos), ["it was made with all of these videos: the scores flatter it"]
    otherwise = choice.otherwise if choice is not None else None
    found = decisions_of(bundle, judged, say=say, otherwise=otherwise)
    beside, absent = reference_of(bundle, judged)
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


def _unlike(bundle: Bundle, judged: Sequence[PoseVideo | ImageVideo]) -> list[str]:
    """That images or poses do not resemble those that a network was trained on, a sentence."""
    about, poses = bundle.description, [video for video in judged if isinstance(video, PoseVideo)]
    if about.learnt_poses is not None and poses:
        found = unlike_learnt_poses(about, appearance_of_poses(poses, least_confidence=about.learnt_poses.least_confidence))
    else:
        found = unlike_learnt(about, appearances_of_images([video for video in judged if isinstance(video, ImageVideo)]))
    return [found] if found is not None else []
