"""Which poses belong to one moment: never two of different ones, whatever arrives in whatever order."""

import random
from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import replace
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.tracker.joined import PERIOD_NS, Film, by_arrival, feed, pulses
from tracker.triangulation.joiner import Joiner
from tracker.triangulation.moment import Moment, Sighting

By = Literal["number", "time"]
BOTH: list[By] = ["number", "time"]
LEARNT = 20  # pulses after which period and offsets are known, with one frame in twenty lost


def whole(moments: list[Moment]) -> list[Moment]:
    return [moment for moment in moments if all(moment.sightings)]


@settings(max_examples=40)
@given(
    by=st.sampled_from(BOTH),
    seed=st.integers(0, 2**32),
    cameras=st.integers(2, 4),
    firsts=st.lists(st.integers(0, 1000), min_size=4, max_size=4),
    delays=st.lists(st.integers(0, 40_000_000), min_size=4, max_size=4),
)
def test_no_pairing_is_wrong_with_one_frame_in_twenty_lost_at_random(
    by: By, seed: int, cameras: int, firsts: list[int], delays: list[int]
) -> None:
    chance = random.Random(seed)
    films = [Film(index, first=firsts[index], jitter_ns=PERIOD_NS // 5, delay_ns=delays[index]) for index in range(cameras)]
    poses = [film.pose(pulse, chance) for pulse in range(150) for film in films if chance.random() > 0.05]

    moments = feed(Joiner(cameras, by=by), by_arrival(poses))

    assert [moment for moment in moments if len(pulses(moment, films)) != 1] == []


@settings(max_examples=40)
@given(by=st.sampled_from(BOTH), seed=st.integers(0, 2**32), delays=st.lists(st.integers(1, 4_900_000), min_size=3, max_size=3))
def test_every_pose_in_time_is_joined_with_all_others_of_its_moment(by: By, seed: int, delays: list[int]) -> None:
    chance = random.Random(seed)
    films = [Film(index, first=7 * index, delay_ns=delays[index]) for index in range(3)]
    poses = [film.pose(pulse) for pulse in range(120) for film in films if chance.random() > 0.05]

    moments = feed(Joiner(3, by=by), by_arrival(poses))

    came = Counter(films[pose.camera].truth[pose.session, pose.number, pose.time_ns] for pose in poses)
    found = {pulse: len(moment.seen) for moment in moments for pulse in pulses(moment, films)}
    assert {pulse: found.get(pulse) for pulse in came if pulse > 2 * LEARNT} == {
        pulse: count for pulse, count in came.items() if pulse > 2 * LEARNT
    }


@settings(max_examples=40)
@given(by=st.sampled_from(BOTH), seed=st.integers(0, 2**32))
def test_moments_come_in_the_order_of_their_time_and_hold_no_pose_twice(by: By, seed: int) -> None:
    chance = random.Random(seed)
    films = [Film(index) for index in range(3)]
    poses = [film.pose(pulse) for pulse in range(80) for film in films if chance.random() > 0.2]
    for _ in range(40):
        first, second = sorted(chance.sample(range(len(poses)), 2))
        poses.insert(second, poses[first])
        if second - first < 6:
            poses[first], poses[second] = poses[second], poses[first]

    moments = feed(Joiner(3, by=by), poses)

    times = [moment.time_ns for moment in moments]
    assert times == sorted(times)
    seen = [(each.camera, each.number) for moment in moments for each in moment.seen]
    assert len(seen) == len(set(seen))
    assert [moment for moment in moments if len(pulses(moment, films)) != 1] == []


@pytest.mark.parametrize("by", BOTH)
def test_a_repeated_pose_is_counted_and_changes_nothing(by: By) -> None:
    films = [Film(0), Film(1)]
    once = [film.pose(pulse) for pulse in range(60) for film in films]
    joiner, plain = Joiner(2, by=by), Joiner(2, by=by)

    twice = feed(joiner, [pose for pose in once for _ in range(2)])

    assert [moment.time_ns for moment in twice] == [moment.time_ns for moment in feed(plain, once)]
    assert [counts.repeated for counts in joiner.counts] == [60, 60]


@pytest.mark.parametrize("by", BOTH)
def test_a_whole_moment_is_closed_by_its_last_pose_without_waiting(by: By) -> None:
    films = [Film(0), Film(1)]
    joiner = Joiner(2, by=by)
    feed(joiner, [film.pose(pulse) for pulse in range(40) for film in films], deadlines=False)

    assert joiner.take(films[1].pose(40)) == []
    (moment,) = joiner.take(films[0].pose(40))

    assert pulses(moment, films) == {40}
    assert moment.spread_ns == 0


@pytest.mark.parametrize("by", BOTH)
def test_the_deadline_counts_from_the_first_publication_not_from_arrival(by: By) -> None:
    films = [Film(0), Film(1, delay_ns=4_000_000)]
    joiner = Joiner(2, by=by)
    feed(joiner, [film.pose(pulse) for pulse in range(40) for film in films], deadlines=False)
    first, late_before = films[0].pose(40), joiner.counts[1].late
    joiner.take(first)

    assert joiner.due_ns == first.sent_ns + PERIOD_NS / 2
    assert joiner.due(first.sent_ns + PERIOD_NS // 2 - 1) == []
    (alone,) = joiner.due(first.sent_ns + PERIOD_NS // 2)
    assert [each.camera for each in alone.seen] == [0]
    assert joiner.take(films[1].pose(40)) == []
    assert joiner.counts[1].late == late_before + 1


@pytest.mark.parametrize("by", BOTH)
def test_what_waited_for_a_reader_that_was_held_up_is_joined_as_if_it_had_not(by: By) -> None:
    films = [Film(0), Film(1)]
    joiner = Joiner(2, by=by)
    feed(joiner, [film.pose(pulse) for pulse in range(40) for film in films], deadlines=False)

    late_before = [counts.late for counts in joiner.counts]
    held_up = [films[0].pose(pulse) for pulse in range(40, 60)] + [films[1].pose(pulse) for pulse in range(40, 60)]
    moments = [moment for pose in held_up for moment in joiner.take(pose)]

    assert len(whole(moments)) == 20
    assert [counts.late for counts in joiner.counts] == late_before


@pytest.mark.parametrize("by", BOTH)
def test_a_stream_ten_seconds_behind_from_the_start_is_counted_and_holds_nobody_up(by: By) -> None:
    films = [Film(0), Film(1), Film(2, delay_ns=10_000_000_000)]
    poses = by_arrival([film.pose(pulse) for pulse in range(1500) for film in films])
    joiner = Joiner(3, by=by)
    now_ns, moments, behind = 0, [], 0
    for pose in poses:
        if pose.sent_ns > films[0].begin_ns + 1500 * PERIOD_NS:
            break
        now_ns, behind = pose.sent_ns, behind + (pose.camera == 2)
        moments += [(moment, now_ns) for moment in joiner.take(pose)]

    pairs = [(moment, at_ns) for moment, at_ns in moments if moment.sightings[0] and moment.sightings[1]]
    assert len(pairs) > 1500 - LEARNT
    assert {at_ns - moment.sent_ns for moment, at_ns in pairs} == {0}
    assert not any(moment.sightings[2] for moment, _ in moments)
    late, joined, unplaced = joiner.counts[2].late, joiner.counts[2].joined, joiner.counts[2].unplaced
    if by == "time":
        assert (late, joined, unplaced) == (behind - 3, 0, 3)  # its period is known after three intervals
    else:
        assert (late, joined, unplaced) == (0, 0, behind)  # its numbers were never seen beside those of the others


@pytest.mark.parametrize("by", BOTH)
def test_every_pose_of_a_stream_that_falls_ten_seconds_behind_is_counted_as_late(by: By) -> None:
    films = [Film(0), Film(1), Film(2)]
    joiner = Joiner(3, by=by)
    feed(joiner, [film.pose(pulse) for pulse in range(40) for film in films])
    late_before, joined_before = joiner.counts[2].late, joiner.counts[2].joined

    films[2].delay_ns = 10_000_000_000
    feed(joiner, by_arrival([film.pose(pulse) for pulse in range(40, 1100) for film in films]))

    assert joiner.counts[2].late - late_before == joiner.counts[2].late_in_a_row == 1060
    assert joiner.counts[2].joined == joined_before


@pytest.mark.parametrize("by", BOTH)
def test_a_dead_camera_costs_the_others_one_second_of_deadlines_and_then_nothing(by: By) -> None:
    films = [Film(0), Film(1), Film(2)]
    joiner = Joiner(3, by=by)
    feed(joiner, [film.pose(pulse) for pulse in range(40) for film in films], deadlines=False)

    waited = []
    for pulse in range(40, 240):
        joiner.take(films[0].pose(pulse))
        pose = films[1].pose(pulse)
        if not joiner.take(pose):
            waited.append(pulse)
            joiner.due(pose.sent_ns + PERIOD_NS)

    assert waited == list(range(40, 140))


@pytest.mark.parametrize("by", BOTH)
def test_a_camera_that_comes_back_is_joined_again(by: By) -> None:
    films = [Film(0), Film(1), Film(2)]
    poses = [film.pose(pulse) for pulse in range(500) for film in films if film.camera != 2 or not 100 <= pulse < 350]

    moments = feed(Joiner(3, by=by), poses)

    assert [len(moment.seen) for moment in moments][-100:] == [3] * 100
    assert {len(pulses(moment, films)) for moment in moments} == {1}


@pytest.mark.parametrize("by", BOTH)
@pytest.mark.parametrize("session", ["one", "two"], ids=["numbers wrapped", "tracker restarted"])
def test_numbers_that_begin_anew_are_joined_again_and_never_wrongly(by: By, session: str) -> None:
    films = [Film(0), Film(1, first=60_000)]
    poses = [film.pose(pulse) for pulse in range(100) for film in films]
    films[1].first, films[1].session = -100, session
    poses += [film.pose(pulse) for pulse in range(100, 200) for film in films]
    joiner = Joiner(2, by=by)

    moments = feed(joiner, poses)

    assert {len(pulses(moment, films)) for moment in moments} == {1}
    assert len(whole(moments)) > 200 - 2 * LEARNT
    assert joiner.offset(1) == (-100 if by == "number" else None)


def test_all_counters_wrapping_at_once_are_found_again() -> None:
    films = [Film(0), Film(1)]
    poses = [film.pose(pulse) for pulse in range(100) for film in films]
    films[0].first = films[1].first = -100
    poses += [film.pose(pulse) for pulse in range(100, 200) for film in films]

    moments = feed(Joiner(2, by="number"), poses)

    assert {len(pulses(moment, films)) for moment in moments} == {1}
    assert len(whole(moments)) > 200 - 2 * LEARNT


def test_a_counter_that_began_earlier_is_found_and_told() -> None:
    films = [Film(0, first=3), Film(1, first=20)]
    joiner = Joiner(2, by="number")

    feed(joiner, [film.pose(pulse) for pulse in range(60) for film in films])

    assert [joiner.offset(0), joiner.offset(1)] == [0, 17]


def test_a_counter_that_slips_is_noticed_by_the_stamps_and_found_again() -> None:
    films = [Film(0), Film(1)]
    poses = [film.pose(pulse) for pulse in range(100) for film in films]
    films[1].first = -1  # a pulse came during an exposure: the camera did not count it
    poses += [film.pose(pulse) for pulse in range(100, 200) for film in films if film.camera == 0 or pulse > 102]
    joiner = Joiner(2, by="number")

    moments = feed(joiner, poses)

    assert {len(pulses(moment, films)) for moment in moments} == {1}
    assert len(whole(moments)) > 200 - 2 * LEARNT
    assert {joiner.offset(0), joiner.offset(1)} in ({0, -1}, {0, 1})


def test_a_frame_that_was_stamped_late_by_more_than_a_period_is_no_wrong_pair() -> None:
    films = [Film(0), Film(1)]
    poses = [film.pose(pulse) for pulse in range(100) for film in films]
    late = replace(poses[151], time_ns=poses[151].time_ns + 12_000_000, sent_ns=poses[151].sent_ns + 12_000_000)
    films[1].truth[late.session, late.number, late.time_ns] = 75
    poses[151] = late

    moments = feed(Joiner(2, by="number"), by_arrival(poses))

    assert {len(pulses(moment, films)) for moment in moments} == {1}


@pytest.mark.parametrize("by", BOTH)
def test_cameras_of_different_rates_are_joined_where_they_meet_and_only_by_time(by: By) -> None:
    films = [Film(0), Film(1, every=2)]
    poses = [film.pose(pulse) for pulse in range(200) for film in films if pulse % film.every == 0]

    moments = feed(Joiner(2, by=by), by_arrival(poses))

    assert {len(pulses(moment, films)) for moment in moments} <= {1}
    assert len(whole(moments)) == 0 if by == "number" else len(whole(moments)) > 90


@settings(max_examples=40)
@given(phase=st.integers(-4_999_999, 4_999_999), seed=st.integers(0, 2**32))
def test_free_running_cameras_are_joined_with_their_nearest_neighbour(phase: int, seed: int) -> None:
    chance = random.Random(seed)
    films = [Film(0), Film(1, phase_ns=phase)]
    poses = [film.pose(pulse) for pulse in range(100) for film in films if chance.random() > 0.05]

    moments = feed(Joiner(2, by="time"), by_arrival(poses))

    assert {len(pulses(moment, films)) for moment in moments} == {1}
    assert {moment.spread_ns for moment in whole(moments)} <= {abs(phase)}


@pytest.mark.parametrize("by", BOTH)
def test_a_stamp_later_than_its_publication_is_refused(by: By) -> None:
    films = [Film(0), Film(1)]
    poses = [film.pose(pulse) for pulse in range(100) for film in films]
    poses[120] = replace(poses[120], time_ns=poses[120].time_ns + 10**10)
    joiner = Joiner(2, by=by)

    moments = feed(joiner, poses)

    assert joiner.counts[0].contradicting == 1
    assert len(whole(moments)) > 100 - LEARNT


GARBAGE = {
    "far ahead": lambda number: number + 10**9,
    "largest": lambda number: 2**63 - 1,
    "zero": lambda number: 0,
    "negative": lambda number: -1,
    "a little ahead": lambda number: number + 3,
    "a little back": lambda number: number - 3,
    "the one before": lambda number: number - 1,
}


def with_garbage(films: list[Film], camera: int, bad: Collection[int], number: Callable[[int], int]) -> list[Sighting]:
    """300 pulses, of which the bad ones have other numbers in one camera."""
    poses = []
    for pulse in range(300):
        for film in films:
            pose = film.pose(pulse)
            if film.camera == camera and pulse in bad:
                pose = replace(pose, number=number(pose.number))
                film.truth[pose.session, pose.number, pose.time_ns] = pulse
            poses.append(pose)
    return poses


@pytest.mark.parametrize("garbage", GARBAGE)
@pytest.mark.parametrize("camera", [0, 1])
def test_one_garbage_number_costs_the_one_moment_whose_frame_it_is(camera: int, garbage: str) -> None:
    films = [Film(0, first=1000), Film(1, first=2000, phase_ns=1000)]
    clean = len(whole(feed(Joiner(2, by="number"), with_garbage(films, camera, (), GARBAGE[garbage]))))
    joiner = Joiner(2, by="number")

    moments = feed(joiner, with_garbage(films, camera, [150], GARBAGE[garbage]))

    assert {len(pulses(moment, films)) for moment in moments} == {1}
    assert len(whole(moments)) == clean - 1
    assert joiner.counts[camera].contradicting == 1


@pytest.mark.parametrize("garbage", GARBAGE)
@pytest.mark.parametrize("camera", [0, 1])
def test_garbage_in_every_tenth_number_costs_one_moment_in_ten(camera: int, garbage: str) -> None:
    films = [Film(0, first=1000), Film(1, first=2000, phase_ns=1000)]
    bad = range(20, 300, 10)
    clean = len(whole(feed(Joiner(2, by="number"), with_garbage(films, camera, (), GARBAGE[garbage]))))

    moments = feed(Joiner(2, by="number"), with_garbage(films, camera, bad, GARBAGE[garbage]))

    assert {len(pulses(moment, films)) for moment in moments} == {1}
    assert len(whole(moments)) == clean - len(bad)


def test_a_camera_whose_count_began_anew_holds_nobody_up_while_it_is_being_found() -> None:
    films = [Film(0), Film(1), Film(2, first=60_000)]
    joiner = Joiner(3, by="number")
    feed(joiner, [film.pose(pulse) for pulse in range(100) for film in films], deadlines=False)
    films[2].first = -100

    waited = []
    for pulse in range(100, 140):
        poses = [film.pose(pulse) for film in films]
        closed = [moment for pose in poses for moment in joiner.take(pose)]
        if not closed:
            waited.append(pulse)
            joiner.due(poses[0].sent_ns + PERIOD_NS)

    assert waited == list(range(100, 104))
    assert joiner.offset(2) == -100


@pytest.mark.parametrize("seed", range(6))
def test_garbage_among_the_numbers_pairs_nothing_wrongly_and_is_over_when_it_ends(seed: int) -> None:
    """Numbers that jump, go back, stand still and come twice, and trackers that start anew, all at once on every camera."""
    chance = random.Random(seed)
    films = [Film(camera, first=chance.randrange(1000), jitter_ns=400_000) for camera in range(3)]
    poses = []
    for film in films:
        shift, session = 0, 0
        for pulse in range(1200):
            pose = film.pose(pulse, chance)
            if 200 <= pulse < 800:
                kind = chance.random()
                if kind < 0.01:
                    shift += chance.choice([-700, -3, -1, 1, 2, 5, 40_000])
                elif kind < 0.013:
                    session, shift = session + 1, -film.first - pulse
                number = pose.number + shift
                if 0.1 < kind < 0.15:
                    number = chance.choice([0, -5, 2**31, number - 1, number + 1, chance.randrange(2**16)])
            else:
                number = pose.number + shift
            found = replace(pose, number=number, session=f"{session}")
            film.truth[found.session, found.number, found.time_ns] = pulse
            poses += [found, found] if 200 <= pulse < 800 and chance.random() < 0.05 else [found]
    joiner = Joiner(3, by="number")
    moments = feed(joiner, by_arrival(poses))
    assert [moment for moment in moments if len(pulses(moment, films)) > 1] == []
    after = [moment for moment in moments if all(moment.sightings) and min(pulses(moment, films)) >= 850]
    assert len(after) == 350
