"""What a measurement hears of a tracker: its rules, its frame interval, stamps of one clock only, and that it has fallen silent."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.conftest import BundleMaker
from tests.tracker.daemon import write_config
from tests.tracker.meanwhile import meanwhile
from tests.tracker.rig import HEIGHT, WIDTH, Rig, rig
from tests.tracker.test_brightness import lamp
from tracker.client import Client
from tracker.errors import LatencyError
from tracker.latency import listener
from tracker.latency.edges import Heard
from tracker.latency.listener import KINDS, Listener, times_of
from tracker.latency.measure import Measurement
from tracker.latency.serial_output import SerialOutput
from tracker.latency.settings import Settings
from tracker.messages import VERSION, PoseMessage

MS = 1_000_000


@pytest.fixture
def watching(tmp_path: Path, make_bundle: BundleMaker) -> Iterator[Rig]:
    """A rig that watches two pixels, and runs."""
    bundle = make_bundle(tmp_path / "spot", height=HEIGHT, width=WIDTH)
    config = write_config(tmp_path, bundle, {"source": "synthetic", "width": WIDTH, "height": HEIGHT})
    with rig(config, bundle, events=(lamp(),)) as made:
        made.change("start")
        made.start()
        yield made


@contextmanager
def frames(camera: Rig, x: Callable[[], int]) -> Iterator[None]:
    """One frame after the other meanwhile, with a white pixel at x."""
    with meanwhile(lambda: camera.camera.show(x(), 20), every_s=0.002):
        yield


def test_an_event_is_heard_with_the_stamps_of_its_frame(watching: Rig) -> None:
    with Client(watching.config.publisher.bind[0], kinds=KINDS) as client:
        with frames(watching, lambda: 0):
            subject = Listener(client, "lamp")
        watching.camera.show(10, 20)
        answer = None
        while answer is None:
            answer = subject.listen(subject._clock() + 10 * MS, answer=True)

    assert subject.camera == "top"
    assert subject.rule["source"]["kind"] == "brightness"
    assert subject.frame_interval_ns > 0
    assert subject.heard == [answer]
    assert answer.onset is not None
    assert answer.onset == answer.decided
    assert answer.onset.exposed_ns is None
    assert answer.onset.received_ns <= answer.onset.taken_ns <= answer.onset.inferred_ns <= answer.published_ns


def test_a_tracker_that_falls_silent_is_said_in_a_sentence(watching: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listener, "SILENT_S", 0.1)
    with Client(watching.config.publisher.bind[0], kinds=KINDS) as client:
        with frames(watching, lambda: 0):
            subject = Listener(client, "lamp")
        watching.stop()
        with pytest.raises(LatencyError, match=r"nothing has come from the tracker for 0\.1 s"):
            subject.listen(subject._clock() + 60_000 * MS)


def test_a_device_that_misses_its_first_pulse_costs_none_of_those_that_count(watching: Rig) -> None:
    settings = Settings(
        mode="led", event="lamp", port="loop://", line="rts", inverted=False, pulses=1, rest_ms=0, timeout_ms=300, exposure_ms=None, seed=0
    )
    switched: list[int] = []  # how often, whenever a frame was made
    with SerialOutput("loop://", line="rts", inverted=False) as output, Client(watching.config.publisher.bind[0], kinds=KINDS) as client:
        with frames(watching, lambda: 0):
            listening = Listener(client, "lamp")
        subject = Measurement(output, listening, settings)

        def place() -> int:
            switched.append(len(subject.commands))
            return 10 if output._port.cts and len(subject.commands) > 2 else 0

        with frames(watching, place):
            subject.settle()

    assert max(switched) >= 3, "a second pulse"
    assert subject.commands == []
    assert listening.heard == []


def test_in_a_loop_every_event_switches_the_light_without_a_pause(watching: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings(
        mode="loop",
        event="lamp",
        port="loop://",
        line="rts",
        inverted=False,
        pulses=3,
        rest_ms=0,
        timeout_ms=60_000,
        exposure_ms=None,
        seed=0,
    )
    waited: list[str] = []  # for what, from the beginning on
    with SerialOutput("loop://", line="rts", inverted=False) as output, Client(watching.config.publisher.bind[0], kinds=KINDS) as client:
        with frames(watching, lambda: 0):
            listening = Listener(client, "lamp")
        subject, listen, switch = Measurement(output, listening, settings), listening.listen, output.switch

        def listened(until_ns: int, *, answer: bool | None = None) -> Heard | None:
            waited.append({None: "time", True: "on", False: "off"}[answer])
            return listen(until_ns, answer=answer)

        def switched(*, lit: bool) -> int:
            waited.append("switched")
            return switch(lit=lit)

        monkeypatch.setattr(listening, "listen", listened)
        monkeypatch.setattr(output, "switch", switched)
        with frames(watching, lambda: 10 if output._port.cts else 0):
            assert list(subject.loop()) == [1, 2, 3]
        monkeypatch.undo()

    assert waited[waited.index("switched") :] == ["switched", "on", "switched", "off"] * 3, "half a period is the latency, and nothing else"
    assert [event.on for event in listening.heard] == [True, False] * 3


def test_nobody_there_is_said_in_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listener, "BEGIN_S", 0.1)
    with (
        Client(f"ipc://{tmp_path}/nobody", kinds=KINDS) as client,
        pytest.raises(LatencyError, match=r"nobody: nothing came within 0\.1 s"),
    ):
        Listener(client, "lamp")


@pytest.mark.parametrize(
    ("exposed_ns", "kept"),
    [(None, None), (95 * MS, 95 * MS), (101 * MS, None), (100 * MS - 20_000 * MS, None)],
    ids=["none", "one clock", "later", "long ago"],
)
def test_an_exposure_stamped_by_another_clock_is_not_used(exposed_ns: int | None, kept: int | None) -> None:
    pose = PoseMessage(
        v=VERSION, camera="top", session="s", frame=1, received_ns=100 * MS, published_ns=103 * MS, exposed_ns=exposed_ns,
        taken_ns=101 * MS, inferred_ns=102 * MS, lost=0, skipped=0, corrupt=0, setup=1, ended=[], animals=[], scores={}, motion=None,
    )  # fmt: skip

    assert times_of(pose).exposed_ns == kept
