"""Scripts of `bench/`, run as people run them."""

import os
import signal
import subprocess
import sys
from pathlib import Path

BENCH = Path(__file__).resolve().parents[2] / "bench"


def script(name: str, *arguments: object) -> str:
    """Run one to its end, and return what it printed."""
    command = [sys.executable, str(BENCH / name), *map(str, arguments)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True) as started:
        try:
            printed, said = started.communicate()
        finally:
            if started.poll() is None:
                os.killpg(started.pid, signal.SIGKILL)  # what it has started, too
    assert started.returncode == 0, said
    return printed
