"""A recorded session as a video with its overlay, for talks and colleagues: what the window shows, every frame once."""

import os
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av

from tracker.errors import RecordingError
from tracker.frame import Image
from tracker.recording.read_session import RecordedSession
from tracker.viewer.legend import panel_width
from tracker.viewer.overlay import OverlaySettings
from tracker.viewer.recorded_scene import RecordedScene
from tracker.viewer.session_view import timeline_of, with_timeline
from tracker.whole_files import remedy


def write_overlay_video(
    folder: Path,
    out: Path,
    *,
    from_s: float = 0.0,
    to_s: float | None = None,
    trail_s: float = 1.0,
    settings: OverlaySettings | None = None,
    progress: Callable[[int, int], None] = lambda _done, _all: None,
) -> int:
    """Write the frames between two times with everything that the window shows.

    Args:
        folder: of the session.
        out: the .mp4 file, in H.264; it appears under this name only when it is whole.
        from_s: seconds from the first frame.
        to_s: likewise, None for the end.
        trail_s: length of the trail in seconds.
        settings: what is drawn, where and how large.
        progress: told how many frames are written, and of how many.

    Returns:
        How many frames were written.

    Raises:
        RecordingError: the folder is not a session or is damaged, no frame lies between the two times, or `out` cannot be written.
    """
    if out.suffix.lower() != ".mp4":
        raise RecordingError(f"{out}: expected a name that ends in .mp4")
    session = RecordedSession(folder)
    scene = RecordedScene(session, trail_s=trail_s)
    try:
        last = scene.frames - 1 if to_s is None else scene.nearest(to_s)
        first = scene.nearest(from_s) if from_s <= scene.seconds[-1] else scene.frames
        if first > last:
            raise RecordingError(
                f"{folder}: has no frame between {from_s:g} s and the end of what was asked for; it lasts {scene.seconds[-1]:.2f} s"
            )
        return _write(scene, range(first, last + 1), out, session.description.video.rate_hz, settings or OverlaySettings(), progress)
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
    width, height = scene.source_size()
    timeline = timeline_of(scene)
    wide = _even(width + panel_width(height))
    size = wide, _even(height + timeline.height(wide))
    part = out.with_name(f".{out.name}.{os.getpid()}.part")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with av.open(str(part), "w", format="mp4", options={"movflags": "+faststart"}) as container:
            stream = container.add_stream("libx264", rate=Fraction(rate_hz).limit_denominator(1000))
            stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
            stream.options = {"crf": "20", "preset": "veryfast"}
            for done, place in enumerate(places, start=1):
                picture: Image = with_timeline(scene, timeline, place, settings, size)
                container.mux(stream.encode(av.VideoFrame.from_ndarray(picture[: size[1], : size[0]], format="rgb24")))
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


def _even(side: int) -> int:
    return side + side % 2
