"""How a bundle was trained, as far as a later verdict needs it: kept in the figures beside the bundle, and read from there."""

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import msgspec

from trainer.errors import TrainingError
from trainer.formats.empty_cells import Empty
from trainer.labels.labelled_frames import LabelledFrames
from trainer.project.store import PROJECT_FILE, open_project
from trainer.project.video_places import place_of_video
from trainer.scoring.correct_radius import FIGURES_FILE
from trainer.scoring.measure import NO_HISTORY
from trainer.scoring.next_commands import NextCommands
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
        options: of `trainer fit`, besides labels, place and length, that were not the usual ones.
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


def empty_as_trained(bundle: Path) -> Empty | None:
    """What an empty cell was said to mean in the training of a bundle; None where nobody said so, or nothing is known of it.

    Args:
        bundle: its folder.
    """
    options = read_trained_as(bundle)[0].options
    said = options[options.index("--empty") + 1] if "--empty" in options else None
    return "hidden" if said == "hidden" else "unlabelled" if said == "unlabelled" else None


def next_commands(data: Sequence[Path], bundle: Path, frames: LabelledFrames, trained: TrainedAs) -> NextCommands:
    """What the next commands are given.

    Args:
        data: the labels, as they were named.
        bundle: its folder.
        frames: what was read from `data`.
        trained: how the bundle was trained.

    Raises:
        ProjectError: a damaged project.
    """
    project = next((path for path in data if path.is_dir() and (path / PROJECT_FILE).is_file()), None)
    opened = open_project(project) if project is not None else None
    videos = _videos(frames)
    if project is not None and opened is not None:
        for group, video in {frame.group: frame.video for frame in opened.frames if frame.group not in videos}.items():
            path = place_of_video(project, group, video)
            videos |= {} if path is None else {group: str(path)}
    return NextCommands(
        data=tuple(str(path) for path in data),
        bundle=str(bundle),
        project=str(project) if project is not None else None,
        annotators=opened.annotators() if opened is not None else (),
        point_names=frames.point_names,
        videos=videos,
        unseen=_unseen(videos, frames, not_of=bundle),
        fit_options=trained.options,
        minutes=trained.minutes,
        epochs=trained.epochs,
        most_minutes=trained.most_minutes,
        view=trained.view,
        finer_times=trained.finer_times,
        crops=trained.crops,
    )


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
    """The first video beside those labelled that is none of them and has their size, and was not drawn with this bundle."""
    labelled, sizes = {Path(path).resolve() for path in videos.values()}, set(frames.own_sizes)
    for folder in sorted({Path(path).parent for path in videos.values()}):
        if not folder.is_dir():
            continue
        for path in sorted(folder.iterdir())[:MOST_LOOKED_AT]:
            mine = path.resolve() in labelled or path.stem in videos or path.name.startswith(f"{not_of.name}-")
            if not mine and video_ending(path.name) and path.is_file() and _size_of(path) in sizes:
                return str(path)
    return None


def _size_of(path: Path) -> tuple[int, int] | None:
    """(height, width) of a video; None where it cannot be opened."""
    try:
        with VideoReader(path) as video:
            return video.size
    except TrainingError:
        return None


def _literal(name: str) -> str:
    """A name in which glob finds no pattern."""
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in name)
