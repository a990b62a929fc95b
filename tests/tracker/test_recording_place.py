"""What is said where no session can be written, about the cause that is really there."""

import argparse
import errno
import os
import pwd
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path

import pytest

from tests.tracker.daemon import synthetic, write_config
from tracker.cameras.capture import Capture
from tracker.cameras.open_camera import camera_factory
from tracker.commands.status import _cut_off
from tracker.config import RecordingConfig, load_config
from tracker.errors import RecordingError
from tracker.recording.continued import session_to_continue
from tracker.recording.place import check_place, make_folder, what_to_do
from tracker.run import _recorder
from tracker.stream.publisher import Publisher

SERVICE = {"STATE_DIRECTORY": "/var/lib/rigtrack"}
READ_ONLY = OSError(errno.EROFS, os.strerror(errno.EROFS))


@contextmanager
def as_nobody() -> Iterator[str]:
    """Root may write everything; nobody may not. The name of who runs."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    try:
        yield pwd.getpwuid(os.geteuid()).pw_name
    finally:
        os.seteuid(user)


@pytest.fixture
def closed_folder() -> Iterator[Path]:
    """A folder that may be entered and not written, below one that everybody may enter, as pytest's own are not."""
    with tempfile.TemporaryDirectory() as above:
        Path(above).chmod(0o755)
        folder = Path(above) / "sessions"
        folder.mkdir(mode=0o555)
        yield folder
        folder.chmod(0o755)


def mounted(folder: Path, *, own: str, everyone: str) -> Path:
    """The kernel's file, where the folder's file system has these options for this process and for everyone."""
    device = folder.stat().st_dev
    lines = (
        f"22 1 0:5 / /elsewhere {own} shared:1 - tmpfs tmpfs ro,size=4k",
        f"36 22 {os.major(device)}:{os.minor(device)} / /data {own},noatime - ext4 /dev/sdb1 {everyone},errors=remount-ro",
    )
    path = folder / "mountinfo"
    path.write_text("\n".join(lines) + "\n")
    return path


def test_a_service_s_own_limit_is_not_called_a_disk_that_is_mounted_read_only(tmp_path: Path) -> None:
    said = what_to_do(READ_ONLY, tmp_path, SERVICE, mounts=mounted(tmp_path, own="ro", everyone="rw"))
    assert said.startswith(
        "the service may write below /var/lib/rigtrack alone: record there, or let its unit name the folder in ReadWritePaths="
    )
    assert "mounted" not in said


def test_a_service_whose_recording_disk_is_not_mounted_is_told_so(tmp_path: Path) -> None:
    said = what_to_do(READ_ONLY, tmp_path / "sessions", SERVICE, mounts=mounted(tmp_path, own="ro", everyone="rw"))
    assert said.startswith(f"{tmp_path / 'sessions'} is not there (is its disk mounted?), and the service may write below")


def test_a_disk_that_is_mounted_read_only_is_called_so_in_a_service_too(tmp_path: Path) -> None:
    said = what_to_do(READ_ONLY, tmp_path, SERVICE, mounts=mounted(tmp_path, own="ro", everyone="ro"))
    assert said == "choose a folder on a disk that is not mounted read-only"


def test_the_kernel_s_own_file_of_mounts_is_understood(tmp_path: Path) -> None:
    assert "ReadWritePaths=" in what_to_do(READ_ONLY, tmp_path, SERVICE)  # pytest writes there, so it is not read-only for all


def test_without_a_service_a_read_only_disk_is_one(tmp_path: Path) -> None:
    assert what_to_do(READ_ONLY, tmp_path, {}) == "choose a folder on a disk that is not mounted read-only"


def test_a_folder_of_another_user_is_refused_with_both_users_by_name(closed_folder: Path) -> None:
    owner = pwd.getpwuid(closed_folder.stat().st_uid).pw_name
    with as_nobody() as user, pytest.raises(RecordingError) as checked:
        check_place(RecordingConfig(folder=str(closed_folder), minimum_free_gb=0))
    with as_nobody(), pytest.raises(RecordingError) as made:
        make_folder(closed_folder / "s", minimum_free_gb=0)
    for refusal in (str(checked.value), str(made.value)):
        assert "Permission denied" in refusal
        assert f"{closed_folder} belongs to {owner} and the tracker runs as {user}: change the folder's permissions" in refusal


def test_a_link_into_a_closed_folder_is_refused_in_one_sentence(closed_folder: Path) -> None:
    link = closed_folder.parent / "link"
    link.symlink_to(closed_folder / "inner")
    closed_folder.chmod(0o000)
    with as_nobody(), pytest.raises(RecordingError, match="no session can be written: Permission denied"):
        check_place(RecordingConfig(folder=str(link), minimum_free_gb=0))


def problem_at_the_start(config: Path, *, record: bool = False) -> str | None:
    """What the status says of recording when a tracker of this configuration begins."""
    loaded = load_config(config)
    with Publisher(loaded.publisher, camera="top") as publisher:
        capture = Capture(camera_factory(loaded.camera), loaded.capture)
        return _recorder(loaded, publisher, capture, record=record, status=lambda: None).problem


def recording_to(folder: Path, config_folder: Path) -> Path:
    return write_config(config_folder, folder / "bundle", synthetic(), recording={"folder": str(folder), "minimum_free_gb": 0})


def test_a_tracker_whose_recording_folder_may_not_be_entered_tracks_and_says_so(closed_folder: Path) -> None:
    inner, beside = closed_folder / "inner", closed_folder.parent / "rig"
    beside.mkdir()
    config = recording_to(inner, beside)
    assert problem_at_the_start(config) is None  # nobody may not import what this has imported
    closed_folder.chmod(0o000)
    beside.chmod(0o777)
    with as_nobody():
        sentence = problem_at_the_start(config)
        with pytest.raises(RecordingError) as checked:
            check_place(RecordingConfig(folder=str(inner)))
        with pytest.raises(RecordingError, match="Permission denied"):
            problem_at_the_start(config, record=True)
        assert session_to_continue(inner, "top", {}, now=datetime.now(timezone.utc)) is None
        rows = _cut_off(argparse.Namespace(control=None, config=config))
    assert sentence == str(checked.value)
    assert f"{inner}, where no session can be written: Permission denied; {closed_folder} belongs to" in sentence
    assert rows == [f"not known: {inner} cannot be looked into by who asks: Permission denied"]


def test_a_tracker_whose_recording_folder_has_too_long_a_name_tracks_and_says_so(tmp_path: Path) -> None:
    sentence = problem_at_the_start(recording_to(tmp_path / ("x" * 300), tmp_path))
    assert sentence is not None
    assert sentence.endswith("where no session can be written: File name too long; choose a shorter name")


@pytest.mark.parametrize("below", ["", "inner"])
def test_a_recording_folder_behind_a_dangling_link_is_called_so(tmp_path: Path, below: str) -> None:
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "unmounted")
    cause = f"{link} is a link to {tmp_path}/unmounted, which is not there \\(is its disk mounted\\?\\): mount it"
    with pytest.raises(RecordingError, match=cause):
        check_place(RecordingConfig(folder=str(link / below), minimum_free_gb=0))
    with pytest.raises(RecordingError, match=cause):
        make_folder(link / below / "night", minimum_free_gb=0)
