"""What `make` says of Debian packages that tests use and that are not there."""

import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).resolve().parents[1] / ".ci"
PROGRAMS = ("chromium", "Xvfb", "xdotool", "systemd-analyze", "cc", "gs")
PACKAGES = ["chromium", "fonts-liberation", "xvfb", "xdotool", "systemd", "gcc", "ghostscript"]


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """A PATH on which the scripts themselves run, as somebody who is not root, and no more."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("sh", "dirname", "ls", "grep"):
        found = shutil.which(name)
        assert found is not None
        (folder / name).symlink_to(found)
    write(folder / "id", "echo 1000")
    return folder


def write(path: Path, line: str) -> None:
    path.write_text(f"#!/bin/sh\n{line}\n")
    path.chmod(0o755)


def run(programs: Path, *command: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([SCRIPTS / command[0], *command[1:]], env={"PATH": str(programs)}, capture_output=True, text=True, check=False)


def test_programs_that_tests_lack_are_named_in_one_sentence_and_stop_nothing(programs: Path) -> None:
    ran = run(programs, "test_programs")
    assert (ran.returncode, ran.stdout) == (0, "")
    [sentence] = ran.stderr.splitlines()
    reason, _, packages = sentence.partition(": sudo apt-get install ")
    assert reason == "some tests will be skipped because programs are missing"
    assert packages.split()[: len(PACKAGES)] == PACKAGES


def test_only_programs_that_are_not_there_are_named(programs: Path) -> None:
    for name in PROGRAMS:
        if name != "xdotool":
            write(programs / name, "exit 1")
    said = run(programs, "test_programs").stderr.split()
    assert "xdotool" in said
    assert not {"chromium", "xvfb", "systemd", "gcc"} & set(said)


def test_who_is_not_root_is_told_which_packages_to_install_with_status_1(programs: Path) -> None:
    ran = run(programs, "debian_packages", "the viewer needs libraries", "libsm6", "libxext6")
    assert (ran.returncode, ran.stderr) == (1, "the viewer needs libraries: sudo apt-get install libsm6 libxext6\n")
    assert ran.stdout == ""


def test_root_installs_and_hears_it_where_that_fails(programs: Path) -> None:
    write(programs / "id", "echo 0")
    write(programs / "apt-get", 'echo "$@" >&2')
    ran = run(programs, "debian_packages", "the viewer needs libraries", "libsm6")
    assert (ran.returncode, ran.stderr) == (0, "update -qq\ninstall -y -qq --no-install-recommends libsm6\n")
    write(programs / "apt-get", "exit 100")
    ran = run(programs, "debian_packages", "the viewer needs libraries", "libsm6")
    assert (ran.returncode, ran.stderr) == (1, "the viewer needs libraries, and apt-get could not install them: libsm6\n")


def test_who_lacks_what_aravis_takes_is_told_and_the_installation_goes_on(programs: Path) -> None:
    ran = run(programs, "aravis", "no/pip")
    assert (ran.returncode, ran.stdout) == (0, "")
    [sentence] = ran.stderr.splitlines()
    reason, _, packages = sentence.partition(": sudo apt-get install ")
    assert reason == "cameras through Aravis cannot be used because packages are missing"
    assert {"libgirepository1.0-dev", "libcairo2-dev", "pkg-config", "gcc", "python3-dev"} <= set(packages.split())


def test_with_everything_there_aravis_is_installed_and_a_failed_build_stops_nothing(programs: Path) -> None:
    for name in ("apt-get", "cc", "pkg-config", "pip", "python"):
        write(programs / name, 'echo "$@"')
    write(programs / "id", "echo 0")
    ran = run(programs, "aravis", str(programs / "pip"))
    assert ran.stdout.splitlines()[-1] == "install --quiet --disable-pip-version-check -c constraints.txt -e .[aravis]"
    write(programs / "pip", "exit 1")
    ran = run(programs, "aravis", str(programs / "pip"))
    assert ran.returncode == 0
    assert "PyGObject could not be built, so cameras through Aravis cannot be used" in ran.stderr


def test_the_installation_says_first_that_it_takes_minutes() -> None:
    planned = subprocess.run(
        ["make", "--dry-run", "--always-make", "install"], cwd=SCRIPTS.parent, capture_output=True, text=True, check=True
    )

    pip = [line for line in planned.stdout.splitlines() if "pip install" in line]
    assert pip
    assert not any(quiet in line for line in pip for quiet in ("--quiet", " -q")), "pip's own progress is what shows that it is at work"
    said, installs = planned.stdout.index("this takes minutes"), planned.stdout.index("pip install")
    assert said < installs
