"""Which of some labelled frames a bundle has learnt from: by the record beside it, or else by the division in its description."""

import logging
from dataclasses import replace

import numpy as np

from tracker.bundle import Bundle
from trainer.bundle_places import run_folder
from trainer.errors import TrainingError
from trainer.labels.fingerprint import labels_sha256
from trainer.labels.image_keys import found_in
from trainer.labels.label_places import relabelled
from trainer.labels.labelled_frames import LabelledFrames
from trainer.labels.split import Split, split_from
from trainer.labels.split_record import RECORD_FILE, SplitRecord, read_record

logger = logging.getLogger(__name__)


def split_of(bundle: Bundle, frames: LabelledFrames) -> Split | None:
    """The frames that a bundle has learnt from, and the others; None where it knows nothing of these labels, or nobody can tell.

    The record that `trainer fit` keeps beside a bundle knows every image by its pixels, so labels that were corrected or
    added to since are told apart as well. What the first weights of its training had learnt from counts as learnt from too. Without
    the record the bundle's description has to do, for exactly the labels it was trained on, and only if its counts agree.

    Args:
        bundle: what was trained.
        frames: all of the labels, as `read_labels` gave them.

    Raises:
        LabelError: an image cannot be read.
    """
    record, about = _record(bundle), bundle.description.training
    if record is not None:
        (learnt,) = found_in(frames, record.learnt)
        known = Split(train=np.flatnonzero(learnt), held_out=np.flatnonzero(~learnt), description=about.split)
        return known if len(known.train) else None
    if labels_sha256(frames) != about.sha256:
        return None
    split = _described(bundle, frames)
    if split is None:
        logger.warning("%s: was trained on these labels, but which of them were held out is not known: %s", bundle.folder, about.split)
    return split


def learnt_in_all(bundle: Bundle, here: LabelledFrames) -> int:
    """How many frames a bundle has learnt from: all those of its training, and those here that its first weights had learnt from.

    Args:
        bundle: what was trained.
        here: frames that it has learnt from, of some labels.

    Raises:
        LabelError: an image cannot be read.
    """
    record, of_training = _record(bundle), bundle.description.training.frames
    if record is None or not record.before:
        return of_training
    before, own = found_in(here, record.before, record.train)
    return of_training + int((before & ~own).sum())


def split_as_trained(bundle: Bundle, frames: LabelledFrames, *, source: str) -> Split:
    """The very split that the bundle was trained with, of the very labels; nothing is held out that its first weights had learnt from.

    Args:
        bundle: what was trained.
        frames: all labels it was trained on.
        source: what they are called, for the sentence of a refusal.

    Raises:
        TrainingError: other labels, or which of them were held out is not known, so that frames it has learnt from would judge it.
        LabelError: an image cannot be read.
    """
    about = bundle.description.training
    if labels_sha256(frames) != about.sha256:
        raise TrainingError(f"{source}: is not what {bundle.folder} was trained on ({about.source}); give those very labels")
    split, record = _described(bundle, frames), _record(bundle)
    if split is None and record is not None:
        train, held_out = map(np.flatnonzero, found_in(frames, record.train, record.held_out))
        split = Split(train=train, held_out=held_out, description=about.split)
    of_weights = ""
    if split is not None and record is not None and record.before:
        of_weights = " that its first weights had not learnt from"
        (before,) = found_in(frames, record.before)
        split = replace(split, held_out=split.held_out[~before[split.held_out]])
    if split is None or not len(split.held_out):
        unknown = "does not say which frames were held out, and no .run folder is beside it"
        found = f"held out no frame{of_weights}" if split is not None else unknown
        raise TrainingError(
            f"{bundle.folder}: {found} ({about.split}); train it again with `trainer fit`, so that frames it has not seen judge it"
        )
    return split


def relabelled_videos(bundle: Bundle, frames: LabelledFrames) -> tuple[str, ...]:
    """The video of each frame whose labels have changed since the bundle has learnt from it; nothing where nobody recorded them.

    Raises:
        LabelError: an image cannot be read.
    """
    record = _record(bundle)
    changed = relabelled(frames, record.labels if record is not None else {})
    return tuple(video for video, other in zip(frames.group, changed.tolist(), strict=True) if other)


def _record(bundle: Bundle) -> SplitRecord | None:
    """The record in the run's folder; None where there is none, or it is of another run than the bundle."""
    run = run_folder(bundle.folder)
    if not (run / RECORD_FILE).is_file():
        return None
    record, about = read_record(run), bundle.description.training
    if (len(record.train), len(record.held_out)) != (about.frames, about.held_out_frames):
        logger.warning("%s: is of another run than the bundle beside it; going by the bundle's own account", run / RECORD_FILE)
        return None
    return record


def _described(bundle: Bundle, frames: LabelledFrames) -> Split | None:
    """By the division in the description; None where there is none, or it does not fit its counts or these frames."""
    about = bundle.description.training
    if about.division is None:
        return None
    split = split_from(about.division, description=about.split)
    both = np.concatenate([split.train, split.held_out])
    fits = (len(split.train), len(split.held_out)) == (about.frames, about.held_out_frames)
    inside = not len(both) or (both.min() >= 0 and both.max() < len(frames) and len(np.unique(both)) == len(both))
    return split if fits and inside else None
