"""Can the network memorise a handful of frames? If not, the fault is in labels, loss or settings, and no more data will help."""

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

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
    """

    frames: int
    steps: int
    px: float

    @property
    def passed(self) -> bool:
        """Whether the network can learn at all."""
        return self.px <= KNOWN_BY_HEART_PX

    @property
    def sentence(self) -> str:
        """The reading."""
        found = f"{self.frames} frames memorised in {self.steps} steps: {self.px:.2f} px"
        if self.passed:
            return f"{found}; network, loss and labels fit together"
        return f"{found}, expected at most {KNOWN_BY_HEART_PX:g} px; look at the labels of these frames, then at learning rate and head"


def memorise(train: LabelledFrames, settings: FitSettings, *, steps: int = STEPS) -> Memorised:
    """Train on a few frames, unchanged, and score on the same.

    Args:
        train: frames to choose from, spread over the set.
        settings: as for `fit`; epochs, batch and augmentation do not matter.
        steps: of training.

    Raises:
        TrainingError: as `fit`.
    """
    chosen = np.unique(np.linspace(0, len(train) - 1, min(FRAMES, len(train))).round().astype(np.int64))
    few = train.subset(chosen)
    still = replace(settings, augment=STILL, epochs=1, minutes=None, batch=len(few), batches=steps, averaging=0.98, weight_decay=0.0)
    with tempfile.TemporaryDirectory() as folder:
        result = fit(few, few.subset(np.empty(0, np.int64)), still, Path(folder))
    return Memorised(frames=len(few), steps=steps, px=result.train_px)
