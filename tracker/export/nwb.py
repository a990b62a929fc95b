"""A session as Neurodata Without Borders: poses with ndx-pose, events in the standard's own EventsTable, one animal a file."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import av
import h5py  # type: ignore[import-untyped]
import numpy as np
from ndx_pose import PoseEstimation, PoseEstimationSeries, Skeleton, Skeletons  # type: ignore[import-untyped]
from numpy.typing import NDArray
from pynwb import NWBHDF5IO, H5DataIO, NWBFile, TimeSeries  # type: ignore[import-untyped]
from pynwb.image import ImageSeries  # type: ignore[import-untyped]

from tracker.command import version
from tracker.errors import RecordingError
from tracker.export.new_files import new_files
from tracker.export.nwb_about import about, nwb_name, refuse_equal_names
from tracker.export.nwb_events import add_events
from tracker.export.session_poses import COUNTS, STRETCH, SessionPoses, Stretch, brightness_name
from tracker.export.spans import spans
from tracker.recording.video_container import open_container

_COUNTED = {
    "lost": "So far: numbers that the camera counted and that never arrived; NaN where the frame got no pose.",
    "skipped": "So far: frames that arrived and were skipped for a newer one; NaN where the frame got no pose.",
    "corrupt": "So far: frames that arrived damaged; NaN where the frame got no pose.",
    "record_dropped": "So far: frames that are not in the video because the recorder was behind.",
}
_BEHAVIOUR = "behavior"  # the standard's name of the module for it
_PX, _MM = "PoseEstimation", "PoseEstimationMillimeters"
_MM_IN_M = 0.001
_CACHE_BYTES = 1 << 18  # of each data set: a stretch is written once and not looked at again
_FILE_BYTES = 10_000_000  # whatever is in a file beside the numbers of each frame


def write_nwb(poses: SessionPoses, out: Path, *, animal: int | None, meta: Mapping[str, str], force: bool) -> list[Path]:
    """Write a file; the videos stay where they are, and it refers to them.

    Args:
        poses: of the session.
        out: the file.
        animal: whose poses and events; None where there is one only.
        meta: of the session, and what was added to it.
        force: replace what is there.

    Raises:
        RecordingError: several animals and none chosen, a video that is not there, notes or names that NWB does not take, or the file is
            there and `force` does not allow to replace it, or it cannot be written.
    """
    chosen = _chosen(poses, animal)
    refuse_equal_names(poses)
    content = NWBFile(**about(poses, chosen, meta))
    video = _video(poses, out.parent, _camera(content, poses))
    content.add_acquisition(video)
    _say_gaps(content, poses)
    rooms = _Rooms(content, poses, video)
    add_events(content, poses, chosen)
    with new_files([out], force=force, at_most=rooms.at_most) as (part,):
        with NWBHDF5IO(str(part), "w") as file:
            file.write(content)
            names = rooms.names()
        with h5py.File(part, "r+", rdcc_nbytes=_CACHE_BYTES) as file:
            rooms.fill(file, names, chosen)
        with NWBHDF5IO(str(part), "r") as file:
            file.read()  # a file that a full disk has cut short cannot be opened
    return [out]


def _chosen(poses: SessionPoses, animal: int | None) -> int:
    last = poses.animals - 1
    if animal is None and last > 0:
        raise RecordingError(
            f"{poses.session.folder}: holds {poses.animals} animals, and an NWB file is about one: say which with --animal, 0 to {last}"
        )
    if animal is not None and animal > last:
        raise RecordingError(f"{poses.session.folder}: has no animal {animal}; expected --animal 0{f' to {last}' if last else ''}")
    return animal or 0


def _camera(content: NWBFile, poses: SessionPoses) -> Any:
    description = poses.session.description
    return content.create_device(name=nwb_name(description.camera), description=description.camera_words())


def _video(poses: SessionPoses, folder: Path, camera: Any) -> ImageSeries:
    paths = poses.session.video_paths()
    for path in paths.values():
        if not path.exists():
            raise RecordingError(f"{path}: is missing, and the NWB file refers to it; put it back")
    counts = _frames_by_segment(poses)
    return ImageSeries(
        name=nwb_name(f"{poses.session.description.camera}_video"),
        description="Every frame that was recorded; the video's own time stamps count frames, the true times are here.",
        external_file=[os.path.relpath(path, folder) for path in paths.values()],
        starting_frame=[sum(counts[:place]) for place in range(len(paths))],
        format="external",
        dimension=_size(next(iter(paths.values()))),
        timestamps=poses.time_s(poses.received_ns),
        unit="n.a.",
        device=camera,
    )


def _say_gaps(content: NWBFile, poses: SessionPoses) -> None:
    """Each session of several as an epoch, and the time between them as one without data, as the standard says both."""
    found = spans(poses)
    if len(found) < 2:
        return
    for span in found:
        content.add_epoch(start_time=span.begin_s, stop_time=span.end_s, tags=[span.name])
    for span in found[1:]:
        content.add_invalid_time_interval(start_time=span.begin_s - (span.gap_s or 0.0), stop_time=span.begin_s, tags=["not recorded"])


def _frames_by_segment(poses: SessionPoses) -> list[int]:
    closed = poses.session.closed
    return [] if closed is None else [frames for frames in closed.segments if frames]


def _size(path: Path) -> list[int]:
    """Width and height of a video."""
    try:
        with open_container(path) as container:
            stream = container.streams.video[0]
            return [stream.width, stream.height]
    except (av.error.FFmpegError, IndexError) as problem:
        raise RecordingError(f"{path}: cannot be read as a video ({problem}); take it from its copy") from problem


class _Rooms:
    """Data sets of the file's size, filled once the file is there: what is held at a time is a stretch."""

    def __init__(self, content: NWBFile, poses: SessionPoses, video: ImageSeries) -> None:
        self._poses, self._video = poses, video
        self._all: list[H5DataIO] = []
        self._count = len(poses.received_ns)
        self.at_most = _FILE_BYTES + self._count * np.dtype("f8").itemsize  # bytes of the file; the times, and what `_room` adds
        module = content.create_processing_module(name=_BEHAVIOUR, description="Poses and what was computed from them, live.")
        self._px = [self._series(name, unit="pixels") for name in poses.point_names]
        if self._px:
            skeleton = self._skeleton()
            module.add(Skeletons(skeletons=[skeleton]))
            module.add(self._estimation(_PX, self._px, skeleton))
        self._mm = [self._series(name, unit="meters") for name in poses.point_names] if poses.has_mm else []
        if self._mm:
            module.add(self._estimation(_MM, self._mm, skeleton))
        self._plain: dict[str, Any] = {}
        for name, text, unit in self._numbers():
            self._plain[name] = self._room((self._count,), "f8")
            module.add(TimeSeries(name=nwb_name(name), description=text, data=self._plain[name], unit=unit, timestamps=video))

    def names(self) -> dict[int, str]:
        """Where each data set is in the file, while that is open."""
        return {id(room): room.dataset.name for room in self._all}

    def fill(self, file: Any, names: dict[int, str], animal: int) -> None:
        """Write the numbers of an animal to the file, opened by h5py."""
        rooms = {key: file[name] for key, name in names.items()}
        for stretch in self._poses.stretches():
            here = slice(stretch.first, stretch.first + len(stretch))
            for room, numbers in self._columns(stretch, animal):
                rooms[id(room)][here] = numbers

    def _columns(self, stretch: Stretch, animal: int) -> Iterator[tuple[H5DataIO, NDArray[Any]]]:
        """Each data set with its numbers of a stretch."""
        for point, series in enumerate(self._px):
            yield series.data, stretch.points[:, animal, point, :2]
            yield series.confidence, stretch.points[:, animal, point, 2]
        for point, series in enumerate(self._mm):
            yield series.data, stretch.mm[:, animal, point]
            yield series.confidence, stretch.points[:, animal, point, 2]
        for place, name in enumerate(COUNTS):
            yield self._plain[name], stretch.counts[:, place]
        yield self._plain["motion"], stretch.motion
        yield self._plain["motion_full"], stretch.motion_full
        for place, rectangle in enumerate(self._poses.rectangles):
            yield self._plain[brightness_name(rectangle)], stretch.brightness[:, place]
        yield self._plain["exposed"], stretch.exposed_s
        for place, name in enumerate(self._poses.score_names):
            yield self._plain[f"score_{name}"], stretch.scores[:, place]
        for place, name in enumerate(self._poses.preselected):
            yield self._plain[f"without_network_{name}"], stretch.without_network[:, place]

    def _numbers(self) -> list[tuple[str, str, str]]:
        rectangles, scores, preselected = self._poses.rectangles, self._poses.score_names, self._poses.preselected
        return [
            *((name, _COUNTED[name], "frames") for name in COUNTS),
            ("motion", "Mean absolute difference of a frame and the one before, of blocks where motion.size was set, 0 to 1.", "n.a."),
            ("motion_full", "Mean absolute difference of all pixels of a frame and the one before, 0 to 1.", "n.a."),
            *((brightness_name(each), f"Mean of the rectangle left,top,width,height {each} px, 0 to 1.", "n.a.") for each in rectangles),
            ("exposed", "The camera's own clock since the first exposure it timed; NaN where it has none.", "seconds"),
            *((f"score_{name}", f"Probability of {name}.", "n.a.") for name in scores),
            *((f"without_network_{name}", f"1 where only_when decided {name} without its network.", "n.a.") for name in preselected),
        ]

    def _skeleton(self) -> Skeleton:
        names = list(self._poses.point_names)
        edges = np.array(self._poses.edges, np.uint8).reshape(-1, 2)
        return Skeleton(name=nwb_name(f"{self._poses.setup.bundle}_skeleton"), nodes=names, edges=edges)

    def _series(self, point: str, *, unit: str) -> PoseEstimationSeries:
        metric = unit == "meters"
        return PoseEstimationSeries(
            name=nwb_name(point),
            description=f"Key point {point}; NaN where it was not found.",
            data=self._room((self._count, 2), "f8" if metric else "f4"),
            unit=unit,
            conversion=_MM_IN_M if metric else 1.0,
            reference_frame="Origin and axes of the calibration's plane." if metric else "(0, 0) is the centre of the top left pixel.",
            confidence=self._room((self._count,), "f4"),
            confidence_definition="The network's confidence, 0 to 1.",
            timestamps=self._video,
        )

    def _estimation(self, name: str, series: list[PoseEstimationSeries], skeleton: Skeleton) -> PoseEstimation:
        poses = self._poses
        how = "live" if poses.session.description.source is None else "in a recorded video,"
        return PoseEstimation(
            name=name,
            pose_estimation_series=series,
            description=f"Tracked {how} in {'millimeters' if name == _MM else 'pixels'} by the network {poses.setup.bundle}.",
            scorer=poses.setup.bundle,
            source_software="rigtrack",
            source_software_version=poses.session.description.versions.get("rigtrack", version()),
            skeleton=skeleton,
            source_video=self._video,
            device=self._video.device,
        )

    def _room(self, shape: tuple[int, ...], kind: str) -> H5DataIO:
        self.at_most += int(np.prod(shape)) * np.dtype(kind).itemsize
        chunk = (min(STRETCH, shape[0]), *shape[1:])
        room = H5DataIO(shape=shape, dtype=np.dtype(kind), chunks=chunk, compression="gzip", compression_opts=1)
        self._all.append(room)
        return room
