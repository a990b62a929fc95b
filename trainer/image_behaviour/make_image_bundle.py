"""Images and labels in, bundle and report out: read → divide → train → calibrate → export → prove → score → write."""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console

from tracker.bundle import read_bundle, write_bundle
from tracker.engines.openvino.step_engine import IMAGE, StepEngine
from tracker.self_test_clip import Clip
from trainer.behaviour.answers import decisions_of
from trainer.behaviour.behaviour_bundle import BehaviourBundle
from trainer.behaviour.boosted_trees import NAME, missing_library
from trainer.behaviour.bundle_description import accuracy
from trainer.behaviour.carried_description import with_accuracy, with_answer
from trainer.behaviour.class_prior import take_out_added
from trainer.behaviour.export import ExportedBehaviour, export_step
from trainer.behaviour.false_bouts import Runs, earlier_bundle, false_bouts
from trainer.behaviour.frame_choice import in_runs, longest_runs, noted, said_of, without_network
from trainer.behaviour.kept_training import LAST
from trainer.behaviour.learning_record import learning_record, settings_in_force, training_answers
from trainer.behaviour.make_behaviour_bundle import collapsed, counted
from trainer.behaviour.next_commands import commands_of
from trainer.behaviour.reference import write_reference
from trainer.behaviour.rule_answers import answers_of_rules, rule_sentences
from trainer.behaviour.second_people import people_as_answers
from trainer.behaviour.table_rows import PARTS
from trainer.behaviour.temperature_and_thresholds import AGREES, LONGEST_S, STARTS, BehaviourCalibration, calibrate_answers
from trainer.behaviour_scores.behaviour_score import Cleaning
from trainer.behaviour_scores.scored_answers import score_answers
from trainer.behaviour_scores.scored_video import Decide
from trainer.behaviour_scores.threshold_curves import Rule
from trainer.bundle_places import refuse_other_content, refuse_unwritable_places, run_folder
from trainer.errors import TrainingError
from trainer.ethogram.checks import findings
from trainer.ethogram.class_words import write_class_words
from trainer.image_behaviour.bundle_description import describe
from trainer.image_behaviour.class_counts import count_sentences, refuse_short_classes, refuse_unlearnt_classes
from trainer.image_behaviour.image_mirroring import settled_mirror
from trainer.image_behaviour.image_reference import ImageReference, answers_to_images, too_many_classes, train_image_reference
from trainer.image_behaviour.image_request import ImageRequest
from trainer.image_behaviour.image_videos import ImageVideo, ImageVideos, divide
from trainer.image_behaviour.learnt_light import learnt_light
from trainer.image_behaviour.networks import ImageBehaviour
from trainer.image_behaviour.read_images import read_image_videos
from trainer.image_behaviour.region import plan_of
from trainer.image_behaviour.train_images import SMALLER, TrainedImages, all_targets, train_images, whole_features, whole_logits
from trainer.reports.behaviour_report import write_behaviour_report
from trainer.sentences import sentences_to
from trainer.training.lack_of_memory import kept_epochs_said, lack_refused
from trainer.whole_files import disk_refusals

_CLIP_BYTES, _FEWEST, _MOST = 2_000_000, 4, 64  # of the self-test, and its frames
_PROOF_BYTES = 400_000_000  # of the images carried in the proof
_PROOF_WORK = 2.5e13  # parameters x pixels x frames: what one core carries in a minute or two
_FEWEST_PROVED = 200


@lack_refused("these images and what the network answers to them", SMALLER)
def make_image_bundle(request: ImageRequest, console: Console) -> BehaviourBundle:
    """Train and write; an interrupted training of the same labels and settings goes on.

    Raises:
        LabelError, TrainingError, CameraError, BundleError: in one sentence; an earlier bundle of that name is left as it was.
    """
    out = request.out
    refuse_other_content(out)
    refuse_unwritable_places(out)
    run, say = run_folder(out), sentences_to(console)
    read = read_image_videos(
        request.data,
        request.region,
        asked=request.asked,
        classes=request.classes,
        choice=request.choice,
        with_poses=request.rules is not None,
    )
    videos = divide(read, request.division)
    if not videos.in_time:
        refuse_unlearnt_classes(videos)
    if request.per_class is not None:
        refuse_short_classes(videos, request.per_class)
    mirroring, settings = settled_mirror(request.settings, videos.class_names)
    request, mirror = replace(request, settings=settings), mirroring.sentence("image")
    for sentence in [*_introduction(videos, settings.inside), mirror, *said_of(videos.videos, videos.class_names, request.choice)]:
        say(sentence)
    learnt = replace(videos, videos=(*in_runs(videos.of("train")), *in_runs(videos.of("validation")), *videos.of("test")))
    false = _false_bouts(request, learnt, say)
    with disk_refusals(run), kept_epochs_said(run, LAST, anew=request.anew):
        trained = train_images(learnt, request.settings, run, say=say, anew=request.anew, false=false)
    calibrated = calibrate_images(trained, learnt, rule=request.settings.threshold, together=request.settings.held_out_batch)
    if calibrated.weights_out:
        say(calibrated.weights_sentence)
    say(
        f"temperature {calibrated.temperature:.3f} takes the validation loss from {calibrated.loss_before:.4f} to "
        f"{calibrated.loss_after:.4f}; a run warms up for {calibrated.warming_frames} frames"
    )
    carried = _carried(trained.network, videos, request.proved_frames)
    say(f"writing the graph and comparing it with torch over {len(carried[0])} carried frames …")
    exported = export_step(trained.network, IMAGE, *carried, console=console)
    say(f"openvino fp32: no probability is more than {exported.largest:.1e} from torch over {exported.frames} carried frames")
    reference, absent = _reference(request, learnt, say)
    say("scoring the training and the held-out images, and drawing the report …")
    return _score_and_write(request, videos, trained, calibrated, exported, reference, absent, mirror=mirror, say=say)


