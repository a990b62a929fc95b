"""Table of videos in, behaviour bundle and report out: read → divide → train → calibrate → export → prove → score → write."""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import torch
from rich.console import Console

from tracker.bundle import read_bundle, write_bundle
from tracker.engines.openvino.step_engine import StepEngine
from trainer.behaviour.answers import decisions_of
from trainer.behaviour.behaviour_bundle import BehaviourBundle
from trainer.behaviour.body_axis import BodyAxis, find_body_axis
from trainer.behaviour.boosted_trees import NAME, missing_library
from trainer.behaviour.bundle_description import accuracy, describe
from trainer.behaviour.bundle_request import BehaviourRequest
from trainer.behaviour.carried_description import with_accuracy, with_answer
from trainer.behaviour.delay import on_own_frames, said_of_delay
from trainer.behaviour.export import ExportedBehaviour, carried_frames, export
from trainer.behaviour.false_bouts import earlier_bundle, false_bouts
from trainer.behaviour.frame_choice import chosen, in_runs, longest_runs, noted, said_of, without_network
from trainer.behaviour.kept_training import LAST
from trainer.behaviour.learning_record import learning_record, settings_in_force, training_answers
from trainer.behaviour.mirroring import mirroring_of
from trainer.behaviour.next_commands import commands_of
from trainer.behaviour.none_class import without_none
from trainer.behaviour.reference import Reference, answers_of, train_reference, write_reference
from trainer.behaviour.rule_answers import answers_of_rules, rule_sentences
from trainer.behaviour.second_people import people_as_answers
from trainer.behaviour.table_rows import PARTS
from trainer.behaviour.temperature_and_thresholds import BehaviourCalibration, calibrate
from trainer.behaviour.train import Prepared, Trained, prepare, train
from trainer.behaviour.video_table import PoseVideos, divide, read_videos
from trainer.behaviour.whole_videos import SMALLER, whole_logits
from trainer.behaviour_scores.behaviour_score import Cleaning
from trainer.behaviour_scores.same_frames import silent_frames, without_frames
from trainer.behaviour_scores.scored_answers import score_answers
from trainer.behaviour_scores.scored_video import Decide, ScoredVideo
from trainer.bundle_places import refuse_other_content, refuse_unwritable_places, run_folder
from trainer.errors import TrainingError
from trainer.ethogram.checks import findings
from trainer.reports.behaviour_report import write_behaviour_report
from trainer.sentences import sentences_to
from trainer.training.lack_of_memory import kept_epochs_said, lack_refused
from trainer.whole_files import disk_refusals

SELF_TEST_FRAMES = 64


@lack_refused("the features of these videos and what the network answers to them", SMALLER)
def make_behaviour_bundle(request: BehaviourRequest, console: Console) -> BehaviourBundle:
    """Train and write; an interrupted training of the same labels and settings goes on.

    Raises:
        LabelError, TrainingError, BundleError: in one sentence; an earlier bundle of that name is left as it was.
    """
    out = request.out
    refuse_other_content(out)
    refuse_unwritable_places(out)
    run, say = run_folder(out), sentences_to(console)
    read = read_videos(request.table, asked=request.asked, class_names=request.class_names, left_out=request.left_out)
    videos = divide(without_none(read), request.division)
    if request.choice is not None and request.settings.members > 1:
        raise TrainingError("--members divides whole videos, which --only-when cuts into runs; leave one of them out")
    if request.choice is not None and request.division.by == "block":
        raise TrainingError("--split-by block cuts videos in which --only-when would begin anew with each block; leave one of them out")
    if request.choice is not None and request.settings.delay_ms:
        raise TrainingError("--delay tells of frames that came before, which --only-when decides at once; leave one of them out")
    videos = chosen(videos, request.choice)
    axis = find_body_axis(videos, front=request.front, back=request.back, confidence=request.confidence, roles=request.roles)
    mirroring = mirroring_of(videos.point_names, videos.class_names, request.settings)
    mirror = mirroring.sentence("pose")
    for sentence in [*_introduction(videos, axis), mirror, *said_of(videos.videos, videos.class_names, request.choice)]:
        say(sentence)
    request.settings.check()
    request = replace(request, settings=replace(request.settings, mirror=mirroring.shown))
    learnt = replace(videos, videos=(*in_runs(videos.of("train")), *in_runs(videos.of("validation")), *videos.of("test")))
    say("computing the features of every video")
    prepared = _with_false_bouts(request, learnt, prepare(learnt, axis.plan, request.settings), say)
    with disk_refusals(run), kept_epochs_said(run, LAST, anew=request.anew):
        trained = train(learnt, axis.plan, request.settings, run, say=say, anew=request.anew, prepared=prepared)
    say("fitting temperature and thresholds to the validation videos …")
    calibrated = calibrate(
        trained, longest_runs(learnt.of("validation")), rule=request.settings.threshold, delay_ms=request.settings.delay_ms
    )
    if calibrated.weights_out:
        say(calibrated.weights_sentence)
    say(
        f"temperature {calibrated.temperature:.3f} takes the validation loss from {calibrated.loss_before:.4f} to "
        f"{calibrated.loss_after:.4f}; a run warms up for {calibrated.warming_frames} frames"
        f"{f' and answers {request.settings.delay_ms:g} ms after a frame' if request.settings.delay_ms else ''}"
    )
    say(f"writing the graph and comparing it with torch over {request.proved_frames} carried frames …")
    exported = export(trained.network, videos.videos, frames=request.proved_frames, console=console)
    say(f"openvino fp32: no probability is more than {exported.largest:.1e} from torch over {exported.frames} carried frames")
    reference, absent = _reference(request, learnt, axis, prepared, say)
    say("scoring the training and the held-out videos, and drawing the report …")
    with torch.no_grad():
        known = prepared.training.normalise(trained.network)
        logits = whole_logits(trained.network, known, together=request.settings.held_out_batch)
        found = trained.network.probabilities(logits).numpy()
    found = on_own_frames(found, learnt.of("train"), request.settings.delay_ms)
    decide = Decide(exclusive=videos.exclusive, thresholds=calibrated.thresholds)
    answered = training_answers(found, learnt.of("train"), videos.class_names, decide)
    answered = without_frames(answered, silent_frames(answered))
    again = len(prepared.training.again)
    return _score_and_write(
        request, videos, axis, trained, calibrated, exported, reference, absent, learnt=answered, shown_again=again, mirror=mirror
    )


