"""What is said where a path that was given is no session's folder: not there, a file, or an empty one."""

from pathlib import Path

import pytest

from tests.tracker.sessions import write_session
from tracker.__main__ import main

COMMANDS = pytest.mark.parametrize(
    "command", [["recover"], ["replay"], ["export", "--to", "csv"], ["export", "--to", "nwb"]], ids=["recover", "replay", "csv", "nwb"]
)


@COMMANDS
def test_a_folder_that_is_not_there_is_said_not_to_be(command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([command[0], str(tmp_path / "s"), *command[1:]]) == 1
    assert f"tracker {command[0]}: {tmp_path}/s: there is no such folder" in capsys.readouterr().err


@pytest.mark.parametrize("command", [["recover"], ["export", "--to", "csv"], ["export", "--to", "nwb"]])
def test_a_file_given_as_a_session_is_said_to_be_one(command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "video-001.mkv").touch()
    assert main([command[0], str(tmp_path / "video-001.mkv"), *command[1:]]) == 1
    assert f"{tmp_path}/video-001.mkv: is a file; give the folder of a recorded session" in capsys.readouterr().err


def test_a_replay_of_an_empty_file_says_that_it_is_empty(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "stream.jsonl").touch()
    assert main(["replay", str(tmp_path / "stream.jsonl")]) == 1
    assert "stream.jsonl: is empty: whatever was to write it ended before the first message" in capsys.readouterr().err


def test_a_replay_without_events_says_so_beside_the_lines_for_programs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = write_session(tmp_path / "night", range(5))
    assert main(["replay", str(folder)]) == 0
    said = capsys.readouterr()
    assert (said.out, said.err.splitlines()[-1]) == ("", f"tracker replay: {folder}: 0 events")
