"""The synthetic scenes: what is drawn is where the truth says, for every number, in any order."""

import math

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from tracker.errors import ConfigError
from tracker.synthetic.open_scene import SCENES, open_scene
from tracker.synthetic.rectangles import RectanglesScene
from tracker.synthetic.rodent import RodentScene
from tracker.synthetic.rodent_drawing import Shades, draw_body
from tracker.synthetic.rodent_motion import RodentMotion
from tracker.synthetic.rodent_room import expose

BLACK = {
    "tail": 0,
    "head": 0,
    "left_ear": 0,
    "right_ear": 0,
    "ear_canal": 0,
    "nose": 0,
    "torso": 0,
    "belly": 0,
    "tail_root": 0,
    "paws": 0,
}


@pytest.fixture(scope="module")
def rodent() -> RodentScene:
    return RodentScene(3, width=640, height=480)


def snout_track(scene: RodentScene, *, frames: int, step: int) -> NDArray[np.float64]:
    return np.stack([scene.truth(number).points[0] for number in range(0, frames, step)])


def bouts(inside: NDArray[np.bool_]) -> list[tuple[int, int]]:
    edges = np.flatnonzero(np.diff(np.concatenate([[0], inside.astype(int), [0]])))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))


@pytest.mark.parametrize("name", SCENES)
def test_a_frame_number_gives_the_same_bytes_in_any_order_and_process(name: str) -> None:
    one = open_scene(name, seed=5, width=160, height=120, rectangles=4)
    other = open_scene(name, seed=5, width=160, height=120, rectangles=4)
    numbers = [0, 1, 649, 650, 12_345]
    forwards = {number: one.render(number).tobytes() for number in numbers}
    backwards = {number: other.render(number).tobytes() for number in reversed(numbers)}
    assert forwards == backwards
    assert all(np.array_equal(one.truth(number).points, other.truth(number).points) for number in numbers)


@pytest.mark.parametrize("name", SCENES)
def test_another_seed_gives_other_pictures_and_another_truth(name: str) -> None:
    one = open_scene(name, seed=5, width=160, height=120, rectangles=4)
    other = open_scene(name, seed=6, width=160, height=120, rectangles=4)
    assert not np.array_equal(one.render(100), other.render(100))
    assert not np.array_equal(one.truth(100).points, other.truth(100).points)


@pytest.mark.parametrize(("width", "height"), [(16, 16), (641, 479), (300, 700)])
@pytest.mark.parametrize("name", SCENES)
def test_any_size_is_rendered(name: str, width: int, height: int) -> None:
    scene = open_scene(name, seed=1, width=width, height=height, rectangles=5)
    picture, truth = scene.render(7), scene.truth(7)
    assert picture.shape == (height, width)
    assert picture.dtype == np.uint8
    assert truth.points.shape == (len(scene.point_names), 2)
    assert truth.visible.shape == (len(scene.point_names),)


def test_an_unknown_scene_is_refused() -> None:
    with pytest.raises(ConfigError, match="scene is 'rat'; expected one of rodent, rectangles, mirror, reach, disturbed"):
        open_scene("rat", seed=1, width=64, height=64, rectangles=1)


@pytest.mark.parametrize(("part", "point"), [("nose", 0), ("left_ear", 1), ("right_ear", 2), ("tail_root", 3)])
def test_the_truth_is_the_centre_of_what_is_drawn_within_a_tenth_of_a_pixel(part: str, point: int, rodent: RodentScene) -> None:
    """OpenCV's anti-aliased discs of these sizes have their centre of mass within 0.07 px of where they were asked for."""
    motion = RodentMotion(3, width=640, height=480)
    y, x = np.mgrid[0:480, 0:640]
    errors = []
    for number in range(0, 4000, 61):
        body = motion.body(number)
        if body.rear > 0:
            continue
        canvas = np.zeros((480, 640), np.uint8)
        draw_body(canvas, body, Shades(**{**BLACK, part: 255}), origin=(0, 0))
        weight = canvas / canvas.sum()
        errors.append(np.array([(weight * x).sum(), (weight * y).sum()]) - rodent.truth(number).points[point])
    assert len(errors) > 40
    assert np.abs(errors).max() < 0.1


def test_the_picture_around_the_animal_shows_no_trace_of_the_box_it_is_drawn_in(rodent: RodentScene) -> None:
    room, body = rodent._room, rodent._motion.body(1234)
    canvas = room.albedo.copy()
    draw_body(canvas, body, Shades(), origin=(0, 0))
    assert np.array_equal(rodent.render_clean(1234), expose(canvas, room.light, room.glare, blur=room.blur))


def test_body_and_tail_are_darker_than_the_floor_and_the_light_comes_from_one_side(rodent: RodentScene) -> None:
    """A bottom-up view in a clear cylinder."""
    empty = rodent._room.empty.astype(int)
    for number in range(0, 3000, 500):
        body, picture = rodent._motion.body(number), rodent.render_clean(number).astype(int)
        flank = body.spine[6] + 0.1 * body.scale * body.sides[6]
        for x, y in np.rint([body.spine[6], flank, body.tail[5]]).astype(int).tolist():
            assert picture[y, x] < empty[y, x] - 15
    floor_left, floor_right = empty[220:260, 150:190].mean(), empty[300:340, 450:490].mean()
    assert floor_left > floor_right + 15