def _score_and_write(
    request: BehaviourRequest,
    videos: PoseVideos,
    axis: BodyAxis,
    trained: Trained,
    calibrated: BehaviourCalibration,
    exported: ExportedBehaviour,
    reference: Reference | None,
    absent: str | None,
    *,
    learnt: Sequence[ScoredVideo],
    shown_again: int,
    mirror: str,
) -> BehaviourBundle:
    judged = videos.of("test") or videos.of("validation")
    otherwise = request.choice.otherwise if request.choice is not None else None
    description = noted(describe(request, videos, trained, calibrated, exported), request.choice)
    test = _self_test_poses(videos)
    states = exported.state_shapes
    answer = StepEngine(exported.model, states).run(test[:, :-1].reshape(len(test), *description.input.shape[1:]), test[:, -1])[-1]
    description = with_answer(description, answer)
    none = np.zeros((0, 0), np.uint8)
    unscored = run_folder(request.out) / "unscored"
    write_bundle(unscored, model=exported.model, self_test_image=none, description=description, self_test_poses=test)
    found = decisions_of(read_bundle(unscored), judged, say=lambda _: None, otherwise=otherwise)
    notes = [
        *videos.notes,
        *findings([video.session for video in videos.videos]),
        *axis.sentences,
        mirror,
        *said_of(judged, videos.class_names, request.choice),
        *([absent] if absent else []),
        *said_of_delay(request.settings.delay_ms),
        *([_shown_again(shown_again)] if request.hard_negatives_from is not None else []),
        *(standing := collapsed(found)),
        *([] if videos.of("test") else ["no video was held out: these scores flatter the network"]),
    ]
    beside = (NAME, without_network(answers_of(reference, judged), judged, otherwise)) if reference is not None else None
    people = people_as_answers(judged, videos.class_names)
    rules = None
    if request.rules is not None:
        by_rules = answers_of_rules(request.rules, judged, point_names=videos.point_names, class_names=videos.class_names)
        rules = request.rules.name, by_rules
        notes += rule_sentences(request.rules, [video.marks for video in judged], videos.class_names)
    run = score_answers(
        request.out.name, ("network", found), cleaning=Cleaning(), reference=beside, rules=rules, people=people, notes=notes
    )
    if videos.of("test"):
        description = with_accuracy(description, accuracy(run.scores[0], frames=sum(len(video.poses) for video in judged)))
    write_bundle(request.out, model=exported.model, self_test_image=none, description=description, self_test_poses=test)
    learning = learning_record(
        run,
        learnt,
        trained.history,
        stopped=trained.stopped,
        held_out=bool(videos.of("test")),
        collapsed=bool(standing),
        settings=settings_in_force(request.settings, description, calibrated),
        commands=commands_of(request.table, request.out, epochs=request.settings.epochs, options=request.options, from_images=False),
        target_f1=request.target_f1,
    )
    report = write_behaviour_report(request.out, run, learning)
    if reference is not None:
        write_reference(request.out, reference)
    shutil.rmtree(unscored, ignore_errors=True)
    return BehaviourBundle(
        bundle=request.out,
        report=report,
        run=run,
        judged=_judged_in_words(videos),
        calibrated=calibrated,
        exported=exported,
        epochs=len(trained.history),
        learning=learning,
    )


