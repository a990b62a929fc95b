"""The networks: what they promise whatever their weights are."""

import numpy as np
import pytest
import torch
from torch import nn

from trainer.errors import TrainingError
from trainer.networks.blocks import CropPlan, FrameShape, peak, plan_crop, stage
from trainer.networks.build import NETWORKS, NetworkPlan, build, plan_from_plain, plan_to_plain
from trainer.networks.coarse_to_fine import CoarseToFine
from trainer.networks.trackrat import TrackRat, _bin_means

HEIGHT, WIDTH, POINTS = 132, 167, 3  # no multiple of anything


def plan(head: str, *, channels: int = 1) -> NetworkPlan:
    frame = FrameShape(height=HEIGHT, width=WIDTH, channels=channels)
    return NetworkPlan(head=head, points=POINTS, frame=frame, crop=CropPlan(height=64, width=96, shrink=1, pool=4))


def frames(count: int, *, channels: int = 1) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(0).integers(0, 256, (count, HEIGHT, WIDTH, channels), dtype=np.uint8))


def small(head: str) -> nn.Module:
    torch.manual_seed(0)
    if head == "trackrat":
        return TrackRat(POINTS, frame=plan(head).frame, width=8, blocks=2)
    return build(plan(head))


@pytest.mark.parametrize("channels", [1, 3], ids=["grey (R0-07)", "rgb"])
@pytest.mark.parametrize("head", ["heatmap", "xy"])
@torch.no_grad()
def test_every_network_turns_uint8_frames_into_poses(head: str, channels: int) -> None:
    poses = build(plan(head, channels=channels)).eval()(frames(2, channels=channels))
    assert poses.shape == (2, 1, POINTS, 3)
    assert poses.dtype == torch.float32
    assert ((poses[..., 2] >= 0) & (poses[..., 2] <= 1)).all()


@pytest.mark.parametrize("head", list(NETWORKS))
@torch.no_grad()
def test_a_frame_gets_the_same_answer_alone_and_in_a_batch(head: str) -> None:
    network, three = small(head).eval(), frames(3)
    together = network(three)
    alone = torch.cat([network(one[None]) for one in three])
    assert torch.allclose(together, alone, atol=1e-3)


@pytest.mark.parametrize("head", list(NETWORKS))
def test_every_parameter_and_buffer_moves_with_the_network_r0_16(head: str) -> None:
    # the meta device is any other device, and every machine has it
    moved = small(head).to("meta")
    left_behind = [name for name, value in [*moved.named_parameters(), *moved.named_buffers()] if value.device.type != "meta"]
    assert left_behind == []
    # a tensor that is a plain attribute is neither parameter nor buffer, and never moves
    assert [name for module in moved.modules() for name, value in vars(module).items() if isinstance(value, torch.Tensor)] == []


@pytest.mark.parametrize("head", list(NETWORKS))
def test_no_normalisation_or_dropout_is_used_twice_r0_18(head: str) -> None:
    network = small(head)
    calls: dict[nn.Module, int] = {}

    def count(module: nn.Module, *_: object) -> None:
        calls[module] = calls.get(module, 0) + 1

    shared = (nn.modules.batchnorm._BatchNorm, nn.modules.dropout._DropoutNd)
    for module in network.modules():
        if isinstance(module, shared):
            module.register_forward_hook(count)
    network(frames(1))
    assert calls
    assert set(calls.values()) == {1}


@pytest.mark.parametrize("head", list(NETWORKS))
def test_no_two_convolutions_start_alike_r0_12(head: str) -> None:
    weights = [module.weight.detach() for module in small(head).modules() if isinstance(module, nn.Conv2d | nn.Linear)]
    alike = [
        (i, j)
        for i in range(len(weights))
        for j in range(i)
        if weights[i].shape == weights[j].shape and torch.equal(weights[i], weights[j])
    ]
    assert len(weights) > 5
    assert alike == []


@pytest.mark.parametrize("head", ["xy", "trackrat", "resnet18"])
def test_regression_has_no_relu_on_its_output_r0_12(head: str) -> None:
    network = small(head)
    last = list(network.modules())[-1]
    assert isinstance(last, nn.Linear)
    with torch.no_grad():
        last.bias.fill_(-3.0)
        last.weight.zero_()
    poses = network.eval()(frames(1))
    assert (poses[..., :2] < 0).all()


@torch.no_grad()
def test_the_network_scales_pixels_itself_r0_09() -> None:
    """Halving every pixel is seen by the network as half the range, not as anything normalised away outside it."""
    network = build(plan("heatmap"))
    assert isinstance(network, CoarseToFine)
    zero = torch.zeros(1, dtype=torch.int64)
    white = torch.full((1, 1, HEIGHT, WIDTH), 255.0)
    assert network.finder.crop(white, zero, zero).unique().tolist() == [0.5]
    assert network.finder.crop(0 * white, zero, zero).unique().tolist() == [-0.5]


@torch.no_grad()
def test_the_crop_is_whole_pixels_of_the_frame() -> None:
    network = build(plan("heatmap"))
    assert isinstance(network, CoarseToFine)
    one = frames(1)
    planes = one.permute(0, 3, 1, 2).float()
    cut = network.finder.crop(planes, torch.tensor([17]), torch.tensor([31]))
    expected = one[0, 31 : 31 + 64, 17 : 17 + 96, 0].float() / 255.0 - 0.5
    assert torch.equal(cut[0, 0], expected)


