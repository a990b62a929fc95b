"""The networks: what they promise whatever their weights are."""

import copy
import functools

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from trainer.errors import TrainingError
from trainer.networks.backbone import Backbone
from trainer.networks.backbone_heads import BackboneMaps
from trainer.networks.blocks import CropPlan, FrameShape, Layers, bin_means, peak, plan_crop, stage
from trainer.networks.build import NetworkPlan, build, plan_from_plain, plan_to_plain
from trainer.networks.coarse import corner_around
from trainer.networks.coarse_to_fine import CoarseToFine
from trainer.networks.names import BACKBONES, usual_view
from trainer.networks.network_view import whole_frame
from trainer.networks.planning import plan_network
from trainer.networks.trackrat import TrackRat
from trainer.networks.votes import Votes
from trainer.training.head_losses import LOSSES
from trainer.training.losses import Batch, LossSettings

HEIGHT, WIDTH, POINTS = 132, 167, 3  # no multiple of anything
OURS = [("compact", "heatmap"), ("compact", "xy"), ("compact", "votes"), ("trackrat", "xy")]
THEIRS = [
    *((name, "heatmap") for name in BACKBONES),
    ("resnet18", "xy"),
    ("resnet18", "dense_heatmap"),
    ("alexnet", "xy"),
    ("timm:convnext_atto", "heatmap"),
    ("timm:vit_tiny_patch16_224", "heatmap"),
]
ALL = [*OURS, *THEIRS]
QUICK = [
    *OURS,
    ("alexnet", "heatmap"),
    ("resnet18", "heatmap"),
    ("resnet18", "dense_heatmap"),
    ("mobilenet_v3_small", "heatmap"),
    THEIRS[-1],
]
NORMS = nn.modules.batchnorm._BatchNorm
DROPOUTS = nn.modules.dropout._DropoutNd


def plan(network: str, head: str, *, channels: int = 1, view: str | None = None) -> NetworkPlan:
    frame = FrameShape(height=HEIGHT, width=WIDTH, channels=channels)
    seen = view or usual_view(network)
    crop = whole_frame(frame) if seen == "full" else CropPlan(height=64, width=96, shrink=1, pool=4)
    return NetworkPlan(network=network, head=head, points=POINTS, frame=frame, crop=crop, view=seen)


def frames(count: int, *, channels: int = 1) -> Tensor:
    return torch.from_numpy(np.random.default_rng(0).integers(0, 256, (count, HEIGHT, WIDTH, channels), dtype=np.uint8))


def small(network: str, head: str) -> nn.Module:
    return copy.deepcopy(_built(network, head))


@functools.cache
def _built(network: str, head: str) -> nn.Module:
    torch.manual_seed(0)
    if network == "trackrat":
        return TrackRat(POINTS, frame=plan(network, head).frame, layers=Layers(width=1 / 16, depth=2))
    return build(plan(network, head))


def raw(network: nn.Module, head: str, pictures: Tensor) -> Tensor:
    """What a network answers before it is decoded."""
    zero = torch.zeros(len(pictures), dtype=torch.int64)
    if isinstance(network, TrackRat):
        return network.regress(pictures)
    if isinstance(network, CoarseToFine | BackboneMaps):
        return network.maps(pictures, zero, zero).points
    if isinstance(network, Votes):
        return network.coarse_and_ballot(pictures, zero, zero)[1].mean
    answer: Tensor = network.get_submodule("").regress(pictures, zero, zero).points  # type: ignore[operator]
    return answer


@pytest.mark.parametrize("channels", [1, 3], ids=["grey", "rgb"])
@pytest.mark.parametrize(("network", "head"), [("compact", "heatmap"), ("compact", "xy"), ("mobilenet_v3_small", "heatmap")])
@torch.no_grad()
def test_every_network_turns_uint8_frames_into_poses(network: str, head: str, channels: int) -> None:
    poses = build(plan(network, head, channels=channels)).eval()(frames(2, channels=channels))
    assert poses.shape == (2, 1, POINTS, 3)
    assert poses.dtype == torch.float32
    assert ((poses[..., 2] >= 0) & (poses[..., 2] <= 1)).all()


