"""results.json → benchmarks-gpu.md and histograms. Needs no GPU; without matplotlib the tables are written alone, which is said.

python bench/gpu/report.py bench/gpu/results --docs docs
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE)]

from figures import bin_ms  # noqa: E402 - after the line that makes it found

NAME = "benchmarks-gpu.md"
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00")
AIMS = {  # ms
    "engine p50, vga": ("engine", 0.3),
    "loop p50, vga": ("loop p50", 1.0),
    "loop p99, vga": ("loop p99", 1.5),
    "loop p99.9, vga": ("loop p99_9", 3.0),
}

Results = dict[str, dict[str, Any]]


def main() -> None:
    """Write the page, and the pictures if that can be done."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, help="folder of results.json")
    parser.add_argument("--docs", type=Path, help="write there instead")
    options = parser.parse_args()
    results: Results = json.loads((options.out / "results.json").read_text(encoding="utf-8"))
    target = options.docs or options.out
    pictures = draw(results, target / "images" if options.docs else target)
    path = target / NAME
    path.write_text(page(results, pictures, target), encoding="utf-8")
    print(path)


def page(results: Results, pictures: list[Path], target: Path) -> str:
    """The whole page as Markdown."""
    sections = [
        _facts(results),
        _steps(results),
        _compile(_result(results, "compile")),
        _parity(_result(results, "parity")),
        _latencies(results),
        _against_the_floor(results),
        _idle(_result(results, "idle")),
        _rivals(_result(results, "rivals")),
        _plain("Two daemons on one GPU, and faults", _faults(_result(results, "faults"))),
        _plain("Start to first pose, offline work, training", _other(results)),
    ]
    shown = [f"![{path.stem.replace('_', ' ')}]({path.relative_to(target).as_posix()})" for path in pictures]
    return "\n\n".join(part for part in ["# Benchmarks on a GPU", *sections, *shown] if part) + "\n"


def _result(results: Results, step: str) -> dict[str, Any]:
    found: dict[str, Any] = results.get(step, {}).get("result", {})
    return found


def table(columns: list[str], rows: list[list[object]]) -> str:
    """A Markdown table; empty without rows."""
    if not rows:
        return ""
    lines = [columns, ["---"] * len(columns), *[[str(cell) for cell in row] for row in rows]]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _plain(title: str, body: str) -> str:
    return f"## {title}\n{body}" if body else ""


def _facts(results: Results) -> str:
    found = _result(results, "facts")
    gpu = found.get("gpu", {})
    versions = ", ".join(f"{name} {version}" for name, version in found.get("versions", {}).items())
    rivals = _result(results, "rivals").get("versions", {})
    about = [
        str(found.get("date", "no date")),
        f"{gpu.get('name', 'no GPU')}, driver {gpu.get('driver_version', 'none')}",
        str(found.get("processor", "")),
        f"kernel {found.get('kernel', '')}",
        f"Python {found.get('python', '')}",
        versions,
    ]
    about += [f"beside it torch {rivals['torch']}, CUDA {rivals['cuda']}"] if rivals else []
    lines = ["; ".join(about) + "."]
    if found.get("runtime") == "openvino":
        lines.append("**A try of the script on a CPU: no figure here says anything about a GPU.**")
    lines.append("Made by `bench/gpu/run`; clocks and power settings of the card as they were found.")
    return "\n".join(lines)


def _steps(results: Results) -> str:
    rows = [[name, step["status"], step["problem"]] for name, step in results.items() if step.get("status") != "done"]
    return _plain("What is not whole", table(["step", "status", "why"], rows))


def _compile(found: dict[str, Any]) -> str:
    rows = [
        [name, value.get("built_s", value.get("problem")), value.get("from_cache_s", ""), "yes" if value.get("cache_hit") else "no"]
        for name, value in found.items()
        if name != "spoilt"
    ]
    spoilt = [
        [name, "no" if not value["loaded"] else "**yes**", " ".join(value["said"])] for name, value in found.get("spoilt", {}).items()
    ]
    tables = [
        table(["engine", "first start, s", "from the cache, s", "cache hit"], rows),
        table(["spoilt engine", "loaded", "said"], spoilt),
    ]
    return _plain("Building and the cache", "\n\n".join(part for part in tables if part))


