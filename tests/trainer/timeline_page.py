"""The timeline's server as a user starts it, and hands and eyes on its page."""

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av

from tests.trainer.chromium import Chromium, Tab
from tests.trainer.label_server import spot
from tests.trainer.page_server import PageServer

FRAMES, RATE = 40, 25
CLASSES = ("groom", "rear")


def write_film(path: Path, *, frames: int = FRAMES) -> Path:
    """A video without loss whose frame number n has one white pixel at x = 10 + n % 50, y = 20."""
    with av.open(str(path), "w", format="matroska") as container:
        stream = container.add_stream("ffv1", rate=RATE)
        stream.height, stream.width, stream.pix_fmt = 60, 80, "gray"
        for number in range(frames):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(spot(10 + number % 50, 20, size=(60, 80)), format="gray")))
        container.mux(stream.encode(None))
    return path


def timeline_server(folder: Path, *given: str, annotator: str = "ann") -> PageServer:
    """`trainer bouts label`."""
    return PageServer(folder, "bouts", "label", *given, "--annotator", annotator)


@contextlib.contextmanager
def open_timeline(browser: Chromium, folder: Path, *given: str, annotator: str = "ann") -> Iterator[tuple[PageServer, Tab]]:
    """A server and a tab that shows its first frame; the page must not have met an error in the end."""
    with timeline_server(folder, *given, annotator=annotator) as server:
        tab = browser.open(server.address, width=1300)
        tab.wait("document.querySelector('#stage')?.dataset.shown")
        yield server, tab
        assert [one for one in tab.errors() if "status of 409" not in json.dumps(one)] == []  # a stale tab is told so


def shown(tab: Tab, frame: int, video: str = "film") -> None:
    """Wait until a frame's picture is there."""
    tab.wait(f"document.querySelector('#stage')?.dataset.shown === '{video}:{frame}'")


def keys(tab: Tab, *pressed: str) -> None:
    for key in pressed:
        tab.key(key)


def saved(tab: Tab) -> None:
    """Wait until the page says that everything is on disk."""
    tab.wait("document.querySelector('#saved').dataset.state === 'saved'")


def at(tab: Tab, frame: float, kind: str = "own", name: str = "groom") -> tuple[float, float]:
    """Where on the screen the beginning of a frame is, in a row of the timeline, by the page's own numbers."""
    axis, rows, box = json.loads(
        tab.value(
            "(r => JSON.stringify([JSON.parse(r.dataset.axis), JSON.parse(r.dataset.rows), "
            "(b => [b.left, b.top])(r.getBoundingClientRect())]))(document.querySelector('#rows'))"
        )
    )
    left, per_px, gutter = axis
    y = next(middle for row_kind, row_name, middle in rows if (row_kind, row_name) == (kind, name))
    return float(box[0] + gutter + (frame - left) / per_px), float(box[1] + y)


def labels_on_disk(folder: Path, annotator: str = "ann", video: str = "film") -> dict[str, Any]:
    """A file of bouts as it is."""
    found: dict[str, Any] = json.loads((folder / f"{video}.{annotator}.bouts.json").read_text())
    return found


def bouts_on_disk(folder: Path, annotator: str = "ann", video: str = "film") -> list[tuple[str, int, int]]:
    """The bouts of a file."""
    return [(bout["name"], bout["first"], bout["end"]) for bout in labels_on_disk(folder, annotator, video)["bouts"]]
