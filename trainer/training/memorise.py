"""Can the network memorise a handful of frames? If not, the fault is in labels, loss or settings, and no more data will help.

And can it memorise them with labels that were dealt out among them at random (Zhang et al. 2017)? Where it can, an error on frames
that it has learnt from says nothing of what it has understood.
"""

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from trainer.errors import TrainingError
from trainer.labels.labelled_frames import LabelledFrames
from trainer.training.augment import AugmentSettings
from trainer.training.fit import fit
from trainer.training.fit_settings import FitSettings

FRAMES = 8
STEPS = 400
KNOWN_BY_HEART_PX = 1.5  # every head reaches this on 8 frames of the open field within 400 steps; labels are good for 1 to 2 px
STILL = AugmentSettings(
    rotation_deg=0.0, scale=(1.0, 1.0), stretch=0.0, flip=0.0, in_place=1.0, light=0.0, blur=0.0, noise=0.0, occlusion=0.0, empty=0.0
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Memorised:
    """How well some frames were memorised.

    Attributes:
        frames: how many.
        steps: of training.
        px: mean error on these very frames.
        permuted: whether every frame was given the labels of another.
    """

    frames: int
    steps: int
    px: float
    permuted: bool = False

    @property
    def passed(self) -> bool:
        """Whether the network has memorised them; of their own labels: whether it can learn at all."""
        return self.px <= KNOWN_BY_HEART_PX

    @property
    def sentence(self) -> str:
        """The reading."""
        return self._of_permuted() if self.permuted else self._of_own()

    def _of_permuted(self) -> str:
        found = f"{self.frames} frames with each other's labels, dealt out at random, in {self.steps} steps: {self.px:.2f} px"
        if self.passed:
            return (
                f"{found}; the network memorises labels that its images do not show, so a small error on so few training frames proves "
                "nothing: trust the held-out error alone"
            )
        return f"{found}; not memorised, so what it learns of the frames' own labels in as many steps it finds in the images"

    def _of_own(self) -> str:
        found = f"{self.frames} frames memorised in {self.steps} steps: {self.px:.2f} px"
        if self.passed:
            return f"{found}; network, loss and labels fit together"
        return f"{found}, expected at most {KNOWN_BY_HEART_PX:g} px; look at the labels of these frames, then at learning rate and head"


def memorise(train: LabelledFrames, settings: FitSettings, *, steps: int = STEPS, permuted: bool = False) -> Memorised:
    """Train on a few frames, unchanged, and score on the same.

    Args:
        train: frames to choose from, spread over the set.
        settings: as for `fit`; epochs, batch and augmentation do not matter.
        steps: of training.
        permuted: give every frame the labels of another first.

    Raises:
        TrainingError: as `fit`, or one frame alone that is to have the labels of another.
    """
    chosen = np.unique(np.linspace(0, len(train) - 1, min(FRAMES, len(train))).round().astype(np.int64))
    few = with_labels_permuted(train.subset(chosen), seed=settings.seed) if permuted else train.subset(chosen)
    still = replace(settings, augment=STILL, epochs=1, minutes=None, batch=len(few), batches=steps, averaging=0.98, weight_decay=0.0)
    with tempfile.TemporaryDirectory() as folder:
        result = fit(few, few.subset(np.empty(0, np.int64)), still, Path(folder))
    return Memorised(frames=len(few), steps=steps, px=result.train_px, permuted=permuted)


def with_labels_permuted(frames: LabelledFrames, *, seed: int) -> LabelledFrames:
    """The same images, each with the labels of another one: a cycle through all of them at random, so that none keeps its own.

    Raises:
        TrainingError: one frame, which has no other.
    """
    if len(frames) < 2:
        raise TrainingError("labels can be dealt out among two frames or more; label more frames first")
    cycle = np.random.default_rng(seed).permutation(len(frames))
    source = np.empty(len(frames), np.int64)
    source[cycle] = np.roll(cycle, 1)
    return replace(frames, points=frames.points[source], hidden=frames.hidden[source])