@pytest.mark.parametrize(("network", "head"), QUICK)
@torch.no_grad()
def test_a_frame_gets_the_same_answer_alone_and_in_a_batch(network: str, head: str) -> None:
    built, two = small(network, head).eval(), frames(2)
    together = built(two)
    alone = torch.cat([built(one[None]) for one in two])
    assert together.shape == (2, 1, POINTS, 3)
    assert torch.allclose(together, alone, atol=1e-3)


@pytest.mark.parametrize(("network", "head"), ALL)
def test_every_parameter_and_buffer_moves_with_the_network(network: str, head: str) -> None:
    # the meta device is any other device, and every machine has it
    moved = small(network, head).to("meta")
    left_behind = [name for name, value in [*moved.named_parameters(), *moved.named_buffers()] if value.device.type != "meta"]
    assert left_behind == []
    # a tensor that is a plain attribute is neither parameter nor buffer, and never moves
    assert [name for module in moved.modules() for name, value in vars(module).items() if isinstance(value, Tensor)] == []


@pytest.mark.parametrize(("network", "head"), ALL)
def test_no_normalisation_or_dropout_is_used_twice(network: str, head: str) -> None:
    built = small(network, head).to("meta")  # what calls what needs no arithmetic
    calls: dict[nn.Module, int] = {}

    def count(module: nn.Module, *_: object) -> None:
        calls[module] = calls.get(module, 0) + 1

    for module in built.modules():
        if isinstance(module, (NORMS, DROPOUTS, nn.LayerNorm)):
            module.register_forward_hook(count)
    built(frames(2).to("meta"))
    assert calls
    assert set(calls.values()) == {1}


@pytest.mark.parametrize(("network", "head"), QUICK[:-1])
@torch.no_grad()
def test_training_and_evaluation_agree_in_statistics(network: str, head: str) -> None:
    """With the statistics of one batch, evaluation answers as training did on that batch."""
    built = small(network, head)
    for module in built.modules():
        if isinstance(module, NORMS):
            module.momentum = 1.0
        elif isinstance(module, DROPOUTS):
            module.p = 0.0
    pictures = frames(4)
    trained = raw(built.train(), head, pictures)
    evaluated = raw(built.eval(), head, pictures)
    # a running variance is that of n - 1 values, and the deepest maps have few
    assert float(evaluated.mean()) == pytest.approx(float(trained.mean()), abs=0.2 * float(trained.std()) + 1e-3)
    assert float(evaluated.std()) == pytest.approx(float(trained.std()), rel=0.2)


@pytest.mark.parametrize(("network", "head"), ALL)
def test_no_two_layers_start_alike(network: str, head: str) -> None:
    weights = [module.weight.detach() for module in small(network, head).modules() if isinstance(module, nn.Conv2d | nn.Linear)]
    alike = [
        (i, j)
        for i in range(len(weights))
        for j in range(i)
        if weights[i].shape == weights[j].shape and torch.equal(weights[i], weights[j])
    ]
    assert len(weights) > 5
    assert alike == []


@pytest.mark.parametrize(
    ("network", "head"), [*(one for one in OURS if one[1] == "xy"), ("resnet18", "xy"), ("alexnet", "xy"), ("mobilenet_v3_small", "xy")]
)
def test_regression_has_no_relu_on_its_output(network: str, head: str) -> None:
    built = small(network, head)
    last = list(built.modules())[-1]
    assert isinstance(last, nn.Linear)
    with torch.no_grad():
        last.bias.fill_(-3.0)
        last.weight.zero_()
    poses = built.eval()(frames(1))
    assert (poses[..., :2] < 0).all()


@pytest.mark.parametrize("view", ["full", "crop"])
@pytest.mark.parametrize("head", ["heatmap", "xy", "dense_heatmap"])
def test_every_parameter_of_a_backbone_and_its_head_learns(head: str, view: str) -> None:
    torch.manual_seed(0)
    built = build(plan("mobilenet_v3_small", head, view=view))
    points = torch.rand(2, 1, POINTS, 2) * 60
    corner = torch.zeros(2, dtype=torch.int64)
    loss = LOSSES[head](built, Batch(frames(2), points, corner, corner), LossSettings())
    loss.backward()
    assert torch.isfinite(loss)
    assert [name for name, parameter in built.named_parameters() if parameter.grad is None] == []


