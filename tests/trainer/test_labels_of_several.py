"""Several animals in a frame, as SLEAP, COCO and DeepLabCut label them."""

import csv
import json
import logging
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
import sleap_io  # type: ignore[import-untyped]

from trainer.errors import LabelError
from trainer.formats.read_labels import read_labels

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
Points = list[list[float]]


def write_images(folder: Path, *numbers: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for number in numbers:
        cv2.imwrite(str(folder / f"img{number}.png"), np.full((48, 64), number, np.uint8))


def write_slp(folder: Path, frames: dict[int, list[tuple[str | None, Points]]]) -> Path:
    """Frames of animals on tracks, of a video of four."""
    with av.open(str(folder / "film.mkv"), "w") as container:
        stream = container.add_stream("ffv1", rate=30)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "gray"
        for number in range(4):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.full((48, 64), number, np.uint8), format="gray")))
        container.mux(stream.encode())
    skeleton = sleap_io.Skeleton(["snout", "tail"])
    film = sleap_io.Video(filename="film.mkv", backend=None, open_backend=False)
    tracks: dict[str, Any] = {}
    labelled = []
    for number, animals in frames.items():
        instances = [
            sleap_io.Instance.from_numpy(
                np.array(points), skeleton=skeleton, track=tracks.setdefault(name, sleap_io.Track(name)) if name else None
            )
            for name, points in animals
        ]
        labelled.append(sleap_io.LabeledFrame(video=film, frame_idx=number, instances=instances))
    path = folder / "labels.slp"
    sleap_io.save_slp(sleap_io.Labels(labelled), str(path), embed=False, verbose=False)
    return path


ANN: Points = [[1.5, 2], [3, 4]]
BOB: Points = [[11, 12], [13, 14.25]]
NAN = float("nan")


def test_two_flies_stay_in_their_rows_over_1500_frames() -> None:
    """The rows of the file are in changing order, its tracks are not."""
    path = DATA / "sleap_flies" / "clip.slp"
    if not path.exists():
        pytest.skip("real data sleap_flies is not beside the repository")
    frames = read_labels(path)
    assert (frames.points.shape, frames.animal_names, frames.size) == ((1500, 2, 13, 2), ("female", "male"), (1024, 1024))
    assert int(np.isnan(frames.points[..., 0]).sum()) == 637
    middle = np.nanmean(frames.points, axis=2)
    assert np.linalg.norm(np.diff(middle, axis=0), axis=2).max() < 40  # flies walk; those that swapped rows would jump 70 px and more
    assert frames.animals == 2


def test_a_track_has_its_own_row_and_is_missing_where_it_is_not(tmp_path: Path) -> None:
    frames = read_labels(write_slp(tmp_path, {0: [("ann", ANN), ("bob", BOB)], 1: [("bob", BOB)], 2: [("bob", BOB), ("ann", ANN)]}))
    assert frames.animal_names == ("ann", "bob")
    assert frames.points[[0, 2]].tolist() == [[ANN, BOB], [ANN, BOB]]
    assert np.isnan(frames.points[1, 0]).all()
    assert frames.points[1, 1].tolist() == BOB
    assert frames.subset(np.array([1])).animal_names == ("ann", "bob")


def test_without_tracks_rows_are_in_the_order_of_the_file_and_have_no_names(tmp_path: Path) -> None:
    frames = read_labels(write_slp(tmp_path, {0: [(None, ANN), (None, BOB)], 1: [(None, BOB)]}))
    assert frames.animal_names == ()
    assert frames.points[0].tolist() == [ANN, BOB]
    assert frames.points[1, 0].tolist() == BOB
    assert np.isnan(frames.points[1, 1]).all()


