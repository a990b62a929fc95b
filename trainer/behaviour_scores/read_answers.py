"""Files of labels and files of answers, paired by their order."""

from collections.abc import Sequence
from pathlib import Path

from trainer.behaviour_scores.probability_file import read_probabilities
from trainer.behaviour_scores.scored_video import Decide, ScoredVideo, against_labels, against_probabilities
from trainer.errors import LabelError, TrainingError
from trainer.ethogram.bouts import Ethogram
from trainer.ethogram.files import read_ethograms
from trainer.ethogram.read_options import ReadOptions


def read_answers(
    labels: Sequence[Path], found: Sequence[Path], *, asked: ReadOptions, threshold: float | None
) -> tuple[list[ScoredVideo], list[str]]:
    """Read both sides of every video.

    Args:
        labels: what is taken as true.
        found: what is scored: labels, or probabilities where a threshold is given.
        asked: what the files do not say.
        threshold: above which a class that others may overlap is on; None for labels.

    Returns:
        The videos, and what was mended or left out.

    Raises:
        LabelError: a file that cannot be read, or not one for each.
        TrainingError: two that do not belong together, or videos with different classes.
    """
    if len(labels) != len(found):
        raise LabelError(f"{len(labels)} files of labels and {len(found)} of answers; give one for each, in the same order")
    videos: list[ScoredVideo] = []
    notes: list[str] = []
    for one, other in zip(labels, found, strict=True):
        truth, said = _only(one, asked)
        notes += said
        name = one.name if [path.name for path in labels].count(one.name) == 1 else str(one)
        if threshold is None:
            answer, said = _only(other, asked)
            notes += said
            video, said = against_labels(truth, answer, name=name)
        else:
            table = read_probabilities(other, asked.class_names or truth.class_names)
            decide = Decide(exclusive=table.exclusive, thresholds=(threshold,) * len(table.class_names))
            video, said = against_probabilities(truth, table.probabilities, table.class_names, name=name, decide=decide)
        notes += said
        videos.append(video)
    strange = next((video for video in videos if video.class_names != videos[0].class_names), None)
    if strange is not None:
        raise TrainingError(
            f"{strange.name}: has the classes {', '.join(strange.class_names)}, {videos[0].name} {', '.join(videos[0].class_names)}; "
            "expected the same in all videos"
        )
    return videos, notes


def _only(path: Path, asked: ReadOptions) -> tuple[Ethogram, list[str]]:
    """The one ethogram of a file."""
    reading = read_ethograms(path, asked)
    if len(reading.ethograms) > 1:
        parts = "; ".join(one.title for one in reading.ethograms)
        raise LabelError(f"{path}: holds {len(reading.ethograms)} sets of labels ({parts}); choose one with --channel, or split the file")
    return reading.ethograms[0], list(reading.mended)