def _score_and_write(
    request: ImageRequest,
    videos: ImageVideos,
    trained: TrainedImages,
    calibrated: BehaviourCalibration,
    exported: ExportedBehaviour,
    reference: ImageReference | None,
    absent: str | None,
    *,
    mirror: str,
    say: Callable[[str], None],
) -> BehaviourBundle:
    judged = videos.of("test") or videos.of("validation")
    kind = "held-out" if videos.of("test") else "validation"
    words = counted(len(judged), f"{kind} video") if videos.in_time else counted(sum(len(one.images) for one in judged), f"{kind} image")
    description = noted(describe(request, videos, trained.network, calibrated, exported), request.choice)
    description = msgspec.structs.replace(description, learnt=learnt_light(videos.of("train"), request.settings))
    clip = _self_test(videos)
    answer = StepEngine(exported.model, exported.state_shapes).run(clip.images, clip.seconds)[-1]
    description = with_answer(description, answer)
    none = np.zeros((0, 0), np.uint8)
    unscored = run_folder(request.out) / "unscored"
    write_bundle(unscored, model=exported.model, self_test_image=none, description=description, self_test_clip=clip)
    otherwise = request.choice.otherwise if request.choice is not None else None
    found = decisions_of(read_bundle(unscored), judged, say=lambda _: None, otherwise=otherwise)
    about = said_of(judged, videos.class_names, request.choice)
    notes = [
        *videos.notes,
        *_odd_labels(videos),
        trained.shown,
        mirror,
        *about,
        *([absent] if absent else []),
        *(standing := collapsed(found)),
        *([] if videos.of("test") else ["no video was held out: these scores flatter the network"]),
    ]
    beside = (NAME, without_network(answers_to_images(reference, judged), judged, otherwise)) if reference is not None else None
    people = people_as_answers(judged, videos.class_names)
    rules = None
    if request.rules is not None:
        by_rules = answers_of_rules(request.rules, judged, point_names=videos.point_names, class_names=videos.class_names)
        rules = request.rules.name, by_rules
        notes += rule_sentences(request.rules, [video.marks for video in judged], videos.class_names)
    run = score_answers(
        request.out.name, ("network", found), cleaning=Cleaning(), reference=beside, rules=rules, people=people, notes=notes
    )
    train = videos.of("train")
    with torch.no_grad():
        logits = whole_logits(trained.network, train, together=request.settings.held_out_batch)
        answered = trained.network.probabilities(logits).numpy()
    decide = Decide(exclusive=videos.exclusive, thresholds=calibrated.thresholds)
    learning = learning_record(
        run,
        training_answers(answered, train, videos.class_names, decide),
        trained.history,
        stopped=trained.stopped,
        held_out=bool(videos.of("test")),
        collapsed=bool(standing),
        settings=settings_in_force(request.settings, description, calibrated),
        commands=commands_of(request.data, request.out, epochs=request.settings.epochs, options=request.options, from_images=True),
        target_f1=request.target_f1,
    )
    accuracy_there = learning.learnt["accuracy"]
    if accuracy_there is not None:
        say(f"on the frames that it has learnt from, without augmentation, its accuracy is {accuracy_there:.3f}")
    if videos.of("test"):
        description = with_accuracy(description, accuracy(run.scores[0], frames=sum(len(video.images) for video in judged)))
    write_bundle(request.out, model=exported.model, self_test_image=none, description=description, self_test_clip=clip)
    write_class_words(request.out, videos.class_words)
    report = write_behaviour_report(request.out, run, learning)
    if reference is not None:
        write_reference(request.out, reference)
    shutil.rmtree(unscored, ignore_errors=True)
    return BehaviourBundle(
        bundle=request.out,
        report=report,
        run=run,
        judged=words,
        calibrated=calibrated,
        exported=exported,
        epochs=len(trained.history),
        learning=learning,
    )


