"""Hands and eyes on the labelling page: what the tests of it do with mouse and keyboard, and where they look."""

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path

from tests.trainer.chromium import Chromium, Tab
from tests.trainer.label_server import label_server, labels_on_disk
from tests.trainer.page_server import PageServer

IMAGES = [f"images/run 1#a/{number:06d}.png" for number in range(600)]


@contextlib.contextmanager
def open_page(project: Path, browser: Chromium, *more: str) -> Iterator[tuple[PageServer, Tab]]:
    """A server and a tab that shows its first frame."""
    with label_server(project, *more) as server:
        tab = browser.open(server.address)
        shown(tab, 0)
        yield server, tab


def shown(tab: Tab, number: int) -> None:
    """Wait until a frame's picture is there."""
    tab.wait(f"document.querySelector('#stage')?.dataset.shown === '{IMAGES[number]}'")


def loaded_ahead(tab: Tab, number: int) -> None:
    """Wait until the page has a frame's picture, shown or not."""
    tab.wait(f"performance.getEntriesByType('resource').some(one => one.name.endsWith('{number:06d}.png') && one.responseEnd)")


def saved(tab: Tab) -> None:
    """Wait until the page says that everything is on disk."""
    tab.wait("document.querySelector('#saved').dataset.state === 'saved'")


def at(tab: Tab, x: float, y: float) -> tuple[float, float]:
    """Where on the screen a place of the picture is, by the page's own numbers."""
    scale, left, top = json.loads(tab.value("document.querySelector('#stage').dataset.view"))
    return left + (x + 0.5) * scale, top + (y + 0.5) * scale


def under(tab: Tab, where: tuple[float, float]) -> tuple[float, float]:
    """What place of the picture is there on the screen."""
    scale, left, top = json.loads(tab.value("document.querySelector('#stage').dataset.view"))
    return (where[0] - left) / scale - 0.5, (where[1] - top) / scale - 0.5


def place(tab: Tab, x: float, y: float, *, modifiers: int = 0) -> None:
    tab.click(*at(tab, x, y), modifiers=modifiers)


def painted(tab: Tab) -> None:
    """Wait until what was asked to be drawn has been drawn."""
    tab.value("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")


def points_of(project: Path, number: int = 0, animal: int = 0) -> dict[str, object]:
    points: dict[str, object] = labels_on_disk(project)[IMAGES[number]]["animals"][animal]
    return points
