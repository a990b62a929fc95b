"""Every command in a block of code of the docs exists with its options, and the README names what can be installed."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tracker.__main__ import _parser as tracker_parser
from trainer.__main__ import PROGRAM as TRAINER

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "systemd" / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def commands(text: str) -> list[str]:
    """Lines of blocks of code that begin with one of the programs, without comments and redirections."""
    text = text.replace("\\\n", " ")
    fenced = "\n".join(re.findall(r"^```\w*\n(.*?)^```$", text, re.MULTILINE | re.DOTALL))
    lines = re.findall(r"^ {4,}((?:tracker|trainer) .*)$", text, re.MULTILINE) + re.findall(
        r"^((?:tracker|trainer) .*)$", fenced, re.MULTILINE
    )
    return [re.split(r"\s+#|\s+>\s", line)[0] for line in lines]


def understood(command: str) -> bool:
    program, *arguments = shlex.split(command)
    try:
        (tracker_parser() if program == "tracker" else TRAINER.parser()).parse_args(arguments)
    except SystemExit:
        return False
    return True


@pytest.mark.parametrize("page", [page for page in PAGES if commands(page.read_text(encoding="utf-8"))], ids=lambda page: page.name)
def test_every_command_of_a_page_is_understood(page: Path) -> None:
    assert [command for command in commands(page.read_text(encoding="utf-8")) if not understood(command)] == []


def test_a_command_that_does_not_exist_is_noticed() -> None:
    page = "    trainer fit --data mouse --out models/mine   # good\n\n```\ntracker run --nonsense \\\n    1\n```\n"
    assert [understood(command) for command in commands(page)] == [True, False]


@pytest.mark.parametrize("program", ["tracker", "trainer", "calib"])
def test_the_index_names_every_command_of_a_program(program: str) -> None:
    told = subprocess.run([sys.executable, "-m", program, "--help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    rows = re.findall(rf"^\| `{program}` \| .+? \| (.+) \|$", (ROOT / "docs" / "index.md").read_text(encoding="utf-8"), re.MULTILINE)

    assert sorted(re.findall(r"`(\w+)`", " ".join(rows))) == sorted(re.findall(r"^    (\w+)", told, re.MULTILINE))


def test_the_extras_that_the_readme_names_can_be_installed() -> None:
    extras = set(re.findall(r'^ {8}"(\w+)": [A-Z]+,$', (ROOT / "setup.py").read_text(encoding="utf-8"), re.MULTILINE))
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    (sentence,) = re.findall(r"^.*Further extras.*$", readme, re.MULTILINE)

    named = re.findall(r"'\.\[(\w+)\]'", readme) + re.findall(r"`(\w+)` \(", sentence.partition("Further extras")[2])
    assert set(named) == {"trainer", "record", "calib", "basler", "aravis", "gpu", "backbones", "export", "serial"}
    assert set(named) <= extras
