"""sleap-nn and rigtrack trained from scratch side by side: the same frames, the same processor time, one core each, one scorer.

sleap-nn comes from the package index into an environment of its own below `--work`, with torch's CPU build. For each row both get
the same SLEAP package of training frames. `trainer fit --minutes` (or `--epochs`) goes first; sleap-nn then trains for as much
processor time as that took in all, which on a busy machine is fairer than minutes. Both answer the same held-out frames, which are
scored by rigtrack's scorer in pixels of the source images; then both exported graphs answer the same clip of them in turns, fp32,
one thread.

    python bench/peers/train.py --minutes 6 --work runs/peers
    python bench/peers/train.py --table --work runs/peers

A part that is done is not repeated (`--only`, `--part`); `--table` shows each row's longest training of those that are stored.
Where pip finds torch's CPU builds is for you to say (PIP_EXTRA_INDEX_URL or PIP_FIND_LINKS) if the index that it uses has none.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

sys.path.append(str(Path(__file__).resolve().parents[1]))  # the other scripts of bench/

from comparison_table import longest, table
from rows import ROWS, Row, make_row
from scores import score

from tracker.bundle import read_bundle
from tracker.engines.inference import Inference
from tracker.engines.open_engine import open_engine
from trainer.formats.read_labels import read_labels
from trainer.labels.labelled_frames import LabelledFrames
from trainer.scoring.engine_choice import EngineChoice

WORKER = Path(__file__).with_name("sleap_nn_worker.py")
PACKAGES = ("torch==2.13.0+cpu", "torchvision==0.28.0", "sleap-nn[export]==0.3.5")
TIMED_FRAMES, TURNS = 40, 5
PARTS = ("ours", "theirs", "time")


def their_python(work: Path) -> Path:
    """The interpreter of sleap-nn's environment, which is made if it is not there."""
    folder = work / "sleap-nn"
    python = folder / "bin" / "python"
    if not (folder / "made").exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", *PACKAGES], check=True)
        (folder / "made").touch()
    return python


