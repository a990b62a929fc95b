"""The videos behind a project's frames, for looking at the frames around them and for adding some. Nothing here changes a video."""

import threading
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path

from trainer.errors import LabelError
from trainer.project.store import Project, ProjectFrame
from trainer.project.video_places import place_of_video
from trainer.video_files.encoded_frames import EncodedFrames
from trainer.video_files.frames_by_number import IndexedVideo

OPEN = 2  # videos
COMPARED = 3  # frames of the project by which another video of the same name is told
WHY = "hand"  # "chosen by hand"


class ProjectVideos:
    """Videos of one project by the group (folder of pictures) of their frames. Safe to be called from several threads."""

    def __init__(self, project: Project, near: Sequence[Path] = ()) -> None:
        """Open nothing yet.

        Args:
            project: whose frames they are of.
            near: folders in which they are looked for first.
        """
        self._project = project
        self._near = near
        self._videos: OrderedDict[str, IndexedVideo] = OrderedDict()
        self._encoded = EncodedFrames()
        self._one_at_a_time = threading.Lock()

    def frames(self, group: str) -> int:
        """How many frames the video of a group has.

        Raises:
            LabelError: no such group, its video is not found, or it is another one of that name.
        """
        with self._one_at_a_time:
            return len(self._video(group))

    def picture(self, group: str, number: int) -> bytes:
        """A frame to look at, as JPEG.

        Raises:
            LabelError: as `frames`, or there is no such frame.
        """
        with self._one_at_a_time:
            return self._encoded.picture(group, self._video(group), number)

    def add(self, group: str, number: int) -> ProjectFrame:
        """Put a frame into the project, losslessly; one that is there already stays as it is.

        Raises:
            LabelError: as `picture`, or the project cannot be written.
        """
        with self._one_at_a_time:
            image = self._video(group).read(number)
            self._project.add_frames(Path(self._example(group).video), [(number, image)], why=WHY, group=group)
        return next(frame for frame in self._project.frames if frame.group == group and frame.frame == number)

    def _video(self, group: str) -> IndexedVideo:
        if group not in self._videos:
            frame = self._example(group)
            path = place_of_video(self._project.folder, group, frame.video, near=self._near)
            if path is None:
                raise LabelError(
                    f"the video {frame.video} is not found: put it beside the project, or start `trainer label` with --videos FOLDER"
                )
            video = IndexedVideo(path)
            self._refuse_other_video(group, video)
            self._videos[group] = video
            while len(self._videos) > OPEN:
                self._videos.popitem(last=False)
        self._videos.move_to_end(group)
        return self._videos[group]

    def _example(self, group: str) -> ProjectFrame:
        found = next((frame for frame in self._project.frames if frame.group == group), None)
        if found is None:
            raise LabelError(f"{group[:200]}: no frame of the project is from such a video")
        return found

    def _refuse_other_video(self, group: str, video: IndexedVideo) -> None:
        """Two videos may have one name; the pictures of frames that the project has tell them apart."""
        known = [frame for frame in self._project.frames if frame.group == group][:COMPARED]
        self._project.add_frames(Path(known[0].video), ((frame.frame, video.read(frame.frame)) for frame in known), why=WHY, group=group)
