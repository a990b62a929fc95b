"""The pictures of docs/behaviour-learning.md, of what `bench/behaviour.py` keeps: `python bench/behaviour_pictures.py docs/images`."""

import argparse
from pathlib import Path

from behaviour import DATA, of_seed, table_of

from trainer.behaviour.video_table import read_videos
from trainer.behaviour_scores.behaviour_score import Cleaning, clean, score_behaviour
from trainer.ethogram.read_options import ReadOptions
from trainer.reports.behaviour_plots import curves_figure, ethogram_figure
from trainer.reports.plot_style import png

CLEANING = Cleaning(minimum_ms=500, gap_ms=500)


def main() -> None:
    """Draw videos that were left out, and the curves over all of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pictures", type=Path)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "behaviour", help="of bench/behaviour.py")
    parser.add_argument("--members", type=int, default=6, help="as there (%(default)s)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--videos", nargs="+", default=["8", "54"], help="in the ethogram (%(default)s)")
    options = parser.parse_args()
    whole = read_videos(table_of(options.data, options.out), asked=ReadOptions(channel="S1"), left_out=["base"])
    answers = of_seed(whole, options.out, options.seed, options.members)["videos"]
    shown = [video for video in answers if video.name in options.videos]
    ethogram = ethogram_figure(shown, [("network", shown), ("cleaned", clean(shown, CLEANING))])
    (options.pictures / "behaviour-ethogram.png").write_bytes(png(ethogram))
    curves = curves_figure(score_behaviour("network", answers))
    if curves is None:
        raise SystemExit("behaviour_pictures: no class can be told apart in what --out holds; run bench/behaviour.py to its end")
    (options.pictures / "behaviour-curves.png").write_bytes(png(curves))
    for video in score_behaviour("network", shown).classes:
        print(f"{video.name}: F1 {video.frames.f1:.3f} by frame on {', '.join(options.videos)}")


if __name__ == "__main__":
    main()
