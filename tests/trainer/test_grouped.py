"""The network for groups of key points: every group in its own crop, one graph, from labels to a refreshed bundle."""

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from torch import nn

from tracker.bundle import read_bundle
from trainer.__main__ import main
from trainer.bundles.graph_body import WEIGHTS, body_places
from trainer.bundles.parity import ReferenceEngine
from trainer.bundles.quantise import to_fp16, to_int8
from trainer.formats.read_labels import read_labels
from trainer.formats.write_synthetic_set import write_synthetic_set
from trainer.labels.labelled_frames import LabelledFrames
from trainer.labels.network_input import whole_view
from trainer.networks.blocks import CropPlan, FrameShape, PointGroup, to_planes
from trainer.networks.build import NetworkPlan, build
from trainer.networks.coarse import cut
from trainer.networks.decode import Maps
from trainer.networks.grouped import Grouped
from trainer.pipeline.export import export
from trainer.scoring.hidden_points import absence
from trainer.training.augment import UNCHANGED, AugmentSettings
from trainer.training.checkpoint import load_network
from trainer.training.datasets import Draw, FrameStore, TrainingFrames
from trainer.training.fit import FitResult, fit
from trainer.training.fit_settings import FitSettings
from trainer.training.losses import Batch, LossSettings, grouped_loss
from trainer.training.predict import predict_animals
from trainer.training.weights import load_pretrained

FRAME = FrameShape(height=160, width=200, channels=1)
GROUPS = (
    PointGroup(points=(0, 2), crop=CropPlan(height=96, width=96, shrink=1, pool=4, beyond=12)),
    PointGroup(points=(1,), crop=CropPlan(height=192, width=192, shrink=2, pool=4, beyond=24)),
)
PLAN = NetworkPlan(head="heatmap", points=3, frame=FRAME, crop=CropPlan(height=192, width=192, shrink=2, pool=4, beyond=24), groups=GROUPS)
QUICK = ["--epochs", "1", "--batch", "4", "--device", "cpu", "--precision", "32", "--workers", "0"]


def grouped() -> Grouped:
    torch.manual_seed(0)
    network = build(PLAN)
    assert isinstance(network, Grouped)
    return network


def frames(count: int) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(0).integers(0, 256, (count, 160, 200, 1), dtype=np.uint8))


