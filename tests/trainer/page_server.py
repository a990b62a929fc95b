"""A command that serves a page, as a user starts it."""

import signal
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


class PageServer:
    """`trainer COMMAND` as a process. A context manager; `address` is what it prints.

    Args:
        folder: where its log is kept.
        command: words after `trainer`; `--no-browser` is added.
    """

    def __init__(self, folder: Path, *command: str) -> None:
        self.folder = folder
        self._log = (folder / "server.log").open("ab")
        asked = [sys.executable, "-m", "trainer", *command, "--no-browser"]
        self._process = subprocess.Popen(asked, cwd=ROOT, stdout=subprocess.PIPE, stderr=self._log, text=True)
        assert self._process.stdout is not None
        self.address = self._process.stdout.readline().strip()
        assert self.address.startswith("http://127.0.0.1:"), (folder / "server.log").read_text()
        self.port = int(self.address.split(":")[2].split("/")[0])
        self.token = self.address.partition("token=")[2]

    def __enter__(self) -> "PageServer":
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        assert self._process.stdout is not None
        self._process.stdout.close()
        self._log.close()

    def kill(self) -> None:
        """SIGKILL."""
        self._process.kill()
        self._process.wait(300)

    def interrupt(self) -> int:
        """Ctrl-C; the exit status."""
        self._process.send_signal(signal.SIGINT)
        return self._process.wait(300)
