"""Other processes: whether one still runs, and waiting for its end."""

import time
from pathlib import Path

from tests.tracker.daemon import DEADLINE_S


def alive(process: int) -> bool:
    """An ended process that nobody has waited for yet (a zombie) does not run."""
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def wait_for_end(process: int) -> None:
    """Until it runs no more; the test fails if it goes on."""
    deadline = time.monotonic() + DEADLINE_S
    while alive(process):
        assert time.monotonic() < deadline, f"process {process} goes on"
        time.sleep(0.01)
