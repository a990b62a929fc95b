"""What a release says of itself: the same version and licence everywhere."""

import re
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[1]


def test_the_citation_names_the_version_and_licence_of_the_package() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    setup = (ROOT / "setup.py").read_text(encoding="utf-8")

    assert re.findall(r'(?:version|license)="(.*?)"', setup) == [citation["version"], citation["license"]]
    assert "BSD 3-Clause" in (ROOT / "LICENSE").read_text(encoding="utf-8")
