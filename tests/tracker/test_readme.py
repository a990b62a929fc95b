"""The README's walk-through: its commands exist with their options, and what init writes passes check."""

import re
import shlex
from pathlib import Path

import pytest
import yaml

from tests.conftest import BundleMaker
from tests.tracker.daemon import write_images
from tracker.__main__ import _parser as tracker_parser
from tracker.__main__ import main
from tracker.config import load_config
from trainer.__main__ import _parser as trainer_parser

README = (Path(__file__).resolve().parents[2] / "README.md").read_text(encoding="utf-8")
COMMANDS = [re.sub(r"\s+#.*", "", line.strip()) for line in re.findall(r"^ +\.venv/bin/((?:tracker|trainer) .*)$", README, re.MULTILINE)]


@pytest.mark.parametrize("line", COMMANDS)
def test_every_command_of_the_walk_through_is_understood(line: str) -> None:
    program, *arguments = shlex.split(line)
    parser = tracker_parser() if program == "tracker" else trainer_parser()
    assert parser.parse_args(arguments).command == arguments[0]


def test_the_walk_through_goes_from_labels_to_a_service() -> None:
    steps = [" ".join(line.split()[:2]) for line in COMMANDS]
    wanted = [
        "trainer select",
        "trainer label",
        "trainer fit",
        "tracker init",
        "tracker check",
        "tracker run",
        "tracker init",
        "trainer fit",
    ]
    positions = iter(steps)
    assert all(step in positions for step in wanted)


def test_what_init_writes_passes_check(tmp_path: Path, make_bundle: BundleMaker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.delenv("RUNTIME_DIRECTORY", raising=False)
    make_bundle(tmp_path / "models" / "mine")
    write_images(tmp_path / "images", [(5, 5)])
    config = tmp_path / "rig.yaml"
    assert main(["init", "--config", str(config), "--device", str(tmp_path / "images")]) == 0
    assert main(["check", "--config", str(config)]) == 0


def test_the_addresses_that_the_readme_offers_are_a_publisher_s(tmp_path: Path) -> None:
    (shown,) = re.findall(r"^    (publisher: .*)$", README, re.MULTILINE)
    values = {"camera": {"source": "synthetic"}, "engine": {"bundle": "models/mine"}, **yaml.safe_load(shown)}
    (tmp_path / "rig.yaml").write_text(yaml.safe_dump(values))
    assert load_config(tmp_path / "rig.yaml").publisher.bind[1] == "tcp://127.0.0.1:5571"