@pytest.mark.parametrize("cell", [(0, 0), (0, 20), (16, 0), (16, 20), (7, 9)])
def test_the_crop_stays_inside_the_frame(cell: tuple[int, int]) -> None:
    network = build(plan("heatmap"))
    assert isinstance(network, CoarseToFine)
    scores = torch.zeros(1, 1, network.finder.rows, network.finder.columns)
    scores[0, 0, cell[0], cell[1]] = 1
    left, top = network.finder.corners(scores)
    assert 0 <= int(left) <= WIDTH - 96
    assert 0 <= int(top) <= HEIGHT - 64


def test_the_decoder_finds_a_gaussian_between_cells_r1_16() -> None:
    """Sub-pixel: a Gaussian drawn off the cells' middles is found within 0.05 px (the window cuts its tails)."""
    network = build(plan("heatmap"))
    assert isinstance(network, CoarseToFine)
    true_x, true_y = 40.3, 22.8  # crop pixels
    rows, columns = torch.arange(16.0), torch.arange(24.0)
    x, y = (true_x + 0.5) / 4 - 0.5, (true_y + 0.5) / 4 - 0.5
    logits = -0.5 * ((rows[:, None] - y) ** 2 + (columns - x) ** 2) / 0.8**2
    pose = network._decode(logits.expand(1, POINTS, 16, 24), torch.full((1, POINTS), -20.0), torch.tensor([1501]), torch.tensor([1003]))
    assert pose[0, 0, :, 0].tolist() == pytest.approx([1501 + true_x] * POINTS, abs=0.05)
    assert pose[0, 0, :, 1].tolist() == pytest.approx([1003 + true_y] * POINTS, abs=0.05)


def test_a_second_peak_does_not_pull_the_position() -> None:
    network = build(plan("heatmap"))
    assert isinstance(network, CoarseToFine)
    logits = torch.full((1, POINTS, 16, 24), -20.0)
    logits[:, :, 4, 5] = 1.0
    logits[:, :, 12, 20] = 0.5
    pose = network._decode(logits, torch.full((1, POINTS), -20.0), torch.tensor([0]), torch.tensor([0]))
    assert pose[0, 0, 0, :2].tolist() == pytest.approx([5.5 * 4 - 0.5, 4.5 * 4 - 0.5], abs=0.01)
    assert 0.5 < float(pose[0, 0, 0, 2]) < 0.7  # the mass of the peak that was taken, not of both


def test_the_absent_answer_takes_the_confidence_away() -> None:
    network = build(plan("heatmap"))
    assert isinstance(network, CoarseToFine)
    logits = torch.zeros(1, POINTS, 16, 24)
    pose = network._decode(logits, torch.full((1, POINTS), 20.0), torch.tensor([0]), torch.tensor([0]))
    assert float(pose[..., 2].max()) < 1e-6
    assert torch.isfinite(pose).all()


def test_peak_is_the_cell_of_the_maximum() -> None:
    maps = torch.from_numpy(np.random.default_rng(1).normal(size=(2, 3, 7, 9)))
    row, column = peak(maps)
    flat = maps.flatten(2).argmax(2)
    assert torch.equal(row * 9 + column, flat)


@pytest.mark.parametrize("length", [60, 45, 10, 7])
def test_binning_is_adaptive_average_pooling_r0_11(length: int) -> None:
    values = torch.rand(1, 1, length)
    expected = nn.functional.adaptive_avg_pool1d(values, 10)
    assert torch.allclose(values @ _bin_means(length).T, expected, atol=1e-6)


def test_trackrat_is_the_network_of_r0_11() -> None:
    network = TrackRat(1, frame=FrameShape(height=480, width=720, channels=1))
    convolutions = [module for module in network.modules() if isinstance(module, nn.Conv2d)]
    linear = [module.out_features for module in network.modules() if isinstance(module, nn.Linear)]
    assert [module.out_channels for module in convolutions] == [128] * 9
    assert linear == [1024, 512, 256, 3]
    assert (convolutions[0].kernel_size, convolutions[0].stride) == ((5, 5), (2, 2))


@pytest.mark.parametrize(
    ("extent_px", "frame", "expected"),
    [
        (138, (480, 640), CropPlan(height=176, width=176, shrink=1, pool=8)),
        (138, (2160, 3840), CropPlan(height=176, width=176, shrink=1, pool=14)),
        (10, (1024, 1024), CropPlan(height=96, width=96, shrink=1, pool=8)),
        (600, (1080, 1920), CropPlan(height=768, width=768, shrink=4, pool=24)),
        (138, (80, 210), CropPlan(height=80, width=176, shrink=1, pool=3)),
    ],
    ids=["mouse", "mouse in 4K", "fly", "large animal", "narrow frame"],
)
def test_the_crop_follows_the_animal_not_the_camera(extent_px: int, frame: tuple[int, int], expected: CropPlan) -> None:
    points = np.array([[[10.0, 10.0], [10.0 + extent_px, 20.0], [np.nan, np.nan]]])
    assert plan_crop(points, FrameShape(height=frame[0], width=frame[1], channels=1)) == expected


def test_frames_too_small_to_crop_from_are_refused() -> None:
    with pytest.raises(TrainingError, match="40×20 pixels; expected at least 32"):
        plan_crop(np.zeros((1, 1, 2)), FrameShape(height=20, width=40, channels=1))


@pytest.mark.parametrize("head", list(NETWORKS))
def test_a_plan_survives_becoming_plain_values(head: str) -> None:
    assert plan_from_plain(plan_to_plain(plan(head))) == plan(head)


def test_a_stage_halves_its_input() -> None:
    assert stage(4, 8, depth=1)(torch.zeros(2, 4, 16, 24)).shape == (2, 8, 8, 12)
