"""Frames of a video file by their number in showing order, exactly; seeking by time alone may land a frame off."""

from bisect import bisect_right
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from threading import Lock

import av

from tracker.errors import RecordingError
from tracker.recording.video_container import open_container


class VideoByNumber:
    """One video, open for reading. Safe to share between threads, not between processes.

    Attributes:
        path: the file.
        size: (height, width) of every frame.
        times: the time stamp of every frame, in showing order and in the stream's own unit.
    """

    def __init__(self, path: Path) -> None:
        """Read the time stamps of all packets; nothing is decoded.

        Raises:
            RecordingError: not a video, or one whose frames have no time stamps of their own.
        """
        self.path = path
        try:
            self._container = open_container(path)
        except (av.FFmpegError, OSError) as problem:
            raise RecordingError(
                f"{path}: cannot be opened as a video ({problem.strerror}); it is damaged, cut off or no video"
            ) from problem
        if not self._container.streams.video:
            raise RecordingError(f"{path}: holds no video stream; expected a video")
        self._stream = self._container.streams.video[0]
        self.size = (self._stream.height, self._stream.width)
        self.times, self._key_frames = self._index()
        self._pictures: Iterator[av.VideoFrame] = iter(())
        self._next = len(self.times)  # number of the frame that `_pictures` gives next
        self._begun = False
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self.times)

    def picture(self, frame: int) -> av.VideoFrame:
        """Decode one frame, of those that there are.

        Raises:
            RecordingError: it cannot be decoded.
        """
        with self._lock:
            try:
                return self._picture(frame)
            except av.FFmpegError as problem:
                self._next = len(self)
                raise RecordingError(
                    f"{self.path}: frame {frame} cannot be decoded ({problem.strerror}); the video is damaged"
                ) from problem

    def close(self) -> None:
        """Close the file. May be called twice."""
        with self._lock:
            self._container.close()

    def _index(self) -> tuple[list[int], list[int]]:
        """Times of all frames in showing order, and the numbers of the key frames, from the packets alone."""
        try:
            packets = [packet for packet in self._container.demux(self._stream) if packet.size and not packet.is_discard]
        except av.FFmpegError as problem:
            raise RecordingError(
                f"{self.path}: breaks off while reading ({problem.strerror}); the video is damaged: copy it again"
            ) from problem
        times = sorted({packet.pts for packet in packets if packet.pts is not None})
        if not times or len(times) < len(packets):
            found = "no frames" if not packets else "frames without a time stamp of their own"
            raise RecordingError(f"{self.path}: has {found}; write it anew with `ffmpeg -i` as .mp4 and use that")
        number = {time: index for index, time in enumerate(times)}
        return times, sorted(number[packet.pts] for packet in packets if packet.is_keyframe and packet.pts is not None)

    def _begin(self) -> None:
        """Show the decoder the first frame before any seek.

        Some streams say there alone which encoder wrote them. Without it the decoder does not make good that encoder's
        faults, and pictures come out green with no error (x264's 4:4:4 from before 2018).
        """
        self._begun = True
        self._container.seek(self.times[0], stream=self._stream)
        with suppress(av.FFmpegError):  # a damaged first frame leaves the later ones as readable as they are
            next(self._container.decode(self._stream), None)

    def _picture(self, frame: int) -> av.VideoFrame:
        start = self._key_frames[max(bisect_right(self._key_frames, frame) - 1, 0)]
        if not self._begun:
            self._begin()
        if not start <= self._next <= frame:
            self._container.seek(self.times[start], stream=self._stream)
            self._pictures = self._container.decode(self._stream)
            self._next = start
        for picture in self._pictures:
            if picture.pts is None or picture.pts < self.times[frame]:
                continue
            self._next = frame + 1
            if picture.pts != self.times[frame]:
                break
            return picture
        self._next = len(self)
        raise RecordingError(f"{self.path}: frame {frame} cannot be decoded; the video is damaged: copy it again")
