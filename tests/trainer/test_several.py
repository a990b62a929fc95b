"""Several animals from one frame: found, told apart where they touch, absent where they are absent, in every runtime."""

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from torch import nn

from tests.trainer.two_bars import SIZE, draw, labelled
from trainer.errors import TrainingError
from trainer.networks.blocks import CropPlan, FrameShape
from trainer.networks.onnx_graph import OPSET
from trainer.networks.several import Several, plan_several
from trainer.pipeline.export import compare, export, to_onnx
from trainer.scoring.assignment import answers_of_labels, present
from trainer.training.fit import fit
from trainer.training.fit_settings import FitSettings
from trainer.training.losses import Batch, LossSettings
from trainer.training.several_loss import Middles, middle_loss, several_loss

SHAPE = FrameShape(height=SIZE[0], width=SIZE[1], channels=1)
CROP = CropPlan(height=96, width=96, shrink=1, pool=2)
LATER_THAN_TENSORRT_8_6 = {"Mod", "GridSample", "ScatterND", "NonZero", "If", "Loop", "OneHot", "NonMaxSuppression"}
QUICK = FitSettings(
    head="several", epochs=2, batch=8, batches=70, workers=0, accelerator="cpu", precision="32", averaging=0.9, learning_rate=5e-3
)


def network(*, animals: int = 2, points: int = 2) -> Several:
    torch.manual_seed(0)
    return Several(points, animals=animals, frame=SHAPE, plan=CROP).eval()


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> nn.Module:
    """A network that knows bars well enough to find them and tell their ends apart."""
    folder = tmp_path_factory.mktemp("bars")
    frames = labelled(folder, 40)
    return fit(frames, labelled(folder, 5, first=100), QUICK, folder / "run").network


def images(numbers: range) -> torch.Tensor:
    return torch.from_numpy(np.stack([draw(number)[0][:, :, None] for number in numbers]))


def test_both_animals_are_found_and_each_crop_answers_for_its_own(trained: nn.Module) -> None:
    """Crops overlap, so the fine stage must know which animal is meant."""
    numbers = range(200, 225)
    with torch.no_grad():
        poses = trained(images(numbers)).numpy()
    truth = np.stack([draw(number)[1] for number in numbers])
    found = np.stack([answers_of_labels(rows, labels, spot_px=5) for rows, labels in zip(poses, truth, strict=True)])
    wanted = ~np.isnan(truth[..., 0, 0])
    missed = wanted & np.isnan(found[..., 0, 0])
    assert missed.sum() <= 0.1 * wanted.sum()
    assert np.nanmedian(np.linalg.norm(found[..., :2] - truth, axis=-1)) < 2.5


def test_the_row_of_an_animal_that_is_not_there_is_all_zero(trained: nn.Module) -> None:
    """One animal, or none, among room for two."""
    empty = torch.full((1, *SIZE, 1), 90, dtype=torch.uint8)
    with torch.no_grad():
        alone = trained(images(range(204, 205))).numpy()
        nobody = trained(empty).numpy()
    assert present(alone)[0].tolist() == [True, False]
    assert not alone[0, 1].any()
    assert not nobody.any()


def test_the_graph_answers_as_torch_does(trained: nn.Module) -> None:
    exported = export(trained, [draw(number)[0] for number in range(200, 206)])
    assert exported.output_shape == (1, 2, 2, 3)
    assert all(one.passed for one in exported.parity if one.precision == "fp32")
    (bf16,) = [one for one in exported.parity if one.precision == "bf16"]
    assert bf16.mean_px < 0.5  # a wrong crop would be off by tens


@pytest.mark.parametrize(("animals", "points"), [(1, 2), (2, 1), (5, 3)], ids=["one animal", "one point", "five of three"])
def test_the_graph_has_only_operators_that_tensorrt_8_6_has(animals: int, points: int) -> None:
    made = network(animals=animals, points=points)
    frame = draw(3)[0].reshape(1, *SIZE, 1)
    model = onnx.load_model_from_string(to_onnx(made, frame))
    assert model.opset_import[0].version == OPSET
    assert {node.op_type for node in model.graph.node} & LATER_THAN_TENSORRT_8_6 == set()
    first = [node.op_type for node in model.graph.node if model.graph.input[0].name in node.input]
    assert first == ["Cast"]  # uint8 goes no further: TensorRT 8.6 knows no other use of it
    with torch.no_grad():
        answers = made(torch.from_numpy(frame)).numpy()
    assert answers.shape == (1, animals, points, 3)
    assert all(one.passed for one in compare(model.SerializeToString(), frame[None], answers) if one.precision == "fp32")


def test_one_point_of_several_animals_is_several_peaks(tmp_path: Path) -> None:
    """The heads of both bars from one map, with a threshold."""
    frames = labelled(tmp_path, 40, points=slice(0, 1))
    made = fit(frames, frames.subset(np.arange(0)), QUICK, tmp_path / "run").network
    numbers = range(300, 320)
    with torch.no_grad():
        poses = made(images(numbers)).numpy()
    truth = np.stack([draw(number)[1][:, :1] for number in numbers])
    found = np.stack([answers_of_labels(rows, labels, spot_px=6) for rows, labels in zip(poses, truth, strict=True)])
    wanted = ~np.isnan(truth[..., 0, 0])
    assert (~np.isnan(found[..., 0, 0])).sum() >= 0.85 * wanted.sum()


