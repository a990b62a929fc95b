"""How an experiment that is not a cross-validation divides its frames: to learn from, to choose by, and to judge by."""

from pathlib import Path

import numpy as np

from trainer.experiments.run_plan import FramesOfRun, without_test
from trainer.formats.synthetic_set import own_parts
from trainer.labels.labelled_frames import LabelledFrames
from trainer.labels.split import SplitChoice, choose_split, split_block


def divide(data: Path, frames: LabelledFrames, choice: SplitChoice, *, test: bool) -> FramesOfRun:
    """Divide frames as asked; a synthetic set has parts of its own.

    Args:
        data: what the frames were read from.
        frames: all of them.
        choice: what is held out.
        test: keep frames that nothing is chosen by: a set's own, or a second block of time where blocks are held out.

    Raises:
        TrainingError: the choice does not fit the frames.
        LabelError: the set's description is damaged.
    """
    asked = choice.groups or choice.random_fraction is not None or choice.everything
    own = own_parts(data, frames) if not asked and choice.fold is None else None
    if own is not None and len(own.train) and len(own.validation):
        words = "validation part held out, test part " + ("scored once" if test else "not touched")
        return FramesOfRun(train=own.train, held_out=own.validation, test=own.test if test else own.test[:0], description=words)
    split = choose_split(frames, choice)
    if asked or not test or choice.folds < 3 or len(frames) < 3:
        return without_test(split)
    fold = choice.folds // 2 if choice.fold is None else choice.fold
    block = split_block(frames, (fold + 1) % choice.folds, folds=choice.folds)
    left = np.setdiff1d(split.train, block.held_out)
    words = f"{split.description}; for the test alone: {block.description}"
    return FramesOfRun(train=left, held_out=split.held_out, test=block.held_out, description=words)
