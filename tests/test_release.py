"""What a release says of itself: the same version and licence everywhere."""

import importlib.metadata
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]


@pytest.mark.parametrize("program", ["tracker", "trainer", "calib"])
def test_every_program_tells_the_version_of_the_package(program: str) -> None:
    told = subprocess.run([sys.executable, "-m", program, "--version"], cwd=ROOT, capture_output=True, text=True, check=True)

    assert told.stdout == f"rigtrack {importlib.metadata.version('rigtrack')}\n"


def test_the_citation_names_the_version_and_licence_of_the_package() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    setup = (ROOT / "setup.py").read_text(encoding="utf-8")

    assert re.findall(r'(?:version|license)="(.*?)"', setup) == [citation["version"], citation["license"]]
    assert "BSD 3-Clause" in (ROOT / "LICENSE").read_text(encoding="utf-8")
