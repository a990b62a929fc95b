"""A session that this machine plainly cannot record is refused at its start, by its first frames; whatever may be possible is tried."""

import math
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from tests.conftest import BundleMaker
from tests.tracker.daemon import DEADLINE_S, ROOT, Daemon, wait_for, write_config
from tests.tracker.recorded import ask, feed, picture, recorder_of, wait_until
from tracker.__main__ import _parser
from tracker.client import Client
from tracker.config import Config
from tracker.errors import RecordingError
from tracker.frame import Frame
from tracker.messages import Message, PoseMessage, StatusMessage
from tracker.record_handler import RecordHandler
from tracker.recording import encoder_trial
from tracker.recording.encoder_trial import EncoderCost, judge, too_slow
from tracker.recording.session import VideoFormat
from tracker.stream.control import Control

FORM = VideoFormat(width=96, height=64, colour=False, rate_hz=100, crf=23, preset="superfast")


def frames(*, exposed_ms: float | None, received_ms: float, count: int = 10) -> list[Frame]:
    return [
        Frame(
            image=picture(number),
            number=2 * number,  # every other one was lost
            exposed_ns=None if exposed_ms is None else round(1e6 * exposed_ms * number),
            received_ns=round(1e6 * received_ms * number),
        )
        for number in range(count)
    ]


@pytest.mark.parametrize(
    ("first", "rate_hz", "refused"),
    [
        (frames(exposed_ms=0.001, received_ms=0.001), None, True),
        (frames(exposed_ms=None, received_ms=0.001), 1e6, True),
        (frames(exposed_ms=1000, received_ms=0.001), None, False),
        (frames(exposed_ms=0.001, received_ms=1000), None, False),
        (frames(exposed_ms=0.001, received_ms=0.001), 1.0, False),
        (frames(exposed_ms=None, received_ms=0.001), None, False),
        (frames(exposed_ms=0.001, received_ms=0.001, count=2), None, False),
    ],
    ids=[
        "the camera says",
        "configured",
        "a burst",
        "a clock of another unit",
        "a slower rate is configured",
        "a file read flat out",
        "too few",
    ],
)
def test_only_what_plainly_cannot_be_encoded_is_refused(
    tmp_path: Path, first: list[Frame], rate_hz: float | None, *, refused: bool
) -> None:
    found = too_slow(first, FORM, tmp_path, rate_hz=rate_hz)
    assert (found is not None and found.is_certain) is refused
    assert list(tmp_path.iterdir()) == []
    if found is not None:
        said = "ms of a processor for a frame of 96x64, and one comes every 0.0 ms; choose a faster recording.preset than 'superfast'"
        assert said in found.sentence


@pytest.mark.parametrize(
    ("cpu_ms", "is_certain"), [(9.9, None), (10.0, False), (15.0, False), (15.1, True)], ids=["idle", "a whole frame", "limit", "too much"]
)
def test_an_encoder_is_warned_of_from_a_frame_s_time_on(cpu_ms: float, is_certain: bool | None) -> None:
    cost = EncoderCost(frames=10, cpu_ms=cpu_ms, wall_ms=1.0, bytes_per_frame=1.0, sync_ms=1.0)
    found = judge(cost, FORM, period_ms=10.0)
    assert (None if found is None else found.is_certain) is is_certain
    if is_certain is False:
        assert found is not None
        assert found.sentence == (
            f"frames may be dropped: the encoder takes {cpu_ms:.1f} ms of a processor for a frame of 96x64, and one comes every 10.0 ms; "
            "choose a faster recording.preset than 'superfast', a lower frame rate or a smaller picture (`tracker check` tells more)"
        )


