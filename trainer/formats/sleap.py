"""Labels of SLEAP (.slp, .pkg.slp), through sleap-io, which knows every version of the format."""

import logging
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import sleap_io  # type: ignore[import-untyped]
from numpy.typing import NDArray

from trainer.errors import LabelError
from trainer.labels.assemble import LabelRow, assemble
from trainer.labels.images import ImageRef
from trainer.labels.labelled_frames import LabelledFrames
from trainer.labels.missing_images import REMEDY, LeftOut, MissingImageError
from trainer.labels.moved_files import file_name, find_moved
from trainer.video_files.endings import find_video, video_ending

logger = logging.getLogger(__name__)

# What HDF5 and the JSON inside it raise on a damaged file, tried with truncated and bit-flipped ones.
_DAMAGED = (OSError, KeyError, ValueError, RuntimeError, IndexError, TypeError, AttributeError)


def read_sleap(path: Path, media: Sequence[Path] = (), left_out: LeftOut | None = None) -> LabelledFrames:
    """Read a SLEAP file. A point that a person marked as not visible is hidden, wherever it was left, and how many are is said.

    SLEAP puts every point of a new animal somewhere and leaves it there when it is marked as not visible, and learns
    nothing from where it lies.

    Frames labelled by hand are taken; predictions only where the file has nothing else, as proof-read files do. Where
    every animal has a track, and there are no more tracks than animals, each track has a row of its own; otherwise rows
    are in the order of the file.

    Args:
        path: the file.
        media: folders in which its videos and images are looked for first.
        left_out: counts labelled frames without an image; without it they are refused.

    Raises:
        LabelError: damaged, several skeletons, a track with two animals in a frame, or a video that is neither where
            the file says, nor in `media`, nor beside the file or in a folder `videos` there.
    """
    labels = _load(path)
    frames = _chosen(labels, path)
    skeletons = {id(instance.skeleton): instance.skeleton for _, instances in frames for instance in instances}
    if len(skeletons) != 1:
        raise LabelError(f"{path}: uses {len(skeletons)} skeletons; expected labelled frames of one")
    skeleton = next(iter(skeletons.values()))
    groups = _group_names(labels)
    tracks = _tracks(path, labels, frames)
    places = {id(track): row for row, track in enumerate(tracks)}
    near = [*media, *(folder / below for folder in (path.parent, path.absolute().parent.parent) for below in ("", "videos"))]
    rows = []
    for frame, instances in frames:
        group = groups[id(frame.video)]
        try:
            image = _image(path, frame, near)
        except MissingImageError as problem:
            if left_out is None:
                raise
            left_out.add(problem, group=group, name=str(int(frame.frame_idx)))
            continue
        rows.append(_row(path, frame, instances=instances, image=image, group=group, places=places))
    if left_out is not None:
        left_out.refuse_nothing_left(str(path), left=len(rows))
    _say_invisible(path, [instance for _, instances in frames for instance in instances])
    pairs = tuple((str(one), str(other)) for one, other in skeleton.edge_names)
    names = tuple(map(str, skeleton.node_names))
    symmetries = tuple(_in_order_of(names, symmetry) for symmetry in skeleton.symmetries if len(symmetry.nodes) == 2)
    animal_names = tuple(str(track.name) for track in tracks)
    return assemble(rows, source=str(path), point_names=names, skeleton=pairs, animal_names=animal_names, pairs=symmetries)


def _in_order_of(names: tuple[str, ...], symmetry: Any) -> tuple[str, str]:
    """The two nodes of a symmetry, which is a set."""
    one, other = sorted((str(node.name) for node in symmetry.nodes), key=names.index)
    return one, other


def _load(path: Path) -> Any:
    try:
        return sleap_io.load_slp(str(path), open_videos=False)
    except _DAMAGED as problem:
        reason = " ".join(str(problem).split())
        raise LabelError(f"{path}: cannot be read as a SLEAP file ({reason}); it is empty, cut off or damaged: copy it again") from problem


def _chosen(labels: Any, path: Path) -> list[tuple[Any, list[Any]]]:
    """Labelled frames, each with its instances."""
    by_hand = [(frame, list(frame.user_instances)) for frame in labels.labeled_frames]
    predicted = [(frame, list(frame.predicted_instances)) for frame in labels.labeled_frames]
    filled = [pair for pair in by_hand if pair[1]]
    if not filled:
        filled = [pair for pair in predicted if pair[1]]
        logger.warning("%s: nothing is labelled by hand; predictions are taken as labels: frames=%d", path, len(filled))
    if not filled:
        raise LabelError(f"{path}: holds no labelled frame; label some frames first")
    return filled


