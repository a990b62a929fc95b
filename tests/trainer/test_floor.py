"""The distance between people, from a number or from their project."""

import argparse
from pathlib import Path

import cv2
import numpy as np
import pytest

from trainer.commands.experiment_options import human_px
from trainer.errors import TrainingError
from trainer.project.layer import FrameLabel, Layer
from trainer.project.store import create_project
from trainer.scoring.floor import floor_of_data, read_floor

NAMES = ("snout", "tailbase")


def project(folder: Path, *, annotators: int) -> Path:
    """Two frames; the second person places the snout 3 px to the right and 4 px below, the tail base where the first did."""
    made = create_project(folder, point_names=NAMES)
    video = folder.parent / "a.mp4"
    made.add_frames(video, [(number, np.full((48, 64), 90 + number, np.uint8)) for number in range(2)], why="uniform")
    for number in range(annotators):
        label = FrameLabel(animals=[{"snout": (20.0 + 3 * number, 10.0 + 4 * number), "tailbase": (40.0, 30.0)}])
        made.write_layer(Layer(annotator=f"person{number}", frames={frame.image: label for frame in made.frames}))
    return folder


def test_a_project_of_two_gives_the_distance_for_each_point(tmp_path: Path) -> None:
    floor = read_floor(str(project(tmp_path / "mice", annotators=2)), NAMES)
    assert floor.per_point == {"snout": pytest.approx(5.0), "tailbase": 0.0}
    assert floor.mean_px == pytest.approx(2.5)
    assert floor.source == "2 annotators of mice"


def test_labels_that_are_such_a_project_bring_their_own_floor_and_others_none(tmp_path: Path) -> None:
    assert floor_of_data(project(tmp_path / "two", annotators=2), NAMES) is not None
    assert floor_of_data(project(tmp_path / "one", annotators=1), NAMES) is None
    cv2.imwrite(str(tmp_path / "labels.png"), np.zeros((4, 4), np.uint8))
    assert floor_of_data(tmp_path / "labels.png", NAMES) is None


def test_a_number_is_the_floor_of_every_point() -> None:
    assert read_floor("2.7", NAMES).per_point == {"snout": 2.7, "tailbase": 2.7}


@pytest.mark.parametrize("asked", ["0", "-1", "nan", "inf"])
def test_a_number_that_is_no_distance_is_refused(asked: str) -> None:
    with pytest.raises(TrainingError, match="expected more than 0"):
        read_floor(asked, NAMES)


def test_a_folder_without_two_annotators_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="gives no floor; expected a number of pixels, or a labelling project"):
        read_floor(str(project(tmp_path / "one", annotators=1)), NAMES)
    with pytest.raises(TrainingError, match="gives no floor"):
        read_floor(str(tmp_path), ("ear",))


@pytest.mark.parametrize(("given", "annotators", "floor"), [(None, 2, 2.5), (1.5, 2, 1.5), (None, 1, None)])
def test_an_experiment_takes_the_floor_from_a_project_of_several_people(
    tmp_path: Path, given: float | None, annotators: int, floor: float | None
) -> None:
    data = project(tmp_path / "mice", annotators=annotators)
    found = human_px(argparse.Namespace(human_px=given, data=data), NAMES)
    assert found == (None if floor is None else pytest.approx(floor))
    assert human_px(argparse.Namespace(human_px=given, data=None), NAMES) == given
