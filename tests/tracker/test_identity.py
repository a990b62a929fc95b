"""Identities last through crossings, gaps and noise; and a network of several animals is not run without them."""

from pathlib import Path

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from tracker.behaviour.behaviour import Behaviour
from tracker.config import IdentityConfig, load_config
from tracker.config_rules import EventConfig, Rule, SpeedSource
from tracker.errors import ConfigError
from tracker.identity import Identity
from tracker.pose import Pose

FRAME_NS = 10_000_000
SETTINGS = IdentityConfig(max_speed_px_s=500, slack_px=5, velocity_ms=100, confirm_ms=0, forget_ms=1000, confidence=0.3)
TRACKER_YAML = Path(__file__).resolve().parents[2] / "tracker.yaml"


def animal(x: float, y: float, *, confidence: float = 0.9) -> NDArray[np.float32]:
    """An animal of two points, 10 px apart."""
    return np.array([[x - 5, y, confidence], [x + 5, y, confidence]], np.float32)


NOBODY = np.zeros((2, 3), np.float32)


def middle_x(row: NDArray[np.float32]) -> float | None:
    return None if np.isnan(row).all() else float(row[:, 0].mean())


def follow(frames: list[list[NDArray[np.float32]]], settings: IdentityConfig = SETTINGS, *, animals: int = 2) -> list[list[float | None]]:
    """Where each identity is in each frame (x, None where absent)."""
    identity = Identity(settings, animals=animals)
    found = []
    for number, rows in enumerate(frames):
        points = np.stack([*rows, *[NOBODY] * (animals - len(rows))])
        found.append([middle_x(row) for row in identity.update(points, number * FRAME_NS)])
    return found


def test_rows_that_change_places_are_put_right() -> None:
    """A network answers with the surest first, and which that is changes from frame to frame."""
    frames = [[animal(100, 50), animal(300, 50)], [animal(301, 50), animal(101, 50)], [animal(102, 50), animal(302, 50)]]
    assert follow(frames) == [[100, 300], [101, 301], [102, 302]]


def crossing(*, apart_px: float) -> list[list[NDArray[np.float32]]]:
    """Two animals that run through each other at 200 px/s, rows shuffled by a seeded chance."""
    rng = np.random.default_rng(0)
    frames = []
    for number in range(100):
        pair = [animal(100 + 2 * number, 50), animal(301 - 2 * number, 50 + apart_px)]
        frames.append([pair[index] for index in rng.permutation(2)])
    return frames


def test_two_animals_that_cross_keep_their_identities_by_their_velocity() -> None:
    """At the crossing both are nearest to the place where the other was; where each was going tells them apart."""
    first = [100 + 2 * number for number in range(100)]
    found = follow(crossing(apart_px=0.5))
    start = 0 if found[0][0] == 100 else 1
    assert [row[start] for row in found] == pytest.approx(first)
    forgetful = follow(crossing(apart_px=0.5), msgspec.structs.replace(SETTINGS, velocity_ms=0))
    assert [row[start] for row in forgetful] != pytest.approx(first)


def test_an_animal_hidden_under_another_comes_back_as_itself() -> None:
    """While one is not seen it is expected to go on, so that the detection in the middle does not make them swap."""
    frames = crossing(apart_px=0.5)
    for number in range(48, 53):
        frames[number] = frames[number][:1]
    found = follow(frames)
    start = 0 if found[0][0] == 100 else 1
    assert found[60][start] == pytest.approx(220)
    assert found[99][start] == pytest.approx(298)


def test_a_jump_farther_than_the_animal_can_go_is_another_animal() -> None:
    """500 px/s allow 5 px a frame, and 5 px more for noise."""
    near, far = [[animal(100, 50)], [animal(109, 50)]], [[animal(100, 50)], [animal(111, 50)]]
    assert follow(near)[1] == [109, None]
    assert follow(far)[1] == [None, 111]


def test_the_gate_grows_with_the_time_since_the_animal_was_seen() -> None:
    frames: list[list[NDArray[np.float32]]] = [[animal(100, 50)], *[[]] * 20, [animal(190, 50)]]
    assert follow(frames)[-1] == [190, None]


def test_an_identity_is_free_again_only_after_its_time() -> None:
    """With one row, a newcomer far away has to wait until the one before is forgotten."""
    settings = msgspec.structs.replace(SETTINGS, forget_ms=100, max_speed_px_s=1)
    found = follow([[animal(100, 50)], *[[animal(400, 50)]] * 14], settings, animals=1)
    assert [row[0] for row in found] == [100] + [None] * 10 + [400] * 4


