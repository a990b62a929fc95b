"""How a bundle was trained, as far as a later verdict needs it: kept in the figures beside the bundle, and read from there."""

import json
import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import msgspec

from trainer.errors import ProjectError, TrainingError
from trainer.formats.empty_cells import Empty
from trainer.labels.labelled_frames import LabelledFrames
from trainer.project.files import picture_in
from trainer.project.renamings import read_renamings
from trainer.project.store import PROJECT_FILE, Project, open_project
from trainer.project.video_places import place_of_video
from trainer.scoring.correct_radius import FIGURES_FILE
from trainer.scoring.measure import NO_HISTORY
from trainer.scoring.next_commands import OF_LABELS, NextCommands
from trainer.scoring.taken_places import taken_beside
from trainer.video_files.endings import video_ending
from trainer.video_files.reader import VideoReader

logger = logging.getLogger(__name__)

MOST_LOOKED_AT = 200  # files beside the labelled videos
TRAINED_AS = "trained_as"  # key in the figures


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainedAs:
    """What a training was asked for, and what its network sees.

    Attributes:
        seen_px: source pixels for one pixel of the network's picture, of the points seen most coarsely; None where not known.
        points_seen_px: the same of each key point; empty in older figures.
        batch: pictures a step; None where not known.
        options: of `trainer fit`, besides labels, place and length, that were not the usual ones; with the weights that another training
            of the same labels may begin with.
        anew: these are not those that it began with itself, which had learnt from some of these labels.
        minutes: its longest time; None where it had none.
        epochs: how many it had where it had no longest time alone.
        most_minutes: its longest time beside the number of epochs.
        view: `crop` or `full`.
        finer_times: how many times its operations a network has that sees more pixels; None where points are seen finely, or not known.
        crops: how many parts of a picture it looks at.
    """

    seen_px: float | None = None
    points_seen_px: tuple[float, ...] = ()
    batch: int | None = None
    options: tuple[str, ...] = ()
    anew: bool = False
    minutes: float | None = None
    epochs: int = 40
    most_minutes: float | None = None
    view: str = "crop"
    finer_times: float | None = None
    crops: int = 1

    def points_seen(self, count: int) -> tuple[float, ...]:
        """Source pixels for one pixel of the network's picture, of each of `count` key points; empty where not known."""
        return self.points_seen_px or ((self.seen_px,) * count if self.seen_px is not None else ())

    def as_json(self) -> dict[str, Any]:
        """For the figures."""
        return asdict(self)


def read_trained_as(bundle: Path) -> tuple[TrainedAs, Mapping[str, Any]]:
    """How a bundle was trained, and the history of its training; nothing of both where its figures do not say.

    Args:
        bundle: its folder.
    """
    try:
        said = json.loads((bundle / FIGURES_FILE).read_bytes())
        history = said["history"]
        if not (isinstance(history["epochs"], list) and isinstance(history["batches"], list)):
            return TrainedAs(), NO_HISTORY
        return msgspec.convert(said[TRAINED_AS], TrainedAs), history
    except (OSError, ValueError, KeyError, TypeError):  # of an older training, copied without it, or damaged
        return TrainedAs(), NO_HISTORY


def option_as_trained(bundle: Path, option: str) -> str | None:
    """What an option was given in the training of a bundle; None where it was not given, or nothing is known of it.

    Args:
        bundle: its folder.
        option: with one value, such as `--empty`.
    """
    options = read_trained_as(bundle)[0].options
    return options[options.index(option) + 1] if option in options else None


def empty_as_trained(bundle: Path) -> Empty | None:
    """What an empty cell was said to mean in the training of a bundle; None where nobody said so, or nothing is known of it.

    Args:
        bundle: its folder.
    """
    said = option_as_trained(bundle, "--empty")
    return "hidden" if said == "hidden" else "unlabelled" if said == "unlabelled" else None


def target_as_trained(bundle: Path) -> float | None:
    """The error that the task was said to do with in the training of a bundle, in px; None where nobody said so, or nothing is known of it.

    Args:
        bundle: its folder.
    """
    options = read_trained_as(bundle)[0].options
    return float(options[options.index("--target-px") + 1]) if "--target-px" in options else None


