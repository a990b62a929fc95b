"""What a rig makes of what its cameras' trackers say: which poses it joins, and what it says is wrong."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.tracker.rig_cameras import UNIX_OFFSET_NS, pose_of, status_of
from tracker.client import Client
from tracker.config import PublisherConfig
from tracker.service.heartbeat import Heartbeat
from tracker.service.notify import Notifier
from tracker.service.watchdog import Watchdog
from tracker.stream.publisher import Publisher
from tracker.triangulation.cameras import RigCameras
from tracker.triangulation.moment import Moment
from tracker.triangulation.run import RigLoop, RigParts
from tracker.triangulation.settings import RigConfig
from tracker.triangulation.status import RigStatus
from tracker.triangulation.synthetic import synthetic_rig
from tracker.triangulation.tracking import RigTracking

BOTH = ("top", "side")
HERE = "5f2c0f6e-9d0b-4c61-8f0c-2f4d2f0f7a11"


def cameras(*names: str, **settings: Any) -> RigCameras:
    rig, config = synthetic_rig(*names or BOTH), RigConfig(rig="rig.yaml", **settings)
    return RigCameras(config, rig, unix_offset_ns=lambda: UNIX_OFFSET_NS, boot_id=lambda: HERE)


def follow(subject: RigCameras, pulses: range, *, names: tuple[str, ...] = BOTH, **each: dict[str, Any]) -> list[Moment]:
    """Give the statuses and then the poses of all cameras; `each` holds changes of one camera's poses."""
    moments: list[Moment] = []
    for pulse in pulses:
        for name in names:
            message = pose_of(name, pulse, **each.get(name, {}))
            now_ns = pose_of(name, pulse).published_ns + 300_000
            moments += subject.take(message, now_ns=now_ns)
    return moments


def told(subject: RigCameras, **changes: dict[str, Any]) -> RigCameras:
    for name in ("top", "side", "back"):
        subject.take(status_of(name, **changes.get(name, {})), now_ns=0)
    return subject


def whole(moments: list[Moment]) -> int:
    return sum(all(moment.sightings) for moment in moments)


@pytest.mark.parametrize("join", ["time", "number"])
def test_two_good_cameras_are_joined_and_nothing_is_wrong(join: str) -> None:
    subject = told(cameras(join=join))

    moments = follow(subject, range(60))

    assert whole(moments) > 40
    assert subject.problems(BOTH) == []
    assert subject.joined_by == ("number" if join == "number" else "exposed")
    assert subject.message(BOTH).cameras["side"].offset == (0 if join == "number" else None)
    assert subject.message(BOTH).deadline_ms == pytest.approx(5.0)


def test_cameras_whose_key_points_differ_are_not_joined_until_they_agree() -> None:
    subject = told(cameras())

    moments = follow(subject, range(30), side={"names": ("nose", "tail_tip")})

    assert (moments, subject.names) == ([], ())
    (sentence,) = subject.problems(BOTH)
    assert sentence == (
        "cameras top and side have different key points (tail, tail_tip); give both a network with the same ones, by `tracker swap`"
    )
    assert whole(follow(subject, range(30, 60))) > 20
    assert subject.problems(BOTH) == []


def test_key_points_in_another_order_are_the_same_key_points() -> None:
    subject = told(cameras())

    moments = follow(subject, range(30), side={"names": ("tail", "nose")})

    first, second = (each.points for each in moments[-1].seen)
    expected = pose_of("side", moments[-1].seen[1].number).animals[0].points
    assert subject.names == ("nose", "tail")
    assert second[0].tolist() == pytest.approx(list(expected["tail"]))
    assert first.shape == (2, 3)


def test_absent_points_and_nan_are_no_numbers() -> None:
    subject = told(cameras())
    follow(subject, range(30))
    message = pose_of("top", 30)
    message.animals[0].points["nose"] = (None, None, None)
    subject.take(message, now_ns=message.published_ns)

    (moment,) = subject.take(pose_of("side", 30), now_ns=message.published_ns)

    assert np.isnan(moment.seen[0].points[0]).all()