def test_dense_heatmap_is_2500_nodes_and_one_transposed_convolution() -> None:
    frame = FrameShape(height=224, width=224, channels=1)
    with torch.device("meta"):
        built = build(plan_network(np.zeros((1, 1, 1, 2)), frame, network="resnet18", head="dense_heatmap", view="full"))
        assert isinstance(built, BackboneMaps)
        seen = torch.empty(1, 224, 224, 1, dtype=torch.uint8)
        maps = built.maps(seen, torch.zeros(1), torch.zeros(1)).points
    linear, spread = built.head.latent, built.head.spread
    assert isinstance(linear, nn.Linear)
    assert isinstance(spread, nn.ConvTranspose2d)
    assert (linear.in_features, linear.out_features) == (512, 50 * 50)
    assert maps.shape == (1, 1, 224, 224)


def test_alexnet_is_the_network_of_its_paper() -> None:
    built = small("alexnet", "xy")
    kinds = nn.Conv2d | nn.Linear
    sizes = [m.out_channels if isinstance(m, nn.Conv2d) else m.out_features for m in built.modules() if isinstance(m, kinds)]
    assert sizes == [64, 192, 384, 256, 256, 4096, 4096, 3 * POINTS]
    assert [m.p for m in built.modules() if isinstance(m, nn.Dropout)] == [0.5, 0.5]


@torch.no_grad()
def test_a_backbone_gets_imagenets_colours_whatever_comes() -> None:
    """A pixel of ImageNet's mean colour becomes 0, and three equal channels are what one grey channel is."""
    backbone = small("resnet18", "heatmap").get_submodule("backbone")
    assert isinstance(backbone, Backbone)
    seen: list[Tensor] = []
    backbone.body.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    mean = torch.tensor([0.485, 0.456, 0.406]).reshape(1, 3, 1, 1).expand(1, 3, HEIGHT, WIDTH)
    grey = torch.rand(1, 1, HEIGHT, WIDTH) - 0.5
    for pictures in (mean - 0.5, grey, grey.expand(1, 3, HEIGHT, WIDTH)):
        backbone.eval()(pictures)
    assert float(seen[0].abs().max()) < 1e-5
    assert torch.equal(seen[1], seen[2])
    red = (float(grey[0, 0, 5, 7]) + 0.5 - 0.485) / 0.229
    assert float(seen[1][0, 0, 5, 7]) == pytest.approx(red, abs=1e-5)


@torch.no_grad()
def test_a_map_has_a_cell_for_every_pixel_of_the_picture() -> None:
    """Pictures are padded for the backbone; what it padded is not searched, and nothing of the picture is lost."""
    for network in ("alexnet", "resnet18", "timm:vit_tiny_patch16_224"):
        built = small(network, "heatmap").eval()
        assert isinstance(built, BackboneMaps)
        assert raw(built, "heatmap", frames(1)).shape == (1, POINTS, 33, 42)
        assert built.cell == 4


def test_large_frames_are_reduced_by_a_whole_factor() -> None:
    assert whole_frame(FrameShape(height=480, width=640, channels=1)).shrink == 1
    assert whole_frame(FrameShape(height=1080, width=1920, channels=1)).shrink == 2


@pytest.mark.parametrize(
    ("choices", "message"),
    [
        (("hourglass", "heatmap", "auto"), "no network 'hourglass'; expected one of compact, trackrat, alexnet, .*or timm:"),
        (("compact", "points", "auto"), "no head 'points'; expected one of heatmap, xy"),
        (("resnet18", "xy", "half"), "no view 'half'; expected one of crop, full"),
        (("trackrat", "heatmap", "auto"), "'trackrat' has no head 'heatmap'; it has xy; for 'heatmap' take compact"),
        (("resnet18", "several", "auto"), "'resnet18' has no head 'several'; .* for 'several' take compact"),
        (("compact", "xy", "full"), "'compact' cannot take the view 'full'; it takes crop"),
        (("timm:resnet81", "xy", "auto"), "has no model 'resnet81'; it has resnet18"),
        (("resnet18", "dense_heatmap", "full"), "would see 40 pixels; expected at least 50"),
    ],
    ids=["network", "head", "view", "misfit", "several", "view of ours", "timm", "too small"],
)
def test_choices_that_do_not_go_together_are_refused(choices: tuple[str, str, str], message: str) -> None:
    network, head, view = choices
    with pytest.raises(TrainingError, match=message):
        build(plan_network(np.zeros((1, 1, 1, 2)), FrameShape(height=40, width=64, channels=1), network=network, head=head, view=view))


