"""A video that is imported under another name than before: it is said that its pictures are there already."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.trainer.test_import_again import FRAMES, KEPT, imported, picture, table
from trainer.__main__ import main
from trainer.formats.import_labels import import_labels
from trainer.project.store import create_project


def test_a_folder_that_was_renamed_is_said_to_be_there_twice(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = table(tmp_path / "sent", FRAMES)
    project = imported(tmp_path / "p", source)
    (source / "labeled-data/cage").rename(source / "labeled-data/cage b")
    rows = (source / "CollectedData.csv").read_text().replace("/cage/", "/cage b/")
    (source / "CollectedData.csv").write_text(rows)
    cv2.imwrite(str(source / "labeled-data/cage b/img0003.png"), picture(19))
    command = ["project", "import", str(project.folder), str(source), "--annotator", "ann"]
    assert main(command) == 0
    said = "3 of the 4 pictures of 'cage b' are those of 'cage', which the project has already: if that video or folder was only renamed, "
    assert capsys.readouterr().out.splitlines()[1] == f"{said}they are there twice now, with their labels"
    assert main(command) == 0
    assert len(capsys.readouterr().out.splitlines()) == 1, "they came before"


def test_another_video_that_shares_a_black_picture_is_not_taken_for_the_same(tmp_path: Path) -> None:
    project = create_project(tmp_path / "p", point_names=["snout"])
    project.add_frames(Path("monday.mp4"), [(0, picture(1)), (1, np.zeros((48, 64), np.uint8))], why="k-means")
    source = table(tmp_path / "sent", {"img0002": 2, "img0003": 3, "img0004": 4})
    cv2.imwrite(str(source / "labeled-data/cage/img0002.png"), np.zeros((48, 64), np.uint8))
    assert import_labels(project.folder, source, KEPT).second == ()
