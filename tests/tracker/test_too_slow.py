"""A session that this machine plainly cannot record is refused at its start, by its first frames; whatever may be possible is tried."""

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from tests.conftest import BundleMaker
from tests.tracker.daemon import ROOT, Daemon, wait_for, write_config
from tests.tracker.recorded import ask, feed, picture, recorder_of, wait_until
from tracker.client import Client
from tracker.config import Config
from tracker.errors import RecordingError
from tracker.frame import Frame
from tracker.messages import Message, PoseMessage, StatusMessage
from tracker.recording.encoder_trial import too_slow
from tracker.recording.session import VideoFormat

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
    assert (found is not None) is refused
    assert list(tmp_path.iterdir()) == []
    if found is not None:
        assert (
            "ms of a processor for a frame of 96x64, and one comes every 0.0 ms; choose a faster recording.preset than 'superfast'" in found
        )


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
