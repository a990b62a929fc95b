"""Rigs from recorded sessions: frames become moments by time or by number, and boards are looked for at shared moments alone."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import msgspec
import numpy as np
import pytest

from calib.__main__ import main
from calib.board import board_yaml
from calib.calibration_file import as_yaml, calibration_of
from calib.recorded_moments import images_at, moments_of
from calib.synthetic import Placing, board_poses, picture
from tests.calib.test_rig import BOARD, moved
from tests.calib.views_of_truth import SMALL
from tests.tracker.daemon import ROOT
from tests.tracker.recorded import number_in
from tests.tracker.recorded import picture as numbered
from tracker.calibration import Quality
from tracker.config import RecordingConfig, load_config
from tracker.errors import CalibrationError
from tracker.frame import Frame, Image
from tracker.recording.describe import describe
from tracker.recording.read_session import RecordedSession
from tracker.recording.session_writer import Limits, SessionWriter

MS = 1_000_000
PULSE_NS = 10 * MS
BY = np.array([0.0, 0.12, 0.0, -40.0, 0.0, 5.0])


def recorded(
    folder: Path,
    pulses: Sequence[int],
    images: Sequence[Image],
    *,
    count_from: int = 0,
    late_ns: int = 0,
    held_up: int = -1,
    **changes: Any,
) -> RecordedSession:
    """A session of one camera whose frames were received at these pulses, 10 ms apart; that of one pulse was held up for as long."""
    frames = [
        Frame(
            image=image,
            number=pulse + count_from,
            exposed_ns=None,
            received_ns=1_000 * MS + (pulse + (pulse == held_up)) * PULSE_NS + late_ns,
        )
        for pulse, image in zip(pulses, images, strict=True)
    ]
    config = load_config(ROOT / "examples" / "synthetic.yaml")
    said = describe(config, RecordingConfig(), frames[:9], camera_description="", stream_session=folder.name, meta={})
    folder.mkdir(parents=True)
    limits = Limits(segment_ns=1 << 60, idle_ns=1 << 60, pose_wait_ns=0)
    writer = SessionWriter(folder, msgspec.structs.replace(said, camera=folder.name, **changes), limits, clock=lambda: 0)
    for frame in frames:
        writer.frame(frame, dropped=0)
    writer.close(reason="stopped", dropped=0)
    return RecordedSession(folder)


def pulses_shown(session: RecordedSession, names: dict[int, str]) -> dict[str, int]:
    """What the image of every moment says of when it was taken."""
    return {name: number_in(image) for name, image, _ in images_at(session, names)}


TRIGGERED: dict[str, Any] = {"config": {"camera": {"source": "basler", "trigger_line": "Line1"}}}


@pytest.mark.parametrize(
    ("changes", "late_ns"), [({}, 3 * MS), (TRIGGERED, 4 * MS)], ids=["by time", "by number, of counters that began apart"]
)
def test_frames_of_one_moment_stay_together_behind_lost_ones(changes: dict[str, Any], late_ns: int, tmp_path: Path) -> None:
    here = [pulse for pulse in range(60) if pulse not in (20, 21, 40)]
    there = [pulse for pulse in range(5, 60) if pulse != 30]
    top = recorded(tmp_path / "top", here, [numbered(pulse) for pulse in here], **changes)
    side = recorded(tmp_path / "side", there, [numbered(pulse) for pulse in there], count_from=700, late_ns=late_ns, **changes)

    names = moments_of([top, side], every=1)

    first, second = pulses_shown(top, names[0]), pulses_shown(side, names[1])
    assert first == second
    assert {int(name) for name in first} == set(first.values())  # the first camera's numbers
    assert set(first.values()) >= set(here) & set(there) & set(range(25, 60))
    assert not {20, 21, 30, 40} & set(first.values())


def test_with_a_trigger_a_frame_that_was_held_up_joins_no_other_moment(tmp_path: Path) -> None:
    here, there = list(range(60)), [pulse for pulse in range(60) if pulse != 36]
    top = recorded(tmp_path / "top", here, [numbered(pulse) for pulse in here], **TRIGGERED)
    side = recorded(tmp_path / "side", there, [numbered(pulse) for pulse in there], count_from=3, held_up=35, **TRIGGERED)

    names = moments_of([top, side], every=1)

    first, second = pulses_shown(top, names[0]), pulses_shown(side, names[1])
    assert first == second
    assert not {35, 36} & set(first.values())


def test_every_counts_moments_and_not_the_frames_of_each_camera(tmp_path: Path) -> None:
    here = [pulse for pulse in range(50) if pulse % 7]
    there = list(range(50))
    top = recorded(tmp_path / "top", here, [numbered(pulse) for pulse in here])
    side = recorded(tmp_path / "side", there, [numbered(pulse) for pulse in there])

    names = moments_of([top, side], every=10)

    first, second = pulses_shown(top, names[0]), pulses_shown(side, names[1])
    assert first == second
    assert len(first) == 4


def test_the_clock_of_another_host_is_brought_to_the_first_s(tmp_path: Path) -> None:
    pulses, images = range(30), [numbered(pulse) for pulse in range(30)]
    top = recorded(tmp_path / "top", pulses, images, boot_id="one", unix_offset_ns=7 * MS)
    side = recorded(tmp_path / "side", pulses, images, late_ns=500 * MS, boot_id="other", unix_offset_ns=-493 * MS)

    names = moments_of([top, side], every=5)

    assert pulses_shown(top, names[0]) == pulses_shown(side, names[1]) != {}


def test_sessions_that_were_not_recorded_at_once_are_refused(tmp_path: Path) -> None:
    pulses, images = range(10), [numbered(pulse) for pulse in range(10)]
    top = recorded(tmp_path / "top", pulses, images)
    side = recorded(tmp_path / "side", pulses, images, late_ns=60_000 * MS)

    with pytest.raises(CalibrationError, match="no two frames are of one moment; record all cameras at once"):
        moments_of([top, side], every=1)


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two calibrations and what both cameras recorded while a board was moved; one camera began later and lost a frame."""
    folder = tmp_path_factory.mktemp("lab")
    (folder / "board.yaml").write_text(board_yaml(BOARD))
    poses = board_poses(BOARD, SMALL, Placing(views=6, spread=0.2, fill=(0.4, 0.5)), seed=5)
    calibration = as_yaml(calibration_of(SMALL, Quality(rms_px=0.1, coverage=0.9, points=9), tool="test", images=1))
    for name, seen, pulses, count_from in (("top", poses, range(24), 0), ("side", moved(poses, BY), [*range(2, 13), *range(14, 24)], 90)):
        shown = [picture(BOARD, SMALL, pose, seed=number) for number, pose in enumerate(seen)]
        recorded(folder / name, pulses, [shown[pulse // 4] for pulse in pulses], count_from=count_from)
        (folder / f"{name}.yaml").write_text(calibration)
    return folder


def rig_of(folder: Path, out: Path, *given: tuple[str, str], every: int) -> int:
    cameras = [text for name, images in given for text in ("--camera", name, str(folder / f"{name}.yaml"), str(folder / images))]
    return main(["rig", *cameras, "--board", str(folder / "board.yaml"), "--every", str(every), "--out", str(out), "--json"])


def test_recorded_sessions_of_two_cameras_become_a_rig(lab: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rig_of(lab, tmp_path / "rig", ("top", "top"), ("side", "side"), every=4)

    printed, said = capsys.readouterr()
    told = json.loads(printed)
    assert "5 moments: one in 4 of those that two cameras have" in said
    assert told["quality"]["moments"] == 5
    assert told["quality"]["rms_px"] < 1
    assert told["baselines_mm"]["top to side"] == pytest.approx(float(np.linalg.norm(BY[3:])), rel=0.03)


def test_a_session_given_for_another_camera_is_refused(lab: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert rig_of(lab, tmp_path / "rig", ("top", "side"), ("side", "top"), every=4) == 1

    assert "side is a session of camera side, which is given too; exchange the two" in capsys.readouterr().err


def test_a_session_whose_video_is_gone_is_refused_in_one_sentence(lab: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copytree(lab / "side", tmp_path / "side")
    (tmp_path / "side" / "video-001.mkv").unlink()

    assert rig_of(lab, tmp_path / "rig", ("top", "top"), ("side", str(tmp_path / "side")), every=4) == 1

    assert "video-001.mkv: the video cannot be read" in capsys.readouterr().err


def test_sessions_and_images_are_not_mixed(lab: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "images").mkdir()
    cv2.imwrite(str(tmp_path / "images" / "1.png"), np.zeros((40, 40), np.uint8))

    assert rig_of(lab, tmp_path / "rig", ("top", "top"), ("side", str(tmp_path / "images")), every=4) == 1

    assert "give sessions of all cameras, or images of all" in capsys.readouterr().err
