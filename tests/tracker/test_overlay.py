"""What is drawn is where it should be, and nothing else is touched."""

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from tracker.frame import Image
from tracker.messages import VERSION, AnimalMessage, PoseMessage, StatusMessage
from tracker.point_colours import POINT_COLOURS
from tracker.viewer.overlay import Corner, OverlaySettings, draw, panel

STAMP = {"v": VERSION, "camera": "top", "session": "a", "received_ns": 0, "published_ns": 0}
BARE = OverlaySettings(names=False)
SQUARE = {"name": "door", "outline_px": [[100, 100], [200, 100], [200, 200], [100, 200]]}


def grey(height: int = 480, width: int = 640, level: int = 120) -> Image:
    return np.full((height, width), level, np.uint8)


def pose(points: dict[str, tuple[float, float, float]], frame: int = 1) -> PoseMessage:
    animals = [AnimalMessage(id=0, points={**points}, mm={})]
    counts = {"lost": 0, "skipped": 0, "corrupt": 0}
    rest: dict[str, object] = {"exposed_ns": None, "taken_ns": 0, "inferred_ns": 0, "setup": 1, "ended": [], "scores": {}, "motion": None}
    return PoseMessage(**STAMP, frame=frame, animals=animals, **counts, **rest)  # type: ignore[arg-type]


def differs(one: Image, other: Image) -> NDArray[np.bool_]:
    return np.asarray((one != other).any(axis=2))


def centre_of(image: Image, colour: tuple[int, int, int]) -> tuple[float, float]:
    rows, columns = np.nonzero((np.abs(image.astype(int) - colour) < 30).all(axis=2))
    return float(columns.mean()), float(rows.mean())


@pytest.mark.parametrize("shape", [(48, 64), (48, 64, 3)], ids=["grey", "rgb"])
def test_the_picture_given_is_left_as_it_is_and_comes_back_as_rgb(shape: tuple[int, ...], status: StatusMessage) -> None:
    image = np.full(shape, 77, np.uint8)
    before = image.copy()
    drawn = draw(image, pose=pose({"snout": (20.0, 20.0, 0.9)}), status=status)
    assert drawn.shape == (48, 64, 3)
    assert drawn.dtype == np.uint8
    assert (image == before).all()
    assert (drawn != 77).any()


def test_colours_of_the_picture_keep_their_order() -> None:
    image = np.zeros((50, 50, 3), np.uint8)
    image[:] = (10, 20, 30)
    assert draw(image)[25, 25].tolist() == [10, 20, 30]


@pytest.mark.parametrize("zoom", [1.0, 1.5, 2.0])
@pytest.mark.parametrize("place", [(300.0, 250.0), (300.25, 250.75), (301.5, 249.5)])
def test_a_key_point_is_drawn_where_it_is_to_a_fraction_of_a_pixel(place: tuple[float, float], zoom: float) -> None:
    drawn = draw(grey(), pose=pose({"snout": (*place, 0.9)}), settings=replace(BARE, zoom=zoom))
    x, y = centre_of(drawn, POINT_COLOURS[0])
    assert drawn.shape[:2] == (480 * zoom, 640 * zoom)
    # half a pixel at the rim of a disc of some 40 pixels, spread over them
    assert x == pytest.approx((place[0] + 0.5) * zoom - 0.5, abs=0.15)
    assert y == pytest.approx((place[1] + 0.5) * zoom - 0.5, abs=0.15)


@pytest.mark.parametrize(
    "point",
    [(300.0, 250.0, 0.49), (math.nan, 250.0, 0.9), (None, None, 0.9), (300.0, 250.0, None), (1e12, 0.0, 0.9), (300.0, math.inf, 0.9)],
    ids=["unsure", "nan", "null", "no confidence", "far away", "infinite"],
)
def test_a_key_point_that_is_unsure_or_nowhere_is_not_drawn(point: tuple[float, float, float]) -> None:
    expected = draw(grey(), pose=pose({}), settings=BARE)
    assert (draw(grey(), pose=pose({"snout": point}), settings=BARE) == expected).all()