def run(command: list[str], log: Path, *, core: int) -> dict[str, float]:
    """Run to the end on one core, and say what it took; what it prints goes into `log`."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    with log.open("w") as file:
        ended = subprocess.run(["taskset", "-c", str(core), *command], stdout=file, stderr=file, env=environment, check=False)
    if ended.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {ended.returncode}; the reason is in {log}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"processor_s": spent, "wall_s": time.perf_counter() - began}


def train_ours(row: Row, folder: Path, *, length: tuple[str, str], core: int) -> dict[str, Any]:
    bundle = folder / "ours"
    command = [sys.executable, "-m", "trainer", "fit", "--data", str(row.train), "--out", str(bundle), "--no-held-out", "--force"]
    took = run([*command, *length, *row.options], folder / "ours.log", core=core)
    history = json.loads((folder / "ours.run" / "history.json").read_text())
    answers, _ = our_answers(bundle, read_labels(row.held_out))
    return {**took, "epochs": len(history["epochs"]), "scores": score(answers, read_labels(row.held_out))}


def our_answers(bundle: Path, frames: LabelledFrames) -> tuple[NDArray[np.float64], list[float]]:
    """Answers (n, A, K, 3) of the engine that the rig runs, fp32 on one thread, and the seconds that each frame took."""
    described, found, times = read_bundle(bundle), [], []
    settings = EngineChoice(runtime="openvino", precision="fp32", threads=1, gpu=0).settings(described)
    with closing(open_engine(described, settings, say=lambda _: None)) as engine:
        finder = Inference(described, engine, source_shape=frames.read(0).shape)
        for index in range(len(frames)):
            image = frames.read(index)
            began = time.perf_counter()
            found.append(finder.points(image))
            times.append(time.perf_counter() - began)
    return np.asarray(found, np.float64), times


def train_theirs(row: Row, folder: Path, python: Path, *, seconds: float, core: int) -> dict[str, Any]:
    models, told, answered = folder / "theirs", folder / "theirs.train.json", folder / "theirs.npz"
    start = [str(python), str(WORKER)]
    took = run(
        [*start, "train", "--labels", str(row.train), "--models", str(models), "--seconds", str(seconds), "--out", str(told)],
        folder / "theirs.log",
        core=core,
    )
    run(
        [*start, "answer", "--labels", str(row.held_out), "--models", str(models), "--animals", str(row.animals), "--out", str(answered)],
        folder / "theirs.answers.log",
        core=core,
    )
    frames = read_labels(row.held_out)
    with np.load(answered) as stored:
        place = {int(number): index for index, number in enumerate(stored["numbers"])}
        nothing = np.full(stored["poses"].shape[1:], np.nan)
        poses = np.stack([stored["poses"][place[number]] if number in place else nothing for number in frames.order.tolist()])
    return {**took, "networks": json.loads(told.read_text()), "scores": score(poses, frames)}


def time_both(row: Row, folder: Path, python: Path) -> dict[str, Any]:
    """Both exported networks over the same clip, in turns: our bundle in OpenVINO, theirs in ONNX Runtime, one thread each.

    Median time of a frame in ms, and frames a second over the whole clip, reading not counted; the median of the turns.
    """
    exported = folder / "theirs.onnx"
    if not (exported / "model.onnx").exists():
        run(
            [str(python), str(WORKER), "export", "--models", str(folder / "theirs"), "--labels", str(row.train), "--out", str(exported)],
            folder / "theirs.export.log",
            core=0,
        )
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(exported / "model.onnx"), options, providers=["CPUExecutionProvider"])
    given = session.get_inputs()[0]
    frames = read_labels(row.held_out)
    frames = frames.subset(np.arange(min(len(frames), TIMED_FRAMES)))
    times: dict[str, list[list[float]]] = {"ours": [], "theirs": []}
    for _ in range(TURNS):
        times["ours"].append(our_answers(folder / "ours", frames)[1])
        times["theirs"].append(_their_times(session, given, frames))
    ms = {name: 1e3 * np.median(turns, axis=1) for name, turns in times.items()}
    rate = {name: len(frames) / np.sum(turns, axis=1) for name, turns in times.items()}
    found = {f"{name}_ms": float(np.median(values)) for name, values in ms.items()}
    found |= {f"{name}_per_s": float(np.median(values)) for name, values in rate.items()}
    return {**found, "ratio": float(np.median(ms["theirs"] / ms["ours"])), "frames": len(frames), "turns": TURNS}


def _their_times(session: Any, given: Any, frames: LabelledFrames) -> list[float]:
    times, channels = [], given.shape[1]
    for index in range(len(frames)):
        image = np.atleast_3d(frames.read(index))
        planes = np.ascontiguousarray(np.broadcast_to(image, (*image.shape[:2], channels)).transpose(2, 0, 1)[None])
        planes = planes if given.type == "tensor(uint8)" else planes.astype(np.float32)
        began = time.perf_counter()
        session.run(None, {given.name: planes})
        times.append(time.perf_counter() - began)
    return times


def measure(name: str, folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """All parts of a row that are stored or asked for."""

    def theirs(row: Row) -> dict[str, Any]:
        if "ours" not in found:
            raise SystemExit(f"{name}: sleap-nn gets the processor time that ours took; run --part ours first")
        seconds = options.their_seconds or found["ours"]["processor_s"]
        return train_theirs(row, folder, their_python(options.work), seconds=seconds, core=options.core)

    making: dict[str, Callable[[Row], dict[str, Any]]] = {
        "ours": lambda row: train_ours(row, folder, length=length(options), core=options.core),
        "theirs": theirs,
        "time": lambda row: time_both(row, folder, their_python(options.work)),
    }
    found: dict[str, Any] = {}
    for part, make in making.items():
        stored = folder / f"{part}.json"
        if not stored.exists() and part in options.part and not options.table:
            print(f"{name}: {part}", file=sys.stderr, flush=True)
            stored.write_text(json.dumps(make(make_row(name, folder, count=options.count)), indent=1))
        if stored.exists():
            found[part] = json.loads(stored.read_text())
    return found


def length(options: argparse.Namespace) -> tuple[str, str]:
    """How long ours trains, as an option of `trainer fit`."""
    return ("--minutes", f"{options.minutes:g}") if options.epochs is None else ("--epochs", str(options.epochs))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, default=Path(__file__).parents[1] / "results" / "peers")
    parser.add_argument("--minutes", type=float, default=6, help="of `trainer fit` (%(default)s)")
    parser.add_argument("--epochs", type=int, help="of `trainer fit`, instead of minutes")
    parser.add_argument("--their-seconds", type=float, help="of processor time for sleap-nn, instead of what ours took")
    parser.add_argument("--core", type=int, default=0, help="number of the core that everything runs on (%(default)s)")
    parser.add_argument("--only", nargs="+", choices=ROWS, default=list(ROWS))
    parser.add_argument("--part", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--count", type=int, default=300, help="images of a synthetic scene, a fifth of which are scored (%(default)s)")
    parser.add_argument("--table", action="store_true", help="run nothing: the table of the longest trainings that are stored")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    asked = f"{options.minutes:g}min" if options.epochs is None else f"{options.epochs}epochs"
    rows: dict[str, tuple[str, dict[str, Any]]] = {}
    for name in options.only:
        folder = longest(options.work, name) if options.table else options.work / f"{name}-{asked}"
        if folder is None:
            continue
        folder.mkdir(parents=True, exist_ok=True)
        rows[name] = folder.name.removeprefix(f"{name}-"), measure(name, folder, options)
    print(json.dumps({name: parts for name, (_, parts) in rows.items()}) if options.json else table(rows))


if __name__ == "__main__":
    main()