def _parity(found: dict[str, Any]) -> str:
    rows = [
        [
            name,
            value["points"],
            f"{value['mean_px']:.4f}",
            f"{value['largest_px']:.4f}",
            {True: "yes", False: "**no**", None: "not judged"}[value["passed"]],
        ]
        for name, value in found.items()
        if name != "changed weight"
    ]
    changed = found.get("changed weight")
    verdict = f"\n\nA weight changed by a tenth was {'refused' if changed['refused'] else '**not refused**'}." if changed else ""
    reference = next((value["reference"] for name, value in found.items() if name != "changed weight"), "")
    body = table(["engine", "points", "mean px", "largest px", "within limits"], rows)
    return _plain(f"Distance from {reference}, all labelled frames", body + verdict) if rows else ""


def _latency_row(name: str, value: dict[str, Any]) -> list[object]:
    if "p50" not in value:
        return [name, value.get("problem", "not measured"), "", "", "", ""]
    return [name, *(f"{value[key]:.3f}" for key in ("p50", "p99", "p99_9", "max")), value["frames"]]


LATENCY = ["", "p50 ms", "p99", "p99.9", "max", "frames"]


def _latencies(results: Results) -> str:
    rows = [
        _latency_row(f"engine, {name}, {variant}", value)
        for name, variants in _result(results, "engine").items()
        for variant, value in variants.items()
    ]
    for size, value in _result(results, "loop").items():
        rows += [_latency_row(f"{part}, {size}, {value['rate_hz']:g} Hz", value[part]) for part in value if isinstance(value[part], dict)]
    aims = [[name, found, aim, "yes" if found <= aim else "**no**"] for name, found, aim in _aims(results)]
    body = table(LATENCY, rows)
    return _plain(
        "Latency: image in host memory → answer; loop: → message in another process",
        f"{body}\n\n{table(['aim', 'found ms', 'aim ms', 'reached'], aims)}".strip(),
    )


def _aims(results: Results) -> list[tuple[str, float, float]]:
    engine = next((variants["graph"] for name, variants in _result(results, "engine").items() if name.startswith("vga")), {})
    loop = _result(results, "loop").get("vga", {}).get("loop", {})
    found = {"engine": engine.get("p50"), **{f"loop {key}": loop.get(key) for key in ("p50", "p99", "p99_9")}}
    return [(name, found[key], aim) for name, (key, aim) in AIMS.items() if found[key] is not None]


def _against_the_floor(results: Results) -> str:
    found = _result(results, "floor")
    rows = [_latency_row(name, value) for name, value in found.items() if isinstance(value, dict) and "p50" in value]
    networks = [
        [name, value["gmac"], value["weight_mb"], value["between_mb"]] for name, value in found.items() if name.startswith("network")
    ]
    said = []
    engine = next((variants["graph"] for name, variants in _result(results, "engine").items() if name.startswith("vga")), {})
    if "p50" in engine and "up vga" in found:
        floor = sum(found[part]["p50"] for part in ("copy in host memory vga", "up vga", "down")) - found["launch"]["p50"]
        said.append(
            f"A copy in host memory, the frame up and the answer down take {floor:.3f} ms by themselves (one launch counted once): "
            f"{floor / engine['p50']:.0%} of the engine's p50; {engine['p50'] - floor:.3f} ms are left for the network's kernels "
            "and Python."
        )
    loop = _result(results, "loop").get("vga", {})
    if loop and "hop" in found:
        rest = loop["loop"]["p50"] - loop["engine"]["p50"] - found["hop"]["p50"]
        whole, engine_ms, hop = loop["loop"]["p50"], loop["engine"]["p50"], found["hop"]["p50"]
        said.append(f"Of the loop's {whole:.3f} ms, {engine_ms:.3f} are the engine, {hop:.3f} one message, {rest:.3f} the rest.")
    if "bus GB/s" in found:
        said.append(f"The bus moves {found['bus GB/s']} GB/s from page-locked memory. The card: {found.get('card')}.")
    parts = [table(LATENCY, rows), table(["", "GMAC", "MB of weights (fp32)", "MB between layers (fp32)"], networks), "\n".join(said)]
    return _plain("The floor", "\n\n".join(part for part in parts if part))


