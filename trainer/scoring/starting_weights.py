"""What the weights that a training begins with have learnt from already, as the run that they are from has recorded it.

Frames that they have learnt from judge nothing: an error on them says how well they are remembered.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from trainer.bundle_places import RUN_ENDING
from trainer.errors import TrainingError
from trainer.labels.image_keys import found_in
from trainer.labels.labelled_frames import LabelledFrames
from trainer.labels.split_record import SplitRecord, read_record
from trainer.scoring.training_record import TrainedAs, option_as_trained
from trainer.scoring.typed_commands import options_without
from trainer.sentences import frames as in_frames

SCRATCH = "scratch"
OF_WEIGHTS = ("--weights", "--train", "--pretrained-rate")  # without effect, or refused, where a network begins at random


def record_of_weights(weights: str) -> SplitRecord | None:
    """Which images weights have learnt from; None where nothing is recorded of them, as of a library's or of a copied checkpoint.

    Args:
        weights: as `--weights` names them.
    """
    if not Path(weights).is_file():
        return None
    try:
        return read_record(Path(weights).resolve().parent.parent)
    except TrainingError:  # not there, or damaged: what is not known is not said
        return None


def learnt_before(weights: str, frames: LabelledFrames) -> NDArray[np.bool_]:
    """Which frames the weights have learnt from, as far as that is recorded: bool (n,).

    Args:
        weights: as `--weights` names them.
        frames: labelled ones.

    Raises:
        LabelError: an image cannot be read.
    """
    record = record_of_weights(weights)
    return np.zeros(len(frames), bool) if record is None else found_in(frames, record.learnt)[0]


def weights_apart_from(weights: str, frames: LabelledFrames) -> str:
    """The weights, or those that they themselves began with, that have learnt from none of these frames: `scratch` in the end.

    Raises:
        LabelError: an image cannot be read.
    """
    seen = set[str]()
    while learnt_before(weights, frames).any():
        seen.add(weights)
        weights = first_weights(weights)
        if weights in seen:
            return SCRATCH
    return weights


def first_weights(weights: str) -> str:
    """Those that the training of a bundle was asked to begin with, of a checkpoint in the run beside it."""
    run = Path(weights).resolve().parent.parent
    if not run.name.endswith(RUN_ENDING):
        return SCRATCH
    return option_as_trained(run.with_name(run.name.removesuffix(RUN_ENDING)), "--weights") or SCRATCH


def trained_apart_from(trained: TrainedAs, frames: LabelledFrames) -> TrainedAs:
    """How a bundle was trained, with weights that another training of these frames may begin with.

    Figures of earlier versions name those that a refresh began with, which have learnt from the frames.

    Raises:
        LabelError: an image cannot be read.
    """
    if "--weights" not in trained.options:
        return trained
    place = trained.options.index("--weights") + 1
    weights = trained.options[place]
    apart = weights_apart_from(weights, frames)
    if apart == weights:
        return trained
    if apart == SCRATCH:
        return replace(trained, options=tuple(options_without(trained.options, OF_WEIGHTS)), anew=True)
    return replace(trained, options=(*trained.options[:place], apart, *trained.options[place + 1 :]), anew=True)


def known_when_judged(weights: str, frames: LabelledFrames, held_out: NDArray[np.int64] | None = None) -> tuple[str, ...]:
    """That frames are to judge which the weights have learnt from, a sentence; nothing where there are none, or it is not known.

    Args:
        weights: as `--weights` names them.
        frames: all labelled ones.
        held_out: indices of those that judge; None for all, each in its turn.

    Raises:
        LabelError: an image cannot be read.
    """
    learnt = learnt_before(weights, frames)
    judging = learnt if held_out is None else learnt[held_out]
    known = int(judging.sum())
    if not known:
        return ()
    return (
        f"--weights {weights}: these weights have learnt from {known} of the {in_frames(len(judging))} held out, whose error is "
        "therefore too small to judge by; hold out others, or train without --weights",
    )


def known_when_learnt(weights: str, frames: LabelledFrames, train: NDArray[np.int64]) -> tuple[str, ...]:
    """That a learning curve begins with weights that know its frames already, a sentence; nothing where they know none.

    Args:
        weights: as `--weights` names them.
        frames: all labelled ones.
        train: indices of those that more and more are learnt of.

    Raises:
        LabelError: an image cannot be read.
    """
    known = int(learnt_before(weights, frames)[train].sum())
    if not known:
        return ()
    return (
        f"--weights {weights}: these weights have learnt from {known} of the {in_frames(len(train))} that the curve gives by and by, so it "
        "cannot say what more labels bring; train without --weights",
    )
