"""What the figures hold for: GPU, driver, versions, processor, date."""

import datetime
import importlib.metadata
import os
import platform
import shutil
import subprocess
from pathlib import Path

from figures import Notes
from plan import Settings

PACKAGES = ("tensorrt", "pycuda", "numpy", "opencv-python-headless", "opencv-python", "openvino", "onnxruntime", "pyzmq")
# Read only: nothing here changes clocks, power or any other setting of the card.
QUERY = "name,driver_version,pstate,clocks.sm,clocks.mem,clocks.max.sm,clocks.max.mem,memory.total,power.limit,persistence_mode"


def facts(settings: Settings, notes: Notes) -> None:
    """Look, do not touch."""
    notes.put("date", datetime.datetime.now(datetime.timezone.utc).date().isoformat())
    notes.put("runtime", settings.runtime)
    notes.put("python", platform.python_version())
    notes.put("kernel", platform.release())
    notes.put("processor", f"{_processor()}, {len(os.sched_getaffinity(0))} cores")
    versions = {}
    for package in PACKAGES:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    notes.put("versions", versions)
    if shutil.which("nvidia-smi"):
        command = ["nvidia-smi", f"--query-gpu={QUERY}", "--format=csv,noheader", f"--id={settings.gpu}"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
        notes.put("gpu", dict(zip(QUERY.split(","), [part.strip() for part in done.stdout.strip().split(",")], strict=False)))


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())
