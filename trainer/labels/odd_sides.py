"""Left and right points that lie the other way round than usual: in single frames, or in whole videos."""

import shlex
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import bdtrc  # type: ignore[import-untyped]

from trainer.labels.beside_pair import beside, steadiness
from trainer.labels.label_finding import LabelFinding, OddPair, image_name
from trainer.labels.labelled_frames import LabelledFrames
from trainer.labels.mirror import Pairs, order_of, said_pairs, sides_of
from trainer.labels.sides_by_place import nameless_sides

LEAST_FRAMES = 10  # no statistics on fewer
ONE_HANDED = 0.9  # where left is on one side in so many frames, the others are suspects; seen from the side both occur
# The chance that so many frames of a video agree where either side is as likely: ten of ten are enough, nine of nine are not. A set in
# which the animal is seen from both sides would have to meet it twice, once on either side.
CHANCE = 0.001
MOST = 0.5  # of the labelled pairs are in videos that agree within themselves; else the animal is seen from both sides
SEEN_OFTEN = 0.9  # of the frames in which any other point is labelled with the pair: what is rarely labelled tells of few
NAMED = 3  # videos in a sentence about several

Signs = NDArray[np.float64]  # (n, A): 1 or -1, the side of a pair; 0 or NaN where it has none


@dataclass(slots=True, kw_only=True)
class _Division:
    """Videos on either side of some pairs of points.

    Attributes:
        pairs: names, in the order of the points.
        side: 1 or -1 for each video that is surely on one side.
    """

    pairs: list[tuple[str, str]]
    side: dict[str, float]

    def takes(self, pair: tuple[str, str], side: Mapping[str, float]) -> bool:
        """Add a pair whose videos are divided alike; False where they are not."""
        turned = {self.side[video] * own for video, own in side.items() if video in self.side}
        if len(turned) != 1:
            return False
        self.pairs.append(pair)
        self.side |= {video: own * next(iter(turned)) for video, own in side.items()}
        return True


def odd_sides(frames: LabelledFrames, *, said: Pairs | None = None) -> list[LabelFinding]:
    """Videos that have left and right the other way round than others, then frames that have it otherwise than nearly all others.

    Of pairs that are told by names, that somebody has named, and that lie as left and right do. The side is that on which another
    point, or the middle of another pair, lies that is most steadily beside the line through the pair.

    Args:
        frames: all labels.
        said: pairs that were asked for; a point paired with itself has no side.

    Raises:
        LabelError: a pair names an unknown point.
    """
    given = said_pairs(said, frames.pairs)
    sides = sides_of(frames.point_names, said=given)
    order = order_of(frames.point_names, (*sides.pairs, *nameless_sides(frames, sides, said=given)))
    pairs = [(point, partner) for point, partner in enumerate(order) if point < partner]
    groups = np.array(frames.group)
    divided, found = list[_Division](), list[LabelFinding]()
    for left, right in pairs:
        names = (frames.point_names[left], frames.point_names[right])
        signs = np.sign(_side(frames.points, order, left))
        side = _opposite(signs, groups)
        if not side:
            found += _other_than_usual(frames, signs, names, chosen=np.arange(len(frames)), of="the frames")
            continue
        if not any(one.takes(names, side) for one in divided):
            divided.append(_Division(pairs=[names], side=dict(side)))
        for video in side:
            found += _other_than_usual(frames, signs, names, chosen=np.flatnonzero(groups == video), of=f"the frames of '{video}'")
    counts = Counter(frames.group)
    return [*(LabelFinding(kind="other side", sentence=_sentence(one, counts)) for one in divided), *found]


def _opposite(signs: Signs, groups: NDArray[np.str_]) -> dict[str, float]:
    """The side of each video that is surely on one; nothing where all are on the same, or most are on none."""
    found, held = dict[str, float](), 0
    for video in dict.fromkeys(groups.tolist()):
        own = _known(signs[groups == video])
        usual = float(np.sign(own.sum()))
        agree = int((own == usual).sum())
        if agree >= ONE_HANDED * len(own) and bdtrc(agree - 1, len(own), 0.5) < CHANCE:
            found[video] = usual
            held += len(own)
    return found if len(set(found.values())) == 2 and held >= MOST * len(_known(signs)) else {}


def _other_than_usual(
    frames: LabelledFrames, signs: Signs, names: tuple[str, str], *, chosen: NDArray[np.int64], of: str
) -> Iterator[LabelFinding]:
    """Frames among some in which a pair lies the other way round than in nearly all of them."""
    own = _known(signs[chosen])
    usual = float(np.sign(own.sum()))
    share = float(np.mean(own == usual)) if len(own) >= LEAST_FRAMES else 0.0
    if share < ONE_HANDED:
        return
    pair = OddPair(
        names=f"'{names[0]}' and '{names[1]}'",
        than=f"than in {_share_below_all(share)} of {of}",
        look="look whether they are swapped",
    )
    for frame in chosen[(signs[chosen] == -usual).any(axis=1)].tolist():
        image = frames.images[frame]
        said = f"{image_name(image)}: {pair.names} lie the other way round {pair.than}; {pair.look}"
        yield LabelFinding(kind="mirrored", sentence=said, frame=frame, image=image, of_pair=pair)


def _sentence(divided: _Division, counts: Mapping[str, int]) -> str:
    """Which videos are on which side, the fewer frames first, and what to do."""
    sides = [[video for video, side in divided.side.items() if side == one] for one in (1.0, -1.0)]
    few, many = sorted(sides, key=lambda videos: sum(counts[video] for video in videos))
    points = [f"{one}:{other}" for pair in divided.pairs for one, other in (pair, pair[::-1])]
    command = f"trainer project rename PROJECT --video VIDEO --points {shlex.join(points)}"
    named = ", ".join(f"'{one}' and '{other}'" for one, other in divided.pairs)
    return (
        f"{named} lie the other way round in {_videos(few, counts)} than in {_videos(many, counts)}, and the same way within each video: "
        "either left and right are exchanged in one of the two, or one was filmed from below or in a mirror and the other was not; look at "
        f"a frame of each; where they are exchanged, `{command}` puts them right; where the animal is seen from the other side, leave them"
    )


def _videos(names: Sequence[str], counts: Mapping[str, int]) -> str:
    said = ", ".join(f"'{name}' ({counts[name]} frames)" for name in names[:NAMED])
    return said + (f" and {len(names) - NAMED} more" if len(names) > NAMED else "")


def _known(signs: Signs) -> Signs:
    """(m,): those of animals that have a side."""
    return signs[~np.isnan(signs)]


def _share_below_all(share: float) -> str:
    """A share in percent that is never rounded to all, since some are otherwise."""
    return f"{share:.0%}" if share < 0.995 else f"{min(share, 0.999):.1%}"


def _side(points: NDArray[np.float64], order: Sequence[int], left: int) -> NDArray[np.float64]:
    """(n, A) px: how far the rest of the animal lies on one side of the line from a point to its partner, negative on the other."""
    one, other = points[:, :, left], points[:, :, order[left]]
    rest = [(point, partner) for point, partner in enumerate(order) if point <= partner and point != left]
    found = [beside(one, other, (points[:, :, point] + points[:, :, partner]) / 2) for point, partner in rest]
    known = [int((~np.isnan(distances)).sum()) for distances in found]
    often = [distances for distances, count in zip(found, known, strict=True) if count >= SEEN_OFTEN * max(known)]
    return max(often, key=steadiness, default=np.full(points.shape[:2], np.nan))
