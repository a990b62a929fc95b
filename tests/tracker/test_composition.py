"""The panel stands beside the picture, never on it, and says what is on, what is wrong and which colour is which."""

from dataclasses import replace

import numpy as np
import pytest

from tracker.frame import Image
from tracker.messages import VERSION, AnimalMessage, EventMessage, PoseMessage, Problem, StatusMessage
from tracker.point_colours import POINT_COLOURS
from tracker.viewer.banner import Banner
from tracker.viewer.composition import compose, first_size
from tracker.viewer.legend import draw_legend, panel_width, sections
from tracker.viewer.overlay import OverlaySettings, draw
from tracker.viewer.palette import RED, YELLOW

STAMP = {"v": VERSION, "camera": "top", "session": "a", "received_ns": 0, "published_ns": 0}
SEVENTEEN = [f"point_{number}" for number in range(17)]
LOST = Banner(headline="CAMERA LOST for 12 s", sentence="the cable is out", colour=RED)


def pose(animals: int, names: list[str]) -> PoseMessage:
    points = {name: (50.0 + 10 * index, 300.0, 0.9) for index, name in enumerate(names)}
    counts = {"lost": 0, "skipped": 0, "corrupt": 0}
    rest: dict[str, object] = {"exposed_ns": None, "taken_ns": 0, "inferred_ns": 0, "setup": 1, "ended": [], "scores": {}, "motion": None}
    shown = [AnimalMessage(id=number, points=points, mm={}) for number in range(animals)]  # type: ignore[arg-type]
    return PoseMessage(**STAMP, frame=1, animals=shown, **counts, **rest)  # type: ignore[arg-type]


def event(name: str, state: str) -> EventMessage:
    values = {"value": 1.0, "threshold": 0.0, "added_delay_ms": 0.0, "latency_ms": 1.0, "reason": "rule"}
    return EventMessage(**STAMP, frame=1, event=name, state=state, animal=0, onset_frame=1, **values)  # type: ignore[arg-type]


def grey(height: int = 480, width: int = 640) -> Image:
    return np.full((height, width), 120, np.uint8)


def holds(image: Image, colour: tuple[int, int, int]) -> bool:
    return bool((image == colour).all(axis=2).sum() >= 8)


@pytest.mark.parametrize(("animals", "names"), [(1, SEVENTEEN), (2, SEVENTEEN[:8]), (1, SEVENTEEN[:1])])
def test_the_panel_leaves_every_pixel_of_the_picture_as_the_overlay_drew_it(animals: int, names: list[str], status: StatusMessage) -> None:
    known = replace(status, point_names=names, problems=[Problem(cause="reload", sentence="radius is -1", since_ns=0)])
    busy = [event(f"a_rather_long_name_of_an_event_{number}", "on") for number in range(12)]
    whole = compose(grey(), pose=pose(animals, names), status=known, events=busy)
    picture = draw(grey(), pose=pose(animals, names), status=known)
    assert whole.shape == (480, 640 + panel_width(480), 3)
    assert (whole[:, :640] == picture).all()
    assert (whole[:, 640:] != whole[-1, -1]).any()


@pytest.mark.parametrize("height", [240, 480, 720])
def test_all_of_seventeen_key_points_are_in_the_panel_below_twelve_events(height: int, status: StatusMessage) -> None:
    events = [event(f"event_{number}", "on") for number in range(12 if height > 240 else 2)]
    parts = sections(None, status, events, names=SEVENTEEN, live=True)
    panel = draw_legend((panel_width(height), height), parts)
    assert [number for number in range(17) if not holds(panel, POINT_COLOURS[number])] == []


def test_several_animals_are_named_in_their_colours(status: StatusMessage) -> None:
    parts = sections(pose(2, ["a"]), status, [], names=["a"], live=True)
    panel = draw_legend((220, 480), parts)
    assert [entry.text for part in parts for entry in part.entries] == ["animal 0", "animal 1"]
    assert holds(panel, POINT_COLOURS[0])
    assert holds(panel, POINT_COLOURS[1])


def test_no_event_is_shown_as_on_while_the_picture_is_not_live(status: StatusMessage) -> None:
    on = [event("poke", "on")]
    assert holds(compose(grey(), status=status, events=on), YELLOW)
    assert not holds(compose(grey(), status=status, events=on, banner=LOST), YELLOW)
    words = [entry.text for part in sections(None, status, on, names=[], live=False) for entry in part.entries]
    assert words == ["poke"]


def test_an_event_that_is_on_stands_out_from_one_that_ended(status: StatusMessage) -> None:
    assert holds(compose(grey(), status=status, events=[event("poke", "on")]), YELLOW)
    assert not holds(compose(grey(), status=status, events=[event("poke", "off")]), YELLOW)


def test_what_is_wrong_stands_in_the_panel_and_the_camera_in_the_banner_alone(status: StatusMessage) -> None:
    causes = [Problem(cause="camera", sentence="it is so", since_ns=0), Problem(cause="reload", sentence="it is so", since_ns=0)]
    parts = sections(None, replace(status, problems=causes), [], names=[], live=True)
    assert [entry.text for part in parts for entry in part.entries] == ["reload: it is so"]


@pytest.mark.parametrize("source", [(320, 240), (640, 480), (1280, 1024), (1920, 400), (480, 1280)])
def test_the_whole_fits_the_room_it_is_given_and_the_picture_takes_most_of_it(source: tuple[int, int], status: StatusMessage) -> None:
    width, height = size = first_size(source, (1260, 750))
    assert width <= 1260
    assert height <= 750
    image = np.full((source[1], source[0]), 250, np.uint8)
    whole = compose(image, status=replace(status, point_names=SEVENTEEN), settings=OverlaySettings(zones=False), size=size)
    assert whole.shape == (height, width, 3)
    bright = (whole == 250).all(axis=2)
    drawn = ((bright.sum(axis=0) > 50).sum(), (bright.sum(axis=1) > 50).sum())
    assert drawn[0] / source[0] == pytest.approx(drawn[1] / source[1], rel=0.02), "its shape is not kept"
    assert drawn[0] > 0.7 * width or drawn[1] > 0.95 * height


@pytest.mark.parametrize("size", [(240, 160), (600, 900), (1250, 300), (2560, 1600)])
def test_a_window_of_any_shape_is_filled_exactly(size: tuple[int, int], status: StatusMessage) -> None:
    known = replace(status, point_names=SEVENTEEN)
    assert compose(grey(), pose=pose(1, SEVENTEEN), status=known, size=size, banner=LOST).shape == (size[1], size[0], 3)


def test_what_does_not_fit_in_the_panel_is_counted_and_nothing_fails() -> None:
    parts = sections(None, None, [event("x" * 300, "on") for _ in range(3)], names=["y" * 300] * 200, live=True)
    for size in ((150, 160), (40, 20), (8, 8), (400, 2000)):
        assert draw_legend(size, parts).shape == (size[1], size[0], 3)
