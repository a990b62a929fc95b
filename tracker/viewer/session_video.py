"""A recorded session as a video with its overlay, for talks and colleagues: what the window shows, every frame once."""

import math
import os
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from tracker.drawn_video import MARK, TAG
from tracker.errors import RecordingError
from tracker.frame import Image
from tracker.recording.read_session import RecordedSession
from tracker.recording.session_chain import read_chain
from tracker.viewer.overlay import OverlaySettings
from tracker.viewer.recorded_scene import RecordedScene
from tracker.viewer.session_view import timeline_of, with_timeline
from tracker.whole_files import remedy

_LEGIBLE_PX = 360  # of the picture's shorter side: below, the status lines cover much of it and letters are hardly read
_LONGEST_PX = 1920  # of its longer side, which every player shows


def write_overlay_video(
    folder: Path,
    out: Path,
    *,
    from_s: float = 0.0,
    to_s: float | None = None,
    trail_s: float = 1.0,
    settings: OverlaySettings | None = None,
    whole: bool = False,
    progress: Callable[[int, int], None] = lambda _done, _all: None,
    notice: Callable[[str], None] = lambda _: None,
) -> int:
    """Write the frames between two times with everything that the window shows. Small pictures are enlarged by `enlargement`.

    Args:
        folder: of the session.
        out: the .mp4 file, in H.264; it appears under this name only when it is whole.
        from_s: seconds from the first frame.
        to_s: likewise, None for the end.
        trail_s: length of the trail in seconds.
        settings: what is drawn, where and how large.
        whole: with the sessions that it goes on from, and those that go on from it.
        progress: told how many frames are written, and of how many.
        notice: told what is wrong with the session as a whole, such as that it was cut off, and of frames without a picture; not called
            where nothing is.

    Returns:
        How many frames were written.

    Raises:
        RecordingError: the folder is not a session or is damaged, no frame lies between the two times, none of the videos in which
            they lie can be read, or `out` cannot be written.
    """
    if out.suffix.lower() != ".mp4":
        raise RecordingError(f"{out}: expected a name that ends in .mp4")
    session = read_chain(folder) if whole else RecordedSession(folder)
    scene = RecordedScene(session, trail_s=trail_s)
    if scene.notice:
        notice(scene.notice)
    try:
        last = scene.frames - 1 if to_s is None else scene.nearest(to_s)
        first = scene.nearest(from_s) if from_s <= scene.seconds[-1] else scene.frames
        if first > last:
            raise RecordingError(
                f"{folder}: has no frame between {from_s:g} s and the end of what was asked for; it lasts {scene.seconds[-1]:.2f} s"
            )
        places = range(first, last + 1)
        scene.check_any_video(places)
        written = _write(scene, places, out, session.description.video.rate_hz, settings or OverlaySettings(), progress)
        if scene.lacking:
            notice(f"{len(scene.lacking)} of {written} frames have no picture: {next(iter(scene.lacking.values()))}")
        return written
    finally:
        scene.close()


def _write(
    scene: RecordedScene,
    places: range,
    out: Path,
    rate_hz: float,
    settings: OverlaySettings,
    progress: Callable[[int, int], None],
) -> int:
    timeline = timeline_of(scene)
    enlarged = replace(settings, zoom=float(enlargement(scene.source_size())))
    part = out.with_name(f".{out.name}.{os.getpid()}.part")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with av.open(str(part), "w", format="mp4", options={"movflags": "+faststart"}) as container:
            container.metadata[TAG] = MARK
            stream = container.add_stream("libx264", rate=Fraction(rate_hz).limit_denominator(1000))
            stream.pix_fmt, stream.options = "yuv420p", {"crf": "20", "preset": "veryfast"}
            for done, place in enumerate(places, start=1):
                picture = _even(with_timeline(scene, timeline, place, enlarged))
                if done == 1:
                    stream.height, stream.width = picture.shape[:2]
                container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
                progress(done, len(places))
            container.mux(stream.encode(None))
        part.replace(out)
    except (av.FFmpegError, OSError) as problem:
        raise RecordingError(
            f"{out}: cannot be written: {problem.strerror}; {remedy(OSError(problem.errno, problem.strerror))}"
        ) from problem
    finally:
        part.unlink(missing_ok=True)
    return len(places)


def enlargement(size: tuple[int, int]) -> int:
    """By which whole factor a picture of (w, h) is drawn larger so that letters and points on it can be read."""
    return max(1, min(math.ceil(_LEGIBLE_PX / min(size)), _LONGEST_PX // max(size)))


def _even(picture: Image) -> Image:
    """With its last row or column repeated where there is an odd number of them, which H.264 does not take."""
    height, width = picture.shape[:2]
    return np.pad(picture, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