def _tracks(path: Path, labels: Any, frames: list[tuple[Any, list[Any]]]) -> list[Any]:
    """The tracks in use, in the file's order; none unless every labelled animal of a file with several is on one.

    A file of one animal needs none: a tracker that lost it gives it a track anew each time.
    """
    used = [[instance.track for instance in instances] for _, instances in frames]
    if max(map(len, used)) == 1 or any(track is None for tracks in used for track in tracks):
        return []
    for (frame, _), tracks in zip(frames, used, strict=True):
        if len({id(track) for track in tracks}) < len(tracks):
            raise LabelError(f"{_where(path, frame)}: a track has two animals; expected each track once in a frame: take one animal off it")
    together = {id(track) for tracks in used for track in tracks}
    most = max(map(len, used))
    if len(together) > most:
        logger.warning(
            "%s: has more tracks than animals at a time, so a track is not an animal: tracks=%d animals=%d", path, len(together), most
        )
        return []
    return [track for track in labels.tracks if id(track) in together]


def _where(path: Path, frame: Any) -> str:
    return f"{path}: frame {int(frame.frame_idx)} of {file_name(_written(frame.video))}"


def _row(path: Path, frame: Any, *, instances: list[Any], image: ImageRef, group: str, places: dict[int, int]) -> LabelRow:
    rows = [places[id(instance.track)] for instance in instances] if places else list(range(len(instances)))
    points = np.full((len(places) or len(rows), len(instances[0].points), 2), np.nan)
    points[rows] = [np.asarray(instance.numpy(), np.float64) for instance in instances]
    hidden = np.zeros(points.shape[:2], bool)
    hidden[rows] = [_hidden(instance) for instance in instances]
    return LabelRow(
        where=_where(path, frame),
        image=image,
        group=group,
        name=image.path.name,
        number=int(frame.frame_idx),
        points=points,
        hidden=hidden,
    )


def _hidden(instance: Any) -> NDArray[np.bool_]:
    """Which points a person turned off: not visible, and either placed before or marked as completed; bool (K,)."""
    if isinstance(instance, sleap_io.PredictedInstance):
        return np.zeros(len(instance.points), bool)
    return np.asarray(_invisible(instance) | (~instance.points["visible"] & instance.points["complete"]), bool)


def _invisible(instance: Any) -> NDArray[np.bool_]:
    """Which points lie somewhere and are marked as not visible, bool (K,)."""
    return np.asarray(~instance.points["visible"] & ~np.isnan(instance.points["xy"]).any(axis=1), bool)


def _say_invisible(path: Path, instances: Sequence[Any]) -> None:
    by_hand = (instance for instance in instances if not isinstance(instance, sleap_io.PredictedInstance))
    count = sum(int(_invisible(instance).sum()) for instance in by_hand)
    if count:
        logger.warning("%s: points that are marked as not visible are taken as hidden, wherever they were left: points=%d", path, count)


def _image(path: Path, frame: Any, near: Sequence[Path]) -> ImageRef:
    video, number = frame.video, int(frame.frame_idx)
    if video.backend_metadata.get("has_embedded_images"):
        return ImageRef(path=path, frame=number, dataset=str(video.backend_metadata["dataset"]))
    where = _where(path, frame)
    if isinstance(video.filename, list):
        if number >= len(video.filename):
            raise LabelError(f"{where}: the video is a list of {len(video.filename)} images; expected a frame below that")
        return ImageRef(path=_find(path, where, written=str(video.filename[number]), near=near), frame=None)
    return ImageRef(path=_find(path, where, written=str(video.filename), near=near), frame=number)


def _find(path: Path, where: str, *, written: str, near: Sequence[Path]) -> Path:
    """A video or image of the author's machine, on this one; a video may have been encoded anew, under the same name but for the ending."""
    found = find_moved(written, near=near) or _encoded_anew(path, written, tuple(near))
    if found is None:
        name = file_name(written)
        raise MissingImageError(
            f"{where}: the file names {written}, which is not there; looked for it as written and, by as much of its path as is there, in "
            f"{', '.join(str(folder) for folder in near)}: put {name} beside {path.name} (or ask for a .pkg.slp, which holds its "
            f"images); {REMEDY}"
        )
    return found


@lru_cache(maxsize=256)  # said once for a video, not for each of its frames
def _encoded_anew(path: Path, written: str, near: tuple[Path, ...]) -> Path | None:
    name = Path(file_name(written))
    found = find_video(name.stem, near=near) if video_ending(name.name) else None
    if found is not None:
        logger.warning("%s: %s is not there, and %s is taken for it: check that it has the same frames", path, written, found)
    return found


def _group_names(labels: Any) -> dict[int, str]:
    """A name for each video: its file name, or with its folder where two share one."""
    written = {id(video): _written(video) for video in labels.videos}
    names = {key: _stem(text) for key, text in written.items()}
    if len(set(names.values())) < len(names):
        return {key: f"{index}-{name}" for index, (key, name) in enumerate(names.items())}
    return names


def _written(video: Any) -> str:
    """The path of a video as its author's machine had it; for stored images that of the video they are from."""
    stored = bool(video.backend_metadata.get("has_embedded_images"))
    source = video.source_video if stored and video.source_video is not None else video  # one of unknown length counts as false
    return str(source.filename[0] if isinstance(source.filename, list) else source.filename)


def _stem(path: str) -> str:
    return file_name(path).rsplit(".", 1)[0]
