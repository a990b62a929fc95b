"""Draw a frame of a recorded session as `tracker view SESSION` shows it: python examples/session_picture.py SESSION FRAME OUT.webp."""

import sys
from pathlib import Path

import PIL.Image

from tracker.recording.read_session import RecordedSession
from tracker.viewer.overlay import OverlaySettings
from tracker.viewer.recorded_scene import RecordedScene
from tracker.viewer.session_view import timeline_of, with_timeline

SIZE = (1000, 660)  # width and height


def write_picture(session: Path, place: int, out: Path) -> None:
    """Draw the frame at `place`, from 0, with its panel and the bar below, into an image file."""
    scene = RecordedScene(RecordedSession(session))
    try:
        picture = with_timeline(scene, timeline_of(scene), place, OverlaySettings(), SIZE)
    finally:
        scene.close()
    PIL.Image.fromarray(picture).save(out, quality=80)


if __name__ == "__main__":
    write_picture(Path(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]))