def test_a_newcomer_is_published_once_it_has_been_seen_for_long_enough() -> None:
    """A false detection of a few frames is never an animal."""
    settings = msgspec.structs.replace(SETTINGS, confirm_ms=30)
    steady = [[animal(100, 50)]] * 5
    assert [row[0] for row in follow(steady, settings)] == [None, None, None, 100, 100]
    flickering = [[animal(100, 50)], [animal(100, 50)], [], [animal(100, 50)], [animal(100, 50)], []]
    assert all(row == [None, None] for row in follow(flickering, settings))


def test_points_that_are_not_sure_neither_make_an_animal_nor_move_one() -> None:
    unsure = animal(104, 50)
    unsure[1] = (900, 900, 0.1)
    found = follow([[animal(100, 50)], [unsure], [animal(300, 50, confidence=0.2)]])
    assert found[1][0] is not None
    assert found[2] == [None, None]


def test_more_rows_than_animals_stay_empty() -> None:
    frames = [[animal(100, 50), animal(300, 50)]] * 3
    assert follow(frames, animals=5)[-1] == [100, 300, None, None, None]


def test_a_clock_that_goes_back_forgets_all_animals() -> None:
    """A camera that was opened again counts from zero: nobody knows how long it was away."""
    identity = Identity(SETTINGS, animals=2)
    identity.update(np.stack([animal(100, 50), animal(300, 50)]), 10**12)
    after = identity.update(np.stack([animal(300, 50), animal(100, 50)]), 0)
    assert [middle_x(row) for row in after] == [300, 100]


def test_the_same_frames_give_the_same_rows_and_the_input_is_left_as_it_was() -> None:
    frames = crossing(apart_px=3)
    kept = [[row.copy() for row in rows] for rows in frames]
    assert follow(frames) == follow(frames)
    assert all(np.array_equal(a, b) for one, other in zip(frames, kept, strict=True) for a, b in zip(one, other, strict=True))


def test_a_behaviour_is_reported_of_the_animal_that_shows_it() -> None:
    """Rules see rows: shuffled, both animals would seem to run; by identity only the one that does."""
    rule = Rule(when="above", on=100, off=80, minimum_ms=0, maximum_gap_ms=0, refractory_ms=0, confidence=0.3, missing="hold")
    running = EventConfig(event="running", source=SpeedSource(point="nose", unit="px", window_ms=50), rule=rule)
    behaviour = Behaviour((running,), (), point_names=("nose", "tail"), animals=2, has_mm=False)
    identity = Identity(SETTINGS, animals=2)
    events = []
    for number in range(60):
        rows = [animal(100 + 2 * number, 50), animal(300, 150)]
        points = identity.update(np.stack(rows if number % 2 else rows[::-1]), number * FRAME_NS)
        events += behaviour.update(frame_number=number, time_ns=number * FRAME_NS, pose=Pose(points=points, mm=None), motion=None)
    assert [(event.state, event.animal) for event in events] == [("on", 1)]


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"max_speed_px_s": 0}, "max_speed_px_s"),
        ({"confidence": 0}, "confidence"),
        ({"forget_ms": -1}, "forget_ms"),
        ({"gate_px": 3}, "gate_px"),
        ({"slack_px": None}, "slack_px"),
    ],
    ids=["no speed", "every point sure", "negative time", "misspelt", "missing value"],
)
def test_a_bad_identity_section_is_refused(tmp_path: Path, change: dict[str, object], complaint: str) -> None:
    section = {**msgspec.to_builtins(SETTINGS), **change}
    lines = "\n".join(f"  {key}: {'null' if value is None else value}" for key, value in section.items())
    path = tmp_path / "tracker.yaml"
    path.write_text(TRACKER_YAML.read_text() + f"identity:\n{lines}\n")
    with pytest.raises(ConfigError, match=complaint):
        load_config(path)


def test_the_section_is_read_and_may_be_left_out(tmp_path: Path) -> None:
    assert load_config(TRACKER_YAML).identity is None
    path = tmp_path / "tracker.yaml"
    lines = "\n".join(f"  {key}: {value}" for key, value in msgspec.to_builtins(SETTINGS).items())
    path.write_text(TRACKER_YAML.read_text() + f"identity:\n{lines}\n")
    assert load_config(path).identity == SETTINGS
