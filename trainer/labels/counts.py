"""How often each key point is labelled, in each video and in each part of a split, before anything is trained on it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.table import Table

from trainer.labels.labelled_frames import LabelledFrames

MOST_VIDEOS = 12  # rows of the table; what follows is one row
FEW = 5  # placed labels of a point; a part with fewer says nothing about it
OF_BLOCKS = "label more frames that show them, or hold out another block (--fold, from 0) or a whole video (--hold-out)"
OF_OWN_SPLIT = "a tenth of a synthetic set is held out: write a larger one (`trainer synth --count`)"
UNLIKE = 3.0  # a point so many times rarer in one part than in another makes their errors hard to compare


@dataclass(frozen=True, slots=True, kw_only=True)
class PointCount:
    """Of one key point in some frames: animals in which it is placed, hidden, or neither although the animal is labelled."""

    placed: int
    hidden: int
    unlabelled: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PartCount:
    """Of one part: how many frames, how many of each video and tag, and each point by name."""

    frames: int
    videos: dict[str, int]
    tags: dict[str, int]
    points: dict[str, PointCount]

    def as_json(self) -> dict[str, Any]:
        """The same for programs."""
        points = {name: {"placed": one.placed, "hidden": one.hidden, "unlabelled": one.unlabelled} for name, one in self.points.items()}
        return {"frames": self.frames, "videos": self.videos, "tags": self.tags, "points": points}


Parts = Mapping[str, NDArray[np.int64]]  # indices of frames by the name of the part


def count_labels(frames: LabelledFrames) -> PartCount:
    """Count all frames."""
    placed = ~np.isnan(frames.points[..., 0])
    there = np.asarray((placed | frames.hidden).any(axis=2))
    return PartCount(
        frames=len(frames),
        videos={name: frames.group.count(name) for name in dict.fromkeys(frames.group)},
        tags={tag: sum(tag in own for own in frames.tags) for tag in sorted(frozenset[str]().union(*frames.tags))},
        points={
            name: PointCount(
                placed=int(placed[..., place].sum()),
                hidden=int(frames.hidden[..., place].sum()),
                unlabelled=int((there & ~placed[..., place] & ~frames.hidden[..., place]).sum()),
            )
            for place, name in enumerate(frames.point_names)
        },
    )


def count_parts(frames: LabelledFrames, parts: Parts) -> dict[str, PartCount]:
    """Count each part that has frames."""
    return {name: count_labels(frames.subset(indices)) for name, indices in parts.items() if len(indices)}


def counts_table(counts: Mapping[str, PartCount]) -> Table:
    """Rows of points, then of videos and tags; a column for each part."""
    table = Table(box=None, pad_edge=False)
    table.add_column("")
    for name, part in counts.items():
        table.add_column(f"{name}: {part.frames} frames", justify="right")
    for point in next(iter(counts.values())).points:
        table.add_row(point, *(_told(part.points[point]) for part in counts.values()))
    for kind in ("video", "tag"):
        _add_names(table, kind, [part.videos if kind == "video" else part.tags for part in counts.values()])
    return table


def lopsided_parts(counts: Mapping[str, PartCount], *, own_split: bool = False) -> Iterator[str]:
    """One sentence for each point and tag that one part has too little of.

    Args:
        counts: of each part.
        own_split: the labels themselves say which frames are held out, as a synthetic set's do.
    """
    remedy = OF_OWN_SPLIT if own_split else OF_BLOCKS
    most = {name: max(part.points[name].placed for part in counts.values()) for name in next(iter(counts.values())).points}
    for part_name, part in counts.items():
        few = [f"'{name}' ({part.points[name].placed})" for name in most if part.points[name].placed < FEW <= most[name]]
        if few:
            yield (f"{part_name}: too few labels of {', '.join(few)} to say how well they are found; {remedy}")
        rare = [
            f"'{name}' ({_share(part, name):.0%} of the frames, elsewhere {other:.0%})"
            for name in most
            if part.points[name].placed >= FEW and (other := _elsewhere(counts, part_name, name)) > UNLIKE * _share(part, name)
        ]
        if rare:
            yield f"{part_name}: shows {', '.join(rare)} far more seldom than the rest; its error is that of other frames"
        absent = [tag for tag in _all_tags(counts) if not part.tags.get(tag)]
        if absent:
            yield f"{part_name}: has no frame with the tag {', '.join(absent)}"


def _told(count: PointCount) -> str:
    more = [f"{number} {word}" for number, word in ((count.hidden, "hidden"), (count.unlabelled, "not labelled")) if number]
    return f"{count.placed}" + (f" ({', '.join(more)})" if more else "")


def _add_names(table: Table, kind: str, parts: Sequence[Mapping[str, int]]) -> None:
    """A row for each video or tag, the most frequent first, and one for those that would make the table long."""
    names = sorted({name for part in parts for name in part}, key=lambda name: -sum(part.get(name, 0) for part in parts))
    shown = names if len(names) <= MOST_VIDEOS else names[: MOST_VIDEOS - 1]
    for name in shown:
        table.add_row(f"{kind} {name}", *(str(part.get(name, 0)) for part in parts))
    if left := names[len(shown) :]:
        table.add_row(f"{len(left)} other {kind}s", *(str(sum(part.get(name, 0) for name in left)) for part in parts))


def _share(part: PartCount, name: str) -> float:
    return part.points[name].placed / part.frames


def _elsewhere(counts: Mapping[str, PartCount], part_name: str, name: str) -> float:
    return max((_share(part, name) for other, part in counts.items() if other != part_name), default=0.0)


def _all_tags(counts: Mapping[str, PartCount]) -> list[str]:
    return sorted({tag for part in counts.values() for tag in part.tags})
