"""One error type per contract. Every message is one plain sentence: where, what was found, what was expected, what to do."""


class RigtrackError(Exception):
    """Anything rigtrack refuses; the text is shown to the user as it is."""


class ConfigError(RigtrackError):
    """A configuration file that must not be started with."""


class BundleError(RigtrackError):
    """An engine bundle that is absent, damaged, foreign or tampered with."""


class CalibrationError(RigtrackError):
    """A calibration file that is absent, damaged or made for another image size."""


class CameraError(RigtrackError):
    """A camera that cannot be opened, has stalled, vanished or changed its format; reopening may help."""


class MissingLibraryError(CameraError):
    """A kind of camera whose library is not installed.

    Args:
        source: the kind, as in `camera.source`.
        missing: what is not installed, and what to run.
    """

    def __init__(self, source: str, missing: str) -> None:
        super().__init__(f"camera.source is {source}, but {missing}")
        self.missing = missing


class CorruptFrameError(RigtrackError):
    """One frame that arrived damaged; the camera itself goes on."""


class EngineError(RigtrackError):
    """A runtime that is not installed, has no device or gives wrong answers."""


class StreamError(RigtrackError):
    """A socket that cannot be bound, or a message that cannot be read."""


class BusyError(StreamError):
    """A tracker that is at other long work; the same command may be given again later."""


class OutputError(RigtrackError):
    """An output line that cannot be opened or switched."""


class LatencyError(RigtrackError):
    """A latency that cannot be measured, or not to the end."""


class RecordingError(RigtrackError):
    """A session that cannot be recorded or read."""
