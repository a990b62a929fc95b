"""What a finished learning curve says, as a later training of the same labels repeats it: kept as figures beside the curve's report."""

from pathlib import Path

import msgspec

from trainer.labels.fingerprint import labels_sha256
from trainer.labels.labelled_frames import LabelledFrames

READING_FILE = "metrics.json"  # in the folder of a curve


class CurveReading(msgspec.Struct, frozen=True, kw_only=True):
    """Of which labels a curve is, and its sentences."""

    labels_sha256: str
    reading: tuple[str, ...]


def curve_folder(bundle: Path) -> Path:
    """Where the command that a verdict ends with keeps the learning curve of a bundle's labels."""
    return bundle.with_name(f"{bundle.name}-curve")


def reading_beside(bundle: Path, frames: LabelledFrames) -> tuple[str, ...]:
    """What the curve beside a bundle says; empty where there is none that is finished, or it is of other labels.

    Raises:
        LabelError: an image cannot be read.
    """
    try:
        found = msgspec.json.decode((curve_folder(bundle) / READING_FILE).read_bytes(), type=CurveReading)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return ()  # a curve is read where there is one; its own report says what is wrong with it
    return found.reading if found.labels_sha256 == labels_sha256(frames) else ()
