"""Commands and signals in any order: what runs has one owner, and no engine is closed while the loop uses it."""

import gc
import shutil
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from tests.conftest import BundleMaker
from tests.tracker.daemon import causes, write_config
from tests.tracker.rig import DEADLINE_S, HEIGHT, WIDTH, Rig, rig
from tests.tracker.small_classifier import write_classifier
from tests.tracker.test_setup import HALF_MM_A_PIXEL
from tests.tracker.test_two_animals import IDENTITY, two_animals
from tracker.command_handler import CommandHandler
from tracker.config import load_config
from tracker.errors import BundleError, CalibrationError, ConfigError, RigtrackError, StreamError
from tracker.messages import EventMessage, PoseMessage, SetupMessage, StatusMessage
from tracker.service.notify import Notifier

ZONE = {"shape": "circle", "name": "all", "unit": "px", "centre": [32, 24], "radius": 500}
RULE = {"when": "above", "on": 0, "off": 0, "minimum_ms": 0, "maximum_gap_ms": 0, "refractory_ms": 0, "confidence": 0.5, "missing": "hold"}
EVENT: dict[str, Any] = {"event": "present", "source": {"kind": "zone", "point": "spot", "zone": "all"}, "rule": RULE}


@pytest.fixture(scope="module")
def bundles(make_bundle: BundleMaker, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("bundles")
    sizes = {"first": (HEIGHT, WIDTH), "second": (HEIGHT, WIDTH), "large": (2 * HEIGHT, WIDTH)}
    return {name: make_bundle(folder / name, height=height, width=width) for name, (height, width) in sizes.items()}


class Commanded:
    """A rig and what takes its commands."""

    def __init__(self, made: Rig, path: Path) -> None:
        self.rig, self.path = made, path
        self.handler = CommandHandler(path, load_config(path), inbox=made.inbox, health=made.health, notifier=Notifier(None))

    def start(self) -> None:
        self.rig.start()
        self.handler.start()

    def start_tracking(self) -> None:
        """Start, and wait until the first frame went through and nothing is under way."""
        self.start()
        self.track()
        _settled(self)

    def track(self) -> PoseMessage:
        """A frame that went all the way through."""
        self.rig.camera.show(5, 5)
        return self.rig.wait_for(PoseMessage)

    def swap(self, bundle: Path) -> dict[str, Any]:
        return self.handler.swap({"bundle": str(bundle)}).result(DEADLINE_S)

    def reload(self) -> dict[str, Any]:
        return self.handler.reload({}).result(DEADLINE_S)


@pytest.fixture
def path(tmp_path: Path, bundles: dict[str, Path]) -> Path:
    (tmp_path / "images").mkdir()
    camera = {"source": "image_folder", "folder": str(tmp_path / "images"), "rate_hz": None, "loop_folder": False}
    return write_config(tmp_path, bundles["first"], camera)


@pytest.fixture
def commanded(path: Path, bundles: dict[str, Path]) -> Iterator[Commanded]:
    with rig(path, bundles["first"]) as made:
        commanded = Commanded(made, path)
        yield commanded
        if made.running:
            made.stop()
        commanded.handler.close()
    assert made.problem is None or isinstance(made.problem, RigtrackError)


def rules(path: Path, *, zones: list[dict[str, Any]], behaviour: list[dict[str, Any]]) -> None:
    """Rewrite rules and zones in the file."""
    values = yaml.safe_load(path.read_text())
    path.write_text(yaml.safe_dump(values | {"zones": zones, "behaviour": behaviour}))


def test_the_first_engine_opens_beside_the_running_loop(commanded: Commanded) -> None:
    commanded.start()
    assert commanded.track().setup == 1
    assert commanded.handler.status({})["status"]["state"] in ("starting", "tracking")


def test_a_bundle_that_is_not_there_ends_the_loop_with_its_sentence(commanded: Commanded, path: Path) -> None:
    path.write_text(path.read_text().replace("/first", "/nowhere"))
    broken = Commanded(commanded.rig, path)
    broken.start()
    commanded.rig.join()
    broken.handler.close()
    assert isinstance(commanded.rig.problem, BundleError)
    assert "nowhere" in str(commanded.rig.problem)


def test_a_swap_puts_the_bundle_in_place_and_frees_the_old_one_at_once(commanded: Commanded, bundles: dict[str, Path]) -> None:
    commanded.start_tracking()
    (old,) = commanded.handler._open
    gone = weakref.ref(old)
    del old
    assert commanded.swap(bundles["second"])["bundle"] == "second"
    gc.collect()
    assert commanded.track().setup == 2
    gc.collect()
    assert gone() is None, "the engine of the bundle before is still held"
    assert len(commanded.handler._open) == 1


def test_a_swap_before_the_first_frame_is_checked_against_the_rules(commanded: Commanded, path: Path, bundles: dict[str, Path]) -> None:
    rules(path, zones=[ZONE], behaviour=[EVENT])
    fresh = Commanded(commanded.rig, path)
    fresh.start()
    commanded.rig.wait_for(StatusMessage)
    _settled(fresh)
    renamed = _renamed(bundles["second"], path.parent / "renamed")
    with pytest.raises(ConfigError, match="point 'spot' is not one of the network's points"):
        fresh.swap(renamed)
    assert fresh.track().animals[0].points.keys() == {"spot"}
    commanded.rig.stop()
    fresh.handler.close()


def test_a_swap_before_the_first_frame_takes_effect_with_it(commanded: Commanded, bundles: dict[str, Path]) -> None:
    commanded.start()
    _settled(commanded)
    commanded.swap(bundles["second"])
    commanded.rig.camera.show(5, 5)
    assert commanded.rig.wait_for(SetupMessage).bundle == "second"
    assert len(commanded.handler._open) == 1


def test_a_bundle_that_may_not_fit_is_refused_before_the_first_frame(commanded: Commanded, bundles: dict[str, Path]) -> None:
    """With the first frame it would end the tracker, since the bundle before is closed by then."""
    commanded.start()
    _settled(commanded)
    with pytest.raises(BundleError, match="large: its view may not fit the camera, of which no frame has come yet"):
        commanded.swap(bundles["large"])
    assert commanded.track().setup == 1
    assert len(commanded.handler._open) == 1


def test_a_calibration_that_may_not_fit_is_refused_before_the_first_frame(commanded: Commanded, path: Path) -> None:
    commanded.start()
    _settled(commanded)
    values = yaml.safe_load(path.read_text())
    (path.parent / "calibration.yaml").write_text(yaml.safe_dump(HALF_MM_A_PIXEL | {"image_size": [1280, 1024]}))
    path.write_text(yaml.safe_dump(values | {"calibration": "calibration.yaml"}))
    with pytest.raises(CalibrationError, match="may not fit the camera, of which no frame has come yet"):
        commanded.reload()
    assert commanded.track().setup == 1


def test_the_answer_to_a_swap_says_what_runs_now(commanded: Commanded, bundles: dict[str, Path]) -> None:
    commanded.start_tracking()
    answer = commanded.swap(bundles["second"])
    assert (answer["folder"], answer["precision"]) == (str(bundles["second"]), "fp32")
    assert answer["runtime"].startswith("openvino ")
    assert "64x48" in answer["field_of_view"]


def test_the_status_lists_every_event_that_is_on_and_since_when(commanded: Commanded, path: Path) -> None:
    rules(path, zones=[ZONE], behaviour=[EVENT | {"rule": RULE | {"end_after_ms": 3_600_000}}])
    fresh = Commanded(commanded.rig, path)
    fresh.start()
    first = fresh.track()
    commanded.rig.health.report("reload", None)  # has the status published with the next frame
    fresh.track()
    (event,) = commanded.rig.wait_for(StatusMessage, lambda status: bool(status.open)).open
    assert (event.event, event.animal, event.onset_frame, event.since_ns) == ("present", 0, 0, first.received_ns)
    commanded.rig.stop()
    fresh.handler.close()


def test_a_bundle_for_another_size_is_refused_and_its_engine_closed(commanded: Commanded, bundles: dict[str, Path]) -> None:
    commanded.start_tracking()
    with pytest.raises(BundleError, match="the camera gives 64x48"):
        commanded.swap(bundles["large"])
    assert len(commanded.handler._open) == 1
    assert commanded.track().setup == 1


@pytest.mark.parametrize(
    "request_", [{}, {"bundle": 7}, {"bundle": None}, {"bundle": ["a"]}], ids=["nothing", "a number", "null", "a list"]
)
def test_a_swap_without_a_path_is_refused(commanded: Commanded, request_: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="swap needs"):
        commanded.handler.swap(request_)


@pytest.mark.parametrize("name", ["x" * 5000, "a\0b", "tracker.yaml", ".", "nothing/here", "~", "\ud800"])
def test_a_path_that_is_no_bundle_is_refused_in_a_sentence(commanded: Commanded, name: str) -> None:
    commanded.start_tracking()
    with pytest.raises(BundleError):
        commanded.swap(commanded.path.parent / name)
    assert commanded.track().setup == 1


def test_a_wrong_file_is_a_problem_until_a_reload_succeeds(commanded: Commanded, path: Path) -> None:
    commanded.start_tracking()
    right = path.read_text()
    path.write_text(right.replace("name: top", "name: [[["))
    with pytest.raises(ConfigError):
        commanded.reload()
    told = commanded.rig.wait_for(StatusMessage, lambda status: "reload" in causes(status))
    (problem,) = (one for one in told.problems if one.cause == "reload")
    assert problem.sentence.endswith("the rules in use stay")
    assert 0 < problem.since_ns <= time.monotonic_ns()
    path.write_text(right)
    commanded.reload()
    assert commanded.rig.wait_for(StatusMessage, lambda status: status.setup == 2 and "reload" not in causes(status))


def test_signals_that_come_while_something_is_under_way_are_one_reload_after_it(commanded: Commanded, path: Path) -> None:
    commanded.start_tracking()
    gate = threading.Event()
    commanded.handler._worker.submit("a swap", lambda: {"waited": gate.wait(DEADLINE_S)})
    rules(path, zones=[ZONE], behaviour=[EVENT])
    for _ in range(20):
        commanded.handler.reload_on_signal()
    gate.set()
    assert commanded.rig.wait_for(StatusMessage, lambda status: status.setup == 2)
    commanded.rig.camera.show(5, 5)
    assert commanded.rig.wait_for(EventMessage).event == "present"
    _settled(commanded)
    assert commanded.handler.status({})["status"]["setup"] == 2


def test_swaps_reloads_and_signals_at_once_leave_one_engine_that_the_loop_uses(commanded: Commanded, bundles: dict[str, Path]) -> None:
    commanded.start_tracking()
    end, answered, problems = threading.Event(), [0], []

    def hammer(ask: Callable[[], object]) -> None:
        while not end.is_set():
            try:
                ask()
                answered[0] += 1
            except StreamError as busy:
                if not str(busy).startswith("busy: "):
                    problems.append(str(busy))
                end.wait(0.001)
            except Exception as problem:  # noqa: BLE001 handed to the test
                problems.append(repr(problem))

    def signal() -> None:
        end.wait(0.01)
        commanded.handler.reload_on_signal()

    asks: list[Callable[[], object]] = [
        lambda: commanded.swap(bundles["second"]),
        lambda: commanded.swap(bundles["first"]),
        commanded.reload,
        signal,
    ]
    threads = [threading.Thread(target=hammer, args=(ask,)) for ask in asks]
    for thread in threads:
        thread.start()
    try:
        while answered[0] < 40 and commanded.rig.running:
            commanded.track()
    finally:
        end.set()
        for thread in threads:
            thread.join()
    _settled(commanded)
    assert problems == []
    assert commanded.rig.running, commanded.rig.problem
    assert len(commanded.handler._open) == 1
    commanded.track()


def test_stop_is_obeyed_while_something_is_under_way(commanded: Commanded) -> None:
    commanded.start_tracking()
    gate = threading.Event()
    commanded.handler._worker.submit("a swap", lambda: {"waited": gate.wait(DEADLINE_S)})
    assert commanded.handler.stop({}) == {}
    commanded.rig.join()
    gate.set()


def _settled(commanded: Commanded) -> None:
    """Wait until the worker has nothing to do."""
    done = threading.Event()

    def nothing() -> dict[str, Any]:
        done.set()
        return {}

    commanded.handler._worker.submit_later("nothing", nothing)
    assert done.wait(DEADLINE_S)


def _renamed(bundle: Path, folder: Path) -> Path:
    """The same bundle, whose point has another name."""
    shutil.copytree(bundle, folder)
    description = folder / "bundle.json"
    description.write_text(description.read_text().replace('"spot"', '"nose"'))
    return folder


def test_a_network_of_several_animals_needs_a_restart_with_both_sections(
    commanded: Commanded, make_bundle: BundleMaker, tmp_path: Path
) -> None:
    commanded.start_tracking()
    several = two_animals(make_bundle, tmp_path)
    with pytest.raises(
        ConfigError, match=r"finds up to 2 animals, .* began without .* beside `engine: .*two}`, and start the tracker again"
    ):
        commanded.swap(several)
    assert commanded.track().setup == 1


def test_a_reload_names_what_changed_and_waits_for_a_restart(
    commanded: Commanded, path: Path, bundles: dict[str, Path], caplog: pytest.LogCaptureFixture
) -> None:
    commanded.start_tracking()
    as_begun = yaml.safe_load(path.read_text())
    changed = yaml.safe_load(path.read_text()) | {"zones": [ZONE], "recording": {"crf": 30}}
    changed["camera"]["rate_hz"] = 5.0
    changed["capture"]["stalled_after_s"] = 9.0
    path.write_text(yaml.safe_dump(changed))
    assert commanded.reload() == {"events": [], "zones": ["all"], "restart": ["camera.rate_hz", "capture.stalled_after_s", "recording"]}
    assert "not in use before the tracker is started again: camera.rate_hz, capture.stalled_after_s, recording" in caplog.text

    path.write_text(yaml.safe_dump(as_begun))
    assert commanded.reload()["restart"] == []
    as_begun["engine"]["bundle"] = str(bundles["second"])
    path.write_text(yaml.safe_dump(as_begun))
    assert commanded.reload()["restart"] == ["engine.bundle"]
    commanded.swap(bundles["second"])
    assert commanded.reload()["restart"] == [], "the swapped network is the one that the file names"


def test_notes_of_the_command_line_are_no_change_of_the_file(path: Path, bundles: dict[str, Path]) -> None:
    values = yaml.safe_load(path.read_text()) | {"recording": {"meta": {"animal": "M1", "cage": "4"}}}
    path.write_text(yaml.safe_dump(values))
    with rig(path, bundles["first"]) as made:
        commanded = Commanded(made, path)
        assert made.config.recording is not None
        noted = msgspec.structs.replace(made.config, recording=msgspec.structs.replace(made.config.recording, meta={"animal": "M17"}))
        commanded.handler = CommandHandler(path, noted, inbox=made.inbox, health=made.health, notifier=Notifier(None))
        commanded.start_tracking()
        assert commanded.reload()["restart"] == []
        del values["recording"]["meta"]["cage"]
        path.write_text(yaml.safe_dump(values))
        assert commanded.reload()["restart"] == ["recording.meta.cage"]
        made.stop()
        commanded.handler.close()


def test_a_swap_zeroes_what_classifiers_carry_and_a_reload_does_not(path: Path, bundles: dict[str, Path], tmp_path: Path) -> None:
    place = write_classifier(tmp_path / "place", warming_frames=1, longest_gap_s=1e6)
    path.write_text(yaml.safe_dump(yaml.safe_load(path.read_text()) | {"classifiers": [{"name": "place", "bundle": str(place)}]}))
    with rig(path, bundles["first"]) as made:
        commanded = Commanded(made, path)
        commanded.start()
        assert [commanded.track().warming for _ in range(2)] == [["place"], []]
        _settled(commanded)
        commanded.reload()
        assert commanded.track().warming == []
        commanded.swap(bundles["second"])
        assert [commanded.track().warming for _ in range(2)] == [["place"], []]
        made.stop()
        commanded.handler.close()


def test_a_tracker_without_an_engine_takes_a_network_by_a_swap_and_then_reloads(commanded: Commanded, bundles: dict[str, Path]) -> None:
    values = yaml.safe_load(commanded.path.read_text())
    del values["engine"]
    commanded.path.write_text(yaml.safe_dump(values))
    bare = Commanded(commanded.rig, commanded.path)
    bare.start()
    bare.rig.wait_for(StatusMessage)
    _settled(bare)
    with pytest.raises(BundleError, match="its view may not fit the camera, of which no frame has come yet; swap when frames come"):
        bare.swap(bundles["large"])
    assert bare.track().animals == []
    assert bare.swap(bundles["second"])["bundle"] == "second"
    assert bare.track().animals[0].points.keys() == {"spot"}
    assert bare.reload() == {"events": [], "zones": [], "restart": []}

    restart = "began without; that needs a restart of the tracker: `tracker stop`, `tracker run`"
    new: list[tuple[dict[str, Any], str]] = [
        ({"identity": IDENTITY}, "a section identity"),
        ({"classifiers": [{"name": "c", "bundle": "c"}]}, "classifier 'c'"),
    ]
    for section, named in new:
        commanded.path.write_text(yaml.safe_dump(values | section))
        with pytest.raises(ConfigError, match=f"names {named}, which this tracker {restart}"):
            bare.reload()
    commanded.rig.stop()
    bare.handler.close()
