"""A rig from recorded sessions: the places that were published live, to the last bit, and the same every time."""

import json
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pandas as pd  # type: ignore[import-untyped]
import pytest

from tests.tracker.chained import say
from tests.tracker.daemon import ROOT
from tests.tracker.pressed import PressedAt
from tests.tracker.rig_cameras import LiveCamera, pose_of
from tests.tracker.test_triangulate import EVENTS, event, live_rig, write_config
from tracker.__main__ import main
from tracker.boot_id import boot_id
from tracker.camera_rig import read_rig
from tracker.client import Client
from tracker.config import RecordingConfig, load_config
from tracker.errors import RecordingError
from tracker.export.place_table import write_places
from tracker.frame import Frame
from tracker.messages import VERSION, Pose3DMessage, PoseMessage, SetupMessage, StatusMessage
from tracker.recording.describe import describe
from tracker.recording.read_session import RecordedSession
from tracker.recording.session_writer import Limits, SessionWriter
from tracker.triangulation.replay import replay_rig
from tracker.triangulation.settings import load_rig_config
from tracker.triangulation.synthetic import IMAGE_SIZE, POINT_NAMES

Said = dict[str, Any]


def recorded(folder: Path, poses: list[PoseMessage], *, names: tuple[str, ...] = POINT_NAMES, **changes: Any) -> Path:
    """A session with these poses, of black pictures."""
    width, height = IMAGE_SIZE
    black = np.zeros((height, width), np.uint8)
    frames = [Frame(image=black, number=each.frame, exposed_ns=each.exposed_ns, received_ns=each.received_ns) for each in poses]
    config = load_config(ROOT / "examples" / "synthetic.yaml")
    said = describe(config, RecordingConfig(), frames[:9], camera_description="", stream_session=poses[0].session, meta={})
    folder.mkdir(parents=True)
    writer = SessionWriter(
        folder,
        msgspec.structs.replace(said, camera=poses[0].camera, **changes),
        Limits(segment_ns=1 << 60, idle_ns=1 << 60, pose_wait_ns=0),
        clock=lambda: 0,
    )
    first = poses[0]
    writer.setup(
        SetupMessage(
            v=VERSION, camera=first.camera, session=first.session, frame=first.frame - 1, received_ns=0, published_ns=0, setup=1,
            cause="start", bundle="", bundle_sha256="", point_names=list(names), calibrated=False, zones=[], behaviour=[],
        )
    )  # fmt: skip
    for frame, pose in zip(frames, poses, strict=True):
        writer.frame(frame, dropped=0)
        writer.pose(replace(pose, setup=1))
    writer.close(reason="stopped", dropped=0)
    return folder


def places(message: Said) -> Said:
    return {key: message[key] for key in ("animals", "frames", "time_ns", "received_ns", "spread_ns", "joined_by")}


def replayed(config: Path, *folders: Path, capsys: pytest.CaptureFixture[str]) -> list[Said]:
    assert main(["triangulate", "--config", str(config), "--sessions", *map(str, folders)]) == 0
    return [json.loads(line, parse_constant=no_json) for line in capsys.readouterr().out.splitlines()]


def no_json(word: str) -> None:
    """Python's own reader takes NaN, others do not."""
    raise AssertionError(f"{word} is not JSON")


