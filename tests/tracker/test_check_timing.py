"""What `tracker check` says of rate, losses and flicker, on stamps and brightness that are known."""

import numpy as np
import pytest

from tests.tracker.daemon import DEADLINE_S
from tracker.cameras.synthetic import SyntheticRig
from tracker.check.timing import flicker, losses, rate
from tracker.check.watch import BANDS, SPREAD, Watched, watch
from tracker.config_cameras import InjectedFault, SyntheticCamera
from tracker.errors import CameraError
from tracker.frame import Frame

FIRST = Frame(image=np.zeros((8, 8), np.uint8), number=0, exposed_ns=0, received_ns=0)


def seen(
    *, hz: float = 100.0, light_hz: float = 0.0, amplitude: float = 0.0, rolling: float = 0.0, delay_s: float = 0.0,
    lost: tuple[int, ...] = (), corrupt: int = 0, seconds: float = 5.0,
) -> Watched:  # fmt: skip
    """Frames of a camera with its own clock, under a lamp, an animal walking through two of the bands."""
    random = np.random.default_rng(1)
    numbers = np.array([number for number in range(round(seconds * hz)) if number not in lost])
    at = numbers / hz
    bands = 100 * (1 + amplitude * np.sin(2 * np.pi * light_hz * at[:, None] + rolling * np.arange(BANDS)))
    bands += random.normal(0, 0.2, bands.shape)
    bands[:, 2] += 10 * np.sin(2 * np.pi * 1.3 * at)
    bands[:, 3] += np.cumsum(random.normal(0, 1, len(at)))
    received = at + random.exponential(delay_s, len(at)) if delay_s else at
    return Watched(
        seconds=seconds, first=FIRST, in_a_row=[], spread=[FIRST], numbers=numbers, received_ns=(1e9 * received).astype(np.int64),
        exposed_ns=(1e9 * at).astype(np.int64), bands=bands, corrupt=corrupt, failure=None,
    )  # fmt: skip


@pytest.mark.parametrize("rolling", [0.0, 0.7], ids=["global shutter", "rolling shutter"])
@pytest.mark.parametrize(
    ("hz", "light_hz", "beat"), [(30.0, 100.05, "10.0"), (60.0, 99.95, "20.0"), (99.7, 120.1, "20.3"), (250.0, 120.0, "120.0")]
)
def test_light_from_the_mains_is_found_at_its_beat(hz: float, light_hz: float, beat: str, rolling: float) -> None:
    found = flicker(seen(hz=hz, light_hz=light_hz, amplitude=0.02, rolling=rolling), has_own_rate=True)
    assert (found.ok, found.warning) == (True, True)
    assert f"% at {beat} Hz, as light from {round(light_hz / 20) * 10} Hz mains does" in found.found
    assert found.measured[f"beat_{round(light_hz / 20) * 10}_percent"] == pytest.approx(2.0, rel=0.1)


@pytest.mark.parametrize("hz", [25.0, 30.0, 60.0, 100.0, 120.0, 200.0])
def test_steady_light_does_not_flicker_whatever_the_animal_does(hz: float) -> None:
    found = flicker(seen(hz=hz), has_own_rate=True)
    assert (found.ok, found.warning) == (True, False)


@pytest.mark.parametrize("hz", [100.0, 200.0], ids=["stands still", "every other frame"])
def test_flicker_that_this_rate_may_hide_is_not_judged(hz: float) -> None:
    found = flicker(seen(hz=hz, light_hz=100.0, amplitude=0.05), has_own_rate=True)
    assert "of 50 Hz mains nothing can be told at this rate in 5 s" in found.found
    assert found.measured.keys() == {"beat_60_percent"}


def test_strong_flicker_fails() -> None:
    assert flicker(seen(hz=60.0, light_hz=100.0, amplitude=0.08), has_own_rate=True).ok is False


def test_the_rate_is_the_cameras_own_whatever_is_lost_or_late() -> None:
    found = rate(seen(hz=99.5, delay_s=0.002, lost=(5, 6, 100)), expected_hz=100, has_own_rate=True)
    assert found.measured["hz"] == pytest.approx(99.5, abs=0.001)
    assert found.measured["jitter_p99_ms"] == pytest.approx(2.0 * np.log(100), rel=0.4)
    assert (found.ok, found.warning) == (True, True)


