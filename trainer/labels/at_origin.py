"""Labels that lie exactly at (0, 0), as programs write that fill empty cells with noughts."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from trainer.labels.label_finding import LabelFinding, image_name
from trainer.labels.labelled_frames import LabelledFrames

NAMED = 3  # images, and points, in the sentence


def at_origin(frames: LabelledFrames) -> Iterator[LabelFinding]:
    """One finding for all of them; nobody clicks on the middle of the first pixel to the last digit."""
    found = _found(frames)
    if not found.any():
        return
    counts = dict(zip(frames.point_names, found.any(axis=1).sum(axis=0).tolist(), strict=True))
    said = [f"'{name}' lies exactly at 0, 0 in {_frames(count)}" for name, count in counts.items() if count]
    points = ", ".join([*said[:NAMED], f"{len(said) - NAMED} more points likewise"] if len(said) > NAMED else said)
    chosen = np.flatnonzero(found.any(axis=(1, 2))).tolist()
    names = [image_name(frames.images[index]) for index in chosen[:NAMED]]
    images = ", ".join([*names, "…"] if len(chosen) > NAMED else names)
    yield LabelFinding(
        kind="origin",
        sentence=f"{points} ({images}): probably empty cells that were filled with noughts, and the network learns them as places; leave "
        "the cells empty where nothing is labelled",
    )


def without_origin(frames: LabelledFrames) -> LabelledFrames:
    """The same with these points as not labelled, so that nothing else is said of where they lie."""
    found = _found(frames)
    return replace(frames, points=np.where(found[..., None], np.nan, frames.points)) if found.any() else frames


def _found(frames: LabelledFrames) -> NDArray[np.bool_]:
    """(n, A, K)."""
    return np.asarray((frames.points == 0).all(axis=3), np.bool_)


def _frames(count: int) -> str:
    return "1 frame" if count == 1 else f"{count} frames"
