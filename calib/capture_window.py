"""Taking images of a board in a window: keys, and what is missing, on the picture itself."""

import os

import cv2
import numpy as np

from calib.capture_session import CaptureProgress, CaptureSession
from tracker.errors import RigtrackError
from tracker.frame import Image
from tracker.viewer.overlay import panel
from tracker.viewer.window import check_display
from tracker.viewer.x11 import Display

_TITLE = "rigtrack - calib capture"
_STEP_S = 0.05
_ESCAPE = 27
_ANNOUNCED = 60  # steps after the start during which the window is told that it is there
_EMPTY = (480, 640, 3)


def show(session: CaptureSession, *, stop_when_complete: bool) -> None:
    """Run a session in a window until q, Esc, its own button, Ctrl-C, or the end.

    Raises:
        RigtrackError: there is no display, the camera is gone for good, or an image cannot be written.
    """
    with Display() as display:
        check_display()
        os.environ.setdefault("QT_LOGGING_RULES", "*.debug=false;*.info=false;*.warning=false")
        try:
            cv2.namedWindow(_TITLE, cv2.WINDOW_NORMAL | cv2.WINDOW_KEEPRATIO | cv2.WINDOW_GUI_NORMAL)
            steps = 0
            while session.step(_STEP_S):
                progress = session.progress
                cv2.imshow(_TITLE, cv2.cvtColor(compose(progress), cv2.COLOR_RGB2BGR))
                key = cv2.waitKey(1)
                if not _obey(session, key) or cv2.getWindowProperty(_TITLE, cv2.WND_PROP_VISIBLE) < 1:
                    return
                if progress.is_complete and stop_when_complete:
                    return
                steps += 1
                if steps < _ANNOUNCED:
                    display.announce_mapped(_TITLE)
        except KeyboardInterrupt:
            return
        except cv2.error as problem:
            raise RigtrackError(f"the window failed: {' '.join(str(problem).split())}; is the display still there?") from None
        finally:
            cv2.destroyAllWindows()


def compose(progress: CaptureProgress) -> Image:
    """The picture with its texts, uint8 (h, w, 3) RGB."""
    canvas = np.zeros(_EMPTY, np.uint8) if progress.picture is None else progress.picture.copy()
    lines = [f"{progress.kept} of {progress.wanted} views; {progress.said}", *(f"- {clause}" for clause in progress.missing)]
    if progress.is_complete:
        lines.append("everything is there: press q, then run `calib solve`")
    panel(canvas, lines, place="top_left")
    panel(canvas, ["space: keep this view   u: remove the last   q: quit"], place="bottom_left")
    return canvas


def _obey(session: CaptureSession, key: int) -> bool:
    """Do what a key is for. Returns False to quit."""
    code = key & 0xFF if key >= 0 else -1
    if code in (_ESCAPE, ord("q")):
        return False
    if code == ord(" "):
        session.keep_next()
    elif code == ord("u"):
        session.undo()
    return True
