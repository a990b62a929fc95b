"""Frames are said to be in order of time only where their numbers are of frames or of moments."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.trainer.learnable import SIZE, draw
from tests.trainer.test_coco import annotation, write_coco
from tests.trainer.test_split import frames_of
from trainer.formats.import_labels import ImportChoice, import_labels
from trainer.formats.read_labels import read_labels
from trainer.labels.images import ImageRef
from trainer.labels.labelled_frames import LabelledFrames
from trainer.labels.split import split_block
from trainer.labels.time_order import time_is_known
from trainer.project.store import FrameLabel, Layer, create_project, open_project

SPARSE = (3, 17, 102, 731, 4410, 4478, 52319)
IDS = np.random.default_rng(0).choice(10**12, 60, replace=False).tolist()
COCO_IDS = np.random.default_rng(1).choice(581_929, 60, replace=False).tolist()


def named(names: Sequence[str], *, group: Sequence[str] = ()) -> LabelledFrames:
    frames = frames_of(list(group) or ["a"] * len(names))
    return replace(frames, images=tuple(ImageRef(path=Path(name), frame=None) for name in names))


@pytest.mark.parametrize(
    "names",
    [
        [f"img{number:04d}.png" for number in SPARSE],
        [f"frame_{number:06d}.png" for number in SPARSE],
        [f"monday-Image {number}.png" for number in SPARSE],
        [f"{number:05d}.png" for number in range(1, 30)],
        [f"mouse3_{number}.png" for number in (0, 25, 50, 75, 125, 150)],
        [f"cam1_{1_716_543_210_000 + 37 * number**2}.jpg" for number in range(9)],
        ["20240501123000.png", "20240501123509.png", "20240502070001.png"],
        ["20240501123000123.png", "20240501123509007.png", "20240502070001999.png"],
        ["7.png"],
    ],
    ids=["DeepLabCut's", "frames", "images", "in a row", "steady steps", "ms since 1970", "written out", "written out to ms", "one"],
)
def test_numbers_of_frames_and_moments_are_an_order_of_time(names: list[str]) -> None:
    assert time_is_known(named(names))


@pytest.mark.parametrize(
    "names",
    [
        [f"{number:012d}.jpg" for number in IDS],
        [f"{number:012d}.jpg" for number in COCO_IDS],
        [f"COCO_val2014_{number:012d}.jpg" for number in COCO_IDS],
        [f"img{number:012d}.jpg" for number in IDS],
        [f"{number}.png" for number in (12, 951)],
        ["20241301123000.png", "20240501123509.png", "20240502070001.png"],
        ["ape1.png", "bear2.png", "cat3.png"],
        ["ape.png", "bear.png", "cat.png"],
        ["ape1.png", "bear1.png", "cat1.png"],
    ],
    ids=["random ids", "COCO's ids", "COCO's names", "too long", "two", "no such month", "several series", "words", "one number"],
)
def test_ids_and_words_are_none(names: list[str]) -> None:
    assert not time_is_known(named(names))


def test_one_folder_in_no_order_of_time_is_enough() -> None:
    names = [f"img{number}.png" for number in range(5)] + [f"{number:012d}.jpg" for number in COCO_IDS[:5]]
    assert not time_is_known(named(names, group=["a"] * 5 + ["b"] * 5))
    assert time_is_known(named([*names[:5], *names[:5]], group=["a"] * 5 + ["b"] * 5))


def test_frames_of_a_video_are_in_time_however_far_apart() -> None:
    frames = frames_of(["a"] * len(SPARSE))
    assert time_is_known(replace(frames, images=tuple(ImageRef(path=Path("film.mp4"), frame=number) for number in SPARSE)))


def test_a_project_of_frames_that_were_chosen_is_in_time(tmp_path: Path) -> None:
    """Its pictures are named by bare numbers, which are those of the video's frames."""
    project = create_project(tmp_path / "p", point_names=["head"])
    project.add_frames(Path("bars.mp4"), ((number, draw(number)[0]) for number in SPARSE), why="k-means")
    project = open_project(project.folder)
    labels = {frame.image: FrameLabel(animals=[{"head": (3.0, 4.0)}], tags=[]) for frame in project.frames}
    project.write_layer(Layer(annotator="ann", frames=labels))
    assert split_block(read_labels(project.folder), 2, folds=5).description == "block 3 of 5 in time held out"


def deeplabcut(folder: Path) -> Path:
    pictures = folder / "labeled-data" / "m1"
    pictures.mkdir(parents=True)
    rows = ["scorer,me,me", "bodyparts,snout,snout", "coords,x,y"]
    for number in SPARSE:
        cv2.imwrite(str(pictures / f"img{number:05d}.png"), draw(number)[0])
        rows.append(f"labeled-data/m1/img{number:05d}.png,{number % SIZE[1]},5")
    (pictures / "CollectedData_me.csv").write_text("\n".join(rows) + "\n")
    return folder


def deeplabcut_of_words(folder: Path) -> Path:
    """Pictures without a number, to which a project gives 0, 1, 2 …"""
    table = deeplabcut(folder) / "labeled-data" / "m1" / "CollectedData_me.csv"
    for number, word in zip(SPARSE, ("gnu", "eel", "ape", "fox", "bee", "cat", "dog"), strict=True):
        (table.parent / f"img{number:05d}.png").rename(table.parent / f"{word}.png")
        table.write_text(table.read_text().replace(f"img{number:05d}.png", f"{word}.png"))
    return folder


def coco(folder: Path) -> Path:
    return write_coco(folder / "labels.json", annotations=[annotation(number, 5, 6, 2, 7, 8, 2) for number in SPARSE], images=SPARSE)


def coco_of_ids(folder: Path) -> Path:
    path = coco(folder)
    for number, other in zip(SPARSE, COCO_IDS, strict=False):
        (folder / "images" / f"img{number}.png").rename(folder / "images" / f"{other:012d}.png")
        path.write_text(path.read_text().replace(f'"img{number}.png"', f'"{other:012d}.png"'))
    return path


@pytest.mark.parametrize(
    ("source", "order"),
    [
        (deeplabcut, "in time"),
        (coco, "in time"),
        (coco_of_ids, "in the order of their names"),
        (deeplabcut_of_words, "in the order of their names"),
    ],
    ids=["DeepLabCut", "COCO of frames", "COCO of ids", "DeepLabCut without numbers"],
)
def test_a_project_keeps_whether_imported_labels_were_in_time(tmp_path: Path, source: Callable[[Path], Path], order: str) -> None:
    """It gives their pictures names of its own."""
    labels = source(tmp_path / "sent")
    expected = f"block 3 of 5 {order} held out"
    assert split_block(read_labels(labels), 2, folds=5).description == expected
    import_labels(tmp_path / "p", labels, ImportChoice(annotator="ann", empty="unlabelled"))
    assert split_block(read_labels(tmp_path / "p"), 2, folds=5).description == expected
    import_labels(tmp_path / "of project", tmp_path / "p", ImportChoice(annotator="bob"))
    assert split_block(read_labels(tmp_path / "of project"), 2, folds=5).description == expected
