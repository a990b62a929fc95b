"""Where a result cannot be written, it is said before the long search for boards and the solving: here before anything is read."""

from pathlib import Path

import pytest

from calib.__main__ import main

COMMANDS = {
    "solve": (["solve", "none", "--board", "none.yaml", "--out"], "calibration.yaml"),
    "report": (["solve", "none", "--board", "none.yaml", "--out"], "report.html"),
    "rig": (["rig", "--camera", "a", "a.yaml", "none", "--camera", "b", "b.yaml", "none", "--out"], "b.yaml"),
    "board": (["board", "--squares", "2x2", "--out"], "board.pdf"),
    "capture": (["capture", "--device", "none.mp4", "--board", "none.yaml", "--out"], None),
}


@pytest.mark.parametrize("name", COMMANDS)
def test_a_folder_that_cannot_be_written_is_refused_before_anything_is_read(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments, file = COMMANDS[name]
    (tmp_path / "file").write_text("")
    assert main([*arguments, str(tmp_path / "file" / "out")]) == 1
    advice = "cannot be written to: Not a directory; a part of that path is a file: choose another folder\n"
    assert capsys.readouterr().err.endswith(f"{tmp_path / 'file' / 'out'}: {advice}")
    if file is not None:
        (tmp_path / "out" / file).mkdir(parents=True)
        assert main([*arguments, str(tmp_path / "out")]) == 1
        assert f"{tmp_path / 'out' / file}: cannot be written to: Is a directory; choose another folder\n" in capsys.readouterr().err


def test_a_plane_goes_to_no_folder_of_its_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plane", "none.yaml", "--points", "1,1=1,1", "--out", str(tmp_path)]) == 1
    assert f"{tmp_path}: cannot be written to: Is a directory; choose another folder" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
