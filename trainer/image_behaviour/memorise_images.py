"""Can a network of images learn a few frames by heart, and also labels that mean nothing?"""

import tempfile
from dataclasses import replace
from pathlib import Path

import torch

from trainer.behaviour.clips import targets_of
from trainer.behaviour.memorise import MemorisedBehaviour, frames_to_learn, judged, permutation
from trainer.image_behaviour.image_videos import ImageVideo, ImageVideos
from trainer.image_behaviour.settings import ImageSettings
from trainer.image_behaviour.train_images import SMALLER, all_targets, train_images, whole_logits
from trainer.training.lack_of_memory import lack_refused

EPOCHS, STEPS = 10, 10  # and of each, all alike: keeping an epoch takes longer than a step


@lack_refused("these images and what the network answers to them", SMALLER)
def memorise_images(videos: ImageVideos, settings: ImageSettings, *, frames: int, permuted: bool) -> MemorisedBehaviour:
    """Learn frames of a training video, unchanged, without penalty, and judge by the same.

    Args:
        videos: divided.
        settings: of the network.
        frames: how many, in a row.
        permuted: exchange their labels at random.

    Raises:
        TrainingError: nowhere are so many judged frames with two answers, or settings that do not go together.
    """
    still = replace(
        settings, epochs=EPOCHS, patience=EPOCHS, minutes=None, dropout=0.0, weight_decay=0.0, mirror=False, upside_down=False,
        average_mirrors=False, turns=False, shift=0.0, crop_area=1.0, brightness=0.0, window=frames, batch=frames, start_from=None,
    )  # fmt: skip
    training = videos.of("train")
    place, first = frames_to_learn([torch.from_numpy(targets_of(video.marks, exclusive=videos.exclusive)) for video in training], frames)
    few = training[place].between(first, first + frames, name="few")
    if permuted:
        few = replace(few, marks=few.marks[permutation(frames, settings.seed)])
    again: list[ImageVideo] = [replace(few, part="train", name=f"few {step}") for step in range(STEPS)]
    both = (*again, replace(few, part="validation"))
    with tempfile.TemporaryDirectory() as folder:
        trained = train_images(replace(videos, videos=both), still, Path(folder), say=lambda _: None, anew=True)
    logits = whole_logits(trained.network, [few])
    return judged(settings.network, logits, all_targets([few], exclusive=videos.exclusive), exclusive=videos.exclusive, permuted=permuted)
