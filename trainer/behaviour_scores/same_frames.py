"""Answers that stand beside each other are scored on the same frames: what one of them cannot be scored on counts for none."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from trainer.behaviour_scores.scored_video import ScoredVideo
from trainer.ethogram.bouts import UNCURATABLE

Frames = Sequence[NDArray[np.bool_]]  # of every video, bool (frames,)


def silent_frames(*answers: Sequence[ScoredVideo]) -> list[NDArray[np.bool_]]:
    """Frames of every video to which any of these answers says nothing, as while a network warms up."""
    return [np.logical_or.reduce([video.silent for video in videos]) for videos in zip(*answers, strict=True)]


def without_frames(videos: Sequence[ScoredVideo], left_out: Frames) -> list[ScoredVideo]:
    """The same videos, not scored on some frames."""
    return [video.without(frames) if frames.any() else video for video, frames in zip(videos, left_out, strict=True)]


def shaped_as(videos: Sequence[ScoredVideo], answer: Sequence[ScoredVideo]) -> list[ScoredVideo]:
    """Another's labels of the same videos, with the classes and as many frames as the answer has; what is not there is not scored."""
    return [_shaped(video, like) for video, like in zip(videos, answer, strict=True)]


def _shaped(video: ScoredVideo, like: ScoredVideo) -> ScoredVideo:
    if video.class_names == like.class_names and len(video.truth) == len(like.truth):
        return video
    frames = min(len(video.truth), len(like.truth))
    truth, said = np.full(like.truth.shape, UNCURATABLE, np.int8), np.zeros(like.truth.shape, np.bool_)
    for place, name in enumerate(like.class_names):
        if name in video.class_names:
            column = video.class_names.index(name)
            truth[:frames, place], said[:frames, place] = video.truth[:frames, column], video.said[:frames, column]
    return replace(like, truth=truth, said=said, probabilities=None, to_network=None)


def judged_by_both(first: Sequence[ScoredVideo], second: Sequence[ScoredVideo]) -> tuple[list[ScoredVideo], list[ScoredVideo]]:
    """Two answers to the same labels, without the marks that are left out of either."""
    pairs = [(one.without(~other.judged), other.without(~one.judged)) for one, other in zip(first, second, strict=True)]
    return [one for one, _ in pairs], [other for _, other in pairs]


def left_out_sentence(name: str, videos: Sequence[ScoredVideo], left_out: Frames) -> str | None:
    """That a network says nothing in some of the judged frames, and how many of each class these are; None where there are none.

    Args:
        name: of the network.
        videos: with all labels.
        left_out: of each.
    """
    counts = np.sum([(video.true & frames[:, None]).sum(axis=0) for video, frames in zip(videos, left_out, strict=True)], axis=0)
    frames = sum(int((video.judged.any(axis=1) & out).sum()) for video, out in zip(videos, left_out, strict=True))
    judged = sum(int(video.judged.any(axis=1).sum()) for video in videos)
    if not frames:
        return None
    of_class = ", ".join(f"{count} of '{each}'" for each, count in zip(videos[0].class_names, counts.tolist(), strict=True) if count)
    return (
        f"{name} says nothing in {frames} of {judged} judged frames, while it warms up, or since the video ends before its answer"
        f"{f' ({of_class})' if of_class else ''}: "
        "they are left out of every answer's scores"
    )
