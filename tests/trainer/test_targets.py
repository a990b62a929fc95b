"""Targets and losses: what a label becomes, and what counts."""

import itertools
import math
from typing import Literal

import onnx
import pytest
import torch
from torch import nn

from trainer.networks.blocks import CropPlan, FrameShape
from trainer.networks.build import NetworkPlan, build
from trainer.networks.coarse import Finder, best_place, means_of_squares
from trainer.networks.coarse_to_fine import CoarseToFine
from trainer.networks.decode import Maps
from trainer.networks.onnx_graph import onnx_graph
from trainer.training.losses import Batch, LossSettings, coarse_loss, heatmap_loss, map_loss, xy_loss
from trainer.training.targets import centre, disk, gaussian, to_cells

FRAME = FrameShape(height=96, width=128, channels=1)
CROP = CropPlan(height=64, width=64, shrink=1, pool=4)
NAN = math.nan
ZERO = torch.zeros(1, dtype=torch.int64)


def batch(points: list[list[float]]) -> Batch:
    return Batch(torch.zeros(1, 96, 128, 1, dtype=torch.uint8), torch.tensor([[points]]), ZERO, ZERO)


def test_a_gaussian_is_a_density_peaked_at_the_label() -> None:
    cells = to_cells(torch.tensor([[[21.0, 37.0]]]), left=ZERO, top=ZERO, cell=4, grid=(16, 16))
    density = gaussian(cells, grid=(16, 16), sigma=1.0)[0, 0]
    assert float(density.sum()) == pytest.approx(1.0, abs=1e-5)
    row, column = divmod(int(density.argmax()), 16)
    assert (row, column) == (9, 5)  # 37 // 4, 21 // 4
    mean_x = float((density.sum(0) * torch.arange(16)).sum())
    assert (mean_x + 0.5) * 4 - 0.5 == pytest.approx(21.0, abs=0.01)


def test_a_loop_over_every_cell_gives_the_same_gaussian() -> None:
    points = torch.tensor([[[21.3, 37.8], [50.1, 6.2]]])
    cells = to_cells(points, left=ZERO, top=ZERO, cell=4, grid=(12, 16))
    fast = gaussian(cells, grid=(12, 16), sigma=1.3)
    for point in range(2):
        x, y = float(cells.x[0, point]), float(cells.y[0, point])
        slow = torch.tensor([[math.exp(-((c - x) ** 2 + (r - y) ** 2) / (2 * 1.3**2)) for c in range(16)] for r in range(12)])
        assert torch.allclose(fast[0, point], slow / slow.sum(), atol=1e-6)


def test_a_disk_is_even_and_a_density() -> None:
    """The same as a loop over every cell; a disk narrower than a cell still has one."""
    points = torch.tensor([[[21.3, 37.8], [1.0, 2.0], [NAN, NAN], [900.0, 3.0]]])
    cells = to_cells(points, left=ZERO, top=ZERO, cell=4, grid=(12, 16))
    fast = disk(cells, grid=(12, 16), radius=2.0)[0]
    for point in range(2):
        x, y = float(cells.x[0, point]), float(cells.y[0, point])
        slow = torch.tensor([[float((c - x) ** 2 + (r - y) ** 2 <= 4) for c in range(16)] for r in range(12)])
        assert torch.allclose(fast[point], slow / slow.sum(), atol=1e-6)
    assert not fast[2:].any()
    assert disk(cells, grid=(12, 16), radius=1.0)[0, :2].sum((1, 2)).tolist() == pytest.approx([1.0, 1.0])


@pytest.mark.parametrize("target", ["gaussian", "disk"])
def test_the_mse_of_maps_is_one_for_an_empty_map_and_zero_for_the_target(target: Literal["gaussian", "disk"]) -> None:
    cells = to_cells(torch.tensor([[[21.0, 37.0]]]), left=ZERO, top=ZERO, cell=4, grid=(16, 16))
    settings = LossSettings(maps="mse", target=target, distance=0.0, normaliser=0.0)
    empty = Maps(torch.zeros(1, 1, 16, 16), torch.zeros(1, 1))
    drawn = gaussian(cells, grid=(16, 16), sigma=1.0) if target == "gaussian" else disk(cells, grid=(16, 16), radius=2.0)
    perfect = Maps(drawn.clamp_min(1e-12).log(), torch.full((1, 1), -30.0))
    assert float(map_loss(perfect, cells, settings)) == pytest.approx(0.0, abs=1e-4)
    assert float(map_loss(empty, cells, settings)) == pytest.approx(1.0, abs=0.1)


@pytest.mark.parametrize(
    ("point", "labelled", "inside"),
    [([20.0, 20.0], True, True), ([-3.0, 20.0], True, False), ([64.0, 20.0], True, False), ([NAN, NAN], False, False)],
    ids=["inside", "left of the crop", "right of the crop", "missing"],
)
def test_missing_and_outside_are_told_apart(point: list[float], *, labelled: bool, inside: bool) -> None:
    cells = to_cells(torch.tensor([[point]]), left=ZERO, top=ZERO, cell=4, grid=(16, 16))
    assert bool(cells.labelled) is labelled
    assert bool(cells.inside) is inside
    assert float(gaussian(cells, grid=(16, 16), sigma=1.0).sum()) == pytest.approx(1.0 if inside else 0.0, abs=1e-5)


