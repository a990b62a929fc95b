"""What the command and its worker processes say to one another: a line of JSON each."""

from typing import Any

import msgspec

from tracker.analysis.overview import Overview
from tracker.recording.session import AnalysedWith, SourceVideo


class Task(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The first line to a worker: what it runs throughout. A configuration as plain values."""

    config: dict[str, Any]
    made_with: AnalysedWith
    force: bool
    threads: int


class Video(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A line to a worker that has nothing to do. The end of its input tells it to stop."""

    video: str
    source: SourceVideo
    folder: str


class Said(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A sentence for people."""

    sentence: str


class Reached(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """How far a video is."""

    frames: int
    expected: int | None


class Finished(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A video is done: an overview, why it failed, or neither where the worker was told to stop."""

    overview: Overview | None = None
    failure: str | None = None


Answer = Said | Reached | Finished
