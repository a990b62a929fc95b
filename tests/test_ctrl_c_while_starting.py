"""Ctrl-C before a program has read its command line ends it with status 130 and one sentence, not with a traceback out of an import."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.tracker.daemon import ROOT
from tests.tracker.test_run import SLOW_LIBRARY

CONSOLE_SCRIPT = "import sys; from {0}.__main__ import main; sys.exit(main())"
PROGRAMS = ("tracker", "trainer", "calib")


def interrupted(command: list[str], library: Path) -> tuple[int, str]:
    """Exit status, and what was said, of a process that is interrupted while it imports a library that takes ten minutes."""
    library.write_text(SLOW_LIBRARY)
    places = os.pathsep.join((str(library.parent), str(ROOT)))
    with subprocess.Popen(
        command, cwd=ROOT, env={**os.environ, "PYTHONPATH": places}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as started:
        assert started.stdout is not None
        assert started.stdout.readline() == "importing\n"
        started.send_signal(signal.SIGINT)
        _, words = started.communicate(timeout=300)
    return started.returncode, words


@pytest.mark.parametrize("as_script", [False, True], ids=["python -m", "console script"])
@pytest.mark.parametrize("program", PROGRAMS)
def test_it_ends_with_a_sentence_and_the_status_of_a_stop_by_hand(tmp_path: Path, program: str, as_script: bool) -> None:
    script = tmp_path / program
    script.write_text(CONSOLE_SCRIPT.format(program))
    command = [sys.executable, str(script)] if as_script else [sys.executable, "-m", program]
    assert interrupted([*command, "--version"], tmp_path / "numpy.py") == (130, f"{program}: stopped by hand before it had begun\n")


@pytest.mark.parametrize("program", PROGRAMS)
def test_another_program_that_imports_it_is_interrupted_as_ever(tmp_path: Path, program: str) -> None:
    script = tmp_path / "mine.py"
    script.write_text(f"import {program}.__main__, late")
    status, words = interrupted([sys.executable, str(script)], tmp_path / "late.py")
    assert (status, words.splitlines()[-1]) == (-signal.SIGINT, "KeyboardInterrupt")


LATER = """
from {0}.__main__ import main  # first, as a console script does

import multiprocessing
import signal


def tell():
    print("as ever" if signal.getsignal(signal.SIGINT) is signal.default_int_handler else "ends", flush=True)


if __name__ == "__main__":
    tell()
    child = multiprocessing.get_context("spawn").Process(target=tell)
    child.start()
    child.join()
    main({1})
    tell()
"""


@pytest.mark.parametrize(
    ("program", "arguments"),
    [("tracker", ["check", "--config", "none"]), ("trainer", ["evaluate", "none", "--data", "none"]), ("calib", ["check", "none"])],
)
def test_its_processes_and_its_work_are_interrupted_as_ever(tmp_path: Path, program: str, arguments: list[str]) -> None:
    """A process that it starts imports the program once more."""
    script = tmp_path / program
    script.write_text(LATER.format(program, arguments))
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    told = subprocess.run([sys.executable, str(script)], env=environment, capture_output=True, text=True, check=False, timeout=300)
    lines = [line for line in told.stdout.splitlines() if line in ("ends", "as ever")]
    assert lines == ["ends", "as ever", "as ever"], told.stderr


def test_where_ctrl_c_is_ignored_it_stays_so(tmp_path: Path) -> None:
    """As of what a script starts in the background."""
    script = tmp_path / "trainer"
    script.write_text("import signal, trainer.__main__\nprint(signal.getsignal(signal.SIGINT) is signal.SIG_IGN)")
    shell = ["bash", "-c", 'trap "" INT; exec "$@"', "bash", sys.executable, str(script)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    told = subprocess.run(shell, env=environment, capture_output=True, text=True, check=False, timeout=300)
    assert told.stdout == "True\n", told.stderr
