"""Two sides of an animal are told from where its points lie; what only looks like two sides is not taken for them."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.trainer.test_augmentation_choice import MIDLINE, seen_from_above
from trainer.labels.sides_by_place import FEWEST_ANIMALS, sides_by_place

Points = NDArray[np.float64]
INSECT = np.array([[40.0, 0], [0, 0], [-40, 0], [20, -25], [20, 25], [0, -30], [0, 30], [-20, -25], [-20, 25]])  # head to abdomen, legs


def test_every_leg_finds_the_one_of_the_other_side() -> None:
    assert sides_by_place(seen_from_above(INSECT), range(9)) == ((3, 4), (5, 6), (7, 8))


def test_known_partners_and_points_without_a_side_are_not_paired_anew() -> None:
    points = seen_from_above(INSECT)
    assert sides_by_place(points, (0, 1, 2, 4, 3, 5, 6, 7, 8)) == ((5, 6), (7, 8))
    assert sides_by_place(points, (0, 1, 2, 4, 3, 6, 5, 8, 7)) == ()
    assert sides_by_place(points, (0, 1, 2, 4, 3, 6, 5, 7, 8), settled=[7]) == ()


def test_points_that_are_often_out_of_sight_are_paired_by_the_images_that_show_them() -> None:
    points = seen_from_above(INSECT, count=400)
    points[np.random.default_rng(1).random(points.shape[:2]) < 0.5] = np.nan
    assert sides_by_place(points, range(9)) == ((3, 4), (5, 6), (7, 8))


def test_a_point_that_is_hardly_ever_labelled_hides_no_other() -> None:
    points = seen_from_above(INSECT)
    points[FEWEST_ANIMALS - 1 :, 1] = np.nan
    assert sides_by_place(points, range(9)) == ((3, 4), (5, 6), (7, 8))


def about(angle_rad: float, points: Points) -> Points:
    turn = np.array([[np.cos(angle_rad), -np.sin(angle_rad)], [np.sin(angle_rad), np.cos(angle_rad)]])
    turned: Points = points @ turn.T
    return turned


def bending(count: int = 100, *, seed: int = 0, swing_rad: float = 0.8) -> Points:
    """A mouse from above whose head turns, and whose tail has two joints: nose, ears, neck, back, hips, and the tail in three."""
    rng, found = np.random.default_rng(seed), []
    for _ in range(count):
        head = about(rng.normal(0, 0.6), np.array([[40.0, 0], [20, -15], [20, 15]])) + np.array([20.0, 0])
        first = rng.normal(0, swing_rad)
        middle = np.array([-45.0, 0]) + about(first, np.array([-30.0, 0]))
        tip = middle + about(first + rng.normal(0, swing_rad), np.array([-30.0, 0]))
        body = np.concatenate([head, [[20, 0], [-20, 0], [-25, -18], [-25, 18], [-45, 0], middle, tip]])
        found.append(about(rng.uniform(0, 2 * np.pi), body + rng.normal(0, 1.5, body.shape)) + 300)
    return np.array(found)


@pytest.mark.parametrize("seed", range(5))
def test_a_tail_that_wags_hides_no_ears(seed: int) -> None:
    points = bending(seed=seed)
    assert sides_by_place(points, range(10)) == ((1, 2), (5, 6))
    assert sides_by_place(points, (0, 2, 1, 3, 4, 5, 6, 7, 8, 9)) == ((5, 6),)


def test_points_that_no_one_moves_freely_among_are_judged_together() -> None:
    points = seen_from_above(MIDLINE)
    assert sides_by_place(points, range(6), settled=[1]) == ()


def both_ways(body: Points) -> Points:
    """Seen from the side, half of the animals walking to the left."""
    rng = np.random.default_rng(5)
    points = body + rng.normal(0, 2, (60, *body.shape)) + rng.uniform(100, 300, (60, 1, 2))
    points[::2, :, 0] = 500 - points[::2, :, 0]
    return points


def apart(_: Points) -> Points:
    """A hand that moves about, and the two ends of a stick beside it."""
    rng = np.random.default_rng(6)
    hand = np.array([[0.0, 0], [20, 5]]) + rng.uniform(0, 150, (60, 1, 2))
    stick = np.broadcast_to(np.array([[200.0, 60], [200, 90]]), (60, 2, 2)) + rng.normal(0, 2, (60, 2, 2))
    return np.concatenate([hand, stick], axis=1)


@pytest.mark.parametrize(
    "points",
    [
        lambda _: both_ways(np.array([[50.0, 0], [-50, 0], [30, 30], [-30, 30]])),
        lambda _: both_ways(np.array([[50.0, 0], [-50, 0], [0, 30], [0, -30]])),
        lambda _: seen_from_above(np.array([[50.0, 0], [0, 0], [-50, 0]])),
        lambda _: seen_from_above(np.array([[50.0, 0], [40, 18], [20, 20], [-50, 0]])),
        lambda _: seen_from_above(np.array([[-40.0, 20], [0, -20], [0, 40], [40, -10]])),
        lambda _: seen_from_above(np.array([[30.0, 10], [-30, 10], [-50, 20], [20, 10]])),
        lambda body: seen_from_above(body, count=FEWEST_ANIMALS - 1),
        lambda body: seen_from_above(body[:2]),
        lambda body: np.where(np.arange(40)[:, None, None] % 3 > 0, (whole := seen_from_above(body)), whole[:, [0, 2, 1, 3, 4, 5]]),
        apart,
        lambda body: np.full((40, *body.shape), np.nan),
        lambda body: np.zeros((40, *body.shape)),
        lambda body: seen_from_above(body)[:0],
    ],
    ids=[
        "side view", "side view, above and below", "in a line", "one side alone", "crooked", "slightly bent", "too few", "two points",
        "names exchanged in a third", "parts that move on their own", "nothing labelled", "all in one place", "no frame",
    ],
)  # fmt: skip
def test_what_is_no_pair_of_sides_is_not_taken_for_one(points: Callable[[Points], Points]) -> None:
    with np.errstate(all="raise"):
        made = points(MIDLINE)
        assert sides_by_place(made, range(made.shape[1])) == ()


@pytest.mark.parametrize("count", [40, 10])
def test_a_video_from_below_or_with_exchanged_names_hides_no_sides(count: int) -> None:
    points = seen_from_above(MIDLINE, count=60)
    points[-count:, :, 0] *= -1
    videos = np.array(["above"] * (60 - count) + ["below"] * count)
    assert sides_by_place(points, range(6), videos=videos) == ((1, 2),)
    assert sides_by_place(points, range(6)) == (), "as one video, either hand occurs"


def test_videos_of_a_few_images_each_are_judged_together() -> None:
    points = seen_from_above(MIDLINE, count=60)
    points[np.arange(60) // 3 % 2 > 0, :, 0] *= -1  # every other video
    videos = np.repeat([f"{number:02}" for number in range(20)], 3)
    assert sides_by_place(points, range(6), videos=videos) == ()
