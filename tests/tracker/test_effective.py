"""`tracker check --effective`: every key with its value and its origin, as a file that means the same."""

from pathlib import Path

import pytest

from tracker.__main__ import main
from tracker.config import load_config
from tracker.effective_config import effective_yaml

ROOT = Path(__file__).resolve().parents[2]
SMALLEST = "name: top\ncamera: {source: opencv, device: videos/a b.mp4}\nengine: {bundle: model}\n"


@pytest.mark.parametrize("path", [ROOT / "tracker.yaml", *sorted((ROOT / "examples").glob("*.yaml"))], ids=lambda path: path.name)
def test_what_is_printed_means_the_same_when_it_is_read(tmp_path: Path, path: Path) -> None:
    (tmp_path / "effective.yaml").write_text(effective_yaml(path))
    assert load_config(tmp_path / "effective.yaml") == load_config(path)


def test_every_value_says_which_line_or_that_a_default_gave_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "tracker.yaml"
    path.write_text(SMALLEST)
    assert main(["check", "--effective", "--config", str(path)]) == 0
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()[1:]]
    assert "name: top # line 1" in lines
    assert f"device: {tmp_path}/videos/a b.mp4 # line 2" in lines
    assert f"bundle: {tmp_path}/model # line 3" in lines
    assert "camera_lost_s: 600 # default" in lines
    assert "zones: [] # default" in lines
    assert all("#" in line or line.endswith(":") for line in lines)


def test_a_file_that_is_refused_is_not_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "tracker.yaml"
    path.write_text(SMALLEST + "viewer: {rate: 3}\n")
    assert main(["check", "--effective", "--config", str(path)]) == 1
    answer = capsys.readouterr()
    assert (answer.out, "unknown key 'viewer.rate' (did you mean 'rate_hz'?)" in answer.err) == ("", True)
