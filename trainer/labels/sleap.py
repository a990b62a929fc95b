"""Labels of SLEAP (.slp, .pkg.slp), through sleap-io, which knows every version of the format."""

import logging
from pathlib import Path
from typing import Any

import numpy as np
import sleap_io  # type: ignore[import-untyped]

from trainer.errors import LabelError
from trainer.labels.assemble import LabelRow, assemble
from trainer.labels.images import ImageRef
from trainer.labels.labelled_frames import LabelledFrames

logger = logging.getLogger(__name__)

# What HDF5 and the JSON inside it raise on a damaged file, tried with truncated and bit-flipped ones.
_DAMAGED = (OSError, KeyError, ValueError, RuntimeError, IndexError, TypeError, AttributeError)


def read_sleap(path: Path) -> LabelledFrames:
    """Read a SLEAP file of one animal. Points marked as not visible are missing.

    Frames labelled by hand are taken; predictions only where the file has nothing else, as proof-read files do.

    Raises:
        LabelError: damaged, several animals or skeletons, or a video that is neither where the file says nor beside it.
    """
    labels = _load(path)
    frames = _chosen(labels, path)
    skeletons = {id(instances[0].skeleton): instances[0].skeleton for _, instances in frames}
    if len(skeletons) != 1:
        raise LabelError(f"{path}: uses {len(skeletons)} skeletons; expected labelled frames of one")
    skeleton = next(iter(skeletons.values()))
    groups = _group_names(labels)
    rows = [_row(path, frame, points=instances[0].numpy(), group=groups[id(frame.video)]) for frame, instances in frames]
    pairs = tuple((str(one), str(other)) for one, other in skeleton.edge_names)
    return assemble(rows, source=str(path), point_names=tuple(map(str, skeleton.node_names)), skeleton=pairs)


def _load(path: Path) -> Any:
    try:
        return sleap_io.load_slp(str(path), open_videos=False)
    except _DAMAGED as problem:
        reason = " ".join(str(problem).split())
        raise LabelError(f"{path}: cannot be read as a SLEAP file ({reason}); it is empty, cut off or damaged: copy it again") from problem


def _chosen(labels: Any, path: Path) -> list[tuple[Any, list[Any]]]:
    """Labelled frames, each with its one instance."""
    by_hand = [(frame, list(frame.user_instances)) for frame in labels.labeled_frames]
    predicted = [(frame, list(frame.predicted_instances)) for frame in labels.labeled_frames]
    filled = [pair for pair in by_hand if pair[1]]
    if not filled:
        filled = [pair for pair in predicted if pair[1]]
        logger.warning("%s: nothing is labelled by hand; predictions are taken as labels: frames=%d", path, len(filled))
    if not filled:
        raise LabelError(f"{path}: holds no labelled frame; label some frames first")
    for frame, instances in filled:
        if len(instances) > 1:
            raise LabelError(f"{_where(path, frame)}: {len(instances)} animals are labelled; expected one per frame: keep one of them")
    return filled


def _where(path: Path, frame: Any) -> str:
    return f"{path}: frame {int(frame.frame_idx)} of {_name(_written(frame.video))}"


def _row(path: Path, frame: Any, *, points: Any, group: str) -> LabelRow:
    where = _where(path, frame)
    image = _image(path, where, frame)
    return LabelRow(
        where=where,
        image=image,
        group=group,
        name=_name(str(image.path)),
        number=int(frame.frame_idx),
        points=np.asarray(points, np.float64)[None],
    )


def _image(path: Path, where: str, frame: Any) -> ImageRef:
    video, number = frame.video, int(frame.frame_idx)
    if video.backend_metadata.get("has_embedded_images"):
        return ImageRef(path=path, frame=number, dataset=str(video.backend_metadata["dataset"]))
    if isinstance(video.filename, list):
        if number >= len(video.filename):
            raise LabelError(f"{where}: the video is a list of {len(video.filename)} images; expected a frame below that")
        return ImageRef(path=_find(path, where, written=str(video.filename[number])), frame=None)
    return ImageRef(path=_find(path, where, written=str(video.filename)), frame=number)


def _find(path: Path, where: str, *, written: str) -> Path:
    """A video or image of the author's machine, on this one: as written, below the .slp's folder, or beside the .slp by name."""
    name = _name(written)
    places = [Path(written), path.parent / written, path.parent / name, path.parent / Path(written).parent.name / name]
    found = next((place for place in places if place.is_file()), None)
    if found is None:
        raise LabelError(
            f"{where}: the file names {written}, which is not there; looked for it as written and as {path.parent / name}: "
            f"put {name} beside {path.name}"
        )
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
    source = video.source_video if video.backend_metadata.get("has_embedded_images") and video.source_video else video
    return str(source.filename[0] if isinstance(source.filename, list) else source.filename)


def _name(path: str) -> str:
    return path.replace("\\", "/").rsplit("/", 1)[-1]


def _stem(path: str) -> str:
    return _name(path).rsplit(".", 1)[0]
