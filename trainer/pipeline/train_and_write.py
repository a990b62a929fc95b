"""A bundle's request → the bundle and its report: fit → export → prove → score on the rig's own engine → write."""

import shutil
from dataclasses import replace

import msgspec
import numpy as np
from rich.console import Console
from rich.text import Text

from tracker.bundle import Bundle, read_bundle, write_bundle
from tracker.frame import Image
from trainer.errors import TrainingError
from trainer.labels.checks import check_labels
from trainer.labels.counts import PartCount, count_parts, counts_table, lopsided_parts
from trainer.labels.finding_lines import OddLabels, odd_labels
from trainer.labels.labelled_frames import LabelledFrames
from trainer.labels.network_input import sizes_in_words
from trainer.labels.split import explained
from trainer.labels.split_record import write_record
from trainer.networks.confidence_layer import CalibratedNetwork
from trainer.networks.lighting import LitNetwork
from trainer.pipeline.bundle_description import accuracy, describe
from trainer.pipeline.bundle_request import BundleRequest
from trainer.pipeline.empty_confidence import empty_confidence
from trainer.pipeline.export import ExportedNetwork, UnprovableError, export
from trainer.pipeline.learnt_images import learnt_images
from trainer.pipeline.trained_bundle import TrainedBundle
from trainer.pipeline.training_verdict import Training, judge_training
from trainer.reports.training_report import ScoredTraining, history_of, report_training
from trainer.scoring.assignment import in_order_of_labels
from trainer.scoring.confidence_map import ConfidenceMap, fit_confidence
from trainer.scoring.correct_radius import Radii
from trainer.scoring.curve_reading import reading_beside
from trainer.scoring.engine_choice import EngineChoice
from trainer.scoring.evaluate import evaluate
from trainer.scoring.evaluation import Evaluation
from trainer.scoring.measurements import EmptyScene
from trainer.scoring.reliability import CLIP
from trainer.scoring.starting_weights import record_of_weights
from trainer.training.augmentation_choice import settled
from trainer.training.datasets import FrameStore
from trainer.training.fit import FitResult, fit
from trainer.training.fit_settings import EPOCHS, FitSettings
from trainer.training.new_learner import refuse_unfit
from trainer.training.predict import predict_animals
from trainer.training.processes import processes_here
from trainer.whole_files import disk_refusals

PROVED_ON = 8  # frames on which every runtime must agree with torch
SCORED = 200  # training frames scored for the comparison with those held out
ENGINE = EngineChoice(runtime="openvino", precision="fp32", threads=1, gpu=0)


def train_and_write(request: BundleRequest, console: Console) -> TrainedBundle | None:
    """Train, prove, score and write; None in all but the first of several processes.

    Raises:
        TrainingError: training failed, the graph is not the network, or the gate refused.
    """
    refuse_unfit(request.train, request.settings)  # before what is odd about the labels, below which it would be overlooked
    settings, said = settled(request.settings, request.frames, mirrored_as=request.mirrored_as)
    request = replace(request, settings=settings, notes=(*request.notes, *said))
    _print_labels(request, console)  # a radius of a point that is not there is met here, before the training
    for sentence in request.notes:
        console.print(sentence, soft_wrap=True, highlight=False, markup=False)
    result = fit(request.train, request.held_out, request.settings, request.run, progress=True, anew=request.anew)
    if not processes_here().first:
        return None
    with disk_refusals(request.run):
        write_record(request.run, request.frames, request.parts, began_with=record_of_weights(request.settings.weights))
    _say(console, "fitting the confidence to the held-out frames")
    calibration = _calibration(result, request.held_out, within=request.radii)
    console.print(calibration.sentence, soft_wrap=True)
    _say(console, "writing the graph and comparing it with torch in every runtime")
    try:
        exported = _exported(result, calibration, _some(request.train, result))
    except UnprovableError as problem:
        raise TrainingError(_hardly_learnt(request, result, str(problem))) from problem
    for parity in exported.parity:
        console.print(
            f"{parity.runtime} {parity.precision}: mean {parity.mean_px:.4f} px, largest {parity.largest_px:.4f} px from torch",
            soft_wrap=True,
        )
    return _score_and_write(request, result, exported, calibration=calibration, console=console)


def _say(console: Console, stage: str) -> None:
    """What takes long after the last epoch; nobody is to wait before a screen that says nothing."""
    console.print(f"{stage} …", soft_wrap=True, highlight=False)


def _print_labels(request: BundleRequest, console: Console) -> None:
    frames, split = request.frames, explained(request.parts.description)
    sizes = "several sizes" if len(set(frames.sizes)) > 1 else sizes_in_words(frames)
    console.print(
        f"{len(frames)} labelled frames of {sizes}, {len(frames.point_names)} points; {split}",
        soft_wrap=True,
    )
    console.print(f"a point counts as right within {request.radii.words} of its label ({request.radii.source})", soft_wrap=True)
    console.print(counts_table(_counts(request)), highlight=False)
    odd = _odd_labels(request)
    for sentence in [*odd.lines, *([f"{odd.gathered}; the report has every one, `trainer diagnose` too"] if odd.gathered else [])]:
        console.print("[yellow]labels:[/yellow]", Text(sentence), soft_wrap=True)


def _counts(request: BundleRequest) -> dict[str, PartCount]:
    return count_parts(request.frames, {"training": request.parts.train, "held out": request.parts.held_out})


