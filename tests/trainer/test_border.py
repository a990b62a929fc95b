"""Points at the frame's border are found where they are: crops reach beyond the frame, and nothing of it is cut off."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from tests.trainer.learnable import GREY, labelled
from trainer.networks.backbone_heads import BackboneMaps
from trainer.networks.blocks import FrameShape
from trainer.networks.build import build
from trainer.networks.coarse_to_fine import CoarseToFine
from trainer.networks.decode import decode
from trainer.networks.planning import plan_network
from trainer.training.augment import UNCHANGED
from trainer.training.datasets import FAR_PX, Draw, FrameStore, TrainingFrames
from trainer.training.targets import gaussian, to_cells

AT_BORDER = [0.0, 0.4, 1.5, 2.7, 4.0, 6.3, 8.0]  # px
OFF_CELLS = 0.05  # the decoder's window cuts the tails of a peak between two cells by this much anywhere; at a cut border it was 0.9
SURE = -40.0  # logit of a cell that the point is not in, and of being absent


def places(height: int, width: int) -> torch.Tensor:
    """Points at the border and in the middle, (1, K, 2)."""
    across = [*AT_BORDER, width / 2, *(width - 1 - px for px in AT_BORDER)]
    down = [*AT_BORDER, height / 2, *(height - 1 - px for px in AT_BORDER)]
    return torch.tensor([[[x, y] for x in across for y in down]])


def found_on_perfect_maps(points: torch.Tensor, left: torch.Tensor, top: torch.Tensor, *, cell: int, grid: tuple[int, int]) -> torch.Tensor:
    """What is decoded from maps that are exactly what training asks for: (1, K, 3)."""
    cells = to_cells(points, left=left, top=top, cell=cell, grid=grid)
    assert bool(cells.inside.all())
    logits = torch.log(gaussian(cells, grid=grid, sigma=1.0)).clamp(min=SURE)
    return decode(logits, torch.full(logits.shape[:2], SURE), (left, top), cell=cell)[:, 0]


@pytest.mark.parametrize(("extent", "size"), [(60, (92, 100)), (60, (480, 640)), (390, (406, 396))], ids=["small", "large", "all of it"])
def test_a_point_at_the_border_is_where_a_perfect_map_says(extent: int, size: tuple[int, int]) -> None:
    height, width = size
    frame = FrameShape(height=height, width=width, channels=1)
    plan = plan_network(np.array([[[[0.0, 0.0], [extent, 0.0]]]]), frame, network="compact", head="heatmap", view="crop")
    network = build(plan)
    assert isinstance(network, CoarseToFine)
    for point in places(height, width)[0]:
        corner = (point + 0.5).long() // network.finder.cell
        row, column = corner[1].clamp(max=network.finder.rows - 1), corner[0].clamp(max=network.finder.columns - 1)
        left, top = network.finder.around(row[None], column[None])
        grid = (plan.crop.height // network.cell, plan.crop.width // network.cell)
        pose = found_on_perfect_maps(point[None, None], left, top, cell=network.cell, grid=grid)
        assert pose[0, 0, :2].tolist() == pytest.approx(point.tolist(), abs=OFF_CELLS * network.cell)


@pytest.mark.parametrize(("axis", "far"), [(0, False), (1, False), (0, True), (1, True)], ids=["left", "top", "right", "bottom"])
def test_padding_and_window_pull_points_at_no_border_inwards(axis: int, far: bool) -> None:
    """What is left of a bias there is of the training: from perfect maps there is none, averaged over the places within 4 px."""
    size = (100, 92)
    plan = plan_network(
        np.array([[[[0.0, 0.0], [44.0, 0.0]]]]),
        FrameShape(height=92, width=100, channels=1),
        network="compact",
        head="heatmap",
        view="crop",
    )
    network = build(plan)
    assert isinstance(network, CoarseToFine)
    off = torch.arange(0.05, 4, 0.1)
    points = torch.full((1, len(off), 2), 46.0)
    points[0, :, axis] = size[axis] - 1 - off if far else off
    middle = torch.tensor([46, 46])
    middle[axis] = size[axis] - 14 if far else 13  # of an animal whose head is at the border
    left, top = network.finder.around(middle[1:] // network.finder.cell, middle[:1] // network.finder.cell)
    grid = (plan.crop.height // network.cell, plan.crop.width // network.cell)
    found = found_on_perfect_maps(points, left, top, cell=network.cell, grid=grid)
    inwards = (found[0, :, axis] - points[0, :, axis]) * (-1 if far else 1)
    assert abs(float(inwards.mean())) < 0.01


def test_a_network_of_the_whole_frame_has_whole_peaks_at_its_border() -> None:
    labels = np.array([[[[5.0, 5.0], [60.0, 60.0]]]])
    plan = plan_network(labels, FrameShape(height=92, width=100, channels=1), network="resnet18", head="heatmap", view="full")
    network = build(plan).eval()
    assert isinstance(network, BackboneMaps)
    frames = torch.zeros(1, 92, 100, 1, dtype=torch.uint8)
    with torch.no_grad():
        left, top = network.corners(frames)
        grid = network.maps(frames, left, top).points.shape[2:]
    points = places(92, 100)
    poses = found_on_perfect_maps(points, left, top, cell=network.cell, grid=(grid[0], grid[1]))
    assert (poses[..., :2] - points).abs().max() < OFF_CELLS * network.cell


@torch.no_grad()
def test_what_a_crop_shows_beyond_the_frame_is_its_border() -> None:
    plan = plan_network(
        np.array([[[[0.0, 0.0], [90.0, 80.0]]]]),
        FrameShape(height=92, width=100, channels=1),
        network="compact",
        head="heatmap",
        view="crop",
    )
    network = build(plan)
    assert isinstance(network, CoarseToFine)
    image = np.random.default_rng(0).integers(0, 256, (92, 100), dtype=np.uint8)
    left, top = network.finder.around(torch.tensor([0]), torch.tensor([0]))
    cut = network.finder.crop(torch.from_numpy(image).float()[None, None], left, top)
    around = cv2.copyMakeBorder(image, 200, 200, 200, 200, cv2.BORDER_REPLICATE)
    expected = around[int(top) + 200 :, int(left) + 200 :][: plan.crop.height, : plan.crop.width]
    assert torch.equal(cut[0, 0], torch.from_numpy(expected).float() / 255.0 - 0.5)


@pytest.mark.parametrize(
    ("x", "there"), [(0.0, True), (-3.0, True), (-6.0, False), (127.0, True), (131.0, True), (134.0, False), (float("nan"), True)]
)
def test_a_point_further_than_a_cell_beyond_the_frame_is_absent(tmp_path: Path, x: float, there: bool) -> None:
    frames = labelled(tmp_path, 1)
    frames.points[0, 0, 0] = x, 40.0
    plan = plan_network(frames.points, FrameShape(height=96, width=128, channels=1), network="compact", head="heatmap", view="crop")
    made = TrainingFrames(FrameStore(frames, GREY), crop=plan.crop, settings=UNCHANGED, seed=0)[Draw(0, 0, 0)]
    assert (made.points[0, 0].tolist() == [FAR_PX, FAR_PX]) is not there
