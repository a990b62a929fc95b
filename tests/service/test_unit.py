"""The service's files, judged by systemd's own tools where they are installed and by what they must say."""

import os
import re
import shutil
import stat
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from tracker.config import load_config

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "systemd"
UNIT = FOLDER / "tracker@.service"
ALARM = FOLDER / "rigtrack-alarm@.service"
RIG = FOLDER / "triangulate@.service"
INSTALLED = ("tracker@.service", "triangulate@.service", "rigtrack-alarm@.service", "rigtrack.sysusers", "tracker-check", "top.yaml")
MODULES = {"video4linux": "videodev", "media": "videodev", "usb_device": "usbcore", "drm": "drm", "nvidia-uvm": "nvidia_uvm"}

EACH = pytest.mark.parametrize("unit", [UNIT, RIG], ids=["tracker", "triangulate"])
needs_systemd = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")


def settings(path: Path, key: str) -> list[str]:
    """The values given to a key of a unit file, in the file's own sequence."""
    return [line.split("=", 1)[1] for line in path.read_text().splitlines() if line.startswith(f"{key}=")]


def analyze(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["systemd-analyze", *arguments], capture_output=True, text=True, check=False, timeout=300)


def verifiable(path: Path, folder: Path) -> Path:
    """A copy whose programs exist, as `systemd-analyze verify` insists; everything else is the unit as it is installed."""
    copy = folder / path.name
    copy.write_text(re.sub(r"/opt/rigtrack/bin/tracker|/etc/rigtrack/alarm", "/bin/true", path.read_text()))
    return copy


@needs_systemd
@EACH
def test_the_units_are_hardened(unit: Path) -> None:
    answer = analyze("security", "--offline=true", unit)
    exposure = re.search(r"Overall exposure level for \S+: ([0-9.]+)", answer.stdout)
    assert exposure is not None
    assert float(exposure[1]) <= 2.5


@needs_systemd
def test_the_units_verify_clean(tmp_path: Path) -> None:
    answer = analyze("verify", verifiable(ALARM, tmp_path), verifiable(UNIT, tmp_path), verifiable(RIG, tmp_path))
    assert (answer.returncode, answer.stderr) == (0, "")


@pytest.mark.parametrize(
    "setting",
    ["RestrictRealtime=no", "PrivateDevices=no", "DeviceAllow=char-video4linux rw", "DeviceAllow=char-nvidia rw", "LimitMEMLOCK=infinity"],
)
def test_camera_gpu_and_real_time_scheduling_stay_allowed(setting: str) -> None:
    assert setting in UNIT.read_text().splitlines()


def test_executable_memory_stays_allowed_for_the_engines_compilers() -> None:
    assert settings(UNIT, "MemoryDenyWriteExecute") == []


@EACH
def test_no_number_of_failures_ends_the_restarts(unit: Path) -> None:
    assert settings(unit, "StartLimitIntervalSec") == ["0"]
    assert settings(unit, "StartLimitBurst") == []
    assert settings(unit, "RestartSec") == ["5"]


@EACH
def test_an_end_that_was_asked_for_stays_an_end(unit: Path) -> None:
    assert settings(unit, "Restart") == ["on-failure"]  # exit 0 is `tracker stop`, SIGTERM or the end of a video


def test_every_class_of_device_is_known_before_access_is_settled() -> None:
    classes = [value.split()[0].removeprefix("char-") for value in settings(UNIT, "DeviceAllow")]
    modules = {f"modprobe@{MODULES.get(name, 'nvidia' if name.startswith('nvidia') else name)}.service" for name in classes}
    for key in ("Wants", "After"):
        assert modules <= set(" ".join(settings(UNIT, key)).split())


@EACH
def test_the_network_is_waited_for_but_not_required(unit: Path) -> None:
    for key in ("Wants", "After"):
        assert "network-online.target" in " ".join(settings(unit, key)).split()
    assert settings(unit, "Requires") == settings(unit, "BindsTo") == []


@EACH
def test_no_group_is_named_that_may_not_exist(unit: Path) -> None:
    assert settings(unit, "SupplementaryGroups") == []


@pytest.mark.skipif(shutil.which("systemd-sysusers") is None, reason="systemd-sysusers is not installed")
@pytest.mark.skipif(os.geteuid() != 0, reason="only root may make users, even below a folder of its own")
def test_the_user_is_made_a_member_of_groups_that_did_not_exist(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    subprocess.run(["systemd-sysusers", f"--root={tmp_path}", FOLDER / "rigtrack.sysusers"], check=True, capture_output=True, timeout=300)
    members = {line.split(":")[0]: line.split(":")[3] for line in (tmp_path / "etc/group").read_text().splitlines()}
    assert members == {"rigtrack": "", "video": "rigtrack", "render": "rigtrack", "plugdev": "rigtrack"}


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("RuntimeDirectoryMode", "0750"),  # members of the group may connect
        ("StateDirectory", "rigtrack"),
        ("StateDirectoryMode", "0750"),
        ("CacheDirectory", "rigtrack"),
        ("CacheDirectoryMode", "0700"),  # native code
        ("ConfigurationDirectoryMode", "0750"),
        ("UMask", "0007"),
    ],
)
def test_the_folders_are_open_to_members_and_closed_to_others(key: str, value: str) -> None:
    assert settings(UNIT, key) == [value]


def test_the_rig_s_unit_has_the_tracker_s_folders_and_shuts_what_it_shuts() -> None:
    shared = re.findall(
        r"^((?:User|Group|UMask|Protect|Restrict|SystemCall|Runtime|State|Configuration)\w*)=", UNIT.read_text(), re.MULTILINE
    )
    for key in set(shared) - {"RestrictRealtime"}:
        assert settings(RIG, key) == settings(UNIT, key), key
    assert (settings(RIG, "PrivateDevices"), settings(RIG, "DeviceAllow")) == (["yes"], [])


