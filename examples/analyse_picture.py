"""The picture of docs/analyse.md: three synthetic videos, two of which something is wrong with, analysed with the bundle of `make demo`.

    python examples/analyse_picture.py --demo demo --out docs/images/analysed.webp

Needs Chromium, which takes the picture of the page.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
from fractions import Fraction
from pathlib import Path

import numpy as np
from PIL import Image as Pillow

from tracker.frame import Image
from tracker.synthetic.rodent import RodentScene
from trainer.video_files.writer import VideoWriter

FRAMES, RATE, SIZE = 600, 100, (480, 640)  # (height, width)
WINDOW = "1000,1190"


def write_videos(folder: Path) -> list[Path]:
    """One as it should be, one whose light goes out in the middle, and one through a lens that is out of focus and dim."""
    scene = RodentScene(3, width=SIZE[1], height=SIZE[0])

    def lights_out(image: Image, number: int) -> Image:
        return np.asarray(image // 12 if 200 <= number < 420 else image, np.uint8)

    def dim(image: Image, _: int) -> Image:
        return np.asarray(image // 3 + 20, np.uint8)

    paths = []
    for name, change in (("monday", lambda image, _: image), ("tuesday-lights-out", lights_out), ("wednesday-dim", dim)):
        paths.append(folder / f"{name}.mp4")
        with VideoWriter(paths[-1], rate=Fraction(RATE), size=SIZE) as video:
            for number in range(FRAMES):
                video.write(change(scene.render(number), number))
    return paths


def main() -> None:
    """Write, analyse, take the picture."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--demo", type=Path, default=Path("demo"), help="where `make demo` left its files; a bundle is `model` in it")
    parser.add_argument("--bundle", type=Path, help="another bundle")
    parser.add_argument("--out", type=Path, default=Path("docs/images/analysed.webp"))
    options = parser.parse_args()
    browser = shutil.which("chromium")
    if browser is None:
        sys.exit("no Chromium on this machine: apt-get install chromium")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        videos = [str(path) for path in write_videos(folder)]
        out = folder / "analysed"
        bundle = str(options.bundle or options.demo / "model")
        subprocess.run([sys.executable, "-m", "tracker", "analyse", *videos, "--bundle", bundle, "--out", str(out)], check=True)
        page = out / "index.html"
        page.write_text(page.read_text().replace(str(folder), "/data"))
        flags = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", f"--window-size={WINDOW}"]
        subprocess.run([browser, *flags, f"--screenshot={folder / 'page.png'}", page.as_uri()], check=True, stderr=subprocess.DEVNULL)
        with Pillow.open(folder / "page.png") as picture:
            picture.save(options.out, quality=85, method=6)


if __name__ == "__main__":
    main()
