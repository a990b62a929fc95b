"""The picture of docs/labelling.md: synthetic frames on the labelling page, with a bundle's offers and the loupe on a point that is moved.

    make demo
    python examples/label_picture.py --bundle demo/model --out docs/images/label.webp

Needs Chromium, which takes the picture of the page.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image as Pillow
from timeline_picture import browser_driver

from tracker.frame import Image
from tracker.synthetic.rodent import RodentScene
from trainer.project.layer import Place
from trainer.project.store import FrameLabel, Layer, Project, create_project
from trainer.video_files.writer import VideoWriter

ROOT = Path(__file__).resolve().parents[1]
SIZE, EVERY, FRAMES = (480, 640), 3, 360  # (height, width); every third frame of a scene at 90 frames per second
CHOSEN = {"monday": range(12, 340, 24), "tuesday": range(10, 310, 32)}
BEGUN = 204  # of monday: its snout is placed, its left ear about to be
WINDOW = (1180, 720)


def main() -> None:
    """Make the project, open the page, take the picture."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bundle", type=Path, required=True, help="of the demo")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "images" / "label.webp")
    options = parser.parse_args()
    driver = browser_driver()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        ear = write_project(folder)
        command = [sys.executable, "-m", "trainer", "label", str(folder / "arena"), "--annotator", "ann", "--no-browser", "--port", "0"]
        command += ["--bundle", str(options.bundle.resolve()), "--videos", str(folder)]
        with (
            subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as server,
            driver.Chromium(folder / "profile") as browser,
        ):
            try:
                assert server.stdout is not None
                tab = browser.open(server.stdout.readline().strip(), width=WINDOW[0], height=WINDOW[1])
                Pillow.fromarray(moved(tab, ear)).save(options.out, quality=88, method=6)
            finally:
                server.kill()


def write_project(folder: Path) -> tuple[float, float]:
    """Two videos and a project of frames of them, some labelled; where the left ear of the frame to show is."""
    scenes = {name: RodentScene(seed, width=SIZE[1], height=SIZE[0]) for seed, name in enumerate(CHOSEN, 11)}
    names = RodentScene.point_names
    project = create_project(folder / "arena", point_names=names, skeleton=RodentScene.skeleton, tags=("rearing", "grooming", "nose-poke"))
    for name, scene in scenes.items():
        with VideoWriter(folder / f"{name}.mp4", rate=Fraction(30), size=SIZE) as video:
            for number in range(FRAMES):
                video.write(scene.render(number * EVERY))
        project.add_frames(Path(f"{name}.mp4"), ((number, scene.render(number * EVERY)) for number in CHOSEN[name]), why="k-means")
    labels = {**_labels(project, "monday", scenes["monday"], count=7), **_labels(project, "tuesday", scenes["tuesday"], count=3)}
    images = {number: project.image_of("monday.mp4", number) for number in CHOSEN["monday"]}
    labels[images[84]] = FrameLabel(excluded=True)
    labels[images[36]].tags.append("rearing")
    swapped = labels[project.image_of("tuesday.mp4", 42)].animals[0]
    swapped["left_ear"], swapped["right_ear"] = swapped["right_ear"], swapped["left_ear"]
    labels[project.image_of("tuesday.mp4", 138)] = FrameLabel(to_decide=True)
    places = scenes["monday"].truth(BEGUN * EVERY).points.tolist()
    labels[images[BEGUN]] = FrameLabel(animals=[{"snout": tuple(places[0])}])
    project.write_layer(Layer(annotator="ann", frames=labels))
    return places[1][0], places[1][1]


def _labels(project: Project, name: str, scene: RodentScene, *, count: int) -> dict[str, FrameLabel]:
    """The first frames of a video as a person labels them: within a pixel or so."""
    rng = np.random.default_rng(3)
    found = {}
    for number in list(CHOSEN[name])[:count]:
        points = scene.truth(number * EVERY).points + rng.normal(0, 0.6, (4, 2))
        placed: dict[str, Place] = {point: (float(x), float(y)) for point, (x, y) in zip(scene.point_names, points, strict=True)}
        found[project.image_of(f"{name}.mp4", number)] = FrameLabel(animals=[placed])
    return found


def moved(tab: Any, ear: tuple[float, float]) -> Image:
    """The page while the left ear, just placed beside its place, is pulled onto it."""
    tab.wait("document.querySelector('#stage')?.dataset.shown")
    row = f"[...document.querySelectorAll('#frames .frame')].find(row => row.children[1].textContent === '{BEGUN}')"
    box = json.loads(tab.value(f"JSON.stringify({row}.getBoundingClientRect())"))
    tab.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    tab.wait(f"document.querySelector('#stage').dataset.shown.endsWith('{BEGUN:06d}.png')")
    tab.wait("!document.querySelector('#ranking').textContent.includes('compared')")
    tab.wait_text("#prediction", "offered")
    tab.key("2")
    tab.click(*on_screen(tab, ear[0] - 3, ear[1] + 2))
    tab.mouse("Pressed", *on_screen(tab, ear[0] - 3, ear[1] + 2))
    tab.mouse("Moved", *on_screen(tab, *ear))
    tab.value("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    picture: Image = tab.screenshot()
    return picture


def on_screen(tab: Any, x: float, y: float) -> tuple[float, float]:
    """Where a place of the picture is on the screen."""
    scale, left, top = json.loads(tab.value("document.querySelector('#stage').dataset.view"))
    return left + (x + 0.5) * scale, top + (y + 0.5) * scale


if __name__ == "__main__":
    main()
