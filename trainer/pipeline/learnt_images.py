"""What a bundle notes of the images that it was trained on, so that a camera that shows something else can be told."""

import math

import numpy as np

from tracker.bundle_description import LearntImages
from tracker.resemblance import appearance
from trainer.labels.labelled_frames import LabelledFrames
from trainer.scoring.appearances import appearances_of, spread_over
from trainer.scoring.evaluation import Evaluation
from trainer.training.augment import BRIGHTER, STEEPER, AugmentSettings

SURER_THAN = 5.0  # per cent of the held-out images


def learnt_images(train: LabelledFrames, held_out: Evaluation | None, augment: AugmentSettings) -> LearntImages:
    """The range of light and contrast that was learnt from, and how sure the answers for held-out images are.

    Args:
        train: what was learnt from.
        held_out: the finished engine's answers for frames that were not; None where there are none.
        augment: how far images were lit otherwise.

    Raises:
        LabelError: an image cannot be read.
    """
    nobody = np.empty((0, 1, 3), np.float32)
    appearances = [appearance(train.read(index), nobody) for index in spread_over(len(train))]
    brightness, contrast = [one.brightness for one in appearances], [one.contrast for one in appearances]
    lighter, steeper = 255 * BRIGHTER * augment.light, math.exp(STEEPER * augment.light)
    return LearntImages(
        brightness=(max(min(brightness) - lighter, 0.0), min(max(brightness) + lighter, 255.0)),
        contrast=(min(contrast) / steeper, min(max(contrast) * steeper, 255.0)),
        confidence=_confidence(held_out),
    )


def _confidence(held_out: Evaluation | None) -> float | None:
    if held_out is None or not len(held_out.frames):
        return None
    of_frames = np.array([one.confidence for one in appearances_of(held_out)])
    known = of_frames[np.isfinite(of_frames)]
    return float(np.clip(np.percentile(known, SURER_THAN), 0.0, 1.0)) if known.size else None
