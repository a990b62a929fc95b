"""One browser for the tests of a page that do not kill it, and a process of its own for a test of memory."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.trainer.chromium import Chromium

ALONE = "RIGTRACK_TEST_ALONE"  # set in a process that was started for a single test


@pytest.fixture(scope="module")
def open_browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    with Chromium(tmp_path_factory.mktemp("browser") / "profile") as chromium:
        yield chromium


@pytest.fixture
def browser(open_browser: Chromium) -> Iterator[Chromium]:
    """One browser for the tests that do not kill it; each leaves it without tabs of its own."""
    yield open_browser
    open_browser.close_tabs()


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run a test marked `own_process` there: what the tests before it freed lies in this process, to be had beyond any limit."""
    if pyfuncitem.get_closest_marker("own_process") is None or ALONE in os.environ:
        return None
    command = [sys.executable, "-m", "pytest", "-q", "-rs", "-p", "no:cacheprovider", pyfuncitem.nodeid]
    environment = os.environ | {ALONE: "1", "PYTEST_ADDOPTS": ""}  # which may name tests, or this run's folder
    run = subprocess.run(command, cwd=pyfuncitem.config.rootpath, env=environment, capture_output=True, text=True, check=False)
    if run.returncode:
        pytest.fail(run.stdout[-20_000:] + run.stderr[-5_000:], pytrace=False)
    if skipped := re.search(r"^SKIPPED \[1\] \S+ (.*)$", run.stdout, re.MULTILINE):
        pytest.skip(skipped[1])
    return True
