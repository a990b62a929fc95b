"""The loop: every "on" gets its "off" whatever happens, the heartbeat goes on, and what runs changes only between two frames."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from tests.conftest import BundleMaker
from tests.tracker.daemon import write_config
from tests.tracker.rig import DEADLINE_S, HEIGHT, RULE, WIDTH, BrightestPixel, Rig, rig
from tracker.config import MotionConfig
from tracker.config_rules import Circle, EventConfig, Polygon, ZoneSource
from tracker.errors import BundleError, ConfigError, EngineError
from tracker.loop_inbox import Change
from tracker.messages import AliveMessage, EventMessage, PoseMessage, SetupMessage, StatusMessage
from tracker.setup import Setup, make_setup

LEFT = Circle(name="left", unit="px", centre=(10.0, 20.0), radius=5.0)
HASTY = EventConfig(event="at_left", source=ZoneSource(point="spot", zone="left"), rule=RULE)
EVENT = msgspec.structs.replace(HASTY, rule=msgspec.structs.replace(RULE, end_after_ms=3_600_000))  # never ends by a slow machine
INSIDE, OUTSIDE = (10, 20), (50, 20)


@pytest.fixture(scope="module")
def bundle(make_bundle: BundleMaker, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_bundle(tmp_path_factory.mktemp("bundles") / "spot", height=HEIGHT, width=WIDTH)


@pytest.fixture
def bench(tmp_path: Path, bundle: Path) -> Iterator[Rig]:
    config = write_config(tmp_path, bundle, {"source": "image_folder", "folder": str(tmp_path), "rate_hz": None, "loop_folder": False})
    with rig(config, bundle, zones=(LEFT,), events=(EVENT,)) as made:
        yield made


def in_a_bout(bench: Rig, event: EventConfig = EVENT) -> EventMessage:
    """Start, and show the animal inside the zone."""
    bench.start()
    bench.change("start", behaviour=(event,))
    bench.camera.show(*INSIDE)
    return bench.wait_for(EventMessage, lambda event: event.state == "on")


def test_an_event_ends_when_frames_stop_and_the_next_pose_says_so(bench: Rig) -> None:
    on = in_a_bout(bench, HASTY)
    assert on.reason == "rule"
    off = bench.wait_for(EventMessage)
    assert (off.state, off.reason, off.frame, off.onset_frame) == ("off", "camera_lost", 0, 0)
    bench.camera.show(*OUTSIDE, count=2)
    first, second = bench.wait_for(PoseMessage), bench.wait_for(PoseMessage)
    assert (first.ended, second.ended) == ([("at_left", 0, "camera_lost")], [])


def test_an_event_ends_when_the_camera_fails_while_others_go_on(bench: Rig) -> None:
    in_a_bout(bench, HASTY)
    bench.camera.gone.set()
    assert bench.wait_for(EventMessage).reason == "camera_lost"
    lost = bench.wait_for(StatusMessage, lambda status: status.state == "camera_lost")
    assert [problem.cause for problem in lost.problems] == ["camera"]
    bench.camera.gone.clear()
    bench.camera.show(*INSIDE, count=3)
    again = bench.wait_for(EventMessage)
    assert (again.state, again.onset_frame) == ("on", 1), "a new bout begins: the old one ended"
    back = bench.wait_for(StatusMessage, lambda status: status.state == "tracking" and status.frame >= 1)
    assert back.problems == [], "what is over is not told any more"


def test_stopping_in_a_bout_ends_it(bench: Rig) -> None:
    in_a_bout(bench)
    bench.inbox.stop.set()
    off = bench.wait_for(EventMessage)
    assert (off.state, off.reason) == ("off", "stopping")
    bench.join()
    assert bench.problem is None


@pytest.mark.parametrize(
    ("failure", "reason"), [(EngineError("the GPU fell off the bus"), "engine"), (ZeroDivisionError(), "error")], ids=["engine", "fault"]
)
def test_a_failure_in_a_bout_ends_it_with_its_reason(bench: Rig, failure: Exception, reason: str) -> None:
    in_a_bout(bench)
    bench.engine.failure = failure
    bench.camera.show(*INSIDE)
    off = bench.wait_for(EventMessage)
    assert (off.state, off.reason) == ("off", reason)
    bench.join()
    assert bench.problem is failure


@pytest.mark.parametrize("cause", ["reload", "swap"])
def test_another_setup_ends_the_bouts_of_the_one_before(bench: Rig, cause: str) -> None:
    in_a_bout(bench)
    bench.change(cause)  # type: ignore[arg-type]
    off = bench.wait_for(EventMessage)
    assert (off.state, off.reason, off.frame) == ("off", cause, 0)
    setup = bench.wait_for(SetupMessage)
    assert (setup.setup, setup.cause, setup.frame) == (2, cause, 0)
    bench.camera.show(*INSIDE)
    assert bench.wait_for(PoseMessage).setup == 2
    assert bench.wait_for(EventMessage).state == "on", "the rules began anew"


def test_what_ended_before_another_setup_took_over_stands_in_the_next_pose(bench: Rig) -> None:
    in_a_bout(bench, HASTY)
    assert bench.wait_for(EventMessage).reason == "camera_lost"
    bench.change("reload", behaviour=(EVENT,)).outcome.result(DEADLINE_S)
    bench.camera.show(*INSIDE)
    assert bench.wait_for(PoseMessage).ended == [("at_left", 0, "camera_lost")]
    bench.change("swap", behaviour=(EVENT,)).outcome.result(DEADLINE_S)
    bench.change("reload", behaviour=(EVENT,)).outcome.result(DEADLINE_S)
    bench.camera.show(*INSIDE)
    pose = bench.wait_for(PoseMessage)
    assert (pose.setup, pose.ended) == (4, [("at_left", 0, "swap")])


def test_a_setup_tells_the_rules_as_they_were_configured(bench: Rig) -> None:
    bench.start()
    bench.change("start")
    bench.camera.show(*OUTSIDE)
    setup = bench.wait_for(SetupMessage)
    assert (setup.setup, setup.cause, setup.frame, setup.point_names) == (1, "start", -1, ["spot"])
    assert [zone["name"] for zone in setup.zones] == ["left"]
    assert [event["event"] for event in setup.behaviour] == ["at_left"]


def test_the_heartbeat_goes_on_without_frames_and_lists_what_is_on(bench: Rig) -> None:
    bench.start()
    before = [bench.wait_for(AliveMessage) for _ in range(3)]
    assert {message.frame for message in before} == {-1}, "it beats before there is an engine or a frame"
    bench.change("start", behaviour=(HASTY,))
    bench.camera.show(*INSIDE)
    beating = bench.wait_for(AliveMessage, lambda alive: bool(alive.open))
    assert [(event.event, event.animal, event.onset_frame) for event in beating.open] == [("at_left", 0, 0)]
    assert bench.wait_for(AliveMessage, lambda alive: not alive.open).frame == 0


def test_an_absent_animal_is_in_no_zone_and_null_in_the_stream(bench: Rig) -> None:
    corner = Polygon(name="left", unit="px", corners=((-5.0, -5.0), (5.0, -5.0), (5.0, 5.0), (-5.0, 5.0)))
    surest = EventConfig(event="at_left", source=EVENT.source, rule=msgspec.structs.replace(EVENT.rule, confidence=0.0))
    bench.start()
    bench.change("start", zones=(corner,), behaviour=(surest,))
    bench.camera.show(*OUTSIDE)
    bench.camera.show(0, 0)
    bench.wait_for(EventMessage, lambda event: event.state == "on" and event.frame == 1)
    bench.engine.blind = True
    bench.camera.show(*OUTSIDE)
    pose = bench.wait_for(PoseMessage, lambda pose: pose.frame == 2)
    assert pose.animals[0].points == {"spot": (None, None, None)}
    assert bench.wait_for(EventMessage).reason == "missing"


def test_a_setup_is_taken_up_while_no_frame_comes(bench: Rig) -> None:
    in_a_bout(bench)
    bench.camera.gone.set()
    bench.wait_for(StatusMessage, lambda status: status.state == "camera_lost")
    other = BrightestPixel()
    change = bench.change("swap", engine=other)
    change.outcome.result(DEADLINE_S)
    bench.engine.close()  # which its owner may do from now on
    bench.camera.gone.clear()
    bench.camera.show(*OUTSIDE)
    assert bench.wait_for(PoseMessage).frame == 1
    assert bench.running


def test_a_setup_that_does_not_fit_the_images_is_refused_and_the_old_goes_on(bench: Rig) -> None:
    in_a_bout(bench)
    change = bench.change("reload", behaviour=(_event_of("nobody"),))
    with pytest.raises(ConfigError, match="point 'nobody' is not one of the network's points"):
        change.outcome.result(DEADLINE_S)
    bench.camera.show(*OUTSIDE)
    assert bench.wait_for(PoseMessage).setup == 1


def test_what_the_loop_waits_for_and_cannot_be_had_ends_it(bench: Rig) -> None:
    bench.start()
    problem = BundleError("models/mine does not exist; expected an engine bundle")
    bench.inbox.fail(problem)
    bench.join()
    assert bench.problem is problem


def _event_of(point: str) -> EventConfig:
    return EventConfig(event="at_left", source=ZoneSource(point=point, zone="left"), rule=RULE)


def test_new_rules_know_the_frame_interval_that_the_old_ones_saw(bench: Rig) -> None:
    """So a bout that begins with their first frame ends as soon as any other, though the camera's rate is not configured."""
    bench.start()
    bench.change("start")
    bench.camera.show(*OUTSIDE, count=3)
    for _ in range(3):
        bench.wait_for(PoseMessage)
    made: list[Setup] = []

    def make(shape: tuple[int, ...]) -> Setup:
        made.append(make_setup(bench.config, bench.bundle, bench.engine, source_shape=shape))
        return made[-1]

    change = Change(cause="reload", make=make, setup=None)
    bench.inbox.put(change)
    change.outcome.result(DEADLINE_S)
    assert len(made[0].behaviour.known_intervals_ns) == 2


def test_motion_is_of_blocks_and_of_all_pixels_and_goes_on_over_a_reload(bench: Rig) -> None:
    """The spot stays within the left block, then crosses over to the right one."""
    bench.start()
    bench.change("start", motion=MotionConfig(size=(2, 1)))
    bench.camera.show(10, 20)
    bench.camera.show(12, 24)
    first, second = (bench.wait_for(PoseMessage) for _ in range(2))
    assert [(each.motion, each.motion_full) for each in (first, second)] == [(None, None), (0.0, 2 / (WIDTH * HEIGHT))]
    bench.change("reload", motion=MotionConfig(size=(2, 1))).outcome.result(DEADLINE_S)
    bench.camera.show(50, 24)
    assert bench.wait_for(PoseMessage).motion == 2 / (WIDTH * HEIGHT)


def test_more_blocks_than_pixels_are_refused(bench: Rig) -> None:
    bench.start()
    bench.change("start", motion=MotionConfig(size=(WIDTH, HEIGHT + 1)))
    bench.camera.show(*INSIDE)
    bench.join()
    assert isinstance(bench.problem, ConfigError)
    assert "motion.size is 64x49, which is more blocks than the camera's image of 64x48 has pixels" in str(bench.problem)