def test_recorded_sessions_give_the_places_that_were_published_live(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = write_config(tmp_path, "top", "side")
    heard: dict[str, list[PoseMessage]] = {"top": [], "side": []}
    addresses = {name: f"ipc://{tmp_path}/{name}" for name in heard}
    with (
        live_rig(tmp_path, config) as rig,
        LiveCamera("top", addresses["top"]) as top,
        LiveCamera("side", addresses["side"]) as side,
        Client(list(addresses.values()), kinds=("pose",), high_water_mark=10_000) as client,
    ):
        rig.until(lambda message: isinstance(message, StatusMessage))  # it is heard from here on
        rig.until(event("high", "on"), top, side)
        for _ in range(40):
            rig.until(lambda message: isinstance(message, Pose3DMessage), top, side)
        while (message := client.receive(0.2)) is not None:
            if isinstance(message, PoseMessage):
                heard[message.camera].append(message)
    live = [json.loads(msgspec.json.encode(each)) for each in rig.heard if isinstance(each, Pose3DMessage)]
    whole = {(each["frames"]["top"], each["frames"]["side"]): places(each) for each in live if None not in each["frames"].values()}

    folders = [recorded(tmp_path / name, poses, boot_id=boot_id()) for name, poses in heard.items()]
    said = replayed(config, *folders, capsys=capsys)
    again = {
        (each["frames"]["top"], each["frames"]["side"]): places(each)
        for each in said
        if each["topic"] == "pose3d.space" and None not in each["frames"].values()
    }
    both = set(whole) & set(again)
    assert len(both) > 30
    assert [again[key] for key in sorted(both)] == [whole[key] for key in sorted(both)]
    assert said == replayed(config, *folders, capsys=capsys)
    ends = [each for each in said if each["topic"] == "event.space" and each["state"] == "off"]
    assert {(each["event"], each["reason"]) for each in ends} == {(str(each["event"]), "stopping") for each in EVENTS}


@pytest.fixture
def gappy(tmp_path: Path) -> tuple[Path, list[str]]:
    """A configuration and two sessions whose cameras each lost a frame."""
    config = write_config(tmp_path, "top", "side")
    lost = {"top": 4, "side": 9}
    return config, [str(recorded(tmp_path / name, [pose_of(name, n) for n in range(20) if n != lost[name]])) for name in lost]


@pytest.mark.parametrize("form", ["parquet", "csv"])
def test_a_table_of_places_says_what_the_messages_of_the_same_sessions_say(
    form: str, gappy: tuple[Path, list[str]], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tracker.export.place_table._ROWS", 7)
    config, folders = gappy
    moments = [each for each in replayed(config, *map(Path, folders), capsys=capsys) if each["topic"] == "pose3d.space"]
    out = tmp_path / f"places.{form}"
    asked = ["triangulate", "--config", str(config), "--sessions", *folders, "--to", form, "--out", str(out)]
    assert main([*asked, "--json"]) == 0
    placed = [each for each in moments if None not in each["frames"].values()]
    said = {"file": str(out), "moments": len(moments), "placed": len(placed), "point_names": list(POINT_NAMES)}
    assert json.loads(capsys.readouterr().out) == said
    assert len(moments) > len(placed) > 10
    table = pd.read_csv(out) if form == "csv" else pd.read_parquet(out)
    offset_ns = RecordedSession(Path(folders[0])).description.unix_offset_ns
    for row, message in zip(table.to_dict("records"), moments, strict=True):
        (animal,) = message["animals"]
        wanted = {
            "frame": message["frame"],
            "time_s": (message["time_ns"] - moments[0]["time_ns"]) / 1e9,
            "unix_s": (message["time_ns"] + offset_ns) / 1e9,
            **{f"frame_{camera}": number for camera, number in message["frames"].items()},
        }
        for name in POINT_NAMES:
            numbers = (*animal["points"][name], animal["error_px"][name], " ".join(animal["cameras"][name]) or None)
            wanted |= dict(
                zip((f"{name}_{end}" for end in ("x_mm", "y_mm", "z_mm", "confidence", "error_px", "cameras")), numbers, strict=True)
            )
        assert {name: None if pd.isna(value) else value for name, value in row.items()} == wanted
    assert main(asked) == 1
    assert f"{out}: exists; give --force to replace it" in capsys.readouterr().err
    assert main([*asked, "--force"]) == 0
    assert capsys.readouterr().out == f"{out}: {len(moments)} moments, {len(placed)} with places\n"


def test_a_table_of_places_is_there_whole_or_not_at_all(gappy: tuple[Path, list[str]], tmp_path: Path) -> None:
    config = load_rig_config(gappy[0])
    (tmp_path / "out").mkdir()

    def stopped_by_hand(done: int, total: int) -> None:
        raise KeyboardInterrupt

    for progress, key_points, problem in (
        (stopped_by_hand, POINT_NAMES, KeyboardInterrupt),
        (lambda done, total: None, ("ear", "tail"), RecordingError),
    ):
        messages = list(replay_rig(config, read_rig(Path(config.rig)), list(map(Path, gappy[1]))))
        setup = next(each for each in messages if isinstance(each, SetupMessage))
        rest = replay_rig(config, read_rig(Path(config.rig)), list(map(Path, gappy[1])), progress=progress)
        with pytest.raises(problem):
            write_places(
                chain(messages, [replace(setup, point_names=list(key_points))], rest),
                tmp_path / "out" / "places.csv", form="csv", cameras=("top", "side"), unix_offset_ns=0, force=False,
            )  # fmt: skip
        assert list((tmp_path / "out").iterdir()) == []


def test_ctrl_c_while_a_table_of_places_is_written_is_a_failure(
    gappy: tuple[Path, list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = PressedAt("joining 2 sessions: ")
    monkeypatch.setattr("tracker.task_progress.LINE_EVERY_S", 0.0)
    monkeypatch.setattr("sys.stderr", said)
    out = tmp_path / "places.csv"
    assert main(["triangulate", "--config", str(gappy[0]), "--sessions", *gappy[1], "--to", "csv", "--out", str(out)]) == 130
    assert said.getvalue() == "tracker triangulate: stopped by hand; nothing was written\n"
    assert list(tmp_path.glob("*places*")) == []


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--sessions", "a", "b", "--to", "csv"], "--to and --out go together, with --sessions"),
        (["--to", "csv", "--out", "places.csv"], "--to and --out go together, with --sessions"),
        (["--sessions", "a", "b", "--force"], "--force and --json go with --to"),
    ],
    ids=["no file", "no sessions", "no table"],
)
def test_options_of_a_table_that_do_not_go_together_are_refused(
    options: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["triangulate", "--rig", "rig.yaml", *options])
    assert stop.value.code == 2
    assert sentence in capsys.readouterr().err


def test_a_table_of_another_ending_is_refused(gappy: tuple[Path, list[str]], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "places.txt"
    assert main(["triangulate", "--config", str(gappy[0]), "--sessions", *gappy[1], "--to", "csv", "--out", str(out)]) == 1
    assert f"{out}: the name of such a file ends in .csv; name it so" in capsys.readouterr().err


def test_sessions_that_cannot_be_joined_are_refused_in_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = write_config(tmp_path, "top", "side")
    top, back = (recorded(tmp_path / name, [pose_of(name, pulse) for pulse in range(10)]) for name in ("top", "back"))
    poses = [pose_of("side", pulse) for pulse in range(10)]
    blind = recorded(tmp_path / "blind", [replace(each, animals=[]) for each in poses], names=())
    later = recorded(tmp_path / "later", [pose_of("side", pulse) for pulse in range(5000, 5010)])
    small = recorded(tmp_path / "small", poses)
    say(small, video=json.loads((small / "session.json").read_bytes())["video"] | {"width": 64, "height": 48})
    for folders, sentence in (
        ([top], "one camera alone sees no place"),
        ([top, back], "is of camera back, the rig has top, side"),
        ([tmp_path / "nowhere", top], "nowhere"),
        ([top, blind], f"{blind}: holds no key points, since no network found any, and places need those of two cameras"),
        ([top, later], "nothing was joined: no frames of two cameras are of the same time"),
        ([top, small], "nothing was joined: camera side delivers images of 64x48"),
    ):
        assert main(["triangulate", "--config", str(config), "--sessions", *map(str, folders)]) == 1
        words = capsys.readouterr().err
        assert sentence in words
        assert words.count("\n") == 1


def test_how_far_the_join_of_recorded_sessions_is_counts_frames_of_them_all(tmp_path: Path) -> None:
    config = load_rig_config(write_config(tmp_path, "top", "side"))
    folders = [recorded(tmp_path / name, [pose_of(name, pulse) for pulse in range(10)]) for name in ("top", "side")]
    reached: list[tuple[int, int]] = []
    said = replay_rig(config, read_rig(Path(config.rig)), folders, progress=lambda done, total: reached.append((done, total)))
    assert sum(isinstance(message, Pose3DMessage) for message in said) > 5
    assert reached == [(10, 20), (20, 20)]


def test_events_end_in_a_replay_where_a_camera_stopped_recording(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = write_config(tmp_path, "top", "side", behaviour=EVENTS[:1], deadline_ms=5)
    top = recorded(tmp_path / "one", [pose_of("top", pulse) for pulse in range(200)])
    side = recorded(tmp_path / "two", [pose_of("side", pulse) for pulse in range(100)])
    changes = [each for each in replayed(config, top, side, capsys=capsys) if each["topic"] == "event.space"]
    assert [(each["state"], each["reason"]) for each in changes] == [("on", "rule"), ("off", "camera_lost")]
    assert changes[1]["published_ns"] - changes[0]["published_ns"] > 10**9


def test_a_rig_of_one_camera_is_said_to_be_one_whatever_sessions_are_given(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = write_config(tmp_path, "top")
    folders = [str(recorded(tmp_path / name, [pose_of(name, pulse) for pulse in range(10)])) for name in ("top", "side")]
    assert main(["triangulate", "--config", str(config), "--sessions", *folders]) == 1
    assert "a rig of one camera gives no places in space; add another camera with `calib rig`" in capsys.readouterr().err


def test_a_camera_of_the_rig_without_a_session_is_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    config = write_config(tmp_path, "top", "side", "back")
    folders = [str(recorded(tmp_path / name, [pose_of(name, pulse) for pulse in range(10)])) for name in ("top", "side")]
    assert main(["triangulate", "--config", str(config), "--sessions", *folders]) == 0
    assert "no session of camera back is given; the other cameras are joined without" in caplog.text