def test_the_centre_counts_only_points_that_are_in_the_frame() -> None:
    points = torch.tensor([[[10.0, 10.0], [30.0, 50.0], [NAN, NAN], [-500.0, 3.0]]])
    assert centre(points, width=128, height=96)[0, 0].tolist() == [20.0, 30.0]
    assert torch.isnan(centre(torch.full((1, 2, 2), -1e4), width=128, height=96)).all()


@pytest.mark.parametrize("head", ["heatmap", "xy"])
def test_a_missing_label_counts_nothing(head: str) -> None:
    torch.manual_seed(0)
    network = build(NetworkPlan(head=head, points=2, frame=FRAME, crop=CROP))
    loss = heatmap_loss if head == "heatmap" else xy_loss
    missing = batch([[20.0, 20.0], [NAN, NAN]])
    loss(network, missing, LossSettings(coarse=0.0)).backward()
    gradient = network.get_parameter("head.bias" if head == "heatmap" else "head.3.bias").grad
    assert gradient is not None
    assert torch.isfinite(gradient).all()
    of_the_missing = gradient[1] if head == "heatmap" else gradient[3:]
    assert not of_the_missing.any()
    assert gradient.any() if head == "xy" else True


def test_a_point_outside_the_crop_raises_its_absent_answer() -> None:
    torch.manual_seed(0)
    network = build(NetworkPlan(head="heatmap", points=2, frame=FRAME, crop=CROP))
    heatmap_loss(network, batch([[20.0, 20.0], [120.0, 20.0]]), LossSettings()).backward()
    gradient = network.get_parameter("absent.bias").grad
    assert gradient is not None
    assert gradient[0] > 0 > gradient[1]  # descent lowers the first and raises the second


def test_a_frame_without_the_animal_teaches_the_coarse_stage_nothing() -> None:
    finder = Finder(FRAME, CROP)
    logits = torch.zeros(1, 1, finder.rows, finder.columns, requires_grad=True)
    coarse_loss(finder, logits, batch([[-1e4, -1e4]])).backward()
    assert logits.grad is not None
    assert not logits.grad.any()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
@pytest.mark.parametrize(("x", "y"), [(64.0, 48.0), (66.0, 51.0), (71.0, 45.0), (60.0, 52.0)])
def test_a_crop_is_laid_around_the_middle_not_around_the_best_cell(x: float, y: float, dtype: torch.dtype) -> None:
    finder = Finder(FRAME, CROP)
    cells = to_cells(torch.tensor([[[x, y]]]), left=ZERO, top=ZERO, cell=finder.cell, grid=(finder.rows, finder.columns))
    seen = gaussian(cells, grid=(finder.rows, finder.columns), sigma=1.0).clamp(min=1e-9).log().to(dtype)
    far_off = seen[..., :1, :1].clone() + 20  # another peak, lower than the best
    seen[..., :1, :1] = far_off.clamp(max=float(seen.max()) - 1)
    left, top = finder.corners(seen)
    # crops move by whole steps of 4 px: half a step, and half a pixel of the middle
    assert abs(int(left) + CROP.width / 2 - x) <= 2.5
    assert abs(int(top) + CROP.height / 2 - y) <= 2.5


def test_the_middle_of_a_map_is_the_mean_of_its_probability_within_two_cells_of_the_best() -> None:
    logits = 3 * torch.randn((40, 2, 7, 9), generator=torch.Generator().manual_seed(0))
    logits[0, 0, 0, 0] = logits[1, 0, 6, 8] = logits[2, 1, 0, 8] = logits[3, 1, 6, 0] = 20  # in each corner
    found = best_place(logits, cell=16)
    y, x = (one.double() for one in torch.meshgrid(torch.arange(7), torch.arange(9), indexing="ij"))
    for n, k in itertools.product(range(40), range(2)):
        row, column = divmod(int(logits[n, k].argmax()), 9)
        near = logits[n, k].double().exp() * ((y - row).abs() <= 2) * ((x - column).abs() <= 2)
        off_px = [16 * float((near * (place - own)).sum() / near.sum()) for place, own in ((x, column), (y, row))]
        assert (int(found.row[n, k]), int(found.column[n, k])) == (row, column)
        assert (int(found.right[n, k]), int(found.down[n, k])) == tuple(4 * round(one / 4) for one in off_px)


@pytest.mark.parametrize(("height", "width"), [(96, 128), (99, 131)])
def test_the_coarse_stage_sees_means_of_squares_of_pixels(height: int, width: int) -> None:
    planes = torch.randint(0, 256, (2, 3, height, width), generator=torch.Generator().manual_seed(0)).float()
    assert torch.equal(means_of_squares(planes, 8), nn.functional.avg_pool2d(planes, 8))


def test_the_graph_of_a_rig_takes_no_batch_apart() -> None:
    """Each operator costs a microsecond or more however little it does; pooling one plane costs as much as three convolutions."""
    network = CoarseToFine(2, frame=FRAME, plan=CROP)
    frame = torch.zeros(1, FRAME.height, FRAME.width, 1, dtype=torch.uint8)
    model = onnx.load_model_from_string(onnx_graph(network, (frame,), input_names=["frames"], output_names=["poses"]))
    assert not {"Split", "AveragePool", "Loop"} & {node.op_type for node in model.graph.node}


@pytest.mark.parametrize("point", [[127.0, 95.0], [0.0, 0.0]])
def test_an_animal_in_the_corner_has_a_coarse_target(point: list[float]) -> None:
    finder = Finder(FrameShape(height=99, width=131, channels=1), CROP)
    assert float(coarse_loss(finder, torch.zeros(1, 1, finder.rows, finder.columns), batch([point]))) > 0