def test_a_skeleton_joins_only_points_that_are_drawn(status: StatusMessage) -> None:
    bones = replace(status, point_names=["a", "b", "c"], skeleton=[("a", "b"), ("b", "c")])
    points = {"a": (300.0, 300.0, 0.9), "b": (400.0, 300.0, 0.9), "c": (400.0, 400.0, 0.1)}
    boneless = draw(grey(), pose=pose(points), status=replace(bones, skeleton=[]), settings=BARE)
    changed = differs(draw(grey(), pose=pose(points), status=bones, settings=BARE), boneless)
    assert changed[300, 350]
    assert not changed[350, 400]


def test_every_key_point_keeps_its_colour_when_others_are_missing(status: StatusMessage) -> None:
    names = replace(status, point_names=["a", "b"])
    drawn = draw(grey(), pose=pose({"a": (100.0, 250.0, 0.0), "b": (300.0, 250.0, 0.9)}), status=names, settings=BARE)
    assert tuple(drawn[250, 300]) == POINT_COLOURS[1]


def test_a_zone_lights_up_while_a_key_point_is_in_it_and_can_be_switched_off(status: StatusMessage) -> None:
    zoned = replace(status, zones=[SQUARE])
    plain, empty, occupied = (
        draw(grey(), pose=pose({"snout": place}), status=shown, settings=BARE)
        for shown, place in ((status, (500.0, 400.0, 0.9)), (zoned, (500.0, 400.0, 0.9)), (zoned, (130.0, 170.0, 0.9)))
    )
    assert differs(empty, plain)[100, 150]
    assert not differs(empty, plain)[150, 150]
    assert differs(occupied, plain)[180, 180]
    off = draw(grey(), pose=pose({"snout": (500.0, 400.0, 0.9)}), status=zoned, settings=replace(BARE, zones=False))
    assert (off == plain).all()


@pytest.mark.parametrize("outline", [None, [], [[1, 2]], [[0, 0], [1e9, 0], [5, 5]]], ids=["none", "empty", "a point", "far away"])
def test_a_zone_without_an_outline_is_left_out(outline: object, status: StatusMessage) -> None:
    zone = {"name": "door"} if outline is None else {"name": "door", "outline_px": outline}
    assert (draw(grey(), status=replace(status, zones=[zone])) == draw(grey(), status=status)).all()


def test_the_trail_fades_with_age() -> None:
    trail = [pose({"snout": (100.0 + 4 * step, 300.0, 0.9)}, frame=step) for step in range(100)]
    level = draw(grey(), trail=trail, settings=BARE)[300, :, 0].astype(int) - 120
    old, middle, new = level[105:115].mean(), level[295:305].mean(), level[480:490].mean()
    assert 0 <= old < middle < new


def test_the_trail_is_interrupted_where_the_animal_was_not_seen() -> None:
    trail = [pose({"snout": (100.0 + 4 * step, 300.0, 0.9 if not 40 < step < 60 else 0.1)}, frame=step) for step in range(100)]
    changed = differs(draw(grey(), trail=trail, settings=BARE), draw(grey(), settings=BARE))
    assert changed[300, 200]
    assert not changed[300, 280:320].any()
    assert changed[300, 440]


def test_the_counters_are_those_of_the_frame_shown_each_under_its_own_word(status: StatusMessage) -> None:
    shown = pose({})
    at_the_end = replace(status, counters=dict.fromkeys(status.counters, 9))
    plain = draw(grey(), pose=shown, status=status)
    assert (draw(grey(), pose=shown, status=at_the_end) == plain).all(), "the status's totals are not of this frame"
    pictures = [
        plain,
        *(draw(grey(), pose=one, status=status) for one in (replace(shown, lost=3), replace(shown, skipped=3), replace(shown, corrupt=3))),
    ]
    assert all(differs(one, other).any() for one, other in itertools.combinations(pictures, 2))


def test_every_key_point_leaves_a_trail_of_its_own_colour_or_only_the_chosen_ones() -> None:
    rows = {"a": 200.0, "b": 300.0, "c": 400.0}
    trail = [pose({name: (100.0 + 4 * step, row, 0.9) for name, row in rows.items()}, frame=step) for step in range(60)]
    every = draw(grey(), trail=trail, settings=BARE).astype(int) - 120
    for index, row in enumerate(rows.values()):
        colour = np.array(POINT_COLOURS[index]) - 120
        assert np.dot(every[round(row), 325], colour) > 0.6 * np.dot(colour, colour)
    chosen = draw(grey(), trail=trail, settings=replace(BARE, trail_points=("b",)))
    assert (chosen[300, 325] != 120).any()
    assert (chosen[200, 325] == 120).all()
    assert (chosen[400, 325] == 120).all()


