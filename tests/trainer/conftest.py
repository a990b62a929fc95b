"""One browser for the tests of a page that do not kill it."""

from collections.abc import Iterator

import pytest

from tests.trainer.chromium import Chromium


@pytest.fixture(scope="module")
def open_browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    with Chromium(tmp_path_factory.mktemp("browser") / "profile") as chromium:
        yield chromium


@pytest.fixture
def browser(open_browser: Chromium) -> Iterator[Chromium]:
    """One browser for the tests that do not kill it; each leaves it without tabs of its own."""
    yield open_browser
    open_browser.close_tabs()
