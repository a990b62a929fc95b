"""Aravis's own GigE Vision camera on the loopback interface, in a process of its own."""

import fcntl
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

ADDRESS = "127.0.0.1"
SERIAL = "RIG1"
LIMIT_S = 100
MISSING = "Aravis is not installed: sudo apt-get install gir1.2-aravis-0.8, and the extra aravis"

# Commands come as lines on stdin, each answered by one line: what share of packets to lose, and the end.
SERVE = """
import sys
import gi
gi.require_version("Aravis", "0.8")
from gi.repository import Aravis
camera = Aravis.GvFakeCamera.new_full("lo", sys.argv[1], sys.argv[2] or None)
print(camera.is_running(), flush=True)
for line in sys.stdin:
    camera.set_property("gvsp-lost-ratio", float(line))
    print("done", flush=True)
"""


class FakeGige:
    """The camera's process. Its block ids begin shortly below the end of their 16 bits."""

    def __init__(self, genicam: Path | None = None) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-c", SERVE, SERIAL, str(genicam or "")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        self.runs = self._process.stdout.readline().strip() == "True"

    def lose(self, share: float) -> None:
        """Leave out this share of the packets from now on."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{share}\n")
        self._process.stdin.flush()
        assert self._process.stdout.readline() == "done\n"

    def unplug(self) -> None:
        """End without a word to anybody."""
        self._process.kill()
        self._process.communicate(timeout=LIMIT_S)


@contextmanager
def the_only_one() -> Iterator[None]:
    """GigE Vision has one port for a machine: another run of the tests, with its own camera, is waited for."""
    with (Path(tempfile.gettempdir()) / f"rigtrack-fake-gige-{os.getuid()}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextmanager
def fake_gige(genicam: Path | None = None) -> Iterator[FakeGige]:
    """The camera while it lasts; the test is skipped where there cannot be one."""
    camera = FakeGige(genicam)
    try:
        if not camera.runs:
            pytest.skip("another program on this machine is at the UDP port 3956 of GigE Vision cameras")
        yield camera
    finally:
        camera.unplug()
