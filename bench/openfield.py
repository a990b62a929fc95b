"""Accuracy on the open-field mouse: five blocks of time and five random 95/5 splits, each trained from scratch through `trainer fit`.

Every run is kept (a finished one is not repeated), and the table is made from what is stored. Published figures to read it
against are in docs/benchmarks.md.
"""

import argparse
import json
import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np

from trainer.__main__ import main as trainer

DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "dlc_openfield"
BLOCKS, RANDOM = 5, 5


def runs(seed: int) -> dict[str, list[str]]:
    """Name of each run and the options that make its split."""
    blocks = {f"block-{fold}": ["--fold", str(fold), "--folds", str(BLOCKS), "--seed", str(seed)] for fold in range(BLOCKS)}
    return blocks | {f"random-{number}": ["--random-split", "0.05", "--seed", str(number)] for number in range(RANDOM)}


def train(data: Path, out: Path, options: list[str]) -> dict[str, Any]:
    """Run one fit unless it was finished before; returns its metrics.json."""
    metrics = out / "metrics.json"
    if not metrics.exists():
        command = ["fit", "--data", str(data), "--out", str(out), *options]
        print("trainer", " ".join(command), file=sys.stderr, flush=True)
        with redirect_stdout(sys.stderr):
            status = trainer(command)
        if status:
            raise SystemExit(f"openfield: `trainer fit` ended with {status}; the reason is above")
    found: dict[str, Any] = json.loads(metrics.read_text())
    return found


def main() -> None:
    """Run what is missing and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "openfield")
    parser.add_argument("--epochs", type=int, help="as `trainer fit`")
    parser.add_argument("--batches", type=int, help="as `trainer fit`")
    parser.add_argument("--seed", type=int, default=0, help="of the block runs (%(default)s)")
    parser.add_argument("--only", nargs="+", help="some runs, such as block-2")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    table = {}
    for name, split in runs(options.seed).items():
        if options.only and name not in options.only:
            continue
        extra = [f"--{key}={getattr(options, key)}" for key in ("epochs", "batches") if getattr(options, key)]
        metrics = train(options.data, options.out / name, split + extra)
        held_out = metrics["held_out"]
        table[name] = {key: held_out[key] for key in ("mean_px", "median_px", "p95_px", "frames")} | {
            "per_point": {point: spread["mean_px"] for point, spread in held_out["per_point"].items()},
            "train_mean_px": metrics["train"]["mean_px"],
            "minutes": metrics["seconds"]["total"] / 60,
        }
    summary = {kind: _spread([row["mean_px"] for name, row in table.items() if name.startswith(kind)]) for kind in ("block", "random")}
    if options.json:
        print(json.dumps({"runs": table, "mean_px": summary}))
        return
    for name, row in table.items():
        points = "  ".join(f"{point} {value:.2f}" for point, value in row["per_point"].items())
        errors = f"mean {row['mean_px']:.2f} median {row['median_px']:.2f} p95 {row['p95_px']:.2f} px"
        print(f"{name:<10} {errors}  ({points})  {row['minutes']:.1f} min")
    for kind, spread in summary.items():
        print(f"{kind:<10} {spread}")


def _spread(values: list[float]) -> str:
    if not values:
        return "not run"
    return (
        f"mean {np.mean(values):.2f} px, SD {np.std(values, ddof=1) if len(values) > 1 else 0:.2f}, {min(values):.2f} to {max(values):.2f}"
    )


if __name__ == "__main__":
    main()
