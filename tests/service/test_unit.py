"""The systemd unit, judged by systemd's own tools."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

UNIT = Path(__file__).resolve().parents[2] / "systemd" / "tracker@.service"

pytestmark = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")


def test_the_unit_is_hardened() -> None:
    answer = subprocess.run(["systemd-analyze", "security", "--offline=true", str(UNIT)], capture_output=True, text=True, check=True)
    exposure = re.search(r"Overall exposure level for \S+: ([0-9.]+)", answer.stdout)
    assert exposure is not None
    assert float(exposure[1]) <= 2.5


def test_the_unit_verifies_clean(tmp_path: Path) -> None:
    # verify insists that the program exists; everything else is the unit as it is installed
    unit = tmp_path / UNIT.name
    unit.write_text(UNIT.read_text().replace("/opt/rigtrack/bin/tracker", "/bin/true"))
    answer = subprocess.run(["systemd-analyze", "verify", str(unit)], capture_output=True, text=True, check=False)
    assert (answer.returncode, answer.stderr) == (0, "")


@pytest.mark.parametrize(
    "setting",
    ["RestrictRealtime=no", "PrivateDevices=no", "DeviceAllow=char-video4linux rw", "DeviceAllow=char-nvidia rw", "LimitMEMLOCK=infinity"],
)
def test_camera_gpu_and_real_time_scheduling_stay_allowed(setting: str) -> None:
    assert setting in UNIT.read_text().splitlines()


def test_executable_memory_stays_allowed_for_the_engines_compilers() -> None:
    assert not re.search(r"^MemoryDenyWriteExecute=", UNIT.read_text(), re.MULTILINE)