@pytest.mark.parametrize(
    ("hz", "ok", "warning"),
    [(100.0, True, False), (98.0, True, True), (80.0, False, False)],
    ids=["as configured", "slower", "much slower"],
)
def test_a_rate_is_compared_with_the_configured_one(hz: float, *, ok: bool, warning: bool) -> None:
    found = rate(seen(hz=hz), expected_hz=100, has_own_rate=True)
    assert (found.ok, found.warning) == (ok, warning)


def test_frames_that_arrive_unevenly_are_warned_of() -> None:
    found = rate(seen(delay_s=0.004), expected_hz=100, has_own_rate=True)
    assert (found.warning, "frames arrive unevenly" in found.found) == (True, True)


@pytest.mark.parametrize(
    ("lost", "corrupt", "ok", "warning"), [((), 0, True, False), ((50, 51), 0, True, True), (tuple(range(50, 60)), 4, False, False)]
)
def test_lost_and_damaged_frames_are_counted_once(lost: tuple[int, ...], corrupt: int, *, ok: bool, warning: bool) -> None:
    found = losses(seen(lost=lost, corrupt=corrupt))
    assert (found.ok, found.warning) == (ok, warning)
    assert found.found.startswith(f"{len(lost) - corrupt} lost and {corrupt} damaged of 500")


def test_a_source_without_a_rate_is_not_judged_by_one() -> None:
    found = [flicker(seen(), has_own_rate=False), rate(seen(), expected_hz=None, has_own_rate=False)]
    assert [(each.ok, each.needed) for each in found] == [(None, False)] * 2


class Stepping:
    """A clock that a camera's waits move on: 5 s pass in moments, and every frame is on time."""

    def __init__(self) -> None:
        self.now_ns = 0

    def __call__(self) -> int:
        self.now_ns += 1000
        return self.now_ns

    def wait(self, seconds: float) -> None:
        self.now_ns += round(1e9 * seconds)


def test_a_camera_is_watched_with_its_losses_and_bounded_memory() -> None:
    clock = Stepping()
    faults = (InjectedFault(fault="drop", at_frame=30), InjectedFault(fault="corrupt", at_frame=40))
    camera = SyntheticRig(SyntheticCamera(scene="rectangles", width=64, height=48, faults=faults), clock, wait=clock.wait)
    heard: list[float] = []
    watched = watch(camera, 2.0, timeout_s=DEADLINE_S, progress=heard.append, clock=clock)
    assert len(watched.numbers) == pytest.approx(199, abs=3)
    assert (watched.lost, watched.corrupt, watched.failure) == (1, 1, None)
    assert len(watched.in_a_row) == len(watched.numbers)
    assert len(watched.spread) == SPREAD
    assert watched.spread[-1].number - watched.spread[0].number > 180
    assert watched.bands.shape == (len(watched.numbers), BANDS)
    assert watched.bands[0].mean() == pytest.approx(float(watched.first.image.mean()), abs=1e-3)
    assert heard[-1] > 1.9
    found = rate(watched, expected_hz=100, has_own_rate=True)
    assert found.measured["hz"] == pytest.approx(100, abs=0.01)


def test_a_camera_that_stops_is_judged_by_what_came_and_fails() -> None:
    clock = Stepping()
    faults = (InjectedFault(fault="vanish", at_frame=50, seconds=60),)
    camera = SyntheticRig(SyntheticCamera(scene="rectangles", width=64, height=48, faults=faults), clock, wait=clock.wait)
    watched = watch(camera, 2.0, timeout_s=1.0, clock=clock)
    assert len(watched.numbers) == 50
    found = losses(watched)
    assert (found.ok, "then frames stopped: synthetic rectangles" in found.found) == (False, True)


def test_a_camera_without_a_frame_cannot_be_watched() -> None:
    clock = Stepping()
    camera = SyntheticRig(SyntheticCamera(scene="rectangles", width=64, height=48, frames=1), clock, wait=clock.wait)
    assert camera.read(1.0) is not None
    with pytest.raises(CameraError, match="delivered no frame"):
        watch(camera, 1.0, timeout_s=1.0, clock=clock)
