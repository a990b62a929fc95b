"""What COCO and SLEAP say of points that cannot be seen: taken as each of them means it, and said."""

import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.trainer.test_coco import annotation, write_coco
from tests.trainer.test_export_labels import make_set, write
from tests.trainer.test_labels import write_slp, write_video
from trainer.__main__ import main
from trainer.formats.read_labels import read_labels

PLACED = "points that are labelled but not visible (COCO's visibility 1) are taken as placed, not as hidden: points=2"
HIDDEN = "points that are marked as not visible are taken as hidden, wherever they were left: points=2"


def coco(folder: Path) -> Path:
    """Three frames of snout and tail: the tail is behind something in one, and the snout in another."""
    frames = [annotation(1, 5, 6, 2, 7, 8, 1), annotation(2, 3, 4, 1, 0, 0, 0), annotation(10, 5, 6, 2, 7, 8, 2)]
    return write_coco(folder / "labels.json", annotations=frames)


def sleap(folder: Path) -> Path:
    """The same in SLEAP: two points lie somewhere and are marked as not visible, a third was never placed."""
    write_video(folder / "film.mkv", frames=3)
    tables: list[list[list[float]]] = [
        [[5, 6, 1, 1], [7, 8, 0, 1]],
        [[3, 4, 0, 1], [np.nan, np.nan, 0, 0]],
        [[5, 6, 1, 1], [7, 8, 1, 1]],
    ]  # x, y, visible, completed
    return write_slp(folder / "labels.slp", video="film.mkv", frames={number: [table] for number, table in enumerate(tables)})


def test_a_point_that_coco_calls_labelled_but_not_visible_is_placed_and_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        frames = read_labels(coco(tmp_path))
    assert not frames.hidden.any()
    assert frames.points[0, 0].tolist() == [[5, 6], [7, 8]]
    assert frames.points[1, 0, 0].tolist() == [3, 4]
    assert f"labels.json: {PLACED}" in caplog.text


def test_a_point_that_sleap_calls_not_visible_is_hidden_and_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        frames = read_labels(sleap(tmp_path))
    assert frames.hidden[:, 0].tolist() == [[False, True], [True, False], [False, False]]
    assert np.isnan(frames.points[frames.hidden]).all()
    assert f"labels.slp: {HIDDEN}" in caplog.text


@pytest.mark.parametrize(("source", "sentence"), [(coco, PLACED), (sleap, HIDDEN)], ids=["coco", "sleap"])
def test_an_import_says_what_became_of_points_that_cannot_be_seen(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, source: Callable[[Path], Path], sentence: str
) -> None:
    assert main(["project", "import", str(tmp_path / "p"), str(source(tmp_path)), "--annotator", "ann"]) == 0
    assert sentence in caplog.text


@pytest.mark.parametrize("kind", ["coco", "sleap"])
def test_hidden_points_of_an_export_of_ours_come_back_without_a_word(tmp_path: Path, caplog: pytest.LogCaptureFixture, kind: str) -> None:
    """They have no place in either format."""
    frames = make_set(tmp_path / "p")
    with caplog.at_level(logging.WARNING):
        found = read_labels(write(frames, kind, tmp_path / "out"))
    assert frames.hidden.sum() == 2
    assert np.array_equal(found.hidden, frames.hidden)
    assert "visible" not in caplog.text
