"""The verdict on networks that were really trained: faults put into images and labels are found again."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from tests.trainer.learnable import SIZE, labelled
from trainer.labels.labelled_frames import LabelledFrames
from trainer.scoring.baseline import score_baselines
from trainer.scoring.correct_radius import Radii
from trainer.scoring.evaluation import Evaluation
from trainer.scoring.measure import Circumstances, measure
from trainer.scoring.metrics import point_errors
from trainer.scoring.next_commands import NextCommands
from trainer.scoring.next_step import ENOUGH_PICTURES
from trainer.scoring.verdict import Verdict, verdict
from trainer.training.augment import UNCHANGED, AugmentSettings
from trainer.training.datasets import FrameStore
from trainer.training.fit import FitResult, fit
from trainer.training.fit_settings import FitSettings
from trainer.training.memorise import with_labels_permuted
from trainer.training.predict import predict_animals

EASY = AugmentSettings(rotation_deg=30, occlusion=0, light=0.3)
SETTINGS = FitSettings(
    epochs=1, batch=8, batches=110, averaging=0.95, workers=0, accelerator="cpu", precision="32", augment=EASY, learning_rate=3e-3
)
LONG: dict[str, list[dict[str, float]]] = {"epochs": [], "batches": [{}] * (ENOUGH_PICTURES // 8)}  # as if it had been trained long enough
RADII = Radii(px=(2.5, 2.5), source="as given")


def trained(folder: Path, train: LabelledFrames, *, augment: AugmentSettings = EASY, batches: int = 110) -> FitResult:
    settings = replace(SETTINGS, augment=augment, batches=batches)
    return fit(train, train.subset(np.empty(0, np.int64)), settings, folder / "run")


def evaluated(result: FitResult, frames: LabelledFrames, *, labels: LabelledFrames | None = None) -> Evaluation:
    """The network's answers for the images of `frames`, judged by `labels`."""
    predicted = predict_animals(result.network, FrameStore(frames, result.view), np.arange(len(frames))).astype(np.float64)
    judged_by = labels or frames
    return Evaluation(
        frames=judged_by,
        predicted=predicted,
        errors=point_errors(predicted, judged_by.points),
        baseline=score_baselines(judged_by.points, train=judged_by.points, size=SIZE),
        latency_ms=np.ones(len(frames)),
        runtime="torch",
        device="CPU",
        precision="fp32",
    )


def judged(
    train: Evaluation, held_out: Evaluation, *, labels: LabelledFrames | None = None, history: dict[str, list[dict[str, float]]] = LONG
) -> Verdict:
    about = Circumstances(labels=labels or train.frames, radii=RADII, seen_px=(1.0,) * len(RADII.px), batch=8, history=history)
    return verdict(measure(train, held_out, about), NextCommands(data=("bars",), bundle="models/bars"))


def three_times_as_large(one: Evaluation) -> Evaluation:
    points = one.frames.points * 3
    return replace(
        one,
        frames=with_points(one.frames, points),
        errors=point_errors(one.predicted * 3, points),
        baseline=score_baselines(points, train=points, size=(3 * SIZE[0], 3 * SIZE[1])),
    )


def with_points(frames: LabelledFrames, points: NDArray[np.float64], *, group: str | None = None) -> LabelledFrames:
    return replace(frames, points=points, group=frames.group if group is None else (group,) * len(frames))


@pytest.fixture(scope="module")
def bars(tmp_path_factory: pytest.TempPathFactory) -> tuple[LabelledFrames, LabelledFrames]:
    folder = tmp_path_factory.mktemp("bars")
    return labelled(folder, 30), labelled(folder, 20, first=100)


@pytest.fixture(scope="module")
def network(bars: tuple[LabelledFrames, LabelledFrames], tmp_path_factory: pytest.TempPathFactory) -> FitResult:
    return trained(tmp_path_factory.mktemp("clean"), bars[0])


def test_a_training_with_nothing_wrong_is_good(bars: tuple[LabelledFrames, LabelledFrames], network: FitResult) -> None:
    found = judged(evaluated(network, bars[0]), evaluated(network, bars[1]))
    assert found.steps[0].kind == "good", found.lines


def test_labels_exchanged_in_a_few_frames_are_found_by_a_network_trained_on_them(
    bars: tuple[LabelledFrames, LabelledFrames], tmp_path: Path
) -> None:
    train, held_out = bars
    points = train.points.copy()
    points[::5] = points[::5, :, ::-1]
    wrong = with_points(train, points)
    result = trained(tmp_path, wrong)
    found = judged(evaluated(result, wrong), evaluated(result, held_out))
    assert found.steps[0].kind == "exchanged", found.lines
    assert "'head' is found where 'tail' is labelled" in found.sentence


def test_a_single_slip_is_named_with_its_image(bars: tuple[LabelledFrames, LabelledFrames], network: FitResult) -> None:
    points = bars[0].points.copy()
    points[7] = points[7, :, ::-1]
    one, held_out = evaluated(network, bars[0], labels=with_points(bars[0], points)), evaluated(network, bars[1])
    sure = one.predicted.copy()
    sure[..., 2] = 0.9  # this network is hardly trained, and the confidence of its answers not the matter here
    found = judged(replace(one, predicted=sure), held_out)
    assert found.sentence.startswith("Good")
    assert found.steps[0].kind == "single labels"
    assert "/0007.png" in found.steps[0].do


