"""What the tracker says of itself: its state, what is wrong and since when, and for how long the service manager is asked to wait."""

import socket
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from tests.conftest import BundleMaker
from tests.tracker.daemon import write_config
from tests.tracker.recorded import ask, feed, recorder_of, wait_until
from tests.tracker.rig import HEIGHT, WIDTH, Rig, rig
from tracker.bundle import Bundle
from tracker.frame import Frame
from tracker.recording.recorder import Recorder
from tracker.service.health import Health
from tracker.service.missing_frames import MissingFrames
from tracker.service.notify import Notifier
from tracker.service.watchdog import Watchdog
from tracker.setup import make_setup

MS = 1_000_000


class Clock:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now_ns = 10**12

    def __call__(self) -> int:
        return self.now_ns


class Manager:
    """The service manager's end of the socket."""

    def __init__(self, folder: Path) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(folder / "notify"))
        self.socket.setblocking(False)
        self.notifier = Notifier(str(folder / "notify"))

    def heard(self) -> list[str]:
        """Everything sent since the last call, but for the lines of `systemctl status`."""
        found = []
        while True:
            try:
                found.append(self.socket.recv(4096).decode())
            except BlockingIOError:
                return [text for text in found if not text.startswith("STATUS=")]

    def close(self) -> None:
        self.notifier.close()
        self.socket.close()