@pytest.mark.parametrize(("place", "rows", "columns"), [
    ("top_left", slice(0, 80), slice(0, 200)),
    ("top_right", slice(0, 80), slice(440, 640)),
    ("bottom_left", slice(400, 480), slice(0, 200)),
    ("bottom_right", slice(400, 480), slice(440, 640)),
])  # fmt: skip
def test_the_text_stands_in_the_corner_that_was_asked_for(place: Corner, rows: slice, columns: slice, status: StatusMessage) -> None:
    """Place."""
    changed = differs(draw(grey(), status=status, settings=OverlaySettings(place=place)), draw(grey()))
    assert changed[rows, columns].any()
    changed[rows, :] = False
    assert not changed.any()


def test_scale_colour_and_thickness_of_the_text_are_as_asked_for(status: StatusMessage) -> None:
    """Scale, colour, thickness."""
    plain = draw(grey(), status=status)
    larger = draw(grey(), status=status, settings=OverlaySettings(text_scale=1.6))
    assert differs(larger, draw(grey())).sum() > 1.5 * differs(plain, draw(grey())).sum()
    yellow = draw(grey(), status=status, settings=OverlaySettings(text_colour=(255, 255, 0)))
    assert (yellow == (255, 255, 0)).all(axis=2).any()
    thick = draw(grey(), status=status, settings=OverlaySettings(thickness=3))
    assert (thick > 230).all(axis=2).sum() > 1.2 * (plain > 230).all(axis=2).sum()


def test_text_grows_with_the_picture(status: StatusMessage) -> None:
    shares = []
    for height, width in ((480, 640), (1440, 1920)):
        changed = differs(draw(grey(height, width), status=status), draw(grey(height, width)))
        shares.append(changed.sum() / (height * width))
    assert shares[1] == pytest.approx(shares[0], rel=0.15)


def test_text_that_does_not_fit_is_cut_at_the_edge_without_failing(status: StatusMessage) -> None:
    busy = replace(status, camera="y" * 500, zones=[{"name": "x" * 200, "outline_px": [[-50, -50], [5, -50], [5, 5]]}])
    drawn = draw(grey(16, 24), pose=pose({"snout": (-3.0, 15.9, 1.0)}), status=busy)
    panel(drawn, ["w" * 100], place="centre")
    assert drawn.shape == (16, 24, 3)


def two_animals(*, second: float = 0.9, frame: int = 1) -> PoseMessage:
    one = pose({"snout": (100.0 + frame, 100.0, 0.9), "tail": (140.0 + frame, 100.0, 0.9)}, frame=frame)
    other = AnimalMessage(id=1, points={"snout": (400.0 - frame, 300.0, second), "tail": (440.0 - frame, 300.0, second)}, mm={})
    return replace(one, animals=[*one.animals, other])


def test_each_of_several_animals_has_its_own_colour() -> None:
    drawn = draw(grey(), pose=two_animals(), settings=BARE)
    for colour, middle in ((POINT_COLOURS[0], (121.0, 100.0)), (POINT_COLOURS[1], (419.0, 300.0))):
        x, y = centre_of(drawn, colour)
        assert np.hypot(x - middle[0], y - middle[1]) < 4


def test_an_animal_that_is_not_there_is_not_drawn() -> None:
    there, gone = draw(grey(), pose=two_animals(), settings=BARE), draw(grey(), pose=two_animals(second=0.0), settings=BARE)
    assert (gone[:, 260:] == 120).all()
    assert (there[:, 260:] != 120).any()


def test_each_animal_draws_its_own_trail() -> None:
    trail = [two_animals(frame=frame) for frame in range(40)]
    drawn = draw(grey(), trail=trail, settings=BARE)
    for colour, row, x in ((POINT_COLOURS[0], 100, 138), (POINT_COLOURS[1], 300, 362)):
        strongest = drawn[row, x].astype(int) - 120
        assert np.dot(strongest, np.array(colour) - 120) > 0.6 * np.dot(np.array(colour) - 120, np.array(colour) - 120)
