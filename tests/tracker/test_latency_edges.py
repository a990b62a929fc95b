"""From commands and events to latencies: an injected delay is recovered from stamps, and nothing unclear is averaged in."""

import numpy as np
import pytest

from tracker.config_cameras import SyntheticLight
from tracker.latency.edges import Command, Edge, FrameTimes, Heard, edges_of, light_ms, phases
from tracker.latency.picture import drawn
from tracker.latency.report import lines, made_of, report
from tracker.synthetic.light import Light

MS = 1_000_000
INTERVAL_MS = 10


def frame(exposed_ns: int | None, *, received_ns: int) -> FrameTimes:
    return FrameTimes(exposed_ns=exposed_ns, received_ns=received_ns, taken_ns=received_ns + MS // 10, inferred_ns=received_ns + MS)


def heard(*, on: bool, received_ms: float, exposed_ms: float | None = None, by_rule: bool = True) -> Heard:
    times = frame(None if exposed_ms is None else round(exposed_ms * MS), received_ns=round(received_ms * MS))
    return Heard(on=on, by_rule=by_rule, published_ns=round(received_ms * MS) + 2 * MS, onset=times, decided=times)


def commands(*told_ms: float) -> list[Command]:
    return [Command(lit=place % 2 == 0, told_ns=round(ms * MS)) for place, ms in enumerate(told_ms)]


def rig(*, delay_ms: float, exposure_ms: float, pulses: int = 500) -> list[Edge]:
    """A camera with a light: what stamps it gives, and what is judged from them. Frames begin every 10 ms, from 0 on."""
    light = Light(SyntheticLight(port="none", delay_ms=delay_ms))
    told, events = [], list[Heard]()
    rng = np.random.default_rng(1)
    for number, phase in enumerate(phases(2 * pulses, seed=3)):
        told_ns = round((number * 20 + int(rng.integers(4)) + phase) * INTERVAL_MS * MS)
        lit = number % 2 == 0
        light.switch(lit=lit, told_ns=told_ns)
        told.append(Command(lit=lit, told_ns=told_ns))
        for begin_ns in range(told_ns // (INTERVAL_MS * MS) * INTERVAL_MS * MS, told_ns + 100 * MS, INTERVAL_MS * MS):
            end_ns = begin_ns + round(exposure_ms * MS)
            if (light.share(begin_ns, end_ns) > 0.5) is lit and end_ns >= told_ns:
                late_ns = int(rng.exponential(0.2 * MS))
                times = frame(begin_ns, received_ns=end_ns + late_ns)
                events.append(Heard(on=lit, by_rule=True, published_ns=end_ns + late_ns + 2 * MS, onset=times, decided=times))
                break
    return edges_of([*told, Command(lit=False, told_ns=told[-1].told_ns + 500 * MS)], events, answered=False)


def median_ms(edges: list[Edge]) -> float:
    return float(np.median([edge.latency_ms for edge in edges if edge.latency_ms is not None and edge.lit]))


@pytest.mark.parametrize("exposure_ms", [0.0, 4.0])
def test_an_injected_delay_is_the_difference_of_medians_and_in_the_stamps(exposure_ms: float) -> None:
    """Half an exposure is what the light must last to count, so the output's own delay shows that much too short."""
    without, delayed = (rig(delay_ms=delay_ms, exposure_ms=exposure_ms) for delay_ms in (0.0, 20.0))

    assert median_ms(delayed) - median_ms(without) == pytest.approx(20.0, abs=0.1)
    for edges, delay_ms in ((without, 0.0), (delayed, 20.0)):
        found = light_ms(edges, frame_interval_ms=INTERVAL_MS)
        assert found == pytest.approx(delay_ms - exposure_ms / 2, abs=0.1)
        assert {edge.outcome for edge in edges} == {"detected"}


def test_latencies_are_spread_over_one_frame_interval() -> None:
    values = np.array([edge.parts_ms["light"] for edge in rig(delay_ms=3.0, exposure_ms=0.0)])

    assert values.min() == pytest.approx(3.0, abs=0.1)
    assert values.max() == pytest.approx(13.0, abs=0.1)


def test_the_parts_add_up_to_the_latency() -> None:
    told = commands(0, 50, 100)
    events = [heard(on=True, received_ms=14, exposed_ms=10), heard(on=False, received_ms=64, exposed_ms=60)]

    for answered, end in ((False, [16.0, 16.0]), (True, [50.0, 50.0])):
        edges = edges_of(told, events, answered=answered)
        assert [edge.latency_ms for edge in edges] == end
        assert [sum(edge.parts_ms.values()) for edge in edges] == pytest.approx(end)
        assert [edge.parts_ms["light"] for edge in edges] == [10.0, 10.0]
        assert ("answer" in edges[0].parts_ms) is answered


@pytest.mark.parametrize(
    ("events", "outcome"),
    [
        ([], "missed"),
        ([heard(on=True, received_ms=14)], "detected"),
        ([heard(on=True, received_ms=14), heard(on=False, received_ms=24)], "unclear"),
        ([heard(on=True, received_ms=14), heard(on=True, received_ms=24)], "unclear"),
        ([heard(on=False, received_ms=14)], "unclear"),
        ([heard(on=True, received_ms=-1)], "unclear"),  # published after the command, of a frame from before it
        ([heard(on=True, received_ms=14, by_rule=False)], "unclear"),
        ([heard(on=True, received_ms=60)], "missed"),
    ],
    ids=["none", "one", "flicker", "double", "the opposite", "too early", "forced", "too late"],
)
def test_only_a_single_event_that_the_light_can_have_caused_counts(events: list[Heard], outcome: str) -> None:
    (edge,) = edges_of(commands(0, 50), events, answered=False)

    assert edge.outcome == outcome
    assert (edge.latency_ms is None) is (outcome != "detected")


def test_missed_and_unclear_edges_are_counted_and_in_no_percentile() -> None:
    told = commands(0, 50, 100, 150, 200, 250, 300)
    events = [
        heard(on=True, received_ms=14),
        heard(on=False, received_ms=64),
        heard(on=True, received_ms=114),
        heard(on=False, received_ms=120),
    ]
    found = report(edges_of(told, events, answered=False), facts=FACTS, frame_interval_ms=10.0, exposure_ms=None, even=True, stopped=None)

    assert [found["on"][name] for name in ("n", "missed", "unclear")] == [1, 1, 1]
    assert [found["off"][name] for name in ("n", "missed", "unclear")] == [1, 2, 0]
    assert found["on"]["latency_ms"] == {"p50": 16.0, "p90": 16.0, "p99": 16.0, "max": 16.0}
    assert "light on: 1 detected, 1 missed, 1 unclear" in lines(found)
    assert len(found["edges"]) == 6


def test_the_legend_of_the_picture_covers_no_bar_and_no_line() -> None:
    events = [heard(on=True, received_ms=14), heard(on=False, received_ms=64)]
    told = edges_of(commands(0, 50), events, answered=False)
    found = report(told, facts=FACTS, frame_interval_ms=10.0, exposure_ms=None, even=True, stopped=None)

    figure = drawn(found)
    figure.draw_without_rendering()

    above, below = figure.subfigs
    (legend,) = above.legends
    assert not [axes for axes in (*above.axes, *below.axes) if axes.bbox.overlaps(legend.get_window_extent())]
    assert not [axes for axes in above.axes if axes.get_legend() is not None]


def test_what_is_known_of_the_parts_decides_how_far_they_are_split() -> None:
    medians = {"light": 25.0, "transfer": 6.0, "engine": 1.0}

    assert made_of(medians, output_ms=20.0, exposure_ms=4.0) == {
        "output": 20.0, "next_exposure": 5.0, "exposure": 4.0, "transfer": 2.0, "engine": 1.0,
    }  # fmt: skip
    assert made_of(medians, output_ms=None, exposure_ms=None) == {"light": 25.0, "exposure_and_transfer": 6.0, "engine": 1.0}
    assert made_of({"light": 31.0, "engine": 1.0}, output_ms=None, exposure_ms=4.0) == {"unseen": 31.0, "engine": 1.0}


def test_nothing_detected_is_a_report_too() -> None:
    found = report(
        edges_of(commands(0, 50), [], answered=False), facts=FACTS, frame_interval_ms=10.0, exposure_ms=1.0, even=True, stopped="x"
    )

    assert (found["on"]["n"], found["on"]["missed"], found["on"]["latency_ms"], found["on"]["output_ms"]) == (0, 1, {}, None)
    assert "light on: 0 detected, 1 missed, 0 unclear" in lines(found)


@pytest.mark.parametrize("count", [1, 7, 500])
def test_phases_cover_the_frame_interval_evenly_and_repeat_with_their_seed(count: int) -> None:
    found = phases(count, seed=5)

    assert sorted(int(phase * count) for phase in found) == list(range(count))
    assert found == phases(count, seed=5)
    assert count == 1 or found != phases(count, seed=6)


FACTS = {"mode": "led", "event": "led", "camera": "top"}
