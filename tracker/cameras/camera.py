"""What every camera is to the rest of the tracker."""

from typing import Protocol

from tracker.cameras.read_back import ReadBack
from tracker.frame import Frame


class Camera(Protocol):
    """A source of frames. Opened by its constructor (settings set, read back and compared), closed by `close`."""

    description: str  # one line for people: model, serial, size, rate
    read_back: ReadBack  # settings that the camera says it has, read once when it had been opened and set; {} where it says none

    def read(self, timeout_s: float) -> Frame | None:
        """Wait for the next frame.

        Returns:
            The frame, or None when a file or folder has no more.

        Raises:
            CameraError: no frame within timeout_s, the device is gone, or its image changed size; the caller reopens.
            CorruptFrameError: this frame is damaged; the caller counts it and reads on. Its number is its own: no other
                frame has it.
        """
        ...

    def close(self) -> None:
        """Release the device. May be called twice."""
        ...
