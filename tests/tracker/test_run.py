"""Putting the parts together: the window's command, and an end before there are parts."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import BundleMaker
from tests.tracker.daemon import ROOT, write_config, write_images
from tracker.__main__ import main
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


@pytest.mark.parametrize(
    ("options", "sentence", "status"),
    [
        (["--meta", "animal=M17"], "this tracker records none; give --record", 1),
        (["--for", "30min"], "--for and --name go with --record", 2),
        (["--name", "night"], "--for and --name go with --record", 2),
    ],
)
def test_what_is_said_of_sessions_is_refused_where_there_are_none(
    options: list[str], sentence: str, status: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = write_config(tmp_path, tmp_path / "bundle", CAMERA)
    found: object
    try:
        found = main(["run", "--config", str(config), *options])
    except SystemExit as ended:
        found = ended.code
    assert found == status
    assert sentence in " ".join(capsys.readouterr().err.split())


SLOW_LIBRARY = """
import time
print("importing", flush=True)
for _ in range(6000):
    time.sleep(0.1)  # short: a signal that comes just before a sleep does not end it
"""


@pytest.mark.parametrize(("command", "number"), [("run", signal.SIGTERM), ("run", signal.SIGINT), ("triangulate", signal.SIGTERM)])
def test_a_signal_while_libraries_are_imported_ends_a_daemon_with_a_sentence(tmp_path: Path, command: str, number: signal.Signals) -> None:
    (tmp_path / "cv2.py").write_text(SLOW_LIBRARY)
    with subprocess.Popen(
        [sys.executable, "-m", "tracker", command],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": os.pathsep.join((str(tmp_path), str(ROOT)))},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as started:
        assert started.stdout is not None
        assert started.stdout.readline() == "importing\n"
        started.send_signal(signal.SIGHUP)
        started.send_signal(number)
        _, words = started.communicate(timeout=300)
    assert (started.returncode, words) == (0, f"tracker {command}: stopped before it had begun\n")


PREPARED = """
import gc, resource, sys
from pathlib import Path
from tracker.run import run
soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (min(256, hard), hard))
run(Path(sys.argv[1]), window=False)
print(gc.isenabled(), round(sys.getswitchinterval() * 1e6), resource.getrlimit(resource.RLIMIT_NOFILE)[0] == min(65536, hard))
"""


def test_a_run_stops_the_collector_hands_over_quickly_and_takes_the_descriptors(tmp_path: Path, make_bundle: BundleMaker) -> None:
    write_images(tmp_path / "images", [(10, 10)] * 3)
    camera = {"source": "image_folder", "folder": str(tmp_path / "images"), "rate_hz": 100, "loop_folder": False}
    config = write_config(tmp_path, make_bundle(tmp_path / "spot"), camera)

    ran = subprocess.run(
        [sys.executable, "-c", PREPARED, str(config)], cwd=ROOT, stdout=subprocess.PIPE, check=True, text=True, timeout=300
    )

    assert ran.stdout.split() == ["False", "50", "True"]