@pytest.mark.parametrize(
    ("status", "pose", "sentence"),
    [
        ({"image_size": (640, 512)}, {}, "camera side delivers images of 640x512, its place in rig.yaml was found with 1280x1024;"),
        ({}, {"animals": 2}, "camera side tracks 2 animals;"),
        ({}, {"animals": 0}, "camera side finds no key points; give it a network that does"),
        ({"image_size": (640, 512)}, {"animals": 0}, "camera side finds no key points; give it a network that does"),
        ({}, {"shift_ns": 40_000_000}, "the clock of camera side's host is 39.7 ms ahead"),
    ],
    ids=["image size", "two animals", "no animal", "no animal, other size", "clock ahead"],
)
def test_a_camera_that_does_not_fit_is_named_and_left_out(status: dict[str, Any], pose: dict[str, Any], sentence: str) -> None:
    subject = told(cameras(), side=status)

    moments = follow(subject, range(60), side=pose)

    assert subject.problems(BOTH)[0].startswith(sentence)
    assert whole(moments[20:]) == 0


def test_a_camera_that_is_not_heard_is_named() -> None:
    assert told(cameras()).problems(("top",)) == [
        "nothing is heard of camera side; is its tracker running, under this name, at the address given for it?"
    ]


def test_a_camera_of_another_name_is_left_alone() -> None:
    subject = told(cameras())

    assert follow(subject, range(30), names=("back",)) == []


def test_frames_without_exposure_times_of_the_hosts_clock_are_joined_by_receipt() -> None:
    subject = told(cameras())

    moments = follow(subject, range(60), side={"exposed_ns": 5})

    assert subject.joined_by == "received"
    assert whole(moments) > 40
    assert {each.time_ns - each.received_ns for moment in moments for each in moment.seen} == {0}


HOUR_NS = 3_600_000_000_000


def test_a_camera_of_another_host_is_joined_on_this_hosts_clock() -> None:
    subject = told(cameras(), side={"unix_offset_ns": UNIX_OFFSET_NS - HOUR_NS})

    moments = follow(subject, range(60), side={"shift_ns": HOUR_NS})

    assert whole(moments) > 40
    assert {moment.spread_ns for moment in moments} == {0}
    assert subject.message(BOTH).cameras["side"].clock_offset_ms == pytest.approx(0.3)
    assert subject.message(BOTH).cameras["top"].clock_offset_ms is None


@pytest.mark.parametrize("step_ns", [HOUR_NS, -HOUR_NS, 60_000_000])
@pytest.mark.parametrize("join", ["time", "number"])
def test_the_time_of_day_may_be_set_while_cameras_of_this_host_are_joined(join: str, step_ns: int) -> None:
    """A status that was published just before the clock was set tells another offset than this host has when it arrives."""
    subject = told(cameras(join=join), top={"boot_id": HERE}, side={"boot_id": HERE})
    moments = follow(subject, range(60))
    subject.take(status_of("side", boot_id=HERE, unix_offset_ns=UNIX_OFFSET_NS + step_ns), now_ns=0)
    moments += follow(subject, range(60, 120))
    assert subject.problems(BOTH) == []
    assert [moment.seen[0].number for moment in moments if all(moment.sightings)][-60:] == list(range(60, 120))
    assert subject.message(BOTH).cameras["side"].clock_offset_ms is None


def test_two_hosts_are_two_even_where_they_were_started_at_one_time() -> None:
    subject = told(cameras(), top={"boot_id": HERE}, side={"boot_id": "another", "unix_offset_ns": UNIX_OFFSET_NS - 4_000_000})

    moments = follow(subject, range(60), side={"shift_ns": 4_000_000})

    assert {moment.spread_ns for moment in moments if all(moment.sightings)} == {0}
    assert subject.message(BOTH).cameras["side"].clock_offset_ms == pytest.approx(0.3)


