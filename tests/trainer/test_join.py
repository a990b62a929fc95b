"""Sets of labels are put together: an image counts once, names must agree, videos of one name stay apart."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.trainer.learnable import labelled
from trainer.errors import LabelError
from trainer.labels.image_keys import image_keys
from trainer.labels.images import ImageRef
from trainer.labels.join import join_labels
from trainer.labels.labelled_frames import LabelledFrames

SOURCES = ("old.csv", "new.csv")


@pytest.fixture
def sets(tmp_path: Path) -> tuple[LabelledFrames, LabelledFrames]:
    """Frames 0..3, and 4..5 of the same video."""
    return labelled(tmp_path, 4), labelled(tmp_path, 2, first=4)


def test_sets_of_one_video_become_one_with_every_frame(sets: tuple[LabelledFrames, LabelledFrames]) -> None:
    joined = join_labels(sets, sources=SOURCES)
    assert joined.order.tolist() == [0, 1, 2, 3, 4, 5]
    assert set(joined.group) == {"bars"}
    np.testing.assert_array_equal(joined.points, np.concatenate([sets[0].points, sets[1].points]))


def test_key_points_in_another_order_are_put_in_the_first_ones(sets: tuple[LabelledFrames, LabelledFrames]) -> None:
    old, new = sets
    turned = replace(new, points=new.points[:, :, ::-1], hidden=new.hidden[:, :, ::-1], point_names=("tail", "head"))
    np.testing.assert_array_equal(join_labels([old, turned], sources=SOURCES).points[4:], new.points)


def test_an_image_labelled_twice_counts_once_with_its_last_label(sets: tuple[LabelledFrames, LabelledFrames], tmp_path: Path) -> None:
    old, _ = sets
    copy = tmp_path / "elsewhere.png"
    shutil.copyfile(old.images[1].path, copy)
    corrected = replace(old.subset(np.array([1])), images=(ImageRef(path=copy, frame=None),))
    corrected.points[0, 0, 0] += 5
    joined = join_labels([old, corrected], sources=SOURCES)
    assert len(joined) == 4
    assert sorted(image_keys(joined)) == sorted(image_keys(old))
    assert joined.points[joined.order == 1, 0, 0].tolist() == (old.points[1, 0, 0] + 5)[None].tolist()


def test_two_videos_of_one_name_stay_two(sets: tuple[LabelledFrames, LabelledFrames]) -> None:
    old, new = sets
    joined = join_labels([old, replace(new, order=np.array([2, 9]))], sources=SOURCES)
    assert joined.group == ("bars",) * 4 + ("bars (2)",) * 2


def test_a_set_with_fewer_animals_is_filled_with_missing_ones(sets: tuple[LabelledFrames, LabelledFrames]) -> None:
    old, new = sets
    pair = replace(new, points=np.repeat(new.points, 2, axis=1), hidden=np.repeat(new.hidden, 2, axis=1))
    joined = join_labels([old, pair], sources=SOURCES)
    assert joined.points.shape == (6, 2, 2, 2)
    assert np.isnan(joined.points[:4, 1]).all()
    assert not np.isnan(joined.points[4:]).any()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"point_names": ("head", "tip")},
            r"new\.csv: labels the points head, tip; old\.csv labels head, tail.*\('tip' is not among them, 'tail' is missing\)",
        ),
        ({"animal_names": ("ann", "bob")}, r"new\.csv: names its animals ann, bob; old\.csv names them not at all"),
    ],
    ids=["names", "animals"],
)
def test_sets_that_disagree_are_refused_with_both_sides(
    sets: tuple[LabelledFrames, LabelledFrames], changes: dict[str, tuple[str, ...]], message: str
) -> None:
    with pytest.raises(LabelError, match=message):
        join_labels([sets[0], replace(sets[1], **changes)], sources=SOURCES)  # type: ignore[arg-type]


def with_pairs(frames: LabelledFrames, *pairs: tuple[str, str]) -> LabelledFrames:
    """The frames with four key points, some of which are paired."""
    names, (count, animals) = ("nose", "one", "two", "three"), frames.points.shape[:2]
    points, hidden = np.ones((count, animals, len(names), 2)), np.zeros((count, animals, len(names)), bool)
    return replace(frames, points=points, hidden=hidden, point_names=names, skeleton=(), pairs=pairs)


@pytest.mark.parametrize(
    ("of_old", "of_new", "expected"),
    [
        ([], [("one", "two")], (("one", "two"),)),
        ([("nose", "three")], [("one", "two")], (("nose", "three"), ("one", "two"))),
        ([("one", "two")], [("two", "one")], (("one", "two"),)),
        ([("nose", "nose")], [("one", "two")], (("nose", "nose"), ("one", "two"))),
    ],
    ids=["of the second alone", "others in each", "the same turned round", "without a side"],
)
def test_points_are_paired_that_any_set_pairs(
    sets: tuple[LabelledFrames, LabelledFrames],
    of_old: list[tuple[str, str]],
    of_new: list[tuple[str, str]],
    expected: tuple[tuple[str, str], ...],
) -> None:
    assert join_labels([with_pairs(sets[0], *of_old), with_pairs(sets[1], *of_new)], sources=SOURCES).pairs == expected


@pytest.mark.parametrize("other", ["three", "one"])
def test_sets_that_pair_a_point_with_different_ones_are_refused(sets: tuple[LabelledFrames, LabelledFrames], other: str) -> None:
    message = rf"new\.csv: pairs 'one' with '{other}', old\.csv with 'two', as left and right: give sets that agree"
    with pytest.raises(LabelError, match=message):
        join_labels([with_pairs(sets[0], ("one", "two")), with_pairs(sets[1], ("one", other))], sources=SOURCES)
