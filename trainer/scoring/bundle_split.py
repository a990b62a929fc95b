"""Which of some labelled frames a bundle has learnt from: by the record beside it, or else by its own account of its training."""

import logging
import re
from pathlib import Path

import numpy as np

from tracker.bundle import Bundle
from trainer.formats.synthetic_set import SET_FILE, set_part
from trainer.labels.fingerprint import labels_sha256
from trainer.labels.join import image_keys
from trainer.labels.labelled_frames import LabelledFrames
from trainer.labels.split import Split, SplitChoice, choose_split
from trainer.labels.split_record import RECORD_FILE, read_record

logger = logging.getLogger(__name__)

_BLOCK = re.compile(r"block (\d+) of (\d+) in time held out")
_RANDOM = re.compile(r"random \d+% held out \(seed (\d+)\)")


def split_of(bundle: Bundle, data: Path, frames: LabelledFrames) -> Split | None:
    """The frames that a bundle has learnt from, and the others; None where it knows nothing of these labels, or nobody can tell.

    The record that `trainer fit` keeps beside a bundle knows every image by its pixels, so labels that were corrected or
    added to since are told apart as well. Without it the bundle's description has to do, for exactly the labels it was
    trained on, and only if its counts agree.

    Args:
        bundle: what was trained.
        data: where the labels were read from.
        frames: all of them, as `read_labels` gave them.

    Raises:
        LabelError: an image cannot be read.
    """
    recorded = _recorded(bundle, frames)
    if recorded is not None:
        return recorded if len(recorded.train) else None
    about = bundle.description.training
    if labels_sha256(frames) != about.sha256:
        return None
    split = _told(bundle, data, frames)
    if split is None or (len(split.train), len(split.held_out)) != (about.frames, about.held_out_frames):
        logger.warning(
            "%s: was trained on these labels, but which of them were held out cannot be told from '%s'", bundle.folder, about.split
        )
        return None
    return split


def _recorded(bundle: Bundle, frames: LabelledFrames) -> Split | None:
    """By the record in the run's folder; None where there is none, or it is of another run than the bundle."""
    run = bundle.folder.with_name(f"{bundle.folder.name}.run")
    if not (run / RECORD_FILE).is_file():
        return None
    record, about = read_record(run), bundle.description.training
    if (len(record.train), len(record.held_out)) != (about.frames, about.held_out_frames):
        logger.warning("%s: is of another run than the bundle beside it; going by the bundle's own account", run / RECORD_FILE)
        return None
    learnt = np.isin(np.array(image_keys(frames)), record.train)
    return Split(train=np.flatnonzero(learnt), held_out=np.flatnonzero(~learnt), description=about.split)


def _told(bundle: Bundle, data: Path, frames: LabelledFrames) -> Split | None:
    said, held_out = bundle.description.training.split, bundle.description.training.held_out_frames
    if said.startswith("validation part"):
        return _synthetic(data, frames, said)
    if said.startswith("nothing held out"):
        return Split(train=np.arange(len(frames)), held_out=np.zeros(0, np.int64), description=said)
    if block := _BLOCK.match(said):
        return choose_split(frames, _choice(fold=int(block[1]) - 1, folds=int(block[2])))
    if drawn := _RANDOM.match(said):
        return choose_split(frames, _choice(random_fraction=held_out / len(frames), seed=int(drawn[1])))
    names = tuple(said.removesuffix(" held out").split(", "))
    return choose_split(frames, _choice(groups=names)) if set(names) < set(frames.group) else None


def _synthetic(data: Path, frames: LabelledFrames, said: str) -> Split | None:
    folder = data if data.is_dir() else data.parent
    if not (folder / SET_FILE).is_file():
        return None
    validation = set_part(folder, frames, part="validation")
    kept_away = np.union1d(validation, set_part(folder, frames, part="test"))
    return Split(train=np.setdiff1d(np.arange(len(frames)), kept_away), held_out=validation, description=said)


def _choice(
    *,
    fold: int | None = None,
    folds: int = 2,
    groups: tuple[str, ...] = (),
    random_fraction: float | None = None,
    seed: int = 0,
) -> SplitChoice:
    return SplitChoice(fold=fold, folds=folds, groups=groups, random_fraction=random_fraction, seed=seed, everything=False)
