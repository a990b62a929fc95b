"""A rig that has no network yet: it films, records and publishes, and what was recorded is used like any other session."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from tests.conftest import BundleMaker
from tests.tracker.chained import say
from tests.tracker.daemon import Daemon, stream, synthetic, wait_for, write_config
from tests.tracker.sessions import Points, write_session
from tests.tracker.test_analyse import analyse_now, asked
from tracker.__main__ import main
from tracker.analysis.job import analysed_with, analysis_config, job_for
from tracker.analysis.one_video import AnalysisRequest
from tracker.analysis.overview import read_overview
from tracker.check.check import Asked, check
from tracker.config import load_config
from tracker.errors import ConfigError, RecordingError
from tracker.export.export_session import Wanted, export_session
from tracker.messages import Message, PoseMessage, SetupMessage, StatusMessage
from tracker.recording.read_session import RecordedSession
from tracker.recording.recover import recover
from tracker.replay import Rules, replay_file
from tracker.setup import check_rules
from tracker.viewer.overlay import OverlaySettings, _health
from tracker.viewer.palette import WHITE
from tracker.viewer.recorded_scene import RecordedScene

MOVING: dict[str, Any] = {"event": "moving", "source": {"kind": "motion"}, "rule": {"on": 0.0001, "off": 0.00005}}
RUNNING: dict[str, Any] = {"event": "running", "source": {"kind": "speed", "point": "snout"}, "rule": {"on": 150, "off": 100}}
NO_POINTS: dict[str, Any] = {"point_names": [], "skeleton": [], "bundle": "", "bundle_sha256": "", "zones": []}


def config_without_engine(folder: Path, *behaviour: dict[str, Any]) -> Path:
    path = write_config(
        folder,
        folder / "none",
        synthetic(width=160, height=120, rate_hz=50),
        recording={"folder": str(folder / "recordings"), "minimum_free_gb": 0},
        behaviour=list(behaviour),
    )
    values = yaml.safe_load(path.read_text())
    del values["engine"]
    path.write_text(yaml.safe_dump(values))
    return path


class Recorded:
    """What a tracker without an engine said and left, which was killed while it recorded."""

    def __init__(self, folder: Path) -> None:
        config = config_without_engine(folder, MOVING)
        with Daemon(config, "--record", "--name", "first") as daemon, stream(folder) as client:
            self.setup = wait_for(client, lambda message: isinstance(message, SetupMessage))
            self.pose = wait_for(client, lambda message: isinstance(message, PoseMessage) and message.motion is not None)
            wait_for(client, _has_rows_on_the_disk)
            self.status = json.loads(daemon.ask("status", "--json").stdout)
            self.table = daemon.ask("status").stdout
            config.write_text(f"engine: {{bundle: models/mine}}\n{config.read_text()}")
            self.refused = daemon.ask("reload").stderr
            daemon.process.kill()
        self.log = daemon.words
        self.folder = folder / "recordings" / "first"
        self.recovered = recover(self.folder)
        self.session = RecordedSession(self.folder)


def _has_rows_on_the_disk(message: Message) -> bool:
    return isinstance(message, StatusMessage) and message.recording is not None and message.recording.seconds > 2


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    return Recorded(tmp_path_factory.mktemp("rig"))


def test_without_an_engine_frames_are_published_with_motion_and_no_animals(recorded: Recorded) -> None:
    assert isinstance(recorded.pose, PoseMessage)
    assert (recorded.pose.animals, recorded.pose.scores) == ([], {})
    assert isinstance(recorded.setup, SetupMessage)
    assert (recorded.setup.bundle, recorded.setup.point_names, recorded.setup.classifiers) == ("", [], [])


def test_status_and_log_say_that_there_is_no_engine(recorded: Recorded) -> None:
    assert [recorded.status[key] for key in ("state", "bundle", "runtime", "point_names")] == ["tracking", "", "none", []]
    assert recorded.status["counters"]["inferred"] == 0
    assert "engine         none: no network finds key points\n" in recorded.table
    assert "no engine: no network finds key points" in recorded.log
    assert _health(None, StatusMessage(**recorded.status), WHITE)[0][0].endswith("tracking   no network")


def test_a_session_without_engine_is_recovered_and_says_that_there_was_none(recorded: Recorded) -> None:
    rows = recorded.session.rows.to_pylist()
    assert recorded.recovered.closed.frames == len(rows) > 10
    assert all(row["points"] in ([], None) for row in rows), "null is for a frame that the loop skipped"
    assert sum(1 for _ in recorded.session.frames()) == len(rows)
    said = recorded.session.description
    assert (said.no_engine, said.bundle, said.config["engine"]["bundle"]) == (True, None, None)


def test_a_session_without_engine_is_shown_with_its_events_and_no_points(recorded: Recorded) -> None:
    scene = RecordedScene(recorded.session)
    assert (scene.point_names(0), scene.picture(0, OverlaySettings()).ndim) == ([], 3)
    tracked = next(place for place, row in enumerate(recorded.session.rows.to_pylist()) if row["points"] == [])
    assert scene._lines(tracked, OverlaySettings())[-1][0].startswith("no network   lost")
    np.testing.assert_array_equal(scene.image(0), next(recorded.session.frames()))
    assert {span.event for span in scene.events.spans} == {"moving"}
    scene.close()


def test_a_session_without_engine_replays_its_motion_and_refuses_rules_of_key_points(recorded: Recorded) -> None:
    live = [change["event"] for change in recorded.session.events.to_pylist() if change["reason"] == "rule"]
    found = [event for each in replay_file(recorded.folder, None, camera=None) for event in each.events if event.reason == "rule"]
    assert [event.name for event in found][: len(live)] == live
    assert live[0] == "moving"

    config = load_config(config_without_engine(recorded.folder, RUNNING))
    with pytest.raises(ConfigError, match=r"behaviour 'running': needs point 'snout', and no network finds key points"):
        replay_file(recorded.folder, Rules(events=config.behaviour, zones=()), camera=None)


def test_a_session_without_engine_is_exported_as_a_table_of_frames(recorded: Recorded) -> None:
    exported = export_session(recorded.session, Wanted(form="csv"))
    with exported.files[0].open() as file:
        rows = list(csv.DictReader(file))
    assert (len(rows), exported.point_names) == (recorded.session.frame_count, ())
    assert float(rows[-1]["motion"]) > 0
    with pytest.raises(RecordingError, match=r"holds no key points, which the format dlc is for; .* or find them with `tracker analyse`"):
        export_session(recorded.session, Wanted(form="dlc"))


def test_the_video_of_a_session_without_engine_is_analysed_by_a_later_network(
    recorded: Recorded, make_bundle: BundleMaker, tmp_path: Path
) -> None:
    bundle = make_bundle(tmp_path / "spot", height=120, width=160)
    config = write_config(tmp_path, bundle, synthetic())
    job, request = asked(tmp_path, bundle, recorded.folder / "video-001.mkv", config=config)
    analyse_now(job, request)
    rows = RecordedSession(job.folder).rows.to_pylist()
    assert len(rows) == recorded.session.frame_count
    assert all(len(row["points"]) == 3 for row in rows)


def test_a_video_is_analysed_without_a_network_for_its_motion_and_no_confidence_is_told(
    recorded: Recorded, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    video = recorded.folder / "video-001.mkv"
    config = config_without_engine(tmp_path, MOVING)
    loaded = analysis_config(load_config(config), None)
    request = AnalysisRequest(config=loaded, made_with=analysed_with(loaded, None), force=False)
    analyse_now(job := job_for(video, tmp_path / "out", taken={}), request)
    overview = read_overview(job.folder)
    assert (overview.mean, overview.uncertain, overview.strip, list(overview.pictures)) == (None, None, [], ["typical"])

    command = ["analyse", str(video), "--config", str(config), "--out", str(tmp_path / "out")]
    assert main([*command, "--json"]) == 0, "done before"
    said = json.loads(capsys.readouterr().out)
    assert (said["skipped"], said["mean_confidence"], said["uncertain"]) == (True, None, None)
    page = (tmp_path / "out/index.html").read_text()
    assert "No network, so no confidence" in page
    assert not any(words in page for words in ("<svg", "least sure", "Mean confidence", "confidence 0.00"))
    assert {row["event"] for row in RecordedSession(job.folder).events.to_pylist()} == {"moving"}

    nothing = config_without_engine(tmp_path)
    assert main([*command[:2], "--config", str(nothing), "--out", str(tmp_path / "other")]) == 1
    assert "names no network, no classifier and no event, so there is nothing to find in a video" in capsys.readouterr().err
    assert not (tmp_path / "other").exists()


def test_a_reload_that_brings_a_network_says_how_it_is_had(recorded: Recorded) -> None:
    assert "names a network, and this tracker has run without one since it began; restart it, or" in recorded.refused
    assert "`tracker swap`" in recorded.refused


def test_rules_of_key_points_without_an_engine_end_the_start_in_one_sentence(tmp_path: Path) -> None:
    config = load_config(config_without_engine(tmp_path, RUNNING))
    with pytest.raises(
        ConfigError,
        match=r"^behaviour 'running': needs point 'snout', and no network finds key points; give engine.bundle, or remove this$",
    ):
        check_rules(config, None)


@pytest.mark.parametrize("section", ["", "engine: {bundle: null}\n", "engine: {bundle: null, threads: 1}\n"])
def test_a_rig_without_engine_says_so_by_no_section_or_by_null(tmp_path: Path, section: str) -> None:
    path = tmp_path / "tracker.yaml"
    path.write_text(f"camera: {{source: opencv, device: 0}}\n{section}")
    config = load_config(path)
    assert (config.has_engine, config.engine.bundle) == (False, None)


def test_a_section_engine_without_a_bundle_is_refused_as_forgotten(tmp_path: Path) -> None:
    path = tmp_path / "tracker.yaml"
    path.write_text("camera: {source: opencv, device: 0}\nengine: {threads: 1}\n")
    with pytest.raises(ConfigError, match=r"missing key 'engine\.bundle'; add it: .*; or null, to record without one"):
        load_config(path)


def test_a_check_of_a_rig_without_engine_passes_and_says_so(tmp_path: Path) -> None:
    out = io.StringIO()
    check(config_without_engine(tmp_path, MOVING), as_json=True, out=out, asked=Asked(seconds=0))
    found = {each["check"]: each for each in json.loads(out.getvalue())["checks"]}
    assert {name: found[name]["found"] for name in ("bundle", "engine", "gpu", "rules")} == {
        "bundle": "none configured: no key points, frames are recorded without poses",
        "engine": "not needed: there is no bundle of key points",
        "gpu": "not used: no network runs",
        "rules": "1 events need no network",
    }
    assert all(found[name]["ok"] for name in ("camera", "bundle", "engine", "rules", "publisher", "recording"))


def test_a_session_into_which_a_network_came_is_exported_with_its_key_points(tmp_path: Path) -> None:
    folder = write_session(
        tmp_path / "s", range(30), points=lambda n: {"snout": (1.0, 2.0, 0.9), "tail": (3, 4, 0.8)} if n >= 10 else {},
        setups={0: NO_POINTS, 10: {"cause": "swap"}},
    )  # fmt: skip
    exported = export_session(RecordedSession(folder), Wanted(form="csv"))
    with exported.files[0].open() as file:
        rows = list(csv.DictReader(file))
    assert exported.point_names == ("snout", "tail")
    assert [row["has_pose"] for row in rows] == ["false"] * 10 + ["true"] * 20


def running(number: int) -> Points:
    """A snout that runs from frame 20 on, found from frame 10 on."""
    return {"snout": (float(max(0, number - 20) * 5), 2.0, 0.9), "tail": (3.0, 4.0, 0.8)} if number >= 10 else {}


def replayed(folder: Path, config: Path, capsys: pytest.CaptureFixture[str], *options: str) -> tuple[int, list[dict[str, Any]], str]:
    status = main(["replay", str(folder), "--config", str(config), *options])
    said = capsys.readouterr()
    return status, [json.loads(line) for line in said.out.splitlines()], said.err


def test_rules_of_key_points_replay_from_where_a_network_came(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    came = write_session(tmp_path / "came", range(60), points=running, setups={0: NO_POINTS, 10: {"cause": "swap"}})
    config = config_without_engine(tmp_path, RUNNING)
    status, events, error = replayed(came, config, capsys)
    assert status == 0, error
    alone = write_session(tmp_path / "alone", range(10, 60), points=running)
    _, expected, _ = replayed(alone, config, capsys)
    assert events == expected
    assert [(event["name"], event["state"]) for event in events] == [("running", "on"), ("running", "off")]


def test_rules_of_key_points_replay_in_those_sessions_of_a_chain_that_have_a_network(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, about in {"a": NO_POINTS, "b": {}, "c": NO_POINTS}.items():
        has_points = not about
        write_session(tmp_path / name, range(20, 50), points=running if has_points else lambda n: {}, setups={20: about})
    for number, (name, before) in enumerate([("a", None), ("b", "a"), ("c", "b")]):
        say(tmp_path / name, continues=before, stream_session=name, created=f"2026-01-31T20:0{number}:00Z")
    config = config_without_engine(tmp_path, RUNNING)
    status, events, error = replayed(tmp_path / "a", config, capsys, "--whole")
    assert status == 0, error
    assert [(event["session"], event["state"]) for event in events] == [("b", "on"), ("b", "off")]
    status, events, error = replayed(tmp_path / "a", config, capsys)
    assert (status, events) == (1, [])
    assert "behaviour 'running': needs point 'snout', and no network finds key points" in error