def _reference(request: ImageRequest, videos: ImageVideos, say: Callable[[str], None]) -> tuple[ImageReference | None, str | None]:
    """What the network is to beat, or why there is nothing; neither where it was not wanted."""
    if not request.reference:
        return None, None
    absent = too_many_classes(videos.class_names) or missing_library()
    if absent is not None:
        say(absent)
        return None, absent
    return train_image_reference(videos, request.settings, say=say), None


def _false_bouts(request: ImageRequest, videos: ImageVideos, say: Callable[[str], None]) -> list[Runs] | None:
    """Those of the earlier bundle in every training video; None where none is asked for."""
    if request.hard_negatives_from is None:
        return None
    bundle = earlier_bundle(request.hard_negatives_from, videos.class_names)
    if plan_of(bundle.description) != videos.plan:
        raise TrainingError(f"{bundle.folder}: takes another region of the frame; expected {videos.plan.words}")
    otherwise = request.choice.otherwise if request.choice is not None else None
    return false_bouts(bundle, videos.of("train"), videos.class_names, say=say, otherwise=otherwise)


def _introduction(videos: ImageVideos, inside: tuple[int, int] | None) -> list[str]:
    parts = {part: [f"{video.name} ({len(video.images)})" for video in videos.of(part)] for part in PARTS}
    said = [
        f"{len(videos.videos)} videos or blocks, classes {', '.join(videos.class_names)} that "
        f"{'exclude each other' if videos.exclusive else 'may overlap'}",
        *([] if videos.divided_by == "video" else [f"divided by {videos.divided_by}: one is in one part alone"]),
        *(f"{part}: {', '.join(names)} frames" for part, names in parts.items() if names),
        f"the network takes {videos.plan.words}" + (f", and resizes it to {inside[0]}x{inside[1]} itself" if inside is not None else ""),
    ]
    return said + [f"labels: {sentence}" for sentence in (*videos.notes, *_odd_labels(videos))]


def _odd_labels(videos: ImageVideos) -> list[str]:
    """What is odd about the labels, a sentence each: said before the training, and kept in its report."""
    return findings(videos.sessions) if videos.in_time else count_sentences(videos)


def calibrate_images(trained: TrainedImages, videos: ImageVideos, *, rule: Rule, together: int | None = None) -> BehaviourCalibration:
    """Fit prior, temperature and thresholds on the validation videos, and put prior and temperature into the network.

    Args:
        trained: the network.
        videos: divided.
        rule: by which thresholds are chosen.
        together: frames that are answered at a time, as in `whole_features`.
    """
    network, validation = trained.network, videos.of("validation")
    targets = all_targets(validation, exclusive=videos.exclusive)
    logits, part = take_out_added(network.answer, whole_logits(network, validation, together=together), targets, trained.added)
    found = calibrate_answers(network, logits, targets, rule=rule, warming_frames=0)
    warming = network.reach + (_memory_warming(network, longest_runs(validation), together) if network.plan.memory else 0)
    return replace(found, weights_out=part, warming_frames=warming)


@torch.no_grad()
def _memory_warming(network: ImageBehaviour, videos: Sequence[ImageVideo], together: int | None) -> int:
    """Frames after an empty memory until no probability differs much from that of a network that ran all along."""
    worst: list[int] = []
    for video in videos:
        features = whole_features(network, video, together=together)
        length = min(round(LONGEST_S * video.fps), len(features) // 2)
        whole = network.probabilities(network.logits(features[None]))[0]
        for start in np.unique(np.linspace(len(features) // 4, len(features) - length, STARTS).astype(int)).tolist() if length > 1 else []:
            fresh = network.probabilities(network.logits(features[None, start : start + length]))[0]
            last = torch.nonzero((fresh - whole[start : start + length]).abs().amax(dim=-1) > AGREES)
            worst.append(int(last.max()) + 1 if len(last) else 0)
    return int(np.percentile(worst, 95, method="higher")) if worst else 0


def _carried(network: ImageBehaviour, videos: ImageVideos, most: int) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Images and seconds of so many frames, as if the videos were one; fewer of a large network or of large images."""
    plan = network.plan
    bytes_each = plan.height * plan.width * plan.channels
    work = plan.size[0] * plan.size[1] * sum(parameter.numel() for parameter in network.parameters())
    frames = int(min(most, max(min(_FEWEST_PROVED, most), min(_PROOF_BYTES // bytes_each, _PROOF_WORK // work))))
    images = np.concatenate([video.images[:frames] for video in videos.videos])
    seconds = np.concatenate([video.seconds[:frames] for video in videos.videos])
    places = np.arange(frames) % len(images)
    return np.ascontiguousarray(images[places]), seconds[places]


def _self_test(videos: ImageVideos) -> Clip:
    video = max(videos.of("train"), key=lambda each: len(each.images))
    frames = min(len(video.images), _MOST, max(_FEWEST, _CLIP_BYTES // video.images[0].size))
    first = (len(video.images) - frames) // 2
    seconds = video.seconds[first : first + frames].copy()
    seconds[0] = 0
    return Clip(np.ascontiguousarray(video.images[first : first + frames]), seconds)
