"""A rig from recorded sessions: the places that were published live, to the last bit, and the same every time."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from tests.tracker.chained import say
from tests.tracker.daemon import ROOT
from tests.tracker.rig_cameras import LiveCamera, pose_of
from tests.tracker.test_triangulate import EVENTS, event, live_rig, write_config
from tracker.__main__ import main
from tracker.boot_id import boot_id
from tracker.camera_rig import read_rig
from tracker.client import Client
from tracker.config import RecordingConfig, load_config
from tracker.frame import Frame
from tracker.messages import VERSION, Pose3DMessage, PoseMessage, SetupMessage, StatusMessage
from tracker.recording.describe import describe
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
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


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