def _with_false_bouts(request: BehaviourRequest, videos: PoseVideos, prepared: Prepared, say: Callable[[str], None]) -> Prepared:
    """The same, with the false bouts of an earlier bundle to be shown once more."""
    if request.hard_negatives_from is None:
        return prepared
    bundle = earlier_bundle(request.hard_negatives_from, videos.class_names)
    if bundle.description.point_names != videos.point_names:
        raise TrainingError(
            f"{bundle.folder}: takes the points {', '.join(bundle.description.point_names) or 'of no pose'}; expected those learnt"
        )
    otherwise = request.choice.otherwise if request.choice is not None else None
    found = false_bouts(bundle, videos.of("train"), videos.class_names, say=say, otherwise=otherwise)
    again = tuple((place, (first + end) // 2) for place, runs in enumerate(found) for first, end in runs.tolist())
    say(_shown_again(len(again)))
    return replace(prepared, training=replace(prepared.training, again=again))


def _shown_again(bouts: int) -> str:
    return f"every epoch shows every frame, and once more a clip around each of {bouts} false bouts of an earlier bundle"


def _reference(
    request: BehaviourRequest, videos: PoseVideos, axis: BodyAxis, prepared: Prepared, say: Callable[[str], None]
) -> tuple[Reference | None, str | None]:
    """What the network is to beat, or why there is nothing; neither where it was not wanted."""
    if not request.reference:
        return None, None
    absent = missing_library()
    if absent is not None:
        say(absent)
        return None, absent
    settings = request.settings
    several = settings.members > 1
    made = train_reference(
        videos,
        axis.plan,
        rule=settings.threshold,
        seed=settings.seed,
        say=say,
        prepared=prepared,
        from_all=several,
        delay_ms=settings.delay_ms,
    )
    return made, None


def _judged_in_words(videos: PoseVideos) -> str:
    unit = "block" if videos.divided_by == "block" else "video"
    return counted(len(videos.of("test") or videos.of("validation")), f"{'held-out' if videos.of('test') else 'validation'} {unit}")


def counted(count: int, what: str) -> str:
    """So many of something, in words."""
    return f"{count} {what}{'' if count == 1 else 's'}"


def collapsed(found: Sequence[ScoredVideo]) -> list[str]:
    """That a network gives one answer whatever it is shown, a sentence; empty where it does not."""
    said = np.concatenate([video.said[np.isfinite(video.probabilities).all(axis=1)] for video in found if video.probabilities is not None])
    if len(said) < 2 or (said != said[0]).any():
        return []
    if all((video.said == video.true)[video.judged].all() for video in found):
        return []  # there is nothing else to be found
    names = [name for name, on in zip(found[0].class_names, said[0], strict=True) if on]
    return [f"collapsed: the network answers {' and '.join(names) or 'none'} in every frame; it has learnt nothing that these videos need"]


def _introduction(videos: PoseVideos, axis: BodyAxis) -> list[str]:
    parts = {part: [video.name for video in videos.of(part)] for part in PARTS}
    said = [
        f"{len(videos.videos)} videos, classes {', '.join(videos.class_names)} that "
        f"{'exclude each other' if videos.exclusive else 'may overlap'}",
        *([] if videos.divided_by == "video" else [f"divided by {videos.divided_by}: one is in one part alone"]),
        *(f"{part}: {', '.join(names)}" for part, names in parts.items() if names),
        *axis.sentences,
    ]
    said += [f"labels: {sentence}" for sentence in (*videos.notes, *findings([video.session for video in videos.videos]))]
    return said


def _self_test_poses(videos: PoseVideos) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    video = videos.of("train")[0]
    middle = max(0, len(video.poses) // 2 - SELF_TEST_FRAMES // 2)
    poses, seconds = carried_frames([video], len(video.poses))
    chosen = slice(middle, middle + SELF_TEST_FRAMES)
    rows = np.column_stack([poses[chosen].reshape(len(poses[chosen]), -1), seconds[chosen]]).astype(np.float32)
    rows[0, -1] = 0
    return rows
