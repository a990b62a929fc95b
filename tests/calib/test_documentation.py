"""docs/calibration.md: its commands are understood, and its limits are those of the code."""

import re
import shlex
from pathlib import Path

import pytest

from calib.__main__ import PROGRAM
from calib.assessment import HALVES_PX, RMS_PX, UNCERTAINTY_PX
from calib.coverage import CELLS_WANTED, COLUMNS, ROWS, TILTS_WANTED, VIEWS_NEEDED, VIEWS_WANTED

TEXT = (Path(__file__).resolve().parents[2] / "docs" / "calibration.md").read_text(encoding="utf-8")
COMMANDS = [re.sub(r"\s+#.*", "", line) for line in re.findall(r"^    (calib (?!board \|).*)$", TEXT, re.MULTILINE)]


@pytest.mark.parametrize("line", COMMANDS)
def test_every_command_of_the_page_is_understood(line: str) -> None:
    _, *arguments = shlex.split(line)

    assert PROGRAM.parser().parse_args(arguments).command == arguments[0]


def test_the_page_has_a_command_of_every_kind() -> None:
    assert {line.split()[1] for line in COMMANDS} == {"board", "capture", "solve", "plane", "rig", "check"}


def test_the_limits_on_the_page_are_those_of_the_code() -> None:
    for row in (
        f"cells of a {COLUMNS}x{ROWS} grid that a corner was seen in | more than {100 * CELLS_WANTED:g} %",
        f"by 12 degrees or more | {TILTS_WANTED} |",
        f"views | {VIEWS_NEEDED}, better {VIEWS_WANTED}",
        f"residual | at most {RMS_PX:g} px",
        f"uncertainty, p95 over the image | at most {UNCERTAINTY_PX:g} px",
        f"two halves of the views differ, p95 over the image | at most {HALVES_PX:g} px",
    ):
        assert row in TEXT