def _odd_labels(request: BundleRequest) -> OddLabels:
    """What is odd about the labels: said before the training, and kept in its report."""
    return odd_labels(
        check_labels(request.frames, pairs=request.settings.augment.pairs),
        *lopsided_parts(_counts(request), own_split=request.parts.of_set),
    )


def _some(train: LabelledFrames, result: FitResult) -> list[Image]:
    """A few training frames, spread out, as the graph takes them: their lighting is evened in it."""
    store = FrameStore(train, result.view)
    chosen = np.unique(np.linspace(0, len(train) - 1, PROVED_ON).round().astype(int))
    return [store.read(int(index)) for index in chosen]


def _score_and_write(
    request: BundleRequest, result: FitResult, exported: ExportedNetwork, *, calibration: ConfidenceMap, console: Console
) -> TrainedBundle:
    """Score the graph on the rig's own engine, then write the bundle with what was found."""
    train, image = request.train, _some(request.train, result)[0]
    described = describe(request, result, exported)
    description = msgspec.structs.replace(described, correct_within_px=request.radii.px)
    write_bundle(request.run / "unscored", model=exported.model, self_test_image=image, description=description)
    unscored = read_bundle(request.run / "unscored")
    scored = train.subset(np.unique(np.linspace(0, len(train) - 1, min(SCORED, len(train))).round().astype(np.int64)))
    _say(console, f"scoring the bundle on {len(scored)} training and {len(request.held_out)} held-out frames")
    on_train = evaluate(unscored, scored, engine=ENGINE, console=console)
    on_held_out = _on_held_out(unscored, request.held_out, train, console)
    if request.gate is not None:
        request.gate(unscored, on_held_out)
    learnt = learnt_images(train, on_held_out, request.settings.augment)
    final = msgspec.structs.replace(description, accuracy=accuracy(on_held_out), learnt=learnt)
    write_bundle(request.out, model=exported.model, self_test_image=image, description=final)
    _say(console, "judging the training and drawing its report")
    empty = empty_confidence(unscored, request.frames, engine=ENGINE)
    judged = judge_training(_training(request, result, empty), train=on_train, held_out=on_held_out)
    training = ScoredTraining(
        result=result,
        settings=request.settings,
        calibration=calibration,
        floor=request.floor,
        train=on_train,
        held_out=on_held_out,
        odd_labels=_odd_labels(request),
    )
    notes = (*request.notes, *([request.replaced] if request.replaced else []))
    report = report_training(request.out, description, training, judged=judged, notes=notes)
    shutil.rmtree(request.run / "unscored", ignore_errors=True)
    return TrainedBundle(
        bundle=request.out,
        report=report,
        train=on_train,
        held_out=on_held_out,
        seconds=result.seconds,
        stopped=result.stopped,
        verdict=judged.verdict,
        replaced=request.replaced,
    )


def _training(request: BundleRequest, result: FitResult, empty: EmptyScene | None) -> Training:
    return Training(
        data=request.data,
        bundle=request.out,
        labels=request.train,
        plan=result.plan,
        settings=request.settings,
        fit_options=request.fit_options,
        begins_anew=request.begins_anew,
        history=history_of(result),
        radii=request.radii,
        floor=request.floor,
        target_px=request.judging.target_px,
        empty=empty,
        curve=reading_beside(request.out, request.frames),
    )


def _calibration(result: FitResult, held_out: LabelledFrames, *, within: Radii) -> ConfidenceMap:
    """The map of confidences, fitted on frames that the network has not learnt from."""
    if not len(held_out):
        return fit_confidence(np.zeros((0, *held_out.points.shape[1:3], 3)), held_out, within_px=within.array)
    store = FrameStore(held_out, result.view, lighting=result.lighting)
    predicted = predict_animals(result.network, store, np.arange(len(held_out)))
    alone = predicted.shape[1] == 1 and held_out.animals == 1
    return fit_confidence(predicted if alone else in_order_of_labels(predicted, held_out.points), held_out, within_px=within.array)


def _exported(result: FitResult, calibration: ConfidenceMap, frames: list[Image]) -> ExportedNetwork:
    """The network's graph, proved, and proved again with the map of its confidences in it."""
    network = result.network if result.lighting is None else LitNetwork(result.lighting, result.network).eval()
    plain = export(network, frames)
    if not calibration.changes:
        return plain
    network = CalibratedNetwork(network, scale=calibration.scale.tolist(), offset=calibration.offset.tolist(), clip=CLIP).eval()
    return export(network, frames, must_fail_too=False)


def _hardly_learnt(request: BundleRequest, result: FitResult, problem: str) -> str:
    """Why there is no bundle, and what to do."""
    steps, usual = len(result.history.batch_loss), f"{EPOCHS} epochs of {FitSettings().batches} batches"
    return (
        f"{request.run}: the network has learnt next to nothing in {steps} steps, and no bundle is written: {problem}; train longer, with "
        f"more --epochs, --batches or --minutes (usual: {usual}) and --force to replace this training; if it was long, look whether the "
        "labels lie on the animal (`trainer render LABELS --out FOLDER` draws them)"
    )


def _on_held_out(bundle: Bundle, held_out: LabelledFrames, train: LabelledFrames, console: Console) -> Evaluation | None:
    if not len(held_out) or bool(np.isnan(held_out.points).any(axis=-1).all()):
        return None
    return evaluate(bundle, held_out, engine=ENGINE, train=train, console=console)