@pytest.mark.parametrize(
    ("result", "asked"),
    [
        ("success", ""),
        ("signal", "start --no-block rigtrack-alarm@top.service\n"),
        ("watchdog", "start --no-block rigtrack-alarm@top.service\n"),
        ("exit-code", "start --no-block rigtrack-alarm@top.service\n"),
    ],
)
@EACH
def test_every_end_but_a_good_one_gives_an_alarm(tmp_path: Path, unit: Path, result: str, asked: str) -> None:
    line = settings(unit, "ExecStopPost")[0]
    script = line.removeprefix("-+/bin/sh -c '").removesuffix("'").replace("$$", "$").replace("%i", "top")
    heard = tmp_path / "heard"
    systemctl = tmp_path / "systemctl"
    systemctl.write_text(f'#!/bin/sh\necho "$@" >> {heard}\n')
    systemctl.chmod(0o755)
    path = f"{tmp_path}:{os.environ['PATH']}"
    subprocess.run(["/bin/sh", "-c", script], env={"PATH": path, "SERVICE_RESULT": result}, check=True, timeout=300)
    assert (heard.read_text() if heard.exists() else "") == asked


def test_the_alarm_is_given_at_once_and_then_not_for_minutes() -> None:
    steps = settings(ALARM, "ExecStart")
    assert steps[0].startswith('/bin/echo "<1>')  # journal priority alert
    assert steps[1:] == ["-/etc/rigtrack/alarm %i", "/bin/sleep 300"]


def test_the_example_configuration_opens_nothing_to_other_accounts() -> None:
    config = load_config(FOLDER / "top.yaml")
    assert all(address.startswith("ipc:///run/rigtrack/") for address in (*config.publisher.bind, config.control.bind))
    assert str(config.engine.bundle).startswith("/var/lib/rigtrack/models/")


def test_the_readme_names_every_file_and_only_files_that_exist() -> None:
    named = set(re.findall(r"(?<![\w/])systemd/([\w.@-]+)", (FOLDER / "README.md").read_text()))
    assert named == set(INSTALLED)
    assert {path.name for path in FOLDER.iterdir()} == named | {"README.md"}


def commands_standing_in(folder: Path, *, state: str) -> dict[str, str]:
    """An environment whose `systemctl` knows the unit and its state, and whose `systemd-run` prints its arguments."""
    (folder / "systemctl").write_text(f"#!/bin/sh\n[ $1 = is-active ] && echo {state} || cat '{UNIT}'\n")
    (folder / "systemd-run").write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    for name in ("systemctl", "systemd-run"):
        (folder / name).chmod(0o755)
    return {"PATH": f"{folder}:{os.environ['PATH']}"}


def test_a_check_runs_with_the_services_own_limits(tmp_path: Path) -> None:
    environment = commands_standing_in(tmp_path, state="inactive")
    answer = subprocess.run([FOLDER / "tracker-check", "top"], env=environment, capture_output=True, text=True, check=True, timeout=300)
    given = answer.stdout.splitlines()
    assert given[-4:] == ["/opt/rigtrack/bin/tracker", "check", "--config", "/etc/rigtrack/top.yaml"]
    assert {"--property=User=rigtrack", "--property=DeviceAllow=char-video4linux rw", "--property=ProtectHome=yes"} <= set(given)
    assert not re.search(r"=(Type|Exec\w+|Restart\w*|WatchdogSec|Timeout\w+|StartLimit\w+|Wants|WantedBy)=", answer.stdout)


@pytest.mark.parametrize("state", ["active", "activating", "reloading"])
def test_a_check_beside_the_running_service_is_refused(tmp_path: Path, state: str) -> None:
    environment = commands_standing_in(tmp_path, state=state)
    answer = subprocess.run([FOLDER / "tracker-check", "top"], env=environment, capture_output=True, text=True, check=False, timeout=300)
    assert (answer.returncode, answer.stdout) == (1, "")
    assert "expected it to be stopped: systemctl stop tracker@top" in answer.stderr


def test_an_installed_package_holds_the_services_files(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    for file in ("setup.py", "pyproject.toml", "README.md"):
        shutil.copy(ROOT / file, source)
    for folder in ("tracker", "systemd"):
        shutil.copytree(ROOT / folder, source / folder, symlinks=True)
    build = "import setuptools.build_meta as b, sys; print(getattr(b, 'build_' + sys.argv[1])(sys.argv[2]))"

    def built(kind: str, sources: Path) -> Path:
        command = [sys.executable, "-c", build, kind, str(tmp_path)]
        answer = subprocess.run(command, cwd=sources, capture_output=True, text=True, check=True, timeout=100)
        return tmp_path / answer.stdout.split()[-1]

    archive = built("sdist", source)
    with tarfile.open(archive) as packed:
        if hasattr(tarfile, "data_filter"):  # Python 3.11.2, Debian 12's, has none
            packed.extraction_filter = tarfile.data_filter
        packed.extractall(tmp_path / "unpacked")
    wheel = built("wheel", tmp_path / "unpacked" / archive.name.removesuffix(".tar.gz"))
    with zipfile.ZipFile(wheel) as installed:
        for name in (*INSTALLED, "README.md"):
            assert installed.read(f"tracker/systemd/{name}") == (FOLDER / name).read_bytes()


def test_the_check_is_a_program() -> None:
    assert (FOLDER / "tracker-check").stat().st_mode & stat.S_IXUSR
