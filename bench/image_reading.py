"""How fast labelled images are read from arrays, from a video and from an image a file, and how fast a network then goes through trials.

    python bench/image_reading.py --out results/image-reading [--frames 4000] [--turns 5]

Renders one trial of the whisker and pole, stores the same frames in the three ways, and reads them as `trainer fit --task behaviour
--region SIDE --follow pole` does, by turns. `through` is the whole way of curation: the video read and cut, every square through the
network's step, every frame decided. The network is trained for an epoch alone, since what it says does not matter here.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable
from fractions import Fraction
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from rich.console import Console

from tracker.bundle import read_bundle
from trainer.behaviour.answers import decisions_of
from trainer.behaviour.division import DivisionAsked
from trainer.ethogram.read_options import ReadOptions
from trainer.formats.write_whisker_set import POLE, TABLE_FILE, write_whisker_set
from trainer.image_behaviour.classes_asked import ClassesAsked
from trainer.image_behaviour.image_request import ImageRequest
from trainer.image_behaviour.image_videos import ImageVideo
from trainer.image_behaviour.make_image_bundle import make_image_bundle
from trainer.image_behaviour.read_images import read_image_videos
from trainer.image_behaviour.region import RegionAsked
from trainer.image_behaviour.settings import ImageSettings
from trainer.video_files.writer import VideoWriter

KINDS = ("array", "video", "files")
FPS = 1000


def write_kinds(out: Path, frames: int) -> dict[str, Path]:
    """The same frames in every way, each with its table; a set that is there is used again."""
    tables = {kind: out / f"{kind}.csv" for kind in KINDS}
    if all(table.exists() for table in tables.values()):
        return tables
    write_whisker_set(out, count=frames, seed=1, trial_frames=frames)
    header, row = (out / TABLE_FILE).read_text().split()
    images = np.load(out / "trial0000-images.npy")
    (out / "images").mkdir(exist_ok=True)
    with VideoWriter(out / "trial0000.mp4", rate=Fraction(FPS), size=images.shape[1:]) as video:
        for number, image in enumerate(images):
            cv2.imwrite(str(out / "images" / f"{number:06d}.png"), image)
            video.write(image)
    places = {"array": "trial0000-images.npy", "video": "trial0000.mp4", "files": "images"}
    for kind, place in places.items():
        tables[kind].write_text(f"{header}\n{row.replace('trial0000-images.npy', place)}\n")
    return tables


def read(table: Path, region: RegionAsked) -> ImageVideo:
    """The trial of a table, cut."""
    (video,) = read_image_videos(table, region, asked=ReadOptions(), classes=ClassesAsked()).videos
    return video


def bundle_of(table: Path, out: Path, region: RegionAsked) -> Path:
    """Train for an epoch, unless that was done."""
    if not (out / "bundle.json").exists():
        settings = ImageSettings(epochs=1, lags=(1, 2, 4), mirror=False, batch=32)
        asked = ImageRequest(
            data=table,
            out=out,
            region=region,
            settings=settings,
            asked=ReadOptions(),
            division=DivisionAsked(by="block"),
            proved_frames=20,
            reference=False,
        )
        make_image_bundle(asked, Console(stderr=True, soft_wrap=True))
    return out


def main() -> None:
    """Write, read by turns, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "image-reading")
    parser.add_argument("--frames", type=int, default=4000, help="of the trial (%(default)s)")
    parser.add_argument("--side", type=int, default=61, help="of the square around the pole, px (%(default)s)")
    parser.add_argument("--turns", type=int, default=5, help="a first one is not counted (%(default)s)")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    region = RegionAsked(side=options.side, follow=POLE)
    tables = write_kinds(options.out / "set", options.frames)
    bundle = read_bundle(bundle_of(tables["array"], options.out / "bundle", region))
    contenders: dict[str, Callable[[], object]] = {kind: partial(read, table, region) for kind, table in tables.items()}
    contenders["through"] = lambda: decisions_of(bundle, [read(tables["video"], region)], say=lambda _: None)
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    for turn in range(options.turns + 1):
        for name, run in contenders.items():
            began = time.perf_counter()
            run()
            if turn:
                seconds[name].append(time.perf_counter() - began)
    median = {name: statistics.median(each) for name, each in seconds.items()}
    found = {
        "frames": options.frames,
        "seconds": median,
        "frames_per_second": {name: options.frames / each for name, each in median.items()},
        "of_the_array": {name: median["array"] / each for name, each in median.items()},
        "trials_of_4000_frames_a_minute": 60 / (median["through"] * 4000 / options.frames),
    }
    if options.json:
        print(json.dumps(found))
        return
    for name, rate in found["frames_per_second"].items():
        print(f"{name:<8} {rate:9.0f} frames a second, {found['of_the_array'][name]:.2f} of the array's")
    print(f"{found['trials_of_4000_frames_a_minute']:.1f} trials of 4000 frames a minute")


if __name__ == "__main__":
    main()
