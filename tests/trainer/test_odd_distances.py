"""A point that is a little out of place is named where the distances of its animal vary little, and not where they vary."""

from dataclasses import replace

import numpy as np
import pytest

from tests.trainer.test_label_checks import animals
from trainer.labels.checks import check_labels
from trainer.labels.labelled_frames import LabelledFrames


def scattered(count: int = 60) -> LabelledFrames:
    """Animals whose labels scatter by half a pixel, as people's do."""
    frames = animals(count)
    return replace(frames, points=frames.points + np.random.default_rng(2).normal(0, 0.5, frames.points.shape))


def moved(frames: LabelledFrames, *places: int, by: tuple[float, float]) -> LabelledFrames:
    """The snout of some frames somewhere else, as the animal sees it: x to its right, y to its tail."""
    points = frames.points.copy()
    for place in places:
        tail, ears = points[place, 0, 3], points[place, 0, 1:3].mean(axis=0)
        along = (tail - ears) / np.linalg.norm(tail - ears)
        points[place, 0, 0] += by[0] * np.array([along[1], -along[0]]) + by[1] * along
    return replace(frames, points=points)


def test_a_point_that_is_off_by_less_than_its_usual_distance_is_named_where_distances_hardly_vary() -> None:
    found = check_labels(moved(scattered(), 7, by=(25.0, 20.0)))
    assert [(one.kind, one.frame) for one in found] == [("distance", 7)]
    assert found[0].sentence.startswith("m1/img007.png: 'snout' and 'leftear' are ")
    assert "px apart, in 9 of 10 frames of 'm1' 22 to 25 px; look whether 'snout' is misplaced" in found[0].sentence


def test_a_point_that_is_far_away_is_named_by_its_distances_alone() -> None:
    found = check_labels(moved(scattered(), 7, by=(200.0, 0.0)))
    assert {one.sentence.rsplit("; ", 1)[1] for one in found} == {"look whether one of them is misplaced"}


def test_distances_that_vary_say_nothing_of_a_point_that_is_a_little_away() -> None:
    frames = scattered()
    stretched = frames.points.copy()
    stretched[:, 0, 0] += np.random.default_rng(3).normal(0, 12, (60, 2))
    assert check_labels(moved(replace(frames, points=stretched), 7, by=(25.0, 20.0))) == []


def test_an_animal_that_is_seen_at_a_slant_is_shorter_and_nothing_is_misplaced() -> None:
    frames = scattered()
    points = frames.points.copy()
    for place in (3, 9, 20):
        middle = points[place, 0].mean(axis=0)
        points[place, 0] = middle + (points[place, 0] - middle) * 0.5
    assert check_labels(replace(frames, points=points)) == []


def test_what_a_part_of_the_frames_has_is_how_the_animal_moves() -> None:
    assert check_labels(moved(scattered(), *range(0, 60, 10), by=(25.0, 20.0))) == []


def test_each_video_is_compared_with_itself() -> None:
    """An animal twice as large in another video has other distances, and none is odd."""
    large = scattered()
    points = large.points.copy()
    points[:30] *= 1.8
    two = replace(large, points=points, group=("near",) * 30 + ("far",) * 30)
    assert check_labels(two) == []
    assert [one.frame for one in check_labels(moved(two, 45, by=(25.0, 20.0)))] == [45]


def test_parts_that_move_freely_neither_acquit_a_point_nor_accuse_it() -> None:
    frames = scattered()
    paws = frames.points[:, :, 1:3] + np.random.default_rng(4).normal(0, 12, (60, 1, 2, 2))
    points = np.concatenate([frames.points, paws], axis=2)
    walking = replace(frames, points=points, point_names=(*frames.point_names, "p1", "p2"), hidden=np.zeros(points.shape[:3], bool))
    assert check_labels(walking) == []
    found = check_labels(moved(walking, 7, by=(25.0, 20.0)))
    assert [(one.frame, one.sentence.rsplit("; ", 1)[1]) for one in found] == [(7, "look whether 'snout' is misplaced")]


def test_of_two_points_alone_nobody_can_tell_which_is_misplaced() -> None:
    frames = scattered()
    longer = moved(frames, 7, by=(0.0, -40.0))
    two = replace(longer, points=longer.points[:, :, [0, 3]], point_names=("snout", "tailbase"), hidden=longer.hidden[:, :, :2])
    assert check_labels(two) == []


def test_points_are_not_named_for_the_fault_of_two_others() -> None:
    frames = scattered()
    snout, tail = frames.points[:, :, 0], frames.points[:, :, 3]
    spine = [snout + (tail - snout) * share for share in (0.3, 0.4, 0.5, 0.6, 0.7)]
    points = np.stack([*(frames.points[:, :, point] for point in range(4)), *spine], axis=2)
    stiff = replace(frames, points=points, point_names=(*frames.point_names, *"abcde"), hidden=np.zeros(points.shape[:3], bool))
    assert check_labels(stiff) == []
    points[7, 0, [0, 3]] += (tail - snout)[7, 0] * [[-0.2], [0.2]]
    found = {one.sentence.rsplit("; ", 1)[1] for one in check_labels(replace(stiff, points=points))}
    assert found == {"look whether 'snout' is misplaced", "look whether 'tailbase' is misplaced"}


@pytest.mark.parametrize(("count", "found"), [(9, 0), (15, 1)])
def test_nine_frames_of_a_video_say_nothing_and_fifteen_do(count: int, found: int) -> None:
    frames = replace(scattered(), group=("a",) * count + ("b",) * (60 - count))
    assert len(check_labels(moved(frames, 3, by=(25.0, 20.0)))) == found


def test_far_points_are_not_named_among_fewer_than_ten_frames() -> None:
    for count, kinds in ((9, {"too few"}), (12, {"too few", "distance"})):
        assert {one.kind for one in check_labels(moved(scattered(count), 3, by=(200.0, 0.0)))} == kinds


def nearer(frames: LabelledFrames, times: float) -> LabelledFrames:
    """Every fifth frame shows the animal so many times as large."""
    points = frames.points.copy()
    middle = points[::5].mean(axis=2, keepdims=True)
    points[::5] = middle + times * (points[::5] - middle)
    return replace(frames, points=points)


def test_an_animal_that_comes_nearer_has_no_point_out_of_place() -> None:
    assert check_labels(nearer(scattered(), 3.0)) == []
    found = check_labels(moved(nearer(scattered(), 3.0), 10, by=(300.0, 0.0)))
    assert {(one.kind, one.frame) for one in found} == {("distance", 10)}
    assert all("'snout'" in one.sentence for one in found)


def test_one_point_of_three_does_not_pass_for_an_animal_that_comes_nearer() -> None:
    frames = scattered()
    three = replace(frames, points=frames.points[:, :, :3], point_names=frames.point_names[:3], hidden=frames.hidden[:, :, :3])
    points = three.points.copy()
    points[7, 0, 0] += 200.0
    found = check_labels(replace(three, points=points))
    assert {(one.kind, one.frame) for one in found} == {("distance", 7)}
    assert all("in half of all frames less than" in one.sentence for one in found), "by its length, and not only since others are steady"


def test_of_two_points_a_long_distance_is_odd_by_itself() -> None:
    frames = scattered()
    two = replace(frames, points=frames.points[:, :, :2], point_names=frames.point_names[:2], hidden=frames.hidden[:, :, :2])
    points = two.points.copy()
    points[7, 0, 0] += 200.0
    assert [(one.kind, one.frame) for one in check_labels(replace(two, points=points))] == [("distance", 7)]
