"""What a network sees of the key points, from the labels: which lie together, and how coarsely each is seen."""

from dataclasses import replace
from pathlib import Path

import numpy as np
from rich.console import Console

from tests.trainer.scored import noise_frames
from trainer.formats.read_labels import read_labels
from trainer.formats.write_synthetic_set import write_synthetic_set
from trainer.labels.labelled_frames import LabelledFrames
from trainer.labels.split import Split
from trainer.networks.blocks import FrameShape
from trainer.networks.planning import plan_network
from trainer.pipeline.bundle_request import BundleRequest
from trainer.pipeline.train_and_write import _print_labels
from trainer.pipeline.training_verdict import trained_as
from trainer.scoring.correct_radius import Judging
from trainer.training.fit_settings import FitSettings
from trainer.training.seen_points import point_groups, seen_px

NAMES = ("snout", "back", "tail", "lever", "hinge")


def rat_and_lever(folder: Path, count: int = 60) -> LabelledFrames:
    """A rat of 320 px that turns about, in frames of 832x747, and a lever of 30 px in a corner that hardly moves."""
    rng = np.random.default_rng(0)
    turn, middle = rng.uniform(0, 2 * np.pi, count), rng.uniform([200, 200], [600, 500], (count, 2))
    axis = np.stack([np.cos(turn), np.sin(turn)], 1)
    lever = np.array([60.0, 680.0]) + rng.normal(0, 1, (count, 2))
    places = [middle + axis * 160, middle, middle - axis * 160, lever, lever + np.array([30, 0])]
    frames = noise_frames(folder, 1, names=NAMES)
    return replace(
        frames,
        images=frames.images * count,
        points=np.stack(places, 1)[:, None],
        hidden=np.zeros((count, 1, len(NAMES)), bool),
        tags=frames.tags * count,
        group=frames.group * count,
        order=np.arange(count),
        size=(747, 832),
    )


def request(frames: LabelledFrames, folder: Path) -> BundleRequest:
    learnt = np.arange(len(frames))
    return BundleRequest(
        data=(folder,),
        fit_options=(),
        frames=frames,
        parts=Split(train=learnt, held_out=learnt[:0], description="all"),
        source="labels",
        floor=None,
        out=folder / "out",
        run=folder / "run",
        settings=FitSettings(),
        judging=Judging(),
        anew=False,
    )


def test_the_hand_is_judged_by_its_own_length_before_any_training(tmp_path: Path) -> None:
    data = tmp_path / "reach"
    write_synthetic_set(data, scene="reach", count=20, seed=0, width=448, height=400, rectangles=1)
    made = request(read_labels(data), tmp_path)
    assert made.radii.px == (1.0,) * 6
    console = Console(record=True, width=400)
    _print_labels(made, console)
    assert "within 1 px of its label (2% of the length of each point's group: " in console.export_text()


def test_frames_too_small_to_crop_from_have_one_group(tmp_path: Path) -> None:
    tiny = replace(noise_frames(tmp_path, 12), size=(24, 24))
    assert point_groups(tiny) == ((0, 1),)


def test_each_point_is_seen_as_its_own_crop_and_its_own_images_are_reduced(tmp_path: Path) -> None:
    frames = rat_and_lever(tmp_path)
    plan = plan_network(frames.points, FrameShape(height=747, width=832, channels=1), network="compact", head="heatmap", view="crop")
    assert seen_px(plan, frames) == (3.0, 3.0, 3.0, 1.0, 1.0)
    twice = replace(frames, points=frames.points * 2, sizes=((1494, 1664),) * len(frames))
    assert seen_px(plan, twice) == (6.0, 6.0, 6.0, 2.0, 2.0), "images that are fitted to a frame of half their size"
    kept = trained_as(FitSettings(), plan, labels=frames, options=())
    assert kept.points_seen(5) == (3.0, 3.0, 3.0, 1.0, 1.0)
    assert kept.crops == 2
    assert kept.finer_times is not None
    assert 20 < kept.finer_times < 2000, "resnet18 computes the whole frame where ours computes two crops"
    fine = replace(frames, points=frames.points / 3, size=(249, 277))
    small = plan_network(fine.points, FrameShape(height=249, width=277, channels=1), network="compact", head="heatmap", view="crop")
    assert trained_as(FitSettings(), small, labels=fine, options=()).finer_times is None, "nothing to gain, so nothing is built"
    older = replace(kept, points_seen_px=())
    assert older.points_seen(5) == (3.0,) * 5, "figures from before have the coarsest alone"
    assert replace(older, seen_px=None).points_seen(5) == ()