@torch.no_grad()
def test_the_network_scales_pixels_itself() -> None:
    """Halving every pixel is seen by the network as half the range, not as anything normalised away outside it."""
    network = build(plan("compact", "heatmap"))
    assert isinstance(network, CoarseToFine)
    zero = torch.zeros(1, dtype=torch.int64)
    white = torch.full((1, 1, HEIGHT, WIDTH), 255.0)
    assert network.finder.crop(white, zero, zero).unique().tolist() == [0.5]
    assert network.finder.crop(0 * white, zero, zero).unique().tolist() == [-0.5]


@torch.no_grad()
def test_the_crop_is_whole_pixels_of_the_frame() -> None:
    network = build(plan("compact", "heatmap"))
    assert isinstance(network, CoarseToFine)
    one = frames(1)
    planes = one.permute(0, 3, 1, 2).float()
    cut = network.finder.crop(planes, torch.tensor([17]), torch.tensor([31]))
    expected = one[0, 31 : 31 + 64, 17 : 17 + 96, 0].float() / 255.0 - 0.5
    assert torch.equal(cut[0, 0], expected)


@pytest.mark.parametrize("cell", [(0, 0), (0, 20), (16, 0), (16, 20), (7, 9)])
def test_the_crop_stays_inside_the_frame(cell: tuple[int, int]) -> None:
    network = build(plan("compact", "heatmap"))
    assert isinstance(network, CoarseToFine)
    scores = torch.zeros(1, 1, network.finder.rows, network.finder.columns)
    scores[0, 0, cell[0], cell[1]] = 1
    left, top = network.finder.corners(scores)
    assert 0 <= int(left) <= WIDTH - 96
    assert 0 <= int(top) <= HEIGHT - 64


def test_the_decoder_finds_a_gaussian_between_cells() -> None:
    """Sub-pixel: a Gaussian drawn off the cells' middles is found within 0.05 px (the window cuts its tails)."""
    network = build(plan("compact", "heatmap"))
    assert isinstance(network, CoarseToFine)
    true_x, true_y = 40.3, 22.8  # crop pixels
    rows, columns = torch.arange(16.0), torch.arange(24.0)
    x, y = (true_x + 0.5) / 4 - 0.5, (true_y + 0.5) / 4 - 0.5
    logits = -0.5 * ((rows[:, None] - y) ** 2 + (columns - x) ** 2) / 0.8**2
    pose = network.decode(logits.expand(1, POINTS, 16, 24), torch.full((1, POINTS), -20.0), torch.tensor([1501]), torch.tensor([1003]))
    assert pose[0, 0, :, 0].tolist() == pytest.approx([1501 + true_x] * POINTS, abs=0.05)
    assert pose[0, 0, :, 1].tolist() == pytest.approx([1003 + true_y] * POINTS, abs=0.05)


def test_a_second_peak_does_not_pull_the_position() -> None:
    network = build(plan("compact", "heatmap"))
    assert isinstance(network, CoarseToFine)
    logits = torch.full((1, POINTS, 16, 24), -20.0)
    logits[:, :, 4, 5] = 1.0
    logits[:, :, 12, 20] = 0.5
    pose = network.decode(logits, torch.full((1, POINTS), -20.0), torch.tensor([0]), torch.tensor([0]))
    assert pose[0, 0, 0, :2].tolist() == pytest.approx([5.5 * 4 - 0.5, 4.5 * 4 - 0.5], abs=0.01)
    assert 0.5 < float(pose[0, 0, 0, 2]) < 0.7  # the mass of the peak that was taken, not of both


