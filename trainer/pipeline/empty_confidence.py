"""How sure a bundle is of points in a scene without an animal: what a rule would take for one in an empty arena."""

from contextlib import closing

import numpy as np

from tracker.bundle import Bundle
from trainer.labels.empty_scene import empty_scenes
from trainer.labels.labelled_frames import LabelledFrames
from trainer.scoring.engine_choice import EngineChoice, open_chosen
from trainer.scoring.inference_by_shape import InferenceByShape
from trainer.scoring.measurements import EmptyScene


def empty_confidence(bundle: Bundle, frames: LabelledFrames, *, engine: EngineChoice) -> EmptyScene | None:
    """The surest answer for the empty scenes of the labelled videos; None where no scene can be made from the labels.

    Raises:
        LabelError: an image cannot be read.
        RigtrackError: the engine cannot be opened.
    """
    found: list[EmptyScene] = []
    scenes = list(empty_scenes(frames))
    if not scenes:
        return None
    with closing(open_chosen(bundle, engine, console=None)) as opened:
        finders = InferenceByShape(bundle, opened)
        for name, scene in scenes:
            confidence = np.nan_to_num(finders.of(scene).points(scene)[..., 2]).max(axis=0)
            surest = int(confidence.argmax())
            found.append(EmptyScene(group=name, point=bundle.description.point_names[surest], confidence=float(confidence[surest])))
    return max(found, key=lambda one: one.confidence)