@pytest.mark.parametrize("head", ["heatmap", "xy"])
def test_a_head_that_finds_one_animal_says_so(tmp_path: Path, head: str) -> None:
    """The coordinate head cannot, and must say so."""
    frames = labelled(tmp_path, 3)
    with pytest.raises(TrainingError, match=f"up to 2 animals in a frame; the head '{head}' finds one: use --head several"):
        fit(frames, frames.subset(np.arange(0)), FitSettings(head=head, workers=0), tmp_path / "run")


def poses_of(*rows: tuple[float, float, float]) -> torch.Tensor:
    """(1, A, 2, 3): animals of two points 10 px apart at x, y, all of one confidence."""
    return torch.tensor([[[(x, y, sure), (x + 10, y, sure)] for x, y, sure in rows]])


@pytest.mark.parametrize(
    ("rows", "again"),
    [
        ([(50, 50, 0.9), (52, 51, 0.8)], [False, True]),
        ([(50, 50, 0.9), (80, 50, 0.8)], [False, False]),
        ([(50, 50, 0.9), (80, 50, 0.8), (81, 50, 0.7)], [False, False, True]),
        ([(50, 50, 0.9), (50, 50, 0.0)], [False, False]),
    ],
    ids=["twice", "two animals", "the second twice", "without confidence"],
)
def test_one_animal_found_from_two_peaks_is_answered_once(rows: list[tuple[float, float, float]], again: list[bool]) -> None:
    """Two middles on one long animal lead to one pose, which counts once."""
    made = network(animals=len(rows))
    there = torch.ones(1, len(rows), dtype=torch.bool)
    assert made._found_before(poses_of(*rows), there)[0].tolist() == again


def test_the_pointer_stands_at_the_animal_even_in_a_crop_held_back_by_the_edge() -> None:
    made = network()
    rows, columns = torch.tensor([[0, 10]]), torch.tensor([[1, 20]])
    left, top = made.finder.around(rows, columns)
    crops = torch.zeros(2, 1, 96, 96)
    cell = made.finder.cell
    at_x, at_y = (columns * cell + cell // 2 - left).flatten(), (rows * cell + cell // 2 - top).flatten()
    marks = made._pointer(at_x, at_y, crops)
    assert (int(left[0, 0]), int(top[0, 0])) == (0, 0)
    for mark, x, y in zip(marks[:, 0], at_x, at_y, strict=True):
        assert divmod(int(mark.argmax()), 96) == (int(y), int(x))
        assert float(mark.max()) == pytest.approx(0.5)


def middles(*cells: tuple[int, int], whole: tuple[bool, ...] | None = None) -> Middles:
    seen = torch.ones(1, len(cells), dtype=torch.bool)
    rows, columns = (torch.tensor([[cell[axis] for cell in cells]]) for axis in (0, 1))
    return Middles(rows, columns, seen, seen if whole is None else torch.tensor([whole]))


def test_a_map_with_a_peak_on_every_animal_costs_least() -> None:
    truth = middles((2, 2), (5, 6))
    both = torch.full((1, 1, 8, 9), -8.0)
    both[0, 0, 2, 2] = both[0, 0, 5, 6] = 8
    one, third = both.clone(), both.clone()
    one[0, 0, 5, 6] = -8
    third[0, 0, 7, 0] = 8
    cost = float(middle_loss(both, truth))
    assert cost < 0.01
    assert float(middle_loss(one, truth)) > 100 * cost
    assert float(middle_loss(third, truth)) > 100 * cost


def test_an_animal_partly_out_of_the_frame_is_neither_demanded_nor_forbidden() -> None:
    truth = middles((2, 2), (7, 8), whole=(True, False))
    without = torch.full((1, 1, 8, 9), -8.0)
    without[0, 0, 2, 2] = 8
    along = without.clone()
    along[0, 0, 7, 8] = 8
    assert float(middle_loss(along, truth)) == pytest.approx(float(middle_loss(without, truth)), abs=1e-4)


def test_frames_without_any_animal_teach_that_there_is_none() -> None:
    """Every point far outside, as an empty training picture has them: the loss is a number, and gradients flow."""
    made = network().train()
    frames = torch.full((2, *SIZE, 1), 90, dtype=torch.uint8)
    batch = Batch(frames, torch.full((2, 2, 2, 2), -1e4), torch.tensor([3, 40]), torch.tensor([10, 20]))
    loss = several_loss(made, batch, LossSettings())
    loss.backward()
    assert torch.isfinite(loss)
    assert all(torch.isfinite(one.grad).all() for one in made.parameters() if one.grad is not None)


def test_the_coarse_map_keeps_neighbours_apart_whatever_the_frame() -> None:
    points = np.array([[[[100.0, 100], [160, 160]], [[800, 800], [860, 860]]]])
    plan = plan_several(points, FrameShape(height=1024, width=1024, channels=1))
    assert plan.width // (2 * plan.pool) >= 6
    assert plan.width < 200
