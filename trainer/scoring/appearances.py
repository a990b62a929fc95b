"""What the images of an evaluation look like, and how sure the answers for them are."""

import numpy as np

from tracker.resemblance import Appearance, appearance
from trainer.scoring.evaluation import Evaluation

LOOKED_AT = 100  # images at most, spread over all


def appearances_of(evaluation: Evaluation) -> list[Appearance]:
    """Some of its images with their answers.

    Raises:
        LabelError: an image cannot be read.
    """
    frames = evaluation.frames
    return [appearance(frames.read(index), np.asarray(evaluation.predicted[index], np.float32)) for index in spread_over(len(frames))]


def spread_over(count: int) -> list[int]:
    """Some of the numbers from 0 to `count` - 1, at equal distances."""
    found: list[int] = np.unique(np.linspace(0, count - 1, min(count, LOOKED_AT)).round().astype(int)).tolist()
    return found
