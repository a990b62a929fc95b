"""Putting the parts together: the window's command."""

from pathlib import Path
from typing import Any

import pytest

from tests.tracker.daemon import write_config
from tracker.config import load_config
from tracker.errors import StreamError
from tracker.run import window_command
from tracker.stream.keys import make_keys

CAMERA = {"source": "opencv", "device": 0}


def command(folder: Path, publisher: dict[str, Any], viewer: dict[str, Any] | None = None) -> list[str]:
    config = load_config(write_config(folder, folder / "bundle", CAMERA, publisher=publisher, viewer=viewer or {}))
    return window_command(config)[3:]


def test_the_window_watches_the_first_address_of_this_machine(tmp_path: Path) -> None:
    made = command(tmp_path, {"bind": ["tcp://192.0.2.1:5571", "tcp://localhost:5571", "ipc:///run/x"]})
    assert made == ["view", "tcp://localhost:5571", "--camera", "top"]


def test_the_window_is_given_the_keys_of_the_stream(tmp_path: Path) -> None:
    make_keys(tmp_path / "keys")
    made = command(tmp_path, {"bind": ["ipc:///run/x"], "curve_keys": "keys"})
    assert made[-2:] == ["--keys", str(tmp_path / "keys")]


def test_the_window_is_told_where_the_pictures_are(tmp_path: Path) -> None:
    made = command(tmp_path, {"bind": ["ipc:///run/x"]}, {"bind": ["tcp://192.0.2.1:7000", "ipc:///run/pictures"]})
    assert made[-2:] == ["--pictures", "ipc:///run/pictures"]


@pytest.mark.parametrize(
    ("publisher", "viewer", "complaint"),
    [
        ({"bind": ["tcp://192.0.2.1:5571"]}, {}, "needs an ipc:// or loopback address in publisher.bind"),
        ({"bind": ["ipc:///run/x"]}, {"bind": ["tcp://192.0.2.1:7000"]}, "needs an ipc:// or loopback address in viewer.bind"),
        ({"bind": ["ipc:///run/x"], "curve_keys": "keys"}, {}, "needs .*/keys/client.key, a viewer's key"),
    ],
    ids=["stream far away", "pictures far away", "no key"],
)
def test_a_window_that_could_never_connect_is_refused(
    tmp_path: Path, publisher: dict[str, Any], viewer: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(StreamError, match=complaint):
        command(tmp_path, publisher, viewer)
