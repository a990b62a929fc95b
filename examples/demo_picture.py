"""The moving picture of the README: some seconds of the synthetic rig, tracked live with the bundle that `make demo` trained.

    python examples/demo_picture.py --demo demo --out docs/images/tracking.webp

Every frame of it is drawn from what a subscriber received. Rate and latency in it are those of the machine that it is made on.
"""

import argparse
import sys
from pathlib import Path

from demo_report import overlaid
from demo_tracking import FULL_RATE_HZ, Run, count_frames, fastest_run, open_run, talk, track
from PIL import Image as Pillow

from tracker.errors import RigtrackError
from tracker.frame import Image

BEGIN, END = 650, 1300  # frames shown: one whole cycle of the synthetic animal's moves, after the figures have settled
EVERY = 5  # frames: 20 pictures a second
QUALITY = 55  # of the lossy WebP frames: about 1 MB in all


def main() -> int:
    """Track, draw and write; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--demo", type=Path, default=Path("demo"), help="what `make demo` left")
    parser.add_argument("--out", type=Path, required=True, help="the picture, .webp or .gif")
    options = parser.parse_args()
    try:
        write_moving(options.out, pictures(fastest_run(options.demo), options.demo))
    except RigtrackError as problem:
        talk.print(f"demo_picture: {problem}", style="red", markup=False, soft_wrap=True)
        return 1
    talk.print(f"{options.out}: {options.out.stat().st_size / 1e6:.2f} MB", markup=False)
    return 0


def pictures(held: Run, demo: Path) -> list[Image]:
    """The frames to show, uint8 (h, w, 3) RGB, tracked at the rate that this machine holds."""
    run = open_run(demo, slower=round(FULL_RATE_HZ / held.rate_hz), frames=END, name="picture.yaml")
    heard = track(run)
    missing = count_frames(heard, run).not_tracked
    if missing or not all(number in heard.poses for number in range(BEGIN, END - EVERY)):
        raise RigtrackError(f"{missing} frames were not tracked; close other programs and make the picture again")
    return [overlaid(run.scene, heard.poses, number, statuses=heard.statuses, events=heard.events) for number in range(BEGIN, END, EVERY)]


def write_moving(path: Path, frames: list[Image]) -> None:
    """Write an endless animation that moves as fast as the animal does at the full rate."""
    first, *others = (Pillow.fromarray(frame) for frame in frames)
    first.save(path, save_all=True, append_images=others, duration=round(1000 * EVERY / FULL_RATE_HZ), loop=0, quality=QUALITY, method=6)


if __name__ == "__main__":
    sys.exit(main())
