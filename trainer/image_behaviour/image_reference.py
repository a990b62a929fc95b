"""Boosted trees on plain features of images: what a network must beat. They stay in the trainer, for no rig runs them."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated

import msgspec

from trainer.behaviour.boosted_trees import NAME, Rows, Threshold, check_parts, grow, probabilities_of
from trainer.behaviour.clips import targets_of
from trainer.behaviour.reference import decided, read_kept
from trainer.behaviour_scores.scored_video import ScoredVideo
from trainer.image_behaviour.image_videos import ImageVideo, ImageVideos
from trainer.image_behaviour.plain_features import DEFINITION, plain_features
from trainer.image_behaviour.settings import ImageSettings

MOST_CLASSES = 20


class ImageReference(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Trained trees, as they are kept beside a bundle.

    Attributes:
        features: which definition of the features they know.
        lags: frames back that they are told the difference to.
        memory: whether they are told what images were like before.
        exclusive: whether the classes exclude each other.
        class_names: of the answers; what is left over of exclusive ones comes last and has no name.
        thresholds: one for each class.
        models: LightGBM's own text: one for all exclusive answers, else one for each class.
    """

    features: int
    lags: tuple[Annotated[int, msgspec.Meta(ge=1)], ...]
    memory: bool
    exclusive: bool
    class_names: tuple[str, ...]
    thresholds: tuple[Threshold, ...]
    models: tuple[str, ...]

    def __post_init__(self) -> None:
        """Raise ValueError where parts contradict each other."""
        check_parts(self.class_names, self.thresholds, self.models, exclusive=self.exclusive)


def too_many_classes(names: Sequence[str]) -> str | None:
    """Why trees are not grown for these classes, a sentence; None where they are."""
    if len(names) <= MOST_CLASSES:
        return None
    return f"there is no reference to beat: {NAME} grows trees for every class by itself, which takes too long for {len(names)} of them"


def train_image_reference(videos: ImageVideos, settings: ImageSettings, *, say: Callable[[str], None]) -> ImageReference:
    """Learn from the training images; the number of rounds and the thresholds come from the validation images.

    Args:
        videos: divided.
        settings: of the network, which say what it sees of frames before, by which rule its thresholds are chosen, and the seed.
        say: told what is done.
    """
    say(f"training the reference: {NAME} on means and deviations of parts of the image")
    lags = settings.lags or ((1,) if settings.memory else ())
    parts = [
        (
            [_rows(video, lags, memory=bool(settings.memory)) for video in videos.of(part)],
            [targets_of(video.marks, exclusive=videos.exclusive) for video in videos.of(part)],
        )
        for part in ("train", "validation")
    ]
    trees = grow(parts[0], parts[1], exclusive=videos.exclusive, rule=settings.threshold, seed=settings.seed)
    return ImageReference(
        features=DEFINITION,
        lags=lags,
        memory=bool(settings.memory),
        exclusive=videos.exclusive,
        class_names=videos.class_names,
        thresholds=trees.thresholds,
        models=trees.models,
    )


def answers_to_images(reference: ImageReference, videos: Sequence[ImageVideo]) -> list[ScoredVideo]:
    """Every video as the trees decide it, in the reference's own order of classes."""
    answers = []
    for video in videos:
        rows = _rows(video, reference.lags, memory=reference.memory)
        found = probabilities_of(reference.models, rows, classes=len(reference.class_names), exclusive=reference.exclusive)
        answers.append(decided(reference, video, found))
    return answers


def read_image_reference(bundle: Path) -> ImageReference | None:
    """The trees beside a bundle; None where there are none.

    Raises:
        TrainingError: they are of other features, or the file is damaged.
    """
    return read_kept(bundle, ImageReference, definition=DEFINITION)


def _rows(video: ImageVideo, lags: Sequence[int], *, memory: bool) -> Rows:
    return plain_features(video.images, lags=lags, fps=video.fps, memory=memory)
