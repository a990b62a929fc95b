"""What needs torch runs in another interpreter (--torch-python): the same network in torch, a ResNet-50, and a training."""

import json
import os
import subprocess
import time
from pathlib import Path

from figures import Notes
from plan import Settings

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parents[1]


def environment(settings: Settings) -> dict[str, str]:
    """Of the other interpreter: without the packed kit's libraries and packages, which belong to this one."""
    kit = os.environ.get("TRTKIT")
    variables = {name: value for name, value in os.environ.items() if name not in ("PYTHONHOME", "PYTHONPATH")}
    if kit:
        for name in ("PATH", "LD_LIBRARY_PATH"):
            parts = [part for part in variables.get(name, "").split(":") if part and not part.startswith(kit)]
            variables[name] = ":".join(parts)
    variables["PYTHONPATH"] = ":".join(part for part in (str(REPOSITORY), str(REPOSITORY / "bench"), settings.torch_path) if part)
    return variables


def rivals(settings: Settings, notes: Notes) -> None:
    """The same network and a ResNet-50 with deconvolution, in every way that torch and ONNX Runtime offer on this GPU."""
    if not settings.torch_python:
        notes.put("left out", "no --torch-python was given")
        return
    found = Path(settings.out) / "rivals-torch.json"
    command = [settings.torch_python, str(HERE / "torch_rivals.py"), "--carry", settings.carry, "--out", str(found)]
    command += ["--frames", str(settings.frames), "--seconds", str(settings.seconds * 0.9), "--gpu", str(settings.gpu)]
    command += ["--device", "cuda" if settings.runtime == "tensorrt" else "cpu"]
    try:
        done = subprocess.run(
            command, env=environment(settings), stderr=subprocess.PIPE, text=True, timeout=settings.seconds * 1.2 + 5, check=False
        )
        problem = done.stderr.strip().splitlines()[-1:] if done.returncode else []
    except subprocess.TimeoutExpired:
        problem = ["its time was over"]
    if found.exists():
        for name, value in json.loads(found.read_text(encoding="utf-8")).items():
            notes.put(name, value)
    if problem:
        notes.put("problem", problem[0])


def fit(settings: Settings, notes: Notes) -> None:
    """`trainer fit` on the labelled frames for as long as there is time, one block of time held out: error and seconds."""
    if not settings.torch_python:
        notes.put("left out", "no --torch-python was given")
        return
    out = Path(settings.out) / "fit"
    minutes = max(0.05, (settings.seconds - 22) / 60)  # importing, scoring and the report take the rest
    command = [settings.torch_python, "-m", "trainer", "fit", "--data", str(Path(settings.carry) / "data"), "--out", str(out)]
    command += ["--minutes", f"{minutes:.3f}", "--device", "gpu" if settings.runtime == "tensorrt" else "cpu", "--json"]
    if settings.runtime != "tensorrt":
        command += ["--epochs", "1"]
    started = time.monotonic()
    done = subprocess.run(command, env=environment(settings), capture_output=True, text=True, cwd=settings.out, check=False)
    notes.put("seconds", round(time.monotonic() - started, 1))
    if done.returncode:
        notes.put("problem", done.stderr.strip().splitlines()[-1:])
        return
    made = json.loads(done.stdout)
    notes.put("minutes", round(minutes, 3))
    notes.put("training_s", made["seconds"])
    notes.put("held_out_mean_px", made["held_out"]["mean_px"])
    notes.put("train_mean_px", made["train"]["mean_px"])
