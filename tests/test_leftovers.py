"""What a test leaves open fails that test, and no other: tried with pytest itself in a process of its own."""

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FORGETFUL = """
import socket
import threading

import pytest


class Cycle:
    def __init__(self, held):
        self.held, self.itself = held, self


def test_leaves_a_file(tmp_path):
    Cycle((tmp_path / "left.txt").open("w"))


def test_after_the_file():
    pass


def test_leaves_a_socket():
    Cycle(socket.socket())


def test_after_the_socket():
    pass


ENDED = threading.Event()


def test_leaves_a_thread():
    threading.Thread(target=ENDED.wait).start()


def test_after_the_thread():
    ENDED.set()


def test_leaves_a_thread_that_ends():
    threading.Thread(target=threading.Event().wait, args=(0.2,)).start()
"""


def test_a_leftover_file_socket_or_thread_fails_the_test_that_left_it(tmp_path: Path) -> None:
    (tmp_path / "test_forgetful.py").write_text(FORGETFUL)
    shutil.copy(ROOT / "tests" / "conftest.py", tmp_path)
    command = [sys.executable, "-m", "pytest", "-c", str(ROOT / "pyproject.toml"), "--rootdir", str(tmp_path)]

    ran = subprocess.run([*command, "-rA", str(tmp_path)], cwd=ROOT, capture_output=True, text=True, check=False)

    failed = sorted(line.split("::")[1].split()[0] for line in ran.stdout.splitlines() if line.startswith("ERROR "))
    assert failed == ["test_leaves_a_file", "test_leaves_a_socket", "test_leaves_a_thread"], ran.stdout
    assert "7 passed, 3 errors" in ran.stdout
