"""Everything that must be seen on a GPU, in one run of at most so many minutes: results in OUT/results.json, then the report.

    python bench/gpu/run.py --carry bench/gpu/carry --out results --torch-python /usr/bin/python3

Each step is a process of its own with its share of the time; what one leaves over, later ones may use. A run that is
repeated with the same --out does the steps that are not done. See README.md beside this file.
"""

import argparse
import importlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent), str(HERE.parents[1])]

from figures import Notes  # noqa: E402 - after the line that makes it found
from plan import BUDGET_S, WHOLE_S, Settings, read_settings  # noqa: E402

STEPS = {
    "facts": ("facts", "facts"),
    "compile": ("engine_steps", "compile_engines"),
    "parity": ("engine_steps", "parity"),
    "engine": ("engine_steps", "latency"),
    "loop": ("loop_steps", "loop"),
    "floor": ("floor_steps", "floor"),
    "idle": ("engine_steps", "idle"),
    "faults": ("fault_steps", "faults"),
    "rivals": ("torch_steps", "rivals"),
    "start": ("loop_steps", "start"),
    "offline": ("offline_steps", "offline"),
    "fit": ("torch_steps", "fit"),
}
TRY_S = 1.5  # a step's share when the script is only tried
TRY_FRAMES = 30
TOLERATED = 1.25  # of a step's share: it measures less when it sees its time go, and is ended only beyond this


def main() -> int:
    """Run one step, or all that are due."""
    options = parse()
    if options.step:
        module, function = STEPS[options.step]
        settings = read_settings(options.settings)
        getattr(importlib.import_module(module), function)(settings, Notes(Path(settings.out) / f"{options.step}.json"))
        return 0
    out: Path = options.out
    out.mkdir(parents=True, exist_ok=True)
    results = read_results(out)
    failed = run_steps(options, results)
    subprocess.run([sys.executable, str(HERE / "report.py"), str(out)], check=False)
    print(f"{out / 'results.json'}: {len(results)} steps, {len(failed)} not whole{': ' + ', '.join(failed) if failed else ''}")
    return 1 if failed else 0


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--carry", type=Path, default=HERE / "carry", help="folder made by prepare.py (%(default)s)")
    parser.add_argument("--out", type=Path, default=HERE / "results", help="(%(default)s)")
    parser.add_argument("--minutes", type=float, default=9.0, help="the whole run (%(default)s)")
    parser.add_argument("--frames", type=int, default=100_000, help="measured at most, of each kind (%(default)s)")
    parser.add_argument("--gpu", type=int, default=0)
    parser.add_argument("--torch-python", default="", help="interpreter that has torch; without it three comparisons are left out")
    parser.add_argument("--torch-path", default="", help="more packages for it, separated by ':'")
    parser.add_argument("--only", nargs="+", choices=STEPS, help="some steps only")
    parser.add_argument("--again", action="store_true", help="also what is done")
    parser.add_argument("--dry-run", action="store_true", help="the same path with OpenVINO on the CPU and tiny counts")
    parser.add_argument("--step", choices=STEPS, help=argparse.SUPPRESS)
    parser.add_argument("--settings", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args()


def read_results(out: Path) -> dict[str, Any]:
    """What earlier runs with this folder have left."""
    path = out / "results.json"
    return dict(json.loads(path.read_text(encoding="utf-8"))) if path.exists() else {}


def run_steps(options: argparse.Namespace, results: dict[str, Any]) -> list[str]:
    """The steps that are due, each with its share of what time is left; names of those that are not whole."""
    due = [name for name in options.only or STEPS if options.again or results.get(name, {}).get("status") != "done"]
    end = time.monotonic() + options.minutes * 60
    whole = sum(BUDGET_S[name] for name in due) or WHOLE_S
    scale = min(1.0, options.minutes * 60 / whole) if options.only is None else options.minutes * 60 / whole
    left_over, failed = 0.0, []
    for name in due:
        share = TRY_S if options.dry_run else BUDGET_S[name] * scale
        limit = 60.0 if options.dry_run else min(share * TOLERATED + left_over, end - time.monotonic())
        if limit < 1:
            results[name] = results.get(name) or {"status": "not begun", "problem": "no time was left"}
            failed.append(name)
            continue
        started = time.monotonic()
        results[name] = step(name, options, share=share, limit=limit)
        left_over = max(0.0, left_over + share - (time.monotonic() - started))
        if results[name]["status"] != "done":
            failed.append(name)
        save(options.out / "results.json", results)
        print(f"{name}: {results[name]['status']} after {results[name]['seconds']} s {results[name].get('problem', '')}", flush=True)
    return failed


def step(name: str, options: argparse.Namespace, *, share: float, limit: float) -> dict[str, Any]:
    """One step in a process of its own; what it measured is kept even when it fails or is ended."""
    settings = Settings(
        carry=str(options.carry.resolve()),
        out=str(options.out.resolve()),
        runtime="openvino" if options.dry_run else "tensorrt",
        frames=TRY_FRAMES if options.dry_run else options.frames,
        seconds=share,
        gpu=options.gpu,
        torch_python=options.torch_python,
        torch_path=options.torch_path,
    )
    path = options.out / "settings.json"
    settings.save(path)
    kept, log = options.out / f"{name}.json", options.out / f"{name}.log"
    kept.unlink(missing_ok=True)
    command = [sys.executable, str(HERE / "run.py"), "--step", name, "--settings", str(path)]
    started = time.monotonic()
    with log.open("w") as words:
        environment = {
            **os.environ,
            "PYTHONPATH": f"{HERE.parents[1]}:{os.environ.get('PYTHONPATH', '')}".rstrip(":"),
            "CACHE_DIRECTORY": str(options.carry.resolve() / "cache"),  # engines of this run only
        }
        process = subprocess.Popen(command, stdout=words, stderr=words, env=environment, start_new_session=True)
        try:
            status = process.wait(timeout=limit)
        except subprocess.TimeoutExpired:
            status = None
        finally:
            end_group(process)
    result = json.loads(kept.read_text(encoding="utf-8")) if kept.exists() else {}
    done = {"status": "done" if status == 0 else "ended" if status is None else "failed", "seconds": round(time.monotonic() - started, 1)}
    if status != 0:
        lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        done["problem"] = f"its time was over ({limit:.0f} s)" if status is None else lines[-1] if lines else f"status {status}"
    return {**done, "result": result}


def end_group(process: "subprocess.Popen[bytes]") -> None:
    """End the step and whatever it started: a daemon left alone would spoil the next step's figures."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
        except ProcessLookupError:
            break
        try:
            process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            continue
    process.wait()


def save(path: Path, results: dict[str, Any]) -> None:
    partial = path.with_suffix(".part")
    partial.write_text(json.dumps(results, indent=1), encoding="utf-8")
    partial.replace(path)


if __name__ == "__main__":
    sys.exit(main())
