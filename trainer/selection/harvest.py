"""From a recorded session to a labelling project: frames of which the rig itself was unsure, with what it saw in them as proposals."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track

from tracker.frame import Image
from trainer.errors import TrainingError
from trainer.project.proposals import Proposal, add_proposals, guess_within
from trainer.project.store import Project
from trainer.project.video_places import remember_videos
from trainer.selection.candidates import Candidates, Examine, Span, change_and_noise
from trainer.selection.outcome import SelectionSettings
from trainer.selection.recorded_poses import RecordedPoses
from trainer.selection.session_videos import SessionVideos
from trainer.selection.thumbnail import Grey, image_small_grey, thumbnail
from trainer.selection.uncertainty import Sign

LOOKED_AT = 2_000  # frames of a session that are decoded at most; a night has millions
PER_FRAME = 8  # of them for each that is wanted
BINS = 4  # of time, for each that is wanted: one bad minute cannot fill the pool
COMPARED = 3  # frames of the project, by which another session of the same name is told


@dataclass(frozen=True, slots=True, kw_only=True)
class Harvest:
    """What of a session may be chosen: frames to decode, and how sure the rig was of them.

    Attributes:
        places: int64 (n), ascending.
        signs: of uncertainty, with an amount for each; empty where the rig's poses do not decide.
        count: how many of them are wanted.
    """

    places: NDArray[np.int64]
    signs: Sequence[Sign]
    count: int


def pools(videos: SessionVideos, poses: Sequence[RecordedPoses], settings: SelectionSettings, *, by_poses: bool) -> list[Harvest]:
    """Which frames are worth decoding: the least sure ones of each stretch of time, or frames at equal distances.

    Args:
        videos: of the session.
        poses: of the session, as the project names the points.
        settings: what is asked for.
        by_poses: whether the rig's own uncertainty decides.

    Raises:
        TrainingError: no frame lies in the span, or none of them has a pose.
    """
    allowed = _in_span(videos, settings.span)
    if not by_poses:
        return [Harvest(places=_evenly(np.flatnonzero(allowed), LOOKED_AT), signs=(), count=settings.count)]
    inside = [each.at_places(allowed[each.places]) for each in poses]
    inside = [each for each in inside if len(each.places)]
    if not inside:
        raise TrainingError(f"{videos.session.folder}: no frame in the span has a pose of a point that the project labels")
    counts = _shared_out(settings.count, [len(each.places) for each in inside])
    return [_least_sure(each, videos.seconds, count) for each, count in zip(inside, counts, strict=True) if count]


def look(videos: SessionVideos, harvest: Harvest, span: Span, *, examine: Examine | None, console: Console | None) -> Candidates:
    """Decode what is worth it, each frame with the one before it, from which noise and motion are told.

    Args:
        videos: of the session.
        harvest: which frames.
        span: by which part of the view they are compared.
        examine: shown every frame with its place and the frame before it, at full size.
        console: where the progress bar is drawn, None for nowhere.

    Raises:
        LabelError: a video is missing or damaged.
    """
    seen = [_look(videos, place, span, examine) for place in _progress(harvest.places.tolist(), console)]
    thumbnails, motion, change, noise = zip(*seen, strict=True)
    return Candidates(
        numbers=harvest.places,
        seconds=videos.seconds[harvest.places],
        thumbnails=np.stack(thumbnails),
        motion=np.array(motion, np.float32),
        change=np.array(change, np.float32),
        noise=np.array(noise, np.float32),
        stamps=np.empty(0, np.int64),
        step=1,
        whole=True,
    )


def add_to_project(project: Project, videos: SessionVideos, chosen: Sequence[tuple[int, str]]) -> None:
    """Copy frames into the project, losslessly, under their number in their own video file.

    Args:
        project: into which.
        videos: of the session.
        chosen: place, and why.

    Raises:
        ProjectError: the project has other pictures under these numbers, or cannot be written.
        LabelError: a video is missing or damaged.
    """
    why = dict(chosen)
    for segment, places in videos.by_segment([place for place, _ in chosen]):
        group = segment.group_in(project)
        for reason in dict.fromkeys(why[place] for place in places):
            numbers = [place for place in places if why[place] == reason]
            images = ((place - segment.first, videos.image(place)) for place in numbers)
            project.add_frames(segment.path, images, why=reason, group=group)
        remember_videos(project.folder, {group: segment.path})


def refuse_other_session(project: Project, videos: SessionVideos, places: NDArray[np.int64]) -> None:
    """Two sessions may have one name in two folders; the pictures of frames that the project has tell them apart.

    Raises:
        TrainingError: the project has frames beyond the end.
        ProjectError: the pictures differ.
    """
    if places.size and places[-1] >= len(videos):
        raise TrainingError(
            f"{project.folder}: has frame {places[-1]} of {videos.name}, but {videos.session.folder} has {len(videos)} frames; is it "
            "another session of the same name? rename one of the two"
        )
    add_to_project(project, videos, [(place, "") for place in places[:COMPARED].tolist()])


def image_in(project: Project, videos: SessionVideos, place: int) -> str:
    """The project's picture of a session's frame, which it has."""
    segment = videos.segment_of(place)
    group, number = segment.group_in(project), place - segment.first
    return next(frame.image for frame in project.frames if frame.group == group and frame.frame == number)


def propose(project: Project, videos: SessionVideos, poses: Sequence[RecordedPoses], places: Sequence[int]) -> set[str]:
    """Keep what the rig saw in these frames as proposals; frames without a pose get none.

    Returns:
        The images for which there is one.

    Raises:
        ProjectError: the project cannot be written.
    """
    found: dict[str, Proposal] = {}
    for segment, mine in videos.by_segment(places):
        image_of = {frame.frame: frame.image for frame in project.frames if frame.group == segment.group_in(project)}
        for place in mine:
            image = image_of[place - segment.first]
            for each in poses:
                row = int(np.searchsorted(each.places, place))
                if row < len(each.places) and each.places[row] == place:
                    found[image] = _proposal(each, row, project.image_size(image))
    add_proposals(project.folder, found)
    return set(found)


def known_points(project: Project, videos: SessionVideos, poses: Sequence[RecordedPoses]) -> tuple[list[RecordedPoses], list[str]]:
    """The poses as the project names their points, and the names that it does not label.

    Raises:
        TrainingError: it labels none of them.
    """
    names = list(dict.fromkeys(name for each in poses for name in each.point_names))
    unknown = [name for name in names if name not in project.point_names]
    if names and len(unknown) == len(names):
        raise TrainingError(
            f"{videos.session.folder}: the rig found {', '.join(names)}, of which {project.folder} labels none "
            f"({', '.join(project.point_names)}); give another --project"
        )
    return [each.of_points(project.point_names) for each in poses if set(each.point_names) - set(unknown)], unknown


def _least_sure(poses: RecordedPoses, seconds: NDArray[np.float64], count: int) -> Harvest:
    """Of every stretch of time the frame that shows each sign most, the worst of them first, and those least sure by all signs together."""
    signs = poses.signs()
    at_s = seconds[poses.places]
    span_s = max(float(at_s[-1] - at_s[0]), np.finfo(np.float64).tiny)
    most = min(LOOKED_AT, PER_FRAME * count)
    bins = np.minimum((at_s - at_s[0]) / span_s * (BINS * count), BINS * count - 1).astype(np.int64)
    share = max(BINS, most // (2 * len(signs)))
    kept: set[int] = set()
    for sign in signs:
        worst = _worst_of_each(sign.excess, bins)
        kept.update([index for index in worst if sign.shown_by(index)][:share])
    ranks = np.sum([_rank(sign.amount) for sign in signs], axis=0)
    kept.update(_worst_of_each(ranks, bins)[: max(0, most - len(kept))])
    rows = np.array(sorted(kept), np.int64)
    return Harvest(places=poses.places[rows], signs=[replace(sign, amount=sign.amount[rows]) for sign in signs], count=count)


def _worst_of_each(amount: NDArray[np.float64], bins: NDArray[np.int64]) -> list[int]:
    """The index of the largest amount in each bin, the largest of all first."""
    order = np.lexsort((-amount, bins))
    _, first = np.unique(bins[order], return_index=True)
    found = order[first]
    ordered: list[int] = found[np.argsort(-amount[found], kind="stable")].tolist()
    return ordered


def _rank(amount: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.argsort(np.argsort(amount, kind="stable"), kind="stable").astype(np.float64)


def _in_span(videos: SessionVideos, span: Span) -> NDArray[np.bool_]:
    allowed = (videos.seconds >= span.start_s) & (videos.seconds <= (np.inf if span.end_s is None else span.end_s))
    if not allowed.any():
        raise TrainingError(
            f"{videos.session.folder}: no frame from {span.start_s:g} s on, it lasts {videos.seconds[-1]:.2f} s; choose an earlier --start"
        )
    if span.step is not None:
        allowed[np.flatnonzero(allowed)[np.arange(allowed.sum()) % span.step != 0]] = False
    return allowed


def _evenly(places: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    return places if len(places) <= most else places[np.linspace(0, len(places) - 1, most).round().astype(np.int64)]


def _shared_out(count: int, sizes: Sequence[int]) -> list[int]:
    """Shares of `count` in proportion to sizes, the larger remainders first."""
    exact = np.array(sizes) * count / sum(sizes)
    shares = np.floor(exact).astype(int)
    for index in np.argsort(shares - exact, kind="stable")[: count - int(shares.sum())]:
        shares[index] += 1
    return [int(share) for share in shares]


def _look(videos: SessionVideos, place: int, span: Span, examine: Examine | None) -> tuple[Grey, float, float, float]:
    before: Image | None = None if videos.begins_a_video(place) else videos.image(place - 1)
    image = videos.image(place)
    if examine is not None:
        examine(place, image, before)
    small = image_small_grey(image, span.region)
    if before is None:
        return thumbnail(small), 0.0, np.nan, np.nan
    earlier = image_small_grey(before, span.region)
    return thumbnail(small), float(np.abs(small - earlier).mean()), *change_and_noise(thumbnail(small) - thumbnail(earlier))


def _proposal(poses: RecordedPoses, row: int, size: tuple[int, int]) -> Proposal:
    animals = [
        guess_within({name: (x, y, sure) for name, (x, y, sure) in zip(poses.point_names, animal, strict=True)}, size)
        for animal in poses.points[row].tolist()
    ]
    return Proposal(by=poses.bundle, animals=[animal for animal in animals if animal])


def _progress(places: Sequence[int], console: Console | None) -> Iterable[int]:
    return places if console is None else track(places, description="looking at the session", console=console)
