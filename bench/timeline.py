"""How quickly the timeline answers: half an hour of video at 30 frames per second, 500 bouts, two models.

    python bench/timeline.py --bouts 500

Needs Chromium. Times are from a key in the page to the next repaint after the frame's picture was drawn.
"""

import argparse
import importlib.util
import json
import subprocess
import sys
import tempfile
import time
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from trainer.behaviour_scores.probability_file import probabilities_csv
from trainer.ethogram.bout_file import BoutFile, LabelledBout, encode_bout_file
from trainer.video_files.writer import VideoWriter

ROOT = Path(__file__).resolve().parents[1]
CLASSES = ("groom", "rear", "walk", "dig")
FPS, SIZE = 30, (240, 320)
HELD = 40  # frames for which a model says the same
READY = "document.querySelector('#rows')?.dataset.rows?.includes('model') && document.querySelector('#stage').dataset.shown > ''"
MEASURE = """
(async () => {
  const painted = () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
  const shown = () => document.querySelector('#stage').dataset.shown === 'long:' + document.querySelector('#frame').value;
  const press = async (key, more) => {
    const begin = performance.now();
    const code = /[0-9]/.test(key) ? 'Digit' + key : '';
    document.body.dispatchEvent(new KeyboardEvent('keydown', { key, code, bubbles: true, ...more }));
    while (!shown()) await new Promise(requestAnimationFrame);
    await painted();
    return performance.now() - begin;
  };
  const rounds = async (count, call) => {
    const found = [];
    for (let n = 0; n < Math.min(count, MOST); n++) found.push(await call(n));
    return found;
  };
  const found = {};
  found.idle = await rounds(40, async () => { const begin = performance.now(); await painted(); return performance.now() - begin; });
  found.step = await rounds(60, () => press('ArrowRight'));
  found.second = await rounds(30, () => press('ArrowRight', { ctrlKey: true }));
  found.bout = await rounds(30, () => press('n'));
  found.edit = await rounds(40, (n) => press('1'));
  found.zoom = await rounds(16, (n) => press(n % 2 ? 'ArrowDown' : 'ArrowUp'));
  return JSON.stringify(found);
})()
"""


def main() -> None:
    """Write, open, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=54_000, help="of the video (%(default)s)")
    parser.add_argument("--bouts", type=int, default=500, help="labelled in it (%(default)s)")
    parser.add_argument("--rounds", type=int, default=60, help="of each measurement, at most (%(default)s)")
    options = parser.parse_args()
    driver = browser_driver()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_all(folder, frames=options.frames, bouts=options.bouts)
        command = [sys.executable, "-m", "trainer", "bouts", "label", str(folder / "long.mp4"), "--annotator", "ann", "--no-browser"]
        command += ["--predictions", str(folder / "net"), str(folder / "net2")]
        profile = folder / "profile"
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as server, driver.Chromium(profile) as browser:
            try:
                begin = time.monotonic()
                assert server.stdout is not None
                address = server.stdout.readline().strip()
                print(f"server: {time.monotonic() - begin:.1f} s until it answers")
                begin = time.monotonic()
                tab = browser.open(address)
                tab.wait(READY)
                print(f"page: {time.monotonic() - begin:.1f} s until everything is shown; {tab.text('#offer-count')}")
                for what, times in json.loads(tab.value(MEASURE.replace("MOST", str(options.rounds)))).items():
                    print(f"{what}: p50 {np.percentile(times, 50):.0f} ms, p95 {np.percentile(times, 95):.0f} ms of {len(times)}")
            finally:
                server.kill()


def write_all(folder: Path, *, frames: int, bouts: int) -> None:
    """A video, labels, and the tables of two models."""
    picture = np.full(SIZE, 60, np.uint8)
    with VideoWriter(folder / "long.mp4", rate=Fraction(FPS), size=SIZE) as video:
        for number in range(frames):
            image = picture.copy()
            x, y = 20 + number % 280, 20 + (number // 7) % 200
            image[y : y + 16, x : x + 16] = 230
            video.write(image)
    every = frames // bouts
    marked = [
        LabelledBout(name=CLASSES[number % len(CLASSES)], first=number * every, end=number * every + every // 2) for number in range(bouts)
    ]
    file = BoutFile(video="long.mp4", frames=frames, fps=FPS, class_names=CLASSES, bouts=tuple(marked))
    (folder / "long.ann.bouts.json").write_bytes(encode_bout_file(file))
    for seed, name in enumerate(("net", "net2")):
        (folder / name).mkdir()
        whole = np.random.default_rng(seed).dirichlet(np.full(len(CLASSES) + 1, 0.3), -(-frames // HELD))
        found = np.repeat(whole[:, : len(CLASSES)], HELD, axis=0)[:frames].astype(np.float32)
        (folder / name / "long.csv").write_bytes(probabilities_csv(found, CLASSES, exclusive=True))


def browser_driver() -> Any:
    """The tests' own driver of Chromium, which is in no package that is installed."""
    spec = importlib.util.spec_from_file_location("chromium", ROOT / "tests" / "trainer" / "chromium.py")
    assert spec is not None
    assert spec.loader is not None
    driver = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(driver)
    return driver


if __name__ == "__main__":
    main()
