"""Where files cannot be written: one sentence with the true reason, before any training, and nothing left behind."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.trainer.learnable import labelled
from tests.trainer.test_evaluate_command import as_csv
from trainer.__main__ import main
from trainer.errors import TrainingError
from trainer.training.whole_checkpoints import WholeCheckpoints
from trainer.whole_files import refuse_unwritable, remove_parts

NOBODY = 65534
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root to mount a file system or to become another user")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bars")
    return as_csv(folder, labelled(folder, 6))


def mounted(folder: Path, options: str) -> Iterator[Path]:
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    try:
        failed = subprocess.run(command, capture_output=True, check=False).returncode
    except FileNotFoundError:
        failed = 1
    if failed:
        pytest.skip("mounting is not permitted here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


@pytest.fixture
def read_only(tmp_path: Path) -> Iterator[Path]:
    yield from mounted(tmp_path / "disc", "ro,size=1m")


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    yield from mounted(tmp_path / "stick", "size=256k")


def test_a_folder_below_a_file_is_refused_before_labels_are_read(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    for out in (tmp_path / "notes.txt" / "model", tmp_path / "notes.txt" / "deep" / "model"):
        assert main(["fit", "--data", str(data), "--out", str(out)]) == 1
        said = capsys.readouterr().err
        assert "--out" in said
        assert "Not a directory; a part of that path is a file: choose another folder" in said
        assert "labelled frames" not in said, "before anything is read"
    assert (tmp_path / "notes.txt").read_text() == "mine"


@pytest.mark.parametrize(
    ("command", "option"),
    [
        (["crossval"], "--out"),
        (["curve"], "--out"),
        (["sweep", "--trials", "1", "--study", "none.db"], "--out"),
        (["synth", "--scene", "rodent", "--count", "2"], "--out"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_every_command_that_takes_long_refuses_such_a_folder_at_once(
    command: list[str], option: str, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    labels = [] if command[0] == "synth" else ["--data", str(data)]
    assert main([*command, *labels, option, str(tmp_path / "notes.txt" / "deep")]) == 1
    said = capsys.readouterr().err
    assert "a part of that path is a file" in said
    assert "Traceback" not in said


def test_a_name_that_is_too_long_is_refused_and_leaves_no_folder(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="File name too long; choose a shorter name"):
        refuse_unwritable(tmp_path / "new" / ("m" * 300), option="--out")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_can_be_made_is_not_made_yet(tmp_path: Path) -> None:
    refuse_unwritable(tmp_path / "new" / "deep", option="--out")
    assert list(tmp_path.iterdir()) == []


@needs_root
def test_a_read_only_disk_is_called_read_only_and_not_full(read_only: Path, data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fit", "--data", str(data), "--out", str(read_only / "model")]) == 1
    said = capsys.readouterr().err
    assert "Read-only file system; choose a folder on a disk that is not mounted read-only" in said
    assert "free space" not in said
    assert "labelled frames" not in said


@needs_root
def test_a_full_disk_is_met_before_training(small: Path, data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (small / "films").write_bytes(bytes(250_000))
    assert main(["fit", "--data", str(data), "--out", str(small / "model")]) == 1
    assert "No space left on device; free space or choose another folder" in capsys.readouterr().err
    assert [path.name for path in small.iterdir()] == ["films"]


@needs_root
def test_a_folder_of_somebody_else_is_refused_with_that_reason(tmp_path: Path) -> None:
    theirs = tmp_path / "theirs"
    theirs.mkdir(mode=0o755)
    for parent in (tmp_path, *tmp_path.parents):
        if not parent.stat().st_mode & 0o001:
            parent.chmod(parent.stat().st_mode | 0o011)
    program = (
        "import os, sys\n"
        "from pathlib import Path\n"
        "from trainer.whole_files import refuse_unwritable\n"
        f"os.setgroups([]); os.setgid({NOBODY}); os.setuid({NOBODY})\n"
        "try:\n    refuse_unwritable(Path(sys.argv[1]), option='--out')\n"
        "except Exception as problem:\n    print(problem)\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program, str(theirs / "model")],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).resolve().parents[2],
        timeout=300,
    )
    assert "Permission denied; change the folder's permissions or choose another one" in ended.stdout


@needs_root
def test_a_checkpoint_that_meets_a_full_disk_leaves_the_earlier_one_alone(small: Path) -> None:
    writer = WholeCheckpoints()
    writer.save_checkpoint({"step": 1}, small / "last.ckpt")
    whole = (small / "last.ckpt").read_bytes()
    with pytest.raises(OSError, match="No space left"):
        writer.save_checkpoint({"step": 2, "much": os.urandom(400_000)}, small / "last.ckpt")
    assert [path.name for path in small.iterdir()] == ["last.ckpt"]
    assert (small / "last.ckpt").read_bytes() == whole


def test_what_a_killed_process_has_half_written_is_removed(tmp_path: Path) -> None:
    (tmp_path / ".last.ckpt.4711.part").write_bytes(b"half")
    (tmp_path / "last.ckpt").write_bytes(b"whole")
    remove_parts(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["last.ckpt"]
