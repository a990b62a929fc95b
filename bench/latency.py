"""Whether `tracker latency` finds a delay that was put in: the synthetic camera's light with and without one, in turns.

    python bench/latency.py --bundle demo/model --delay-ms 20 --turns 5 --pulses 100

Each turn runs a tracker on the synthetic camera (100 frames per second), whose light is switched through a pseudo-terminal by
`tracker latency led`, once without and once with the delay. Prints the medians and their difference in each turn, the median of these
differences, and the output's own delay as each report tells it. Other programs at work make single turns wrong, so take several.
`--picture` keeps the picture of the last report with the delay, `--loop` that of the loop that switches itself.
"""

import argparse
import io
import json
import shutil
import sys
import tempfile
import time
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np
from daemon import daemon
from rich.progress import track

from tracker.__main__ import main as tracker

EVENT = {
    "event": "led",
    "source": {"kind": "brightness", "left": 16, "top": 16, "width": 16, "height": 16},
    "rule": {"when": "above", "on": 0.5, "off": 0.5},
}


def measure(
    bundle: Path, *, mode: str, delay_ms: float, exposure_ms: float, pulses: int, seed: int, picture: Path | None
) -> dict[str, Any]:
    """One tracker, one report."""
    with tempfile.TemporaryDirectory(prefix="rigtrack-latency-") as temporary:
        folder = Path(temporary)
        light = {"port": str(folder / "led"), "delay_ms": delay_ms}
        camera = {"light": light, "exposure_ms": exposure_ms}
        engine = {"precision": "fp32", "threads": 1}
        with daemon(bundle, camera=camera, behaviour=[EVENT], engine=engine) as (_, address):
            command = ["latency", mode, address, "--port", str(light["port"]), "--line", "byte", "--json"]
            command += ["--pulses", str(pulses), "--seed", str(seed), "--exposure-ms", str(exposure_ms), "--out", str(folder)]
            _wait_for(Path(str(light["port"])))
            with redirect_stdout(io.StringIO()) as printed:
                status = tracker(command)
            if status:
                raise SystemExit(f"latency: `tracker {' '.join(command)}` ended with {status}; the reason is above")
            found: dict[str, Any] = json.loads(printed.getvalue())
        if picture is not None:
            shutil.copy(folder / "report.png", picture)
    return found


def _wait_for(port: Path, *, seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not port.exists():
        if time.monotonic() > end:
            raise SystemExit(f"latency: the tracker made no port {port} within {seconds:g} s; run it by hand to see why")
        time.sleep(0.05)


def main() -> None:
    """Measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bundle", type=Path, default=Path(__file__).resolve().parents[1] / "demo" / "model")
    parser.add_argument("--delay-ms", type=float, default=20.0)
    parser.add_argument("--exposure-ms", type=float, default=0.0, help="of the synthetic camera (%(default)s)")
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--pulses", type=int, default=100)
    parser.add_argument("--picture", type=Path, help="keep the picture of the last report with the delay")
    parser.add_argument("--loop", type=Path, help="measure the loop without the delay too, and keep its picture")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    if not (options.bundle / "bundle.json").exists():
        raise SystemExit(f"latency: {options.bundle} is not a bundle; run `make demo` first, or name one with --bundle")
    turns = []
    for seed in track(range(options.turns), description="measuring", disable=not sys.stderr.isatty()):
        pair = {
            name: measure(
                options.bundle,
                mode="led",
                delay_ms=delay_ms,
                exposure_ms=options.exposure_ms,
                pulses=options.pulses,
                seed=seed,
                picture=options.picture if delay_ms else None,
            )
            for name, delay_ms in (("without", 0.0), ("with", options.delay_ms))
        }
        turns.append(_row(pair))
    result: dict[str, Any] = {"delay_ms": options.delay_ms, "exposure_ms": options.exposure_ms, "turns": turns}
    for name in ("on", "off"):
        result[f"difference_{name}_ms"] = round(float(np.median([turn[name]["difference_of_medians"] for turn in turns])), 4)
    if options.loop is not None:
        common: dict[str, Any] = {"delay_ms": 0.0, "exposure_ms": options.exposure_ms, "pulses": options.pulses, "seed": 0}
        found = measure(options.bundle, mode="loop", picture=options.loop, **common)
        result["loop"] = {name: _counts(found, name) for name in ("on", "off")}
    print(json.dumps(result) if options.json else json.dumps(result, indent=2))


def _row(pair: dict[str, dict[str, Any]]) -> dict[str, Any]:
    row: dict[str, Any] = {}
    for name in ("on", "off"):
        row[name] = {kind: _counts(found, name) for kind, found in pair.items()}
        row[name]["difference_of_medians"] = round(pair["with"][name]["latency_ms"]["p50"] - pair["without"][name]["latency_ms"]["p50"], 4)
    return row


def _counts(found: dict[str, Any], name: str) -> dict[str, Any]:
    part = found[name]
    return {key: part[key] for key in ("n", "missed", "unclear", "latency_ms", "output_ms")}


if __name__ == "__main__":
    main()
