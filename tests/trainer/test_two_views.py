"""Pictures that show one animal twice are told from the labels; animals that are seen once are not taken for them."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tracker.synthetic.open_scene import open_scene
from trainer.labels.images import ImageRef
from trainer.labels.labelled_frames import LabelledFrames
from trainer.labels.two_views import two_views
from trainer.labels.views_by_place import parted_in_two, views_by_place

MOUSE = ("nose", "paw1LH", "paw2LF", "paw3RF", "paw4RH", "tailBase")
COUNT = 40


def walking(count: int = COUNT) -> NDArray[np.float64]:
    """An animal from below that walks along a belt: (count, 6, 2), about 100 × 40 px."""
    rng = np.random.default_rng(2)
    body = np.array([[50.0, 0.0], [-30, -18], [30, -18], [30, 18], [-30, 18], [-50, 0]])
    return np.asarray(body + rng.normal(0, 5, (count, 6, 2)) + rng.uniform([150, 40], [250, 50], (count, 1, 2)), np.float64)


def turning(count: int = COUNT) -> NDArray[np.float64]:
    """The same seen from above in an open field."""
    rng = np.random.default_rng(3)
    angles = rng.uniform(0, 2 * np.pi, count)
    turns = np.array([[[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]] for a in angles])
    turned: NDArray[np.float64] = np.einsum("nij,nkj->nki", turns, walking(count) - [200, 45]) + rng.uniform(100, 300, (count, 1, 2))
    return turned


def frames(points: NDArray[np.float64], names: tuple[str, ...]) -> LabelledFrames:
    count = len(points)
    return LabelledFrames(
        images=tuple(ImageRef(path=Path(f"{number}.png"), frame=None) for number in range(count)),
        points=points[:, None],
        hidden=np.zeros((count, 1, len(names)), bool),
        tags=(frozenset(),) * count,
        point_names=names,
        skeleton=(),
        group=("m1",) * count,
        order=np.arange(count),
        size=(400, 400),
    )


def in_mirror(points: NDArray[np.float64], *, axis: int, at: float) -> NDArray[np.float64]:
    """The same points seen in a mirror beside (axis 0) or below (axis 1) the animal."""
    seen = points.copy()
    seen[..., axis] = 2 * at - seen[..., axis]
    return seen


@pytest.mark.parametrize(
    ("first", "second", "axis", "words"),
    [
        ("{}_top", "{}_bot", 1, ("top", "bot")),
        ("{}", "{}_mirror", 1, ("", "mirror")),
        ("side.{}", "bottom.{}", 1, ("side", "bottom")),
        ("{}1", "{}2", 0, ("1", "2")),
        ("{}CamA", "{}CamB", 0, ("a", "b")),
    ],
    ids=["top and bottom", "mirror", "prefix", "numbers", "cameras"],
)
def test_two_views_are_found_by_names_and_places(first: str, second: str, axis: int, words: tuple[str, str]) -> None:
    direct = walking()
    names = (*(first.format(name) for name in MOUSE), *(second.format(name) for name in MOUSE), "obstacle")
    both = np.concatenate([direct, in_mirror(direct, axis=axis, at=350.0), direct[:, :1] + 5], axis=1)
    found = two_views(frames(both, names))
    assert found is not None
    assert (found.names, found.axis) == (words, axis)
    assert len(found.stems) == len(MOUSE)
    assert "6 points (nose, " in found.sentence or "6 points (nose" in found.sentence


def test_views_are_found_where_many_points_are_missing() -> None:
    direct = walking()
    names = (*(f"{name}_top" for name in MOUSE), *(f"{name}_bot" for name in MOUSE))
    both = np.concatenate([direct, in_mirror(direct, axis=1, at=150.0)], axis=1)
    both[np.random.default_rng(0).random(both.shape[:2]) < 0.4] = np.nan
    assert two_views(frames(both, names)) is not None


@pytest.mark.parametrize(
    ("points", "names"),
    [
        (turning(), MOUSE),
        (walking(), MOUSE),
        (turning(), ("eye_top", "lip_top", "jaw_top", "eye_bottom", "lip_bottom", "jaw_bottom")),
        (walking(), ("front_left_paw", "hind_left_paw", "front_left_knee", "front_left_hip", "hind_left_knee", "hind_left_hip")),
        (walking(), ("left_ear", "left_paw", "left_hip", "right_ear", "right_paw", "right_hip")),
        (walking(), ("spine1", "spine2", "spine3", "tail1", "tail2", "tail3")),
    ],
    ids=["open field", "belt", "parts of a face", "front and hind", "left and right", "counted"],
)
def test_one_view_is_not_taken_for_two(points: NDArray[np.float64], names: tuple[str, ...]) -> None:
    assert two_views(frames(points, names)) is None


@pytest.mark.parametrize("sides", [("left", "right"), ("gauche", "droite"), ("G", "D"), ("links", "rechts"), ("izq", "der"), ("sx", "dx")])
def test_an_animal_that_always_heads_one_way_is_one_view_of_its_two_sides(sides: tuple[str, str]) -> None:
    rng = np.random.default_rng(0)
    left = np.array([[120.0, 60], [110, 100], [115, 140]]) + rng.normal(0, 3, (COUNT, 3, 2))
    points = np.concatenate([left, [320.0, 0] + left * [-1.0, 1]], axis=1)
    assert (
        two_views(frames(points, tuple(f"{part}_{side}" for side in ("top", "bot") for part in ("oreille", "patte", "main")))) is not None
    )
    assert two_views(frames(points, tuple(f"{part}_{side}" for side in sides for part in ("oreille", "patte", "main")))) is None


def test_a_views_letter_is_cut_out_of_a_name_where_it_is_a_word() -> None:
    direct = walking()
    both = np.concatenate([direct, in_mirror(direct, axis=1, at=150.0)], axis=1)
    found = two_views(frames(both, (*(f"tail{name}_a" for name in MOUSE), *(f"tail{name}_b" for name in MOUSE))))
    assert found is not None
    assert found.stems == tuple(f"tail{name}" for name in MOUSE)


def test_names_of_two_views_without_two_places_are_not_enough() -> None:
    direct = turning()
    names = (*(f"{name}_top" for name in MOUSE), *(f"{name}_bot" for name in MOUSE))
    assert two_views(frames(np.concatenate([direct, direct + 3], axis=1), names)) is None


def test_unlabelled_frames_say_nothing() -> None:
    names = (*(f"{name}_top" for name in MOUSE), *(f"{name}_bot" for name in MOUSE))
    assert two_views(frames(np.full((3, 12, 2), np.nan), names)) is None


def tied(count: int = COUNT) -> NDArray[np.float64]:
    """An animal on a ball: it walks and turns a little, and stays where it is."""
    rng = np.random.default_rng(4)
    body = np.array([[50.0, 0.0], [-30, -18], [30, -18], [30, 18], [-30, 18], [-50, 0]])
    angles = rng.normal(0, 0.15, count)
    turns = np.array([[[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]] for a in angles])
    swing = rng.normal(0, 6, (count, 6, 1)) * [1.0, 0.2]
    turned: NDArray[np.float64] = np.einsum("nij,nkj->nki", turns, body + swing)
    return np.asarray(turned + 200 + rng.normal(0, 1, (count, 6, 2)), np.float64)


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("count", [12, 40])
def test_views_without_names_are_found_by_how_their_points_move(axis: int, count: int) -> None:
    rng = np.random.default_rng(0)
    direct = walking(count)[..., :: 1 if axis else -1]
    other = (in_mirror(direct, axis=axis, at=150.0 if axis else 260.0) * 1.2)[:, ::-1]  # labelled the other way round, larger
    both = np.concatenate([direct, other], axis=1) + rng.normal(0, 1, (count, 12, 2))
    both[rng.random(both.shape[:2]) < 0.15] = np.nan
    both[0] = both[0, ::-1]  # a frame whose views were confused
    found = views_by_place(both[1:] if count < 20 else both)
    assert found is not None
    assert (found.parts, found.axis) == ((tuple(range(6)), tuple(range(6, 12))), axis)
    assert found.pairs == tuple((point, 11 - point) for point in range(6))


def test_a_point_that_only_one_view_shows_leaves_them_two_views() -> None:
    direct = walking()
    found = views_by_place(np.concatenate([direct, in_mirror(direct, axis=1, at=150.0)[:, :5]], axis=1))
    assert found is not None
    assert found.pairs == tuple((point, 6 + point) for point in range(5))


@pytest.mark.parametrize(
    "points", [walking(), turning(), tied(), tied(12), walking(9)], ids=["belt", "field", "ball", "ball, few", "fewest"]
)
def test_one_view_of_any_animal_is_not_taken_for_two_by_place(points: NDArray[np.float64]) -> None:
    assert views_by_place(points) is None
    if len(points) > 9:
        assert views_by_place(np.concatenate([points, points + np.array([30, 0])], axis=1)) is None, "two places on one body"


@pytest.mark.parametrize("view", [slice(0, 6), slice(6, 12)], ids=["side", "below"])
def test_fore_and_hind_paws_in_step_are_not_two_views_however_few_labels(view: slice) -> None:
    scene, rng = open_scene("mirror", seed=1, width=400, height=400, rectangles=1), np.random.default_rng(0)
    truth = np.stack([scene.truth(number * 1009).points for number in range(150)])
    drawn = [truth[rng.choice(150, count, replace=False)] for count in (12, 15, 32) for _ in range(15)]
    assert all(views_by_place(points) is not None for points in drawn)
    assert [views_by_place(points[:, view]) for points in drawn] == [None] * len(drawn)


def drawn_from_scene(count: int) -> NDArray[np.float64]:
    """Both views of the scene `mirror` on few frames, 20 draws: (20, count, 12, 2), the view from the side first."""
    scene, rng = open_scene("mirror", seed=1, width=400, height=400, rectangles=1), np.random.default_rng(count)
    truth = np.stack([scene.truth(number * 1009).points for number in range(150)])
    return np.stack([truth[rng.choice(150, count, replace=False)] for _ in range(20)])


@pytest.mark.parametrize("count", [12, 20, 40])
def test_the_halves_of_an_animal_on_a_belt_are_no_parts_however_few_labels(count: int) -> None:
    for points in drawn_from_scene(count):
        assert parted_in_two(points[:, :6], least_px=20.0) is None
        assert parted_in_two(points[:, 6:], least_px=20.0) is None
    some = np.random.default_rng(1).random((count, 6)) < 0.2
    assert parted_in_two(np.where(some[..., None], np.nan, points[:, :6]), least_px=20.0) is None


@pytest.mark.parametrize("count", [12, 40])
def test_views_that_share_no_direction_or_lie_beside_each_other_stay_parts(count: int) -> None:
    views = (tuple(range(6)), tuple(range(6, 12)))
    for points in drawn_from_scene(count):
        turned = np.concatenate([points[:, :6], points[:, 6:, ::-1] + np.array([0, 200])], axis=1)
        beside = np.concatenate([points[:, :6], points[:, 6:] + np.array([400, -200])], axis=1)
        for both in (turned, beside):
            parted = parted_in_two(both, least_px=20.0)
            assert parted is not None
            assert parted.parts == views


def test_two_parts_that_move_each_in_its_own_manner_are_parts_only() -> None:
    both = np.concatenate([walking(), tied() + np.array([0, 100])], axis=1)
    assert views_by_place(both) is None
    parted = parted_in_two(both, least_px=20.0)
    assert parted is not None
    assert (parted.parts, parted.axis) == ((tuple(range(6)), tuple(range(6, 12))), 1)
    assert parted_in_two(both, least_px=200.0) is None
