"""The picture of docs/timeline.md: synthetic videos on the timeline, with labels by two people and the answers of two models.

    python examples/timeline_picture.py --out docs/images/timeline.webp

Needs Chromium, which takes the picture of the page.
"""

import argparse
import importlib.util
import subprocess
import sys
import tempfile
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow
from scipy.ndimage import gaussian_filter1d  # type: ignore[import-untyped]

from tracker.frame import Image
from tracker.synthetic.rodent import RodentScene
from trainer.behaviour_scores.probability_file import probabilities_csv
from trainer.ethogram.bout_file import BoutFile, LabelledBout, encode_bout_file
from trainer.ethogram.bouts import bouts_of_marks
from trainer.video_files.writer import VideoWriter

ROOT = Path(__file__).resolve().parents[1]
CLASSES = ("walk", "turn", "rear", "poke")
FPS, EVERY, SIZE = 30, 3, (360, 480)  # (height, width); every third frame of a scene at 90 frames per second
WINDOW = (1380, 1040)


def main() -> None:
    """Write everything, open the page, take the picture."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "images" / "timeline.webp")
    parser.add_argument("--frames", type=int, default=1800, help="of each video (%(default)s)")
    options = parser.parse_args()
    driver = browser_driver()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "openfield"
        command = write_all(folder, frames=options.frames)
        with (
            subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as server,
            driver.Chromium(Path(name) / "profile") as browser,
        ):
            try:
                assert server.stdout is not None
                tab = browser.open(server.stdout.readline().strip(), width=WINDOW[0], height=WINDOW[1])
                Pillow.fromarray(offered(tab)).save(options.out, quality=82, method=6)
            finally:
                server.kill()


def write_all(folder: Path, *, frames: int) -> list[str]:
    """Videos, poses, labels and tables of probabilities; the command that opens them."""
    for part in ("poses", "network", "second-network"):
        (folder / part).mkdir(parents=True)
    for seed, name in enumerate(("monday", "tuesday"), 3):
        on = _write_video(folder, name, seed, frames=frames)
        _write_labels(folder, name, on, until=frames * 2 // 3 if name == "monday" else frames)
        for number, model in enumerate(("network", "second-network")):
            found = _probabilities(on, seed=10 * seed + number)
            (folder / model / f"{name}.csv").write_bytes(probabilities_csv(found, CLASSES, exclusive=True))
    start = [sys.executable, "-m", "trainer", "bouts", "label", str(folder), "--annotator", "anna", "--no-browser"]
    poses = [str(folder / "poses" / f"{name}.npy") for name in ("monday", "tuesday")]
    return [*start, "--poses", *poses, "--predictions", str(folder / "network"), str(folder / "second-network"), "--classes", *CLASSES]


def browser_driver() -> Any:
    """The tests' own driver of Chromium, which is in no package that is installed."""
    spec = importlib.util.spec_from_file_location("chromium", ROOT / "tests" / "trainer" / "chromium.py")
    assert spec is not None
    assert spec.loader is not None
    driver = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(driver)
    return driver


def offered(tab: Any) -> Image:
    """The page where a person has come to, with the most uncertain bout on hand."""
    tab.wait("document.querySelector('#agreement table') !== null")
    tab.key("w")
    tab.wait("!document.querySelector('#accept').disabled")
    for _ in range(3):
        tab.key("ArrowDown")
    tab.wait("document.querySelector('#stage').dataset.shown === `monday:${document.querySelector('#frame').value}`")
    tab.value("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    picture: Image = tab.screenshot()
    return picture


def _write_video(folder: Path, name: str, seed: int, *, frames: int) -> NDArray[np.bool_]:
    scene = RodentScene(seed, width=SIZE[1], height=SIZE[0])
    poses = np.full((frames, 1, 4, 3), np.nan, np.float32)
    on = np.zeros((frames, len(CLASSES)), bool)
    with VideoWriter(folder / f"{name}.mp4", rate=Fraction(FPS), size=SIZE) as video:
        for frame in range(frames):
            number = frame * EVERY
            video.write(scene.render(number))
            truth, doing = scene.truth(number), scene.doing(number)
            poses[frame, 0, truth.visible] = np.column_stack([truth.points, np.ones(4)])[truth.visible]
            on[frame] = [doing == each for each in CLASSES]
    np.save(folder / "poses" / f"{name}.npy", poses)
    return on


def _write_labels(folder: Path, name: str, on: NDArray[np.bool_], *, until: int) -> None:
    """Anna has labelled up to a frame; Bob everything, a little otherwise."""
    rng = np.random.default_rng(7)
    for person, end, spread in (("anna", until, 0), ("bob", len(on), 4)):
        bouts = []
        for bout in sorted(bouts_of_marks(on[:end].astype(np.int8), CLASSES)):
            first, stop = (int(edge + rng.integers(-spread, spread + 1)) for edge in (bout.first, bout.end))
            before = bouts[-1].end if bouts else 0
            if stop - max(first, before) > 3 and not (spread and rng.random() < 0.08):
                bouts.append(LabelledBout(name=bout.name, first=max(first, before), end=min(stop, end)))
        if end:
            judged = dict.fromkeys(CLASSES, ((0, end),))
            file = BoutFile(video=f"{name}.mp4", frames=len(on), fps=FPS, class_names=CLASSES, bouts=tuple(bouts), judged=judged)
            (folder / f"{name}.{person}.bouts.json").write_bytes(encode_bout_file(file))


def _probabilities(on: NDArray[np.bool_], *, seed: int) -> NDArray[np.float32]:
    """Of exclusive classes: smoothed truth with slow noise."""
    rng = np.random.default_rng(seed)
    logits = gaussian_filter1d(on.astype(float), 4, axis=0) * 7 + gaussian_filter1d(rng.normal(0, 7, on.shape), 9, axis=0)
    odds = np.exp(logits - 2.5)
    return np.asarray(odds / (1 + odds.sum(axis=1, keepdims=True)), np.float32)


if __name__ == "__main__":
    main()