def test_the_port_is_a_dark_fixture_that_stays_where_it_is(rodent: RodentScene) -> None:
    """Dark static fixtures."""
    x, y, radius = rodent.port
    clear = [n for n in range(0, 4000, 100) if math.dist(rodent.truth(n).points[0], (x, y)) > 4 * radius]
    patches = [rodent.render_clean(n)[round(y) - 8 : round(y) + 8, round(x) - 8 : round(x) + 8] for n in clear]
    assert len(patches) > 10
    assert all(np.array_equal(patch, patches[0]) for patch in patches)
    assert patches[0].mean() < 40


@pytest.mark.parametrize("seed", [0, 3, 7])
def test_thirty_seconds_hold_four_to_eight_clear_pokes_and_some_near_misses(seed: int) -> None:
    scene = RodentScene(seed, width=640, height=480)
    x, y, radius = scene.port
    away = np.hypot(*(snout_track(scene, frames=9000, step=2) - (x, y)).T) / radius
    pokes = bouts(away < 1)
    for begin in range(0, 3001, 250):  # in steps of two frames: windows of 30 s at 100 frames per second
        inside = [poke for poke in pokes if begin <= poke[0] < begin + 1500]
        assert 4 <= len(inside) <= 8
    assert all(0.3 <= (end - start) / 50 <= 1.5 for start, end in pokes)
    assert all(away[start:end].min() < 0.6 for start, end in pokes)
    approaches = bouts(away < 2.5)
    misses = [(start, end) for start, end in approaches if away[start:end].min() > 1.4]
    assert len(misses) >= 2


def test_the_motion_is_smooth_and_stays_inside_the_wall(rodent: RodentScene) -> None:
    points = np.stack([rodent.truth(number).points for number in range(6000)])
    steps = np.diff(points, axis=0)
    assert np.hypot(steps[..., 0], steps[..., 1]).max() < 12  # px per frame at 640 × 480
    assert np.abs(np.diff(steps, axis=0)).max() < 3
    from_centre = np.hypot(points[..., 0] - 319.5, points[..., 1] - 239.5)
    assert from_centre.max() < 232.8  # the cylinder's radius


def test_a_rearing_animal_is_foreshortened_and_hides_its_ears(rodent: RodentScene) -> None:
    numbers = range(0, 20_000, 10)
    upright = [n for n in numbers if rodent._motion.posture(n).rear > 0.95]
    on_fours = [n for n in numbers if rodent._motion.posture(n).rear == 0]
    assert {rodent.doing(n) for n in upright} == {"rear", "hold"}  # up, and a pause there
    assert {"walk", "turn", "poke"} <= {rodent.doing(n) for n in on_fours}

    def lengths(chosen: list[int]) -> NDArray[np.float64]:
        return np.array([math.dist(*rodent.truth(n).points[[0, 3]]) for n in chosen])

    assert lengths(upright).max() < 0.7 * lengths(on_fours).min()
    hidden = np.mean([not rodent.truth(n).visible[1:3].all() for n in upright])
    assert hidden > 0.5
    assert all(rodent.truth(n).visible.all() for n in on_fours)


def test_positions_scale_with_the_image() -> None:
    large, small = RodentScene(2, width=640, height=480), RodentScene(2, width=320, height=240)
    relative_large = (large.truth(777).points - (319.5, 239.5)) / 480
    relative_small = (small.truth(777).points - (159.5, 119.5)) / 240
    assert np.allclose(relative_large, relative_small, atol=1e-9)
    assert large.port[2] == pytest.approx(2 * small.port[2])


def test_the_noise_differs_from_frame_to_frame_but_not_in_its_mean(rodent: RodentScene) -> None:
    outside = [rodent.render(number)[200:280, 5:60].astype(float) for number in range(20)]
    clean = rodent.render_clean(0)[200:280, 5:60].astype(float)
    residuals = np.stack(outside) - clean
    assert residuals.std() == pytest.approx(3.6, abs=0.4)
    assert np.ptp(residuals.mean(axis=(1, 2))) < 0.5
    assert not np.array_equal(outside[0], outside[1])


def test_one_rectangle_is_white_on_black_and_its_centre_is_the_truth() -> None:
    """224 × 224, black background, white outline; the target is the centre."""
    scene = RectanglesScene(1, width=224, height=224, rectangles=1)
    for number in range(50):
        picture = scene.render(number)
        y, x = np.nonzero(picture)
        assert set(np.unique(picture)) == {0, 255}
        assert picture[y.min() + 1 : y.max(), x.min() + 1 : x.max()].max() == 0  # an outline only
        assert scene.truth(number).points.tolist() == [[(x.min() + x.max()) / 2, (y.min() + y.max()) / 2]]