def next_commands(
    data: Sequence[Path], bundle: Path, frames: LabelledFrames, trained: TrainedAs, *, history: Mapping[str, Any] = NO_HISTORY
) -> NextCommands:
    """What the next commands are given.

    Args:
        data: the labels, as they were named.
        bundle: its folder.
        frames: what was read from `data`.
        trained: how the bundle was trained.
        history: of its training, as a report has it.

    Raises:
        ProjectError: a damaged project among the data.
    """
    project = next((path for path in data if path.is_dir() and (path / PROJECT_FILE).is_file()), None)
    made = _made_of(frames, bundle.with_name(f"{bundle.name}{OF_LABELS}")) if project is None else None
    opened = open_project(project) if project is not None else made
    videos = _videos(frames)
    seconds = sum(float(row.get("seconds") or 0) for row in history["epochs"])
    if project is not None and opened is not None:
        for group, video in {frame.group: frame.video for frame in opened.frames if frame.group not in videos}.items():
            path = place_of_video(project, group, video)
            videos |= {} if path is None else {group: str(path)}
    return NextCommands(
        data=tuple(str(path) for path in data),
        bundle=str(bundle),
        project=str(project) if project is not None else None,
        made=made is not None,
        annotators=opened.annotators() if opened is not None else (),
        point_names=frames.point_names,
        videos=videos,
        used_up=_used_up(videos, frames, opened),
        taken=taken_beside(bundle),
        renamed=_renamings(project),
        unseen=_unseen(videos, frames, not_of=bundle),
        fit_options=trained.options,
        anew=trained.anew,
        minutes_taken=seconds / 60 or None,
        minutes=trained.minutes,
        epochs=trained.epochs,
        most_minutes=trained.most_minutes,
        view=trained.view,
        finer_times=trained.finer_times,
        crops=trained.crops,
    )


def _made_of(frames: LabelledFrames, folder: Path) -> Project | None:
    """The labelling project that was made of these labels beside the bundle; None where none is there, or one of others."""
    try:
        project = open_project(folder) if (folder / PROJECT_FILE).is_file() else None
    except ProjectError:  # damaged, which the command says that works on it
        return None
    images = {picture_in(group, number) for group, number in zip(frames.group, frames.order.tolist(), strict=True)}
    known = {frame.image for frame in project.frames} if project is not None else set()
    return project if images & known else None


def _renamings(project: Path | None) -> Mapping[str, int]:
    """How often points of each video were renamed in a labelling project."""
    try:
        return {group: len(done) for group, done in read_renamings(project).items()} if project is not None else {}
    except ProjectError:  # damaged, which the command says that works on it
        return {}


def _used_up(videos: Mapping[str, str], frames: LabelledFrames, project: Project | None) -> frozenset[str]:
    """Groups of which every frame of the video is among the labels or in the project, so that none is left to add."""
    images = {picture_in(group, number) for group, number in zip(frames.group, frames.order.tolist(), strict=True)}
    images |= {frame.image for frame in project.frames} if project is not None else set()
    there = Counter(PurePosixPath(image).parent for image in images)
    found = set()
    for group, path in videos.items():
        count = there[PurePosixPath(picture_in(group, 0)).parent]
        length = _length_of(Path(path))
        if length is not None and count >= length:
            found.add(group)
    return frozenset(found)


def _length_of(path: Path) -> int | None:
    """Frames of a video; None where only counting would tell."""
    try:
        with VideoReader(path) as video:
            return video.expected if video.exact else None
    except TrainingError:
        return None


def _videos(frames: LabelledFrames) -> dict[str, str]:
    """The video file of each group, where images are frames of a video, or lie as DeepLabCut has them: videos/ beside labeled-data/."""
    found = dict[str, str]()
    for group, image in zip(frames.group, frames.images, strict=True):
        if group in found:
            continue
        if image.frame is not None and image.dataset is None:
            found[group] = str(image.path)
            continue
        folder = image.path.parent.parent.parent / "videos"
        beside = sorted(path for path in folder.glob(f"{_literal(group)}.*") if path.is_file()) if folder.is_dir() else []
        if beside:
            found[group] = str(beside[0])
    return found


def _unseen(videos: Mapping[str, str], frames: LabelledFrames, *, not_of: Path) -> str | None:
    """The first video beside those labelled that is none of them and has their size, and on which nothing was drawn."""
    labelled, sizes = {Path(path).resolve() for path in videos.values()}, set(frames.own_sizes)
    for folder in sorted({Path(path).parent for path in videos.values()}):
        if not folder.is_dir():
            continue
        for path in sorted(folder.iterdir())[:MOST_LOOKED_AT]:
            mine = path.resolve() in labelled or path.stem in videos or path.name.startswith(f"{not_of.name}-")
            if not mine and video_ending(path.name) and path.is_file() and _undrawn_size(path) in sizes:
                return str(path)
    return None


def _undrawn_size(path: Path) -> tuple[int, int] | None:
    """(height, width) of a video; None where it cannot be opened, or says that it was drawn on another one."""
    try:
        with VideoReader(path) as video:
            return None if video.drawn else video.size
    except TrainingError:
        return None


def _literal(name: str) -> str:
    """A name in which glob finds no pattern."""
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in name)