@pytest.fixture(scope="module")
def reach(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Hand, tongue and joystick: three groups."""
    folder = tmp_path_factory.mktemp("reach") / "set"
    write_synthetic_set(folder, scene="reach", count=30, seed=4, width=256, height=240, rectangles=1)
    return folder


@pytest.fixture(scope="module")
def labels(reach: Path) -> LabelledFrames:
    return read_labels(reach)


@pytest.fixture(scope="module")
def trained(labels: LabelledFrames, tmp_path_factory: pytest.TempPathFactory) -> FitResult:
    """A network that knows these frames by heart."""
    still = AugmentSettings(
        rotation_deg=0.0, scale=(1.0, 1.0), stretch=0.0, flip=0.0, in_place=1.0, light=0.0, blur=0.0, noise=0.0, occlusion=0.0, empty=0.0
    )
    settings = FitSettings(epochs=1, batch=4, batches=150, workers=0, accelerator="cpu", precision="32", averaging=0.9, augment=still)
    return fit(labels, labels.subset(np.array([], np.int64)), settings, tmp_path_factory.mktemp("run"))


@torch.no_grad()
def test_a_frame_gets_the_same_answer_alone_and_in_a_batch_of_groups() -> None:
    network, two = grouped().eval(), frames(2)
    together = network(two)
    assert together.shape == (2, 1, 3, 3)
    assert together.dtype == torch.float32
    assert torch.allclose(together, torch.cat([network(one[None]) for one in two]), atol=1e-3)


@torch.no_grad()
def test_every_point_is_looked_for_in_the_crop_of_its_group_and_keeps_its_place() -> None:
    network = grouped().eval()
    planes = to_planes(frames(2))
    left, top = torch.tensor([[3, -20], [100, 0]]), torch.tensor([[60, -8], [-12, -24]])
    maps = network.refine(planes, left, top)
    for number, group in enumerate(GROUPS):
        alone, nowhere = network.fine.refine(cut(planes, left[:, number], top[:, number], group.crop))
        for point in group.points:
            assert torch.allclose(maps.points[:, point], alone[:, point], atol=1e-4)
            assert torch.allclose(maps.absent[:, point], nowhere[:, point], atol=1e-4)


def test_each_group_is_cut_out_where_its_own_map_has_its_peak() -> None:
    network = grouped()
    cell = network.fine.finder.cell
    scores = torch.zeros(1, 2, network.fine.finder.rows, network.fine.finder.columns)
    scores[0, 0, 10, 14] = scores[0, 1, 3, 2] = 1.0
    left, top = network.corners(scores)
    assert (int(left[0, 0]), int(top[0, 0])) == (14 * cell + cell // 2 - 48, 10 * cell + cell // 2 - 48)
    assert (int(left[0, 1]), int(top[0, 1])) == (-24, -24)  # kept close to the frame


def test_what_belongs_to_groups_moves_with_the_network() -> None:
    moved = grouped().to("meta")
    tensors = [*moved.named_parameters(), *moved.named_buffers()]
    assert [name for name, value in tensors if value.device.type != "meta"] == []
    assert [name for module in moved.modules() for name, value in vars(module).items() if isinstance(value, torch.Tensor)] == []


def test_a_batch_has_a_crop_for_every_group_about_its_own_points(labels: LabelledFrames) -> None:
    groups = (
        PointGroup(points=(0, 1, 2), crop=CropPlan(height=96, width=96, shrink=1, pool=3, beyond=12)),
        PointGroup(points=(3, 4, 5), crop=CropPlan(height=192, width=192, shrink=2, pool=3, beyond=24)),
    )
    store = FrameStore(labels, whole_view(labels))
    made = TrainingFrames(store, crop=groups[1].crop, settings=UNCHANGED, seed=0, groups=groups)
    about = []
    for frame in range(len(labels)):
        batch = made[Draw(frame, 0, frame)]
        assert batch.left.shape == batch.top.shape == (2,)
        for number, group in enumerate(groups):
            points = labels.points[frame, 0, list(group.points)]
            if not np.isnan(points).any():
                middle = (points.min(0) + points.max(0)) / 2 - (float(batch.left[number]), float(batch.top[number]))
                about.append(bool((np.abs(middle / (group.crop.width, group.crop.height) - 0.5) < 0.3).all()))
    assert np.mean(about) > 0.8  # some crops are anywhere, which teaches absence


def test_a_group_that_is_absent_is_told_so_where_it_would_be_looked_for() -> None:
    network = grouped()
    points = torch.tensor([[[[40.0, 40.0], [-1e5, -1e5], [60.0, 50.0]]]])
    even = Batch(frames(1), points, torch.tensor([[0, -24]]), torch.tensor([[0, -24]]))
    odd = even._replace(left=torch.tensor([[0, -23]]))
    seen = []
    refine = network.refine

    def watched(planes: torch.Tensor, left: torch.Tensor, top: torch.Tensor) -> Maps:
        seen.append((left.tolist(), top.tolist()))
        return refine(planes, left, top)

    network.refine = watched  # type: ignore[method-assign]
    own = network.corners(network.search(to_planes(even.frames)))
    for batch in (even, odd):
        grouped_loss(network, batch, LossSettings()).backward()
    assert seen[0] == ([[0, int(own[0][0, 1])]], [[0, int(own[1][0, 1])]])
    assert seen[1] == ([[0, -23]], [[0, -24]])
    gradient = network.get_parameter("fine.absent.bias").grad
    assert gradient is not None
    assert gradient[0] > 0 > gradient[1]  # descent lowers the first's absence and raises the second's


def test_parts_far_apart_are_found_and_absent_ones_are_not_trusted(trained: FitResult, labels: LabelledFrames) -> None:
    assert isinstance(trained.network, Grouped)
    poses = predict_animals(trained.network, FrameStore(labels, trained.view), np.arange(len(labels)))[:, 0]
    present = np.asarray(~np.isnan(labels.points[:, 0]).any(-1))
    off = np.linalg.norm(poses[..., :2] - labels.points[:, 0], axis=-1)
    assert np.nanmedian(off) < 3.0
    for part in ((0, 1, 2), (3,), (4, 5)):
        confidence = poses[:, list(part), 2]
        assert confidence[present[:, list(part)]].mean() > 0.2 + confidence[~present[:, list(part)]].mean()


def test_confidence_tells_absent_points_from_present_ones_in_images_that_taught_nothing(trained: FitResult, tmp_path: Path) -> None:
    """The bar of the benchmarks, by every point and by all together, after 150 steps."""
    write_synthetic_set(tmp_path / "other", scene="reach", count=40, seed=9, width=256, height=240, rectangles=1)
    other = read_labels(tmp_path / "other")
    poses = predict_animals(trained.network, FrameStore(other, trained.view), np.arange(len(other)))
    together, *each = absence(poses, other)
    assert [one.name for one in each] == list(other.point_names)
    assert together.absent > 100
    assert min(one.auc for one in (together, *each)) >= 0.95
    assert together.sure <= 0.02 * together.absent, "absent, and found with a confidence above a half"


def test_the_graph_of_groups_answers_as_torch_does(trained: FitResult, labels: LabelledFrames) -> None:
    images = [labels.read(index) for index in range(6)]
    exported = export(trained.network, images)
    assert exported.output_shape == (1, 1, 6, 3)
    assert all(one.passed and one.points for one in exported.parity if one.precision == "fp32")
    model = onnx.load_model_from_string(exported.model)
    nodes = model.graph.node
    inside = {nodes[place].name for place in body_places(model)}
    left_out = sorted(node.name for node in nodes if node.op_type in WEIGHTS and node.name not in inside)
    assert left_out == ["/absent/Gemm", "/finder/head/head.1/Conv", "/head/Conv"]
    eight_bits = ReferenceEngine(to_int8(exported.model, images))
    poses = np.stack([eight_bits.infer(image[:, :, None] if image.ndim == 2 else image[:, :, :1]) for image in images])
    halved = ReferenceEngine(to_fp16(exported.model)).infer(images[0].reshape(240, 256, -1))
    assert np.isfinite(halved).all()
    sure = exported.answers[..., 2] > 0.5
    assert sure.any()
    assert np.median(np.linalg.norm(poses[..., :2] - exported.answers[..., :2], axis=-1)[sure]) < 2.0


def test_a_checkpoint_of_groups_is_the_network_again(trained: FitResult) -> None:
    network, about = load_network(trained.checkpoint)
    assert len(about["plan"]["groups"]) == 3
    seen = torch.zeros(1, 240, 256, 1, dtype=torch.uint8)
    with torch.no_grad():
        assert torch.equal(network(seen), trained.network(seen))


@pytest.mark.parametrize("towards", ["groups", "one crop"])
def test_weights_go_over_between_networks_of_one_crop_and_of_groups(towards: str, trained: FitResult, tmp_path: Path) -> None:
    alone = NetworkPlan(head="heatmap", points=6, frame=trained.plan.frame, crop=trained.plan.crop)
    other = trained.plan if towards == "groups" else alone
    source = trained.checkpoint
    if towards == "groups":
        content = torch.load(source, weights_only=True)
        network: nn.Module = build(alone)
        content["state_dict"] = {f"averaged.{name}": value for name, value in network.state_dict().items()}
        source = tmp_path / "one.ckpt"
        torch.save(content, source)
    fresh = load_pretrained(build(other), other, str(source))
    assert fresh is not None
    assert [name.removeprefix("fine.") for name in fresh.fresh] == ["finder.head.1.weight", "finder.head.1.bias"]


def test_labels_of_several_groups_become_a_bundle_that_can_be_refreshed(
    reach: Path, trained: FitResult, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "mine"
    assert main(["fit", "--data", str(reach), "--out", str(out), "--batches", "4", "--weights", str(trained.checkpoint), *QUICK]) == 0
    assert "3 groups with a crop each: wrist, index_finger, little_finger; tongue; joystick_base, joystick_knob" in capsys.readouterr().err
    before = read_bundle(out).description
    assert "on 3 crops" in before.network
    more = tmp_path / "more"
    write_synthetic_set(more, scene="reach", count=12, seed=5, width=256, height=240, rectangles=1)
    data = ["--data", str(reach), str(more)]
    assert main(["fit", "--refresh", str(out), *data, "--batches", "4", "--accept-worse", *QUICK]) == 0
    after = read_bundle(out).description
    assert after.training.frames > before.training.frames
    assert "added" in capsys.readouterr().err