@pytest.mark.parametrize("rectangles", [2, 3, 5])
def test_the_target_is_the_centre_of_the_clearly_largest_of_so_many_rectangles(rectangles: int) -> None:
    """Domain x has x rectangles of varied size and aspect."""
    scene = RectanglesScene(1, width=224, height=224, rectangles=rectangles)
    aspects = []
    for number in range(100):
        corners, picture = scene._corners(number), scene.render(number)
        left, top, right, bottom = corners.T
        assert len(corners) == rectangles
        assert all((picture[t, x0 : x1 + 1] == 255).all() for x0, t, x1, _ in corners.tolist())
        areas = (right - left) * (bottom - top)
        largest = int(np.argmax(areas))
        assert areas[largest] >= 1.1 * np.delete(areas, largest).max()
        assert scene.truth(number).points[0].tolist() == [(left + right)[largest] / 2, (top + bottom)[largest] / 2]
        aspects += ((right - left) / (bottom - top)).tolist()
    assert min(aspects) < 0.5
    assert max(aspects) > 2


@pytest.mark.parametrize(
    ("name", "point", "brighter_than"),
    [("mirror", "nose_side", 150), ("mirror", "nose_below", 150), ("reach", "joystick_knob", 190)],
)
def test_a_part_is_drawn_where_the_truth_says_in_scenes_of_several_parts(name: str, point: str, brighter_than: int) -> None:
    scene = open_scene(name, seed=2, width=400, height=400, rectangles=1)
    place, off = scene.point_names.index(point), []
    for number in range(0, 40_000, 1009):
        truth = scene.truth(number)
        if truth.visible[place]:
            x, y = truth.points[place]
            left, top = round(float(x)) - 8, round(float(y)) - 8
            around = scene.render(number)[top : top + 17, left : left + 17].astype(float)
            weight = np.clip(around - brighter_than, 0, None)
            rows, columns = np.mgrid[top : top + 17, left : left + 17]
            off.append([(weight * columns).sum() / weight.sum() - x, (weight * rows).sum() / weight.sum() - y])
    assert len(off) > 10
    assert np.abs(np.median(off, axis=0)).max() < 0.1


def test_parts_of_the_reaching_scene_come_and_go_and_are_not_drawn_when_gone() -> None:
    scene = open_scene("reach", seed=2, width=256, height=256, rectangles=1)
    truths = [scene.truth(number) for number in range(0, 400_000, 1009)]
    seen = dict(zip(scene.point_names, np.mean([truth.visible for truth in truths], 0).tolist(), strict=True))
    assert 0.05 < seen["tongue"] < 0.35
    assert 0.25 < seen["wrist"] < 0.75
    assert 0.25 < seen["joystick_knob"] < 0.75
    nothing = next(number for number in range(0, 400_000, 1009) if not scene.truth(number).visible.any())
    assert scene.render(nothing).max() < 150  # no hand, tongue or knob


def test_the_disturbed_rodent_is_drawn_where_the_truth_says() -> None:
    """Its head is darker than the floor about it, whatever the light; single frames may have a shadow or a smear there."""
    scene = open_scene("disturbed", seed=2, width=360, height=240, rectangles=1)
    rows, columns = np.mgrid[0:240, 0:360]
    darker = []
    for number in range(0, 40_160 * 5, 40_160 // 8):
        truth, picture = scene.truth(number), scene.render(number).astype(float)
        ears = truth.points[1:3].mean(0)
        away = np.hypot(columns - ears[0], rows - ears[1])
        inside = np.hypot(columns - 179.5, rows - 119.5) < 100
        darker.append(np.median(picture[(away > 30) & (away < 45) & inside]) - np.median(picture[away < 4]))
    assert np.mean(np.array(darker) > 5) > 0.9


def test_litter_stays_for_a_session_and_another_session_has_other_litter_and_light() -> None:
    scene = open_scene("disturbed", seed=2, width=360, height=240, rectangles=1)
    first, soon, later = (cv2.GaussianBlur(scene.render(number), (0, 0), 1.5).astype(float) for number in (40_200, 40_201, 81_000))
    assert np.abs(first - soon).mean() < 0.35 * np.abs(first - later).mean()


def test_the_disturbed_rodent_moves_as_the_undisturbed_one() -> None:
    disturbed, plain = (open_scene(name, seed=2, width=360, height=240, rectangles=1) for name in ("disturbed", "rodent"))
    for number in (0, 1234, 98_765):
        np.testing.assert_array_equal(disturbed.truth(number).points, plain.truth(number).points)


def test_the_two_views_of_the_mirror_scene_are_of_one_animal() -> None:
    scene = open_scene("mirror", seed=2, width=256, height=256, rectangles=1)
    for number in range(0, 30_000, 1009):
        side, below = scene.truth(number).points.reshape(2, 6, 2)
        np.testing.assert_allclose(side[:, 0], below[:, 0])  # as high above the ground as one likes, it is the same place along it
        assert side[:, 1].max() < 128 < below[:, 1].min()
