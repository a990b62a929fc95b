"""The pictures of docs/forecast.md, of motion that is made up: `python bench/forecast_pictures.py docs/images`."""

import argparse
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from trainer.forecast.labels import BurstRule
from trainer.forecast.make_forecast_bundle import ForecastRequest, make_forecast_bundle
from trainer.forecast.plots import curves_figure, time_figure
from trainer.forecast.settings import ForecastSettings
from trainer.reports.plot_style import png


def motion_of_bursts(frames: int, *, seed: int) -> NDArray[np.float64]:
    """Rest of 2 to 6 s, at its end some frames in which motion trembles, then a burst of 0.5 to 1.5 s; 30 frames per second."""
    rng = np.random.default_rng(seed)
    found: list[float] = []
    while len(found) < frames:
        rest, tremor, burst = int(rng.integers(60, 180)), int(rng.integers(10, 25)), int(rng.integers(15, 45))
        level = rng.uniform(0.0008, 0.0014)
        found += rng.normal(level, 0.00015, rest).tolist()
        found += (level + 0.0001 * np.sin(np.arange(tremor) * 2.1) + rng.normal(0, 0.00005, tremor)).tolist()
        found += (level + 0.004 * np.hanning(burst) + np.abs(rng.normal(0, 0.0008, burst))).tolist()
    return np.clip(np.array(found[:frames]), 0, 1)


def main() -> None:
    """Train an LSTM on it and draw its report's pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--frames", type=int, default=18_000, help="of motion (%(default)s)")
    parser.add_argument("--epochs", type=int, default=12, help="(%(default)s)")
    options = parser.parse_args()
    out: Path = options.out
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "made-up motion.npy"
        np.save(data, motion_of_bursts(options.frames, seed=0))
        request = ForecastRequest(
            data=(data,), out=Path(folder) / "ahead", kinds=("lstm",), settings=ForecastSettings(kind="lstm", epochs=options.epochs),
            rule=BurstRule(), shares=(0.6, 0.2, 0.2), fps=30.0,
        )  # fmt: skip
        run = make_forecast_bundle(request, Console()).run
    stretches, score = run.parts.of(run.judged), run.of_main
    (out / "forecast-motion.png").write_bytes(png(time_figure(stretches, run.answers, score.threshold)))
    (out / "forecast-curves.png").write_bytes(png(curves_figure(run.scores[run.judged], run.main)))
    print("\n".join([*run.lines, *run.sentences]))


if __name__ == "__main__":
    main()