def test_the_absent_answer_takes_the_confidence_away() -> None:
    network = build(plan("compact", "heatmap"))
    assert isinstance(network, CoarseToFine)
    logits = torch.zeros(1, POINTS, 16, 24)
    pose = network.decode(logits, torch.full((1, POINTS), 20.0), torch.tensor([0]), torch.tensor([0]))
    assert float(pose[..., 2].max()) < 1e-6
    assert torch.isfinite(pose).all()


def test_peak_is_the_cell_of_the_maximum() -> None:
    maps = torch.from_numpy(np.random.default_rng(1).normal(size=(2, 3, 7, 9)))
    row, column = peak(maps)
    flat = maps.flatten(2).argmax(2)
    assert torch.equal(row * 9 + column, flat)


@pytest.mark.parametrize("length", [60, 45, 10, 7])
def test_binning_is_adaptive_average_pooling(length: int) -> None:
    values = torch.rand(1, 1, length)
    expected = nn.functional.adaptive_avg_pool1d(values, 10)
    assert torch.allclose(values @ bin_means(length, 10).T, expected, atol=1e-6)


def test_trackrat_is_the_network_of_the_first_rat_tracker() -> None:
    network = TrackRat(1, frame=FrameShape(height=480, width=720, channels=1))
    convolutions = [module for module in network.modules() if isinstance(module, nn.Conv2d)]
    linear = [module.out_features for module in network.modules() if isinstance(module, nn.Linear)]
    assert [module.out_channels for module in convolutions] == [128] * 9
    assert linear == [1024, 512, 256, 3]
    assert (convolutions[0].kernel_size, convolutions[0].stride) == ((5, 5), (2, 2))


@pytest.mark.parametrize(
    ("extent_px", "frame", "expected"),
    [
        (138, (480, 640), CropPlan(height=176, width=176, shrink=1, pool=8, beyond=12)),
        (138, (2160, 3840), CropPlan(height=176, width=176, shrink=1, pool=14, beyond=12)),
        (10, (1024, 1024), CropPlan(height=96, width=96, shrink=1, pool=8, beyond=12)),
        (600, (1080, 1920), CropPlan(height=768, width=768, shrink=4, pool=24, beyond=48)),
        (138, (80, 210), CropPlan(height=112, width=176, shrink=1, pool=3, beyond=12)),
        (150, (180, 500), CropPlan(height=208, width=192, shrink=1, pool=6, beyond=12)),
        (170, (208, 208), CropPlan(height=256, width=256, shrink=2, pool=3, beyond=24)),
    ],
    ids=["mouse", "mouse in 4K", "fly", "large animal", "narrow frame", "animal as high as the frame", "animal that fills the frame"],
)
def test_the_crop_follows_the_animal_not_the_camera(extent_px: int, frame: tuple[int, int], expected: CropPlan) -> None:
    points = np.array([[[10.0, 10.0], [10.0 + extent_px, 20.0], [np.nan, np.nan]]])
    assert plan_crop(points, FrameShape(height=frame[0], width=frame[1], channels=1)) == expected


def test_a_crop_that_could_hold_the_frame_shows_all_of_it_wherever_the_animal_is_found() -> None:
    frame = FrameShape(height=208, width=208, channels=1)
    plan = plan_crop(np.array([[[10.0, 10.0], [180.0, 20.0]]]), frame)
    for cell in (0, 17, 34):
        left, top = corner_around(torch.tensor([cell]), torch.tensor([cell]), cell=2 * plan.pool, frame=frame, plan=plan)
        for begin, side, extent in ((left, plan.width, frame.width), (top, plan.height, frame.height)):
            assert int(begin) <= 0
            assert int(begin) + side >= extent


def test_frames_too_small_to_crop_from_are_refused() -> None:
    with pytest.raises(TrainingError, match="40×20 pixels; expected at least 32"):
        plan_crop(np.zeros((1, 1, 2)), FrameShape(height=20, width=40, channels=1))


@pytest.mark.parametrize(("network", "head"), ALL)
def test_a_plan_survives_becoming_plain_values(network: str, head: str) -> None:
    assert plan_from_plain(plan_to_plain(plan(network, head))) == plan(network, head)


def test_a_stage_halves_its_input() -> None:
    assert stage(4, 8, depth=1)(torch.zeros(2, 4, 16, 24)).shape == (2, 8, 8, 12)