def test_more_tracks_than_animals_are_pieces_of_tracks(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A tracker that lost its animals numbers them anew; forty pieces of two animals are not forty rows."""
    with caplog.at_level(logging.WARNING):
        frames = read_labels(write_slp(tmp_path, {0: [("1", ANN), ("2", BOB)], 1: [("3", ANN), ("2", BOB)]}))
    assert (frames.animals, frames.animal_names) == (2, ())
    assert "a track is not an animal: tracks=3 animals=2" in caplog.text


def test_one_animal_on_several_tracks_is_one_animal(tmp_path: Path) -> None:
    frames = read_labels(write_slp(tmp_path, {0: [("1", ANN)], 1: [("2", BOB)]}))
    assert (frames.animals, frames.animal_names) == (1, ())


def test_a_track_with_two_animals_in_a_frame_is_refused(tmp_path: Path) -> None:
    path = write_slp(tmp_path, {0: [("ann", ANN), ("bob", BOB)], 3: [("ann", ANN), ("ann", BOB)]})
    with pytest.raises(LabelError, match=r"labels\.slp: frame 3 of film\.mkv: a track has two animals"):
        read_labels(path)


def write_coco(folder: Path, annotations: list[tuple[int, list[float]]]) -> Path:
    write_images(folder / "images", 1, 2)
    content = {
        "images": [{"id": number, "file_name": f"img{number}.png"} for number in (1, 2)],
        "annotations": [{"image_id": image, "category_id": 1, "keypoints": numbers} for image, numbers in annotations],
        "categories": [{"id": 1, "keypoints": ["snout", "tail"]}],
    }
    path = folder / "labels.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def test_coco_annotations_of_one_image_are_its_animals(tmp_path: Path) -> None:
    frames = read_labels(write_coco(tmp_path, [(1, [1.5, 2, 2, 3, 4, 2]), (2, [11, 12, 2, 0, 0, 0]), (1, [11, 12, 2, 13, 14.25, 2])]))
    assert frames.points[0].tolist() == [ANN, BOB]
    assert frames.points[1, 0, 0].tolist() == [11, 12]
    assert np.isnan(frames.points[1, 0, 1]).all()
    assert np.isnan(frames.points[1, 1]).all()
    assert frames.animal_names == ()


def test_the_same_coco_animal_twice_is_refused(tmp_path: Path) -> None:
    path = write_coco(tmp_path, [(1, [1.5, 2, 2, 3, 4, 2]), (2, [1.5, 2, 2, 3, 4, 2]), (1, [1.5, 2, 2, 3, 4, 2])])
    with pytest.raises(LabelError, match=r"annotations\[2\]: img1\.png has this animal already at .*annotations\[0\]"):
        read_labels(path)


def write_table(folder: Path, columns: list[tuple[str, str]], rows: list[list[object]], *, video: str = "m1") -> Path:
    """A multi-animal DeepLabCut table: (individual, body part) of each pair of columns."""
    place = folder / "labeled-data" / video
    write_images(place, *range(len(rows)))
    twice = [column for column in columns for _ in "xy"]
    with (place / "CollectedData_me.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["scorer", *["me"] * len(twice)])
        table.writerow(["individuals", *(animal for animal, _ in twice)])
        table.writerow(["bodyparts", *(point for _, point in twice)])
        table.writerow(["coords", *["x", "y"] * len(columns)])
        for number, row in enumerate(rows):
            table.writerow([f"labeled-data/{video}/img{number}.png", *row])
    return folder


BOTH = [("ann", "snout"), ("ann", "tail"), ("bob", "snout"), ("bob", "tail")]
FULL: list[object] = [1.5, 2, 3, 4, 11, 12, 13, 14.25]


def test_individuals_of_a_deeplabcut_table_are_rows(tmp_path: Path) -> None:
    frames = read_labels(write_table(tmp_path, BOTH, [FULL, ["", "", "", "", 11, 12, "", ""]]))
    assert (frames.animal_names, frames.point_names) == (("ann", "bob"), ("snout", "tail"))
    assert frames.points[0].tolist() == [ANN, BOB]
    np.testing.assert_array_equal(frames.points[1], [[[NAN, NAN], [NAN, NAN]], [[11, 12], [NAN, NAN]]])


def test_columns_may_be_in_any_order(tmp_path: Path) -> None:
    mixed = [BOTH[3], BOTH[0], BOTH[2], BOTH[1]]
    frames = read_labels(write_table(tmp_path, mixed, [[13, 14.25, 1.5, 2, 11, 12, 3, 4]]))
    by_name = [frames.point_names.index(name) for name in ("snout", "tail")]
    ordered = [frames.animal_names.index(name) for name in ("ann", "bob")]
    assert frames.points[0][ordered][:, by_name].tolist() == [ANN, BOB]


def test_points_of_no_animal_are_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """DeepLabCut puts corners of the arena beside the animals, as those of "single"."""
    with caplog.at_level(logging.WARNING):
        frames = read_labels(write_table(tmp_path, [*BOTH, ("single", "corner")], [[*FULL, 60, 40]]))
    assert frames.points[0].tolist() == [ANN, BOB]
    assert "points of no animal are left out: count=1" in caplog.text


def test_tables_of_a_project_share_their_animals(tmp_path: Path) -> None:
    """A video in which one of them was alone has columns for that one only."""
    write_table(tmp_path, BOTH, [FULL])
    write_table(tmp_path, BOTH[2:], [[11, 12, 13, 14.25]], video="m2")
    frames = read_labels(tmp_path)
    assert frames.animal_names == ("ann", "bob")
    assert np.isnan(frames.points[1, 0]).all()
    assert frames.points[1, 1].tolist() == BOB


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ([*BOTH[:3], ("bob", "ear")], r"CollectedData_me\.csv:2: 'bob' has other points than 'ann'"),
        ([*BOTH[:3], ("bob", "snout")], r"CollectedData_me\.csv:3: a point name stands twice"),
    ],
    ids=["other points", "twice"],
)
def test_animals_with_different_points_are_refused(tmp_path: Path, columns: list[tuple[str, str]], message: str) -> None:
    with pytest.raises(LabelError, match=message):
        read_labels(write_table(tmp_path, columns, [FULL]))
