import json
from pathlib import Path
from typing import Literal

import numpy as np
import pytest

from tracker.synthetic.open_scene import open_scene
from trainer.errors import LabelError, TrainingError
from trainer.formats.deeplabcut import read_deeplabcut_table
from trainer.formats.read_labels import read_labels
from trainer.formats.synthetic_set import read_description, set_part
from trainer.formats.write_synthetic_set import write_synthetic_set
from trainer.labels.fingerprint import labels_sha256

Scene = Literal["rodent", "rectangles", "mirror", "reach", "disturbed"]


def write(out: Path, *, scene: Scene = "rectangles", count: int = 20, seed: int = 5) -> Path:
    write_synthetic_set(out, scene=scene, count=count, seed=seed, width=96, height=80, rectangles=3)
    return out


@pytest.mark.parametrize("scene", ["rodent", "rectangles", "mirror", "reach", "disturbed"])
def test_a_set_reads_back_as_the_scene_it_was_rendered_from(tmp_path: Path, scene: Scene) -> None:
    folder = write(tmp_path / "set", scene=scene)
    frames, description = read_labels(folder), read_description(folder)
    rendered = open_scene(scene, seed=5, width=96, height=80, rectangles=3)
    assert (len(frames), frames.size) == (20, (80, 96))
    assert (frames.point_names, frames.skeleton) == (rendered.point_names, rendered.skeleton)
    for index in (0, 1, 19):
        number = description.first_number + index * description.number_step
        truth = rendered.truth(number)
        np.testing.assert_array_equal(frames.points[index, 0][truth.visible], truth.points[truth.visible])
        assert np.isnan(frames.points[index, 0][~truth.visible]).all()
        np.testing.assert_array_equal(frames.read(index), rendered.render(number))


@pytest.mark.parametrize(("scene", "says"), [("rodent", False), ("reach", True)])
def test_an_empty_cell_says_not_in_sight_where_the_set_says_so(tmp_path: Path, scene: Scene, says: bool) -> None:
    frames = read_labels(write(tmp_path / "set", scene=scene, count=60))
    empty = np.isnan(frames.points).any(-1)
    assert empty.any()
    np.testing.assert_array_equal(frames.hidden, empty & says)


def test_the_same_seed_gives_the_same_set_and_another_seed_another(tmp_path: Path) -> None:
    first, again, other = (read_labels(write(tmp_path / str(i), seed=seed)) for i, seed in enumerate((5, 5, 6)))
    assert labels_sha256(first) == labels_sha256(again)
    assert (first.points != other.points).any(axis=(1, 2, 3)).all()


@pytest.mark.parametrize(("count", "sizes"), [(1, (1, 0, 0)), (9, (9, 0, 0)), (10, (8, 1, 1)), (25, (21, 2, 2)), (40, (32, 4, 4))])
def test_the_parts_of_a_set_are_disjoint_and_cover_it(tmp_path: Path, count: int, sizes: tuple[int, int, int]) -> None:
    folder = write(tmp_path / "set", count=count)
    frames = read_labels(folder)
    train, validation, test = (set_part(folder, frames, part=part) for part in ("train", "validation", "test"))
    assert (len(train), len(validation), len(test)) == sizes
    assert sorted(np.concatenate([train, validation, test]).tolist()) == list(range(count))


def test_labels_of_a_set_are_a_table_that_deeplabcut_users_can_read(tmp_path: Path) -> None:
    folder = write(tmp_path / "set")
    np.testing.assert_array_equal(read_deeplabcut_table(folder / "labels.csv").points, read_labels(folder).points)


def test_a_set_without_its_last_file_is_unfinished_and_can_be_written_again(tmp_path: Path) -> None:
    folder = write(tmp_path / "set")
    (folder / "set.json").unlink()
    with pytest.raises(LabelError, match="was never finished; write it again with `trainer synth`"):
        read_labels(folder)
    write(folder, count=3)
    assert len(read_labels(folder)) == 3
    assert len(list((folder / "images").iterdir())) == 3


def test_a_finished_set_is_not_written_over(tmp_path: Path) -> None:
    folder = write(tmp_path / "set", count=2)
    with pytest.raises(TrainingError, match="holds a finished set; delete it"):
        write(folder)
    assert len(read_labels(folder)) == 2


def test_a_folder_with_other_files_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("do not delete")
    with pytest.raises(TrainingError, match=r"holds thesis\.txt, which no set has"):
        write(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_file_in_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "set").write_text("")
    with pytest.raises(TrainingError, match="the set could not be written: File exists"):
        write(tmp_path / "set")


@pytest.mark.parametrize("change", [{"count": 0}, {"seed": -1}, {"width": 7}, {"rectangles": 6}], ids=str)
def test_impossible_sets_are_refused(tmp_path: Path, change: dict[str, int]) -> None:
    numbers = {"count": 2, "seed": 1, "width": 96, "height": 80, "rectangles": 3} | change
    with pytest.raises(TrainingError, match="were asked for; expected at least 1 image"):
        write_synthetic_set(tmp_path / "set", scene="rectangles", **numbers)
    assert not (tmp_path / "set").exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [({"schema": 2}, "schema"), ({"count": 21}, "labels.csv: has 20 rows of 1 points; set.json says 21"), ({"extra": 1}, "unknown field")],
    ids=["schema", "rows", "unknown"],
)
def test_a_description_that_does_not_fit_is_refused(tmp_path: Path, change: dict[str, int], message: str) -> None:
    folder = write(tmp_path / "set")
    path = folder / "set.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(LabelError, match=message):
        read_labels(folder)


def test_a_description_that_is_no_utf_8_is_refused(tmp_path: Path) -> None:
    folder = write(tmp_path / "set", count=2)
    path = folder / "set.json"
    path.write_bytes(path.read_bytes().replace(b"rectangles", b"rectangle\xff", 1))
    with pytest.raises(LabelError, match="expected a set of schema 1: write it again with `trainer synth`"):
        read_labels(folder)


def test_writing_shows_its_progress_on_stderr_only(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    write(tmp_path / "set", count=2)
    shown = capfd.readouterr()
    assert shown.out == ""
    assert "rendering" in shown.err