def test_a_video_with_its_names_the_other_way_round_is_found(bars: tuple[LabelledFrames, LabelledFrames], network: FitResult) -> None:
    train, held_out = bars
    renamed = with_points(held_out, held_out.points[:, :, ::-1].copy(), group="tuesday")
    found = judged(evaluated(network, train), evaluated(network, held_out, labels=renamed))
    assert found.steps[0].kind == "other names", found.lines
    assert "'tuesday' the labels say 'tail' where the network finds 'head', 'head' where the network finds 'tail'" in found.sentence


def test_labels_that_scatter_are_told_before_a_training_that_was_short_too(
    bars: tuple[LabelledFrames, LabelledFrames], network: FitResult
) -> None:
    rng = np.random.default_rng(3)
    train, held_out = (with_points(frames, frames.points + rng.normal(0, 5, frames.points.shape)) for frames in bars)
    short: dict[str, list[dict[str, float]]] = {"epochs": [], "batches": [{}] * SETTINGS.batches}
    found = judged(evaluated(network, bars[0], labels=train), evaluated(network, bars[1], labels=held_out), history=short)
    assert [step.kind for step in found.steps][:2] == ["scattered labels", "too short"], found.lines


def test_images_of_another_kind_are_told_from_over_fitting(
    bars: tuple[LabelledFrames, LabelledFrames], network: FitResult, tmp_path: Path
) -> None:
    train, held_out = bars
    images = []
    for number, reference in enumerate(held_out.images):
        image = cv2.imread(str(reference.path), cv2.IMREAD_GRAYSCALE)
        assert image is not None
        cv2.imwrite(str(tmp_path / f"{number}.png"), 255 - image // 2)
        images.append(replace(reference, path=tmp_path / f"{number}.png"))
    dark = replace(held_out, images=tuple(images), group=("night",) * len(held_out))
    found = judged(evaluated(network, train), evaluated(network, dark))
    assert found.steps[0].kind == "unlike", found.lines
    assert "'night', of which it has learnt no frame" in found.sentence


def test_one_frame_learnt_by_heart_calls_for_more_of_them(bars: tuple[LabelledFrames, LabelledFrames], network: FitResult) -> None:
    one = bars[0].subset(np.array([0]))
    found = judged(evaluated(network, one), evaluated(network, bars[1]), labels=one)
    assert found.steps[0].kind == "few frames"


def test_a_training_that_has_only_begun_is_told_to_go_on(bars: tuple[LabelledFrames, LabelledFrames], tmp_path: Path) -> None:
    result = trained(tmp_path, bars[0], batches=10)
    about = Circumstances(
        labels=bars[0], radii=RADII, seen_px=(1.0,) * len(RADII.px), batch=8, history={"epochs": [], "batches": [{}] * 10}
    )
    measured = measure(evaluated(result, bars[0]), evaluated(result, bars[1]), about)
    found = verdict(measured, NextCommands(data=("bars",), bundle="models/bars", epochs=1))
    assert found.steps[0].kind == "too short", found.lines
    assert found.steps[0].command.endswith("--epochs 375")  # of ten steps of eight, which show 30 000 pictures


def test_a_point_with_few_labels_that_is_found_badly_calls_for_more_of_it(
    bars: tuple[LabelledFrames, LabelledFrames], tmp_path: Path
) -> None:
    points = bars[0].points.copy()
    points[1:, :, 1] = np.nan
    rare = with_points(bars[0], points)
    result = trained(tmp_path, rare, augment=UNCHANGED)
    found = judged(evaluated(result, rare), evaluated(result, bars[1]))
    assert found.steps[0].kind == "rare point", found.lines
    assert found.sentence.startswith("'tail' is labelled in 1 frame learnt from, other points in up to 30")


def test_frames_learnt_by_heart_with_others_not_found_are_over_fitted(bars: tuple[LabelledFrames, LabelledFrames], tmp_path: Path) -> None:
    """Labels that are dealt out at random can be learnt in no other way."""
    few = with_labels_permuted(bars[0].subset(np.arange(12)), seed=0)
    result = trained(tmp_path, few, augment=UNCHANGED)
    found = judged(evaluated(result, few), evaluated(result, bars[1]))
    assert found.steps[0].kind == "over-fitted", found.lines


def test_points_seen_too_coarsely_call_for_a_network_that_sees_more(bars: tuple[LabelledFrames, LabelledFrames], tmp_path: Path) -> None:
    """Images three times as large, of which the network is given each third pixel: what it is off by is three times as much there."""
    result = trained(tmp_path, bars[0], batches=55)
    train, held_out = (three_times_as_large(evaluated(result, frames)) for frames in bars)
    about = Circumstances(labels=train.frames, radii=RADII, seen_px=(3.0,) * len(RADII.px), batch=8, history=LONG)
    found = verdict(measure(train, held_out, about), NextCommands(data=("bars",), bundle="models/bars"))
    assert found.steps[0].kind == "resolution", found.lines
    assert "--network resnet18 --view full" in found.steps[0].command
