"""Refresh the bundle of a running rig: new labels beside the old, training from the weights in use, and a gate in front of the rig.

Old and new are scored on the same frames, none of which either has learnt from. A refused bundle leaves the one in use
as it was; what was trained is kept, so that the same command with --accept-worse writes it without training again.
"""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
from rich.console import Console

from tracker.bundle import Bundle, read_bundle
from trainer.bundle_places import run_folder
from trainer.errors import TrainingError
from trainer.formats.empty_cells import Empty
from trainer.formats.read_labels import read_and_join
from trainer.labels.label_places import relabelled
from trainer.labels.labelled_frames import LabelledFrames
from trainer.labels.split import Split, SplitChoice
from trainer.labels.split_record import read_record, split_for_comparison
from trainer.networks.build import plan_from_plain
from trainer.pipeline.bundle_request import BundleRequest
from trainer.pipeline.kept_on_refresh import kept_augment_file, kept_on_refresh, write_augment_file
from trainer.pipeline.train_and_write import ENGINE, train_and_write
from trainer.pipeline.trained_bundle import TrainedBundle
from trainer.scoring.compare import FEWEST_FRAMES, Comparison, compare
from trainer.scoring.correct_radius import Judging
from trainer.scoring.evaluate import evaluate, refuse_other_points
from trainer.scoring.evaluation import Evaluation
from trainer.scoring.floor import floor_of_data
from trainer.scoring.training_record import empty_as_trained
from trainer.scoring.typed_commands import typed
from trainer.sentences import frames as in_frames
from trainer.training.checkpoint import CHECKPOINTS, LAST, load_network
from trainer.training.fit_settings import FitSettings
from trainer.training.lighting_choice import BACKGROUND_FILE, NONE
from trainer.training.processes import processes_here
from trainer.training.training_options import beginning_apart_from, options_of_training
from trainer.whole_files import disk_refusals, refuse_unwritable

WORSE_SHARE = 0.05  # a mean error larger by more than this is refused even where so few frames cannot prove it


def refresh_bundle(
    bundle: Path,
    data: Sequence[Path],
    settings: FitSettings,
    *,
    split: SplitChoice,
    accept_worse: bool,
    console: Console,
    judging: Judging,
    augment_file: Path | None = None,
    empty: Empty | None = None,
) -> TrainedBundle | None:
    """Train from a bundle's own weights on its labels and added ones, and replace it if the new one is not worse.

    Args:
        bundle: in use; its .run folder must be beside it.
        data: its labels and the added ones.
        settings: of the training; network and head are the bundle's own.
        split: how the added frames are divided; the known ones stay as they were divided.
        accept_worse: write the new bundle whatever the comparison says.
        console: where progress is shown.
        judging: how near counts as right, and what error the task can do with; what it leaves open is as in the bundle.
        augment_file: where the augmentation was read from; what it leaves open is as in the bundle's training.
        empty: what an empty cell of another tool's labels means; None for what was said in the training of the bundle.

    Returns:
        What was made; None in all but the first of several processes.

    Raises:
        TrainingError: the bundle's run is not there, the labels are of other points, nothing was added, or the new bundle is worse;
            the bundle in use stays.
        LabelError, BundleError: labels or bundle cannot be read.
    """
    in_use, run = read_bundle(bundle), run_folder(bundle)
    for folder in (bundle.parent, bundle.with_name(f"{bundle.name}.refresh")):
        refuse_unwritable(folder, option="--refresh")
    console.quiet = console.quiet or not processes_here().first
    meaning = empty or empty_as_trained(bundle)
    frames = _fitted_as(in_use, read_and_join(data, meaning))
    refuse_other_points(in_use, frames, remedy="refresh it with labels of the same point names, or train anew without --refresh")
    record = read_record(run)
    division = split_for_comparison(frames, record, split)
    changed = int(relabelled(frames, record.labels).sum())
    if not division.added:
        raise TrainingError(f"{bundle}: knows all {len(frames)} frames already; {_remedy(bundle, data, changed)}")
    _refuse_too_few(bundle, frames, division.split, accept_worse=accept_worse)
    console.print(f"{division.known} frames known to {bundle.name}, {division.added} added", soft_wrap=True)
    if changed:
        console.print(_remedy(bundle, data, changed), soft_wrap=True, highlight=False, markup=False)
    last = run / CHECKPOINTS / LAST
    asked = from_weights(lit_as(in_use, settings, run), last)
    kept = kept_on_refresh(in_use, judging=judging, settings=asked, checkpoint=last, augment_file=augment_file)
    file = kept_augment_file(kept.settings.augment, run)
    another = beginning_apart_from(kept.settings, frames, run=run)
    request = BundleRequest(
        data=data,
        fit_options=options_of_training(another, augment_file=file, split=split, judging=kept.judging, empty=meaning),
        frames=frames,
        parts=division.split,
        source=", ".join(one.name for one in data),
        floor=floor_of_data(data[0], frames.point_names),
        out=bundle,
        run=bundle.with_name(f"{bundle.name}.refresh"),
        settings=kept.settings,
        judging=kept.judging,
        begins_anew=another != kept.settings,
        radii_from=kept.radii_from,
        mirrored_as=kept.mirrored_as,
        notes=kept.sentences,
        anew=True,  # what an earlier refresh left there has been refused, or was of fewer labels
        replaced=f"{bundle}: this network took the place of the one made {in_use.description.created}, of which no copy is kept.",
        gate=_gate(in_use, console, accept_worse=accept_worse),
    )
    made = train_and_write(request, console)
    if made is not None:
        with disk_refusals(request.run):
            write_augment_file(kept.settings.augment, request.run)
        _take_the_place(request.run, run)
    return made