def _idle(found: dict[str, Any]) -> str:
    rows = [_latency_row(f"{variant}, {pace}", value) for variant, paces in found.items() for pace, value in paces.items()]
    said = []
    for variant, paces in found.items():
        (_, full), (_, slow) = paces.items()
        said.append(f"{variant}: p99 at 30 Hz is {slow['p99'] / full['p99']:.2f} × that at full rate (aim: at most 1.5).")
    return _plain("Thirty frames a second", f"{table(LATENCY, rows)}\n\n" + "\n".join(said)) if rows else ""


def _rivals(found: dict[str, Any]) -> str:
    rows = [_latency_row(name, value) for name, value in found.items() if isinstance(value, dict) and name != "versions"]
    return _plain("Others on the same GPU, from and to host memory", table(LATENCY, rows))


def _faults(found: dict[str, Any]) -> str:
    rows: list[list[object]] = [[name, value.get("status", ""), value["said"]] for name, value in found.items() if "said" in value]
    two = found.get("two daemons", {})
    latencies = [_latency_row(f"loop, {name}", value["loop"]) for name, value in two.items() if isinstance(value, dict)]
    return "\n\n".join(part for part in (table(["fault", "exit status", "said"], rows), table(LATENCY, latencies)) if part)


def _other(results: Results) -> str:
    lines = [f"{name}: {value} s" for name, value in _result(results, "start").items()]
    lines += [f"{name}: {value}" for name, value in {**_result(results, "offline"), **_result(results, "fit")}.items()]
    return "\n".join(f"- {line}" for line in lines)


def draw(results: Results, folder: Path) -> list[Path]:
    """A histogram of the engine and one of the loop, on two log axes: the tail is what matters."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        print("report: matplotlib is not installed here, so there are no pictures; run report.py where it is", file=sys.stderr)
        return []
    engine = {f"{name}, {variant}": value for name, variants in _result(results, "engine").items() for variant, value in variants.items()}
    loop = {
        f"{size}, {part}": value[part] for size, value in _result(results, "loop").items() for part in ("loop", "engine") if part in value
    }
    folder.mkdir(parents=True, exist_ok=True)
    drawn = []
    for name, title, series in (
        ("gpu_engine", "engine: image in → answer out", engine),
        ("gpu_loop", "frame in host memory → message elsewhere", loop),
    ):
        shown = {label: value for label, value in series.items() if "histogram" in value}
        if not shown:
            continue
        figure = Figure(figsize=(9, 4.5), layout="constrained", dpi=110)
        axes = figure.add_subplot()
        for (label, value), colour in zip(shown.items(), COLOURS, strict=False):
            bins = sorted((int(number), count) for number, count in value["histogram"].items())
            edges = [bin_ms(number) for number in range(bins[0][0], bins[-1][0] + 2)]
            counts = dict(bins)
            heights = [counts.get(number, 0) for number in range(bins[0][0], bins[-1][0] + 1)]
            text = f"{label}: p50 {value['p50']:.3f}, p99 {value['p99']:.3f}, p99.9 {value['p99_9']:.3f}, max {value['max']:.2f} ms"
            axes.stairs(heights, edges, fill=True, alpha=0.35, color=colour)
            axes.stairs(heights, edges, color=colour, label=text)
        axes.set(xscale="log", yscale="log", xlabel="ms", ylabel="frames", ylim=(0.8, None))
        axes.set_title(title, loc="left")
        figure.legend(frameon=False, loc="outside lower left", fontsize=8)
        axes.spines[["top", "right"]].set_visible(False)
        figure.savefig(folder / f"{name}.png")
        drawn.append(folder / f"{name}.png")
    return drawn


if __name__ == "__main__":
    main()
