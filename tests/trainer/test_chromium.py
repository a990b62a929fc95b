"""The browser that other tests drive: where there is none, they are skipped and nothing is left open."""

import os
from pathlib import Path

import pytest

from tests.trainer.chromium import Chromium


def open_descriptors() -> set[str]:
    return {entry.name for entry in Path("/proc/self/fd").iterdir() if entry.exists()}


def test_without_a_browser_a_test_is_skipped_and_no_file_is_left_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", os.fspath(tmp_path))
    before = open_descriptors()

    with pytest.raises(pytest.skip.Exception, match="no Chromium on this machine: apt-get install chromium"):
        Chromium(tmp_path / "profile")

    assert open_descriptors() == before
    assert not (tmp_path / "profile.log").exists()