def test_a_start_whose_encoder_may_be_too_slow_is_answered_with_a_warning(
    recording_config: Config,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(encoder_trial, "CERTAINLY", math.inf)  # whatever this machine can encode, it is not refused
    recorder = recorder_of(recording_config)
    handler = RecordHandler(recording_config, recorder)

    def give_frames(rate_hz: float) -> None:
        wait_until(lambda: recorder.status is not None)
        feed(recorder, 12, rate_hz=rate_hz)

    address = f"ipc://{tmp_path}/control"
    with Control(address, handler.commands):
        for name, rate_hz in (("much", 1e6), ("little", 1.0)):
            feeding = threading.Thread(target=give_frames, args=(rate_hz,), daemon=True)
            feeding.start()
            options = _parser().parse_args(["record", "start", "--name", name, "--control", address])
            assert options.call(options) == 0
            feeding.join()
            handler.stop({}).result(DEADLINE_S)
    handler.close(hurried=lambda: True)
    much, warning, little = capsys.readouterr().out.splitlines()
    assert (much[-5:], little[-7:]) == ("/much", "/little")
    assert warning.startswith("warning: frames may be dropped: the encoder takes ")
    assert warning.removeprefix("warning: ") in caplog.text


def test_a_refused_session_leaves_no_folder_and_is_said(recording_config: Config, tmp_path: Path) -> None:
    heard: list[str] = []
    recorder = recorder_of(recording_config)
    recorder.start(ask(tmp_path / "s"), refused=heard.append)
    feed(recorder, 12, rate_hz=1e6)
    with pytest.raises(RecordingError, match="/s: cannot be recorded: the encoder takes"):
        recorder.settle(60)
    wait_until(lambda: heard == [recorder.problem])
    assert not (tmp_path / "s").exists()
    recorder.start(ask(tmp_path / "s"))
    feed(recorder, 12)
    recorder.settle(60)
    assert recorder.stop().frames == 12


def test_a_start_is_settled_without_a_frame_too(recording_config: Config, tmp_path: Path) -> None:
    recorder = recorder_of(recording_config)
    recorder.start(ask(tmp_path / "s"))
    began = time.monotonic()
    recorder.settle(0.05)
    assert time.monotonic() - began >= 0.05
    recorder.stop()


@pytest.fixture
def fast_rig(tmp_path: Path, make_bundle: BundleMaker) -> Callable[..., Path]:
    """Pictures of noise, read much faster than a slow preset without loss can encode them."""

    def made(**settings: Any) -> Path:
        (tmp_path / "images").mkdir()
        for number in range(30):
            noise = np.random.default_rng(number).integers(0, 256, (480, 640), np.uint8)
            cv2.imwrite(str(tmp_path / "images" / f"{number:03d}.bmp"), noise)
        camera = {"source": "image_folder", "folder": str(tmp_path / "images"), "rate_hz": 100_000, "loop_folder": True}
        recording = {"folder": str(tmp_path / "recordings"), "minimum_free_gb": 0, "crf": 0, "preset": "medium"} | settings
        return write_config(tmp_path, make_bundle(tmp_path / "spot"), camera, recording=recording)

    return made


def test_a_tracker_told_to_record_ends_where_it_cannot(tmp_path: Path, fast_rig: Callable[..., Path]) -> None:
    command = [sys.executable, "-m", "tracker", "run", "--config", str(fast_rig()), "--record", "--name", "one"]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert ended.returncode == 1
    last = ended.stderr.splitlines()[-1]
    assert "/recordings/one: cannot be recorded: the encoder takes" in last
    assert "choose a faster recording.preset than 'medium'" in last
    assert list((tmp_path / "recordings").iterdir()) == []


def test_a_running_tracker_refuses_the_command_and_goes_on(tmp_path: Path, fast_rig: Callable[..., Path]) -> None:
    with Client(f"ipc://{tmp_path}/stream") as client, Daemon(fast_rig()) as daemon:
        wait_for(client, lambda message: isinstance(message, PoseMessage))
        answer = daemon.ask("record", "start", "--name", "one")
        assert (answer.returncode, "cannot be recorded: the encoder takes" in answer.stderr) == (1, True), answer
        wait_for(client, lambda message: isinstance(message, PoseMessage))
    assert list((tmp_path / "recordings").iterdir()) == []


def test_a_tracker_that_records_at_its_start_goes_on_where_it_cannot(tmp_path: Path, fast_rig: Callable[..., Path]) -> None:
    def is_said(message: Message) -> bool:
        problems = message.problems if isinstance(message, StatusMessage) else []
        return any("cannot be recorded: the encoder takes" in problem.sentence for problem in problems)

    with Client(f"ipc://{tmp_path}/stream") as client, Daemon(fast_rig(at_start=True)):
        wait_for(client, is_said)
        wait_for(client, lambda message: isinstance(message, PoseMessage))
    assert list((tmp_path / "recordings").iterdir()) == []