@pytest.mark.parametrize(
    ("off_ms", "sentence"),
    [
        (
            -20,
            "poses of camera side arrive 20.3 ms or more after their own time stamps, so the clock of its host is behind",
        ),
        (20, "the clock of camera side's host is 19.7 ms ahead of this one;"),
    ],
)
def test_hosts_whose_clocks_are_apart_by_more_than_half_a_period_are_refused(off_ms: int, sentence: str) -> None:
    subject = told(cameras(), side={"unix_offset_ns": UNIX_OFFSET_NS - HOUR_NS})

    moments = follow(subject, range(60), side={"shift_ns": HOUR_NS + off_ms * 1_000_000})

    (problem,) = subject.problems(BOTH)
    assert problem.startswith(sentence)
    assert "expected at most half a period, 5.0 ms: keep the clocks of both hosts together with PTP" in problem
    assert whole(moments[20:]) == 0


def test_a_tracker_that_starts_anew_is_joined_again_after_its_status() -> None:
    subject = told(cameras())
    follow(subject, range(40))

    before = follow(subject, range(40, 60), side={"session": "two", "frame": 0})
    subject.take(status_of("side", session="two"), now_ns=0)
    after = [
        moment
        for pulse in range(60, 100)
        for message in (pose_of("top", pulse), pose_of("side", pulse, session="two", frame=pulse - 60))
        for moment in subject.take(message, now_ns=message.published_ns)
    ]

    assert whole(before) == 0
    assert whole(after) > 25


def test_a_camera_that_is_always_too_late_is_named_with_the_remedy() -> None:
    subject = told(cameras("top", "side", "back"))
    moments = []
    for pulse in range(150):
        for name in BOTH:
            moments += subject.take(pose_of(name, pulse), now_ns=pose_of(name, pulse).published_ns)
        if pulse >= 3:
            slow = pose_of("back", pulse - 3)
            moments += subject.take(slow, now_ns=slow.published_ns)
        moments += subject.due(pose_of("top", pulse).published_ns + 5_000_000)

    assert subject.problems(("top", "side", "back")) == [
        "poses of camera back come when their moments are over; expected them at most 5.0 ms after the first camera's:"
        " raise deadline_ms, or make its tracker faster"
    ]
    assert subject.late()["back"] > 100
    assert sum(moment.sightings[0] is not None and moment.sightings[1] is not None for moment in moments) > 140


def test_counters_that_fit_no_other_are_told_after_a_while() -> None:
    subject = told(cameras(join="number"))
    for pulse in range(260):
        subject.take(pose_of("top", pulse), now_ns=pose_of("top", pulse).published_ns)
        other = pose_of("side", pulse, frame=pulse * 3)
        subject.take(other, now_ns=other.published_ns)

    assert "the frame numbers of camera side fit those of no other" in subject.problems(BOTH)[0]


@pytest.mark.parametrize("waits", [False, True])
def test_a_status_does_not_hold_up_a_moment_that_waits_for_a_pose(tmp_path: Path, waits: bool) -> None:
    subject = told(cameras())
    follow(subject, range(10))
    follow(subject, range(10, 11), names=("top",) if waits else BOTH)
    assert (subject.due_ns is not None) == waits
    now_ns = [1]
    config = RigConfig(rig="rig.yaml")
    with (
        Publisher(PublisherConfig(bind=(f"ipc://{tmp_path}/space",)), camera="space") as publisher,
        Client(f"ipc://{tmp_path}/top") as client,
    ):
        tracking, notifier = RigTracking(config, synthetic_rig(*BOTH), publisher), Notifier(None)
        parts = RigParts(
            client=client,
            cameras=subject,
            tracking=tracking,
            publisher=publisher,
            status=RigStatus(subject, tracking, publisher, notifier=notifier, clock=lambda: now_ns[0]),
            heartbeat=Heartbeat(100.0),
            watchdog=Watchdog(notifier, interval_s=None),
        )
        loop = RigLoop(parts, clock=lambda: now_ns[0])

        loop.keep_up()
        assert (parts.status.last is None) == waits
        now_ns[0] += 20_000_000  # no longer than that, if moments wait all the time
        loop.keep_up()

    assert parts.status.last is not None