def _remedy(bundle: Path, data: Sequence[Path], changed: int) -> str:
    """What to do where nothing was added, or labels have changed: weights that know the labels before keep much of them."""
    if not changed:
        return "give new labels beside the old"
    verdict_of = typed("evaluate", str(bundle), "--data", *map(str, data))
    return (
        f"labels of {in_frames(changed)} that it has learnt from have changed since, and a refresh begins with weights that have "
        f"memorised the labels before: train anew without --refresh (`{verdict_of}` prints the command with the options of its training)"
    )


def _refuse_too_few(bundle: Path, frames: LabelledFrames, parts: Split, *, accept_worse: bool) -> None:
    """Before the training, which the gate behind it would refuse however good it is."""
    labelled = np.isfinite(frames.points[parts.held_out]).all(axis=-1)  # (n, animals, points)
    count = int(np.logical_or.reduce(labelled, axis=(1, 2)).sum())
    if count < FEWEST_FRAMES and not accept_worse:
        held_out = "held-out frame is" if count == 1 else "held-out frames are"
        raise TrainingError(
            f"{bundle}: left as it was: {count} {held_out} too few to compare the refreshed network with the one in use; expected at least "
            f"{FEWEST_FRAMES}: give the labels of the bundle in use as well or more new ones, or hold out more of them (--folds 2), or "
            "--accept-worse"
        )


def _fitted_as(in_use: Bundle, frames: LabelledFrames) -> LabelledFrames:
    """The frames, fitted to the bundle's own input where they have several sizes: more labels of one size do not change the network's."""
    _, height, width, _ = in_use.description.input.shape
    return frames.fitted_to((height, width)) if frames.sizes else frames


def lit_as(in_use: Bundle, settings: FitSettings, run: Path) -> FitSettings:
    """The settings, with the background and the contrast of the bundle in use unless others are asked for.

    Raises:
        TrainingError: its background is not there.
    """
    lighting = in_use.description.lighting
    if lighting is None or (settings.background, settings.contrast) != (NONE, NONE):
        return settings
    background = NONE if lighting.background is None else str(run / BACKGROUND_FILE)
    return replace(settings, background=background, contrast=lighting.contrast or "none")


def from_weights(settings: FitSettings, checkpoint: Path) -> FitSettings:
    """The settings, beginning with a checkpoint's weights and with its network, its layers, its head and its view.

    Raises:
        TrainingError: the checkpoint is not there.
    """
    if not checkpoint.is_file():
        raise TrainingError(f"{checkpoint}: is not there; a refresh begins with the weights of the bundle in use: keep its .run folder")
    plan = load_network(checkpoint)[1]["plan"]
    layers = asdict(plan_from_plain(plan).layers)
    return replace(settings, network=plan["network"], head=plan["head"], view=plan["view"], weights=str(checkpoint), **layers)


def verdict(found: Comparison) -> str | None:
    """Why the second of two compared bundles must not replace the first; None where it may.

    It may unless it is worse beyond chance, or worse by more than WORSE_SHARE of the first's error.
    """
    overall = found.overall
    if overall.mean_px > 0 and overall.shown:
        return "it is worse, and not by chance"
    if overall.second_px > (1 + WORSE_SHARE) * overall.first_px:
        return f"it is worse by {overall.second_px / overall.first_px - 1:.0%}, the limit is {WORSE_SHARE:.0%}"
    return None


def _gate(in_use: Bundle, console: Console, *, accept_worse: bool) -> Callable[[Bundle, Evaluation | None], None]:
    def refuse_if_worse(fresh: Bundle, score: Evaluation | None) -> None:
        if score is None:
            raise TrainingError(f"{in_use.folder}: left as it was: no held-out frame has a labelled point, so nothing can be compared")
        before = evaluate(in_use, score.frames, engine=ENGINE, console=console)
        try:
            found = compare((f"{in_use.folder.name} in use", "refreshed"), (before, score))
        except TrainingError as problem:
            if accept_worse:
                return
            raise TrainingError(f"{in_use.folder}: left as it was: {problem}, or --accept-worse") from problem
        console.print(found.sentence, soft_wrap=True)
        reason = verdict(found)
        if reason is None or accept_worse:
            return
        raise TrainingError(
            f"{in_use.folder}: left as it was: on {found.overall.frames} held-out frames the refreshed network has "
            f"{found.overall.second_px:.2f} px, the one in use {found.overall.first_px:.2f} px; {reason}. Look at the added labels and "
            "label more frames, or give the same command with --accept-worse, which trains nothing again"
        )

    return refuse_if_worse


def _take_the_place(fresh: Path, old: Path) -> None:
    """The refreshed run becomes the bundle's run: the next refresh begins with it."""
    aside = old.with_name(f"{old.name}.old")
    shutil.rmtree(aside, ignore_errors=True)
    old.replace(aside)
    fresh.replace(old)
    shutil.rmtree(aside)