@pytest.fixture(scope="module")
def bundle(make_bundle: BundleMaker, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_bundle(tmp_path_factory.mktemp("bundles") / "spot", height=HEIGHT, width=WIDTH)


@pytest.fixture
def made(tmp_path: Path, bundle: Path) -> Iterator[Rig]:
    (tmp_path / "images").mkdir()
    camera = {"source": "image_folder", "folder": str(tmp_path / "images"), "rate_hz": None, "loop_folder": False}
    with rig(write_config(tmp_path, bundle, camera), bundle) as rigged:
        yield rigged


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Manager]:
    opened = Manager(tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def health(made: Rig, manager: Manager, clock: Clock) -> Health:
    return Health(
        capture=made.capture,
        publisher=made.publisher,
        recorder=Recorder(None),
        notifier=manager.notifier,
        watchdog=Watchdog(manager.notifier, interval_s=10, clock=clock),
        camera_lost_s=600,
        budget_ms=5,
        clock=clock,
    )


def through(made: Rig, health: Health, clock: Clock, *, engine_ms: int = 1) -> None:
    """Count one frame that took so long."""
    made.camera.show(5, 5)
    captured = made.capture.next(30)
    assert captured is not None
    frame = Frame(image=captured.frame.image, number=captured.frame.number, exposed_ns=None, received_ns=clock.now_ns)
    inferred_ns = clock.now_ns + engine_ms * MS
    health.frame(frame, taken_ns=clock.now_ns, inferred_ns=inferred_ns, decided_ns=inferred_ns, published_ns=inferred_ns)


def test_the_watchdog_is_wide_while_the_camera_opens_and_the_unit_s_with_frames(
    made: Rig, health: Health, manager: Manager, clock: Clock
) -> None:
    health.ready()
    assert manager.heard() == ["WATCHDOG_USEC=600000000", "READY=1"], "longer before it begins to count"
    health.idle()
    assert manager.heard() == [], "no sign of life without a frame"
    made.capture.start()
    through(made, health, clock)
    assert manager.heard() == ["WATCHDOG=1", "WATCHDOG_USEC=10000000"]


def test_a_camera_that_is_lost_is_a_problem_with_its_time_and_gone_when_it_is_back(made: Rig, health: Health, clock: Clock) -> None:
    made.capture.start()
    through(made, health, clock)
    made.camera.gone.set()
    while made.capture.state != "lost":
        assert made.capture.next(0.05) is None
    health.idle()
    since_ns = clock.now_ns
    clock.now_ns += 5_000 * MS
    health.idle()
    assert health.last is not None
    (problem,) = health.last.problems
    assert (health.last.state, problem.cause, problem.since_ns) == ("camera_lost", "camera", since_ns)
    assert problem.sentence == made.capture.problem
    made.camera.gone.clear()
    through(made, health, clock)
    assert (health.last.state, health.last.problems) == ("tracking", [])


def test_a_refused_reload_and_a_lost_camera_are_told_apart(made: Rig, health: Health, clock: Clock) -> None:
    health.report("reload", "tracker.yaml:3: name is 7")
    made.camera.gone.set()
    made.capture.start()
    while made.capture.state != "lost":
        made.capture.next(0.05)
    health.idle()
    assert health.last is not None
    assert [problem.cause for problem in health.last.problems] == ["camera", "reload"]
    health.report("reload", None)
    health.idle()
    assert [problem.cause for problem in health.last.problems] == ["camera"]


def test_what_is_wrong_with_recording_and_its_drops_are_in_the_status(made: Rig, manager: Manager, clock: Clock, tmp_path: Path) -> None:
    recorder = recorder_of(made.config, minimum_free_gb=0, queue_frames=2)
    health = Health(
        capture=made.capture, publisher=made.publisher, recorder=recorder, notifier=manager.notifier,
        watchdog=Watchdog(manager.notifier, interval_s=10, clock=clock), camera_lost_s=600, budget_ms=5, clock=clock,
    )  # fmt: skip
    recorder.start(ask(tmp_path / "first"))
    feed(recorder, 12)  # more than wait for a session that is still to begin
    wait_until(lambda: recorder.counts[0] > 0)
    since_ns = clock.now_ns
    health.publish()
    clock.now_ns += 1_000 * MS
    health.publish()
    assert health.last is not None
    (problem,) = health.last.problems
    assert (problem.cause, problem.sentence, problem.since_ns) == ("recording", recorder.problem, since_ns)
    recorded, dropped = recorder.counts
    assert dropped > 0
    assert (health.last.counters["recorded"], health.last.counters["record_dropped"]) == (recorded, dropped)
    recorder.stop()
    recorder.start(ask(tmp_path / "second"))
    health.publish()
    assert (health.last.problems, health.last.counters["record_dropped"]) == ([], 0)
    recorder.close()


def test_missing_frames_are_logged_at_once_and_then_once_a_minute_with_counts() -> None:
    missing, second = MissingFrames(), 10**9
    none = {"captured": 100, "lost": 0, "skipped": 0, "corrupt": 0, "record_dropped": 0}
    assert missing.look(none, 0) is None
    said = missing.look(none | {"captured": 130, "skipped": 3, "lost": 1}, second)
    behind = "3 skipped because the tracker was behind"
    assert said == f"frames are missing: 1 lost before they came from the camera, {behind}; 130 came from the camera"
    later = none | {"captured": 1900, "skipped": 341, "lost": 1, "record_dropped": 7}
    assert missing.look(later, 60 * second) is None, "a line a frame would fill the log"
    said = missing.look(later, 61 * second)
    assert said is not None
    assert said.startswith("frames are missing in the last 60 s: 338 skipped because the tracker was behind, 7 not recorded because")
    assert said.endswith("; 1770 came from the camera meanwhile")
    assert missing.look(later | {"captured": 9000}, 500 * second) is None
    assert missing.look(later | {"record_dropped": 0}, 501 * second) is None, "another session"
    assert missing.look(later | {"record_dropped": 2}, 502 * second) is not None


def test_a_tracker_that_loses_frames_says_so_while_it_runs(
    made: Rig, health: Health, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    made.capture.start()
    through(made, health, clock)
    made.camera._number += 3
    through(made, health, clock)
    clock.now_ns += 1_000 * MS
    health.publish()
    said = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert said == ["frames are missing: 3 lost before they came from the camera; 2 came from the camera"]


def test_frames_over_the_budget_are_counted(made: Rig, health: Health, clock: Clock) -> None:
    made.capture.start()
    for engine_ms in (1, 5, 6, 50):
        clock.now_ns += 2_000 * MS
        through(made, health, clock, engine_ms=engine_ms)
    assert health.last is not None
    assert (health.last.counters["inferred"], health.last.counters["over_budget"]) == (4, 2)


def test_the_status_comes_every_second_and_at_once_on_change(made: Rig, health: Health, clock: Clock) -> None:
    told = []
    for _ in range(50):
        clock.now_ns += 100 * MS
        health.idle()
        assert health.last is not None
        told.append(health.last.published_ns)
    assert len(set(told)) == 5
    health.report("reload", "wrong")
    health.idle()
    assert health.last is not None
    assert health.last.published_ns == clock.now_ns


def test_the_status_says_what_the_network_sees_once_a_setup_is_in_use(made: Rig, health: Health) -> None:
    health.publish()
    assert health.last is not None
    assert (health.last.setup, health.last.field_of_view) == (0, "")
    health.using(make_setup(made.config, made.bundle, made.engine, source_shape=(HEIGHT, WIDTH)), number=1)
    seen = f"The network sees all of the camera's {WIDTH}x{HEIGHT} image, at its own size, in grey."
    assert (health.last.setup, health.last.field_of_view) == (1, seen)


def test_the_status_says_what_the_confidence_means(made: Rig, health: Health) -> None:
    health.publish()
    assert health.last is not None
    assert health.last.correct_within_px == {}
    about = msgspec.structs.replace(made.bundle.description, correct_within_px=(2.5,) * len(made.bundle.description.point_names))
    stated = Bundle(folder=made.bundle.folder, description=about, self_test_image=made.bundle.self_test_image)
    health.using(make_setup(made.config, stated, made.engine, source_shape=(HEIGHT, WIDTH)), number=1)
    assert health.last.correct_within_px == dict.fromkeys(about.point_names, 2.5)


def test_the_manager_hears_that_it_stops(health: Health, manager: Manager) -> None:
    health.stopping()
    assert manager.heard() == ["STOPPING=1"]
    assert health.last is not None
    assert health.last.state == "stopping"
