"""The training loop, run for real on tiny data."""

import itertools
import json
import os
import shutil
import signal
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.trainer.learnable import GREY, draw, labelled
from trainer.errors import TrainingError
from trainer.labels.labelled_frames import LabelledFrames
from trainer.labels.network_input import colour_of
from trainer.networks.blocks import CropPlan
from trainer.training.augment import AugmentSettings
from trainer.training.checkpoint import load_network
from trainer.training.datasets import Draw, EpochOrder, FrameStore, HeldOutFrames, TrainingFrames
from trainer.training.fit import HISTORY_FILE, FitResult, fit
from trainer.training.fit_settings import FitSettings
from trainer.training.history import History
from trainer.training.learner import Learner, Schedule, learning_rate
from trainer.training.predict import predict_animals
from trainer.training.training_loader import TrainingLoader

QUICK = FitSettings(epochs=2, batch=4, batches=2, workers=0, accelerator="cpu", precision="32")
CROP = CropPlan(height=64, width=64, shrink=1, pool=4)


def weights(checkpoint: Path) -> dict[str, Tensor]:
    return load_network(checkpoint)[0].state_dict()


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """A training that is over; only read."""

    frames: LabelledFrames
    result: FitResult
    run: Path


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> Ended:
    folder = tmp_path_factory.mktemp("ended")
    frames = labelled(folder, 3)
    return Ended(frames=frames, result=fit(frames, frames, QUICK, folder / "run"), run=folder / "run")


@pytest.fixture
def own(ended: Ended, tmp_path: Path) -> Path:
    """A copy of its folder."""
    return shutil.copytree(ended.run, tmp_path / "run")


def test_a_few_frames_are_learnt_to_below_two_pixels(tmp_path: Path) -> None:
    frames = labelled(tmp_path, 8)
    easy = AugmentSettings(rotation_deg=30, occlusion=0, light=0.3)
    result = fit(
        frames, frames, replace(QUICK, epochs=4, batch=8, batches=20, learning_rate=3e-3, augment=easy, averaging=0.9), tmp_path / "run"
    )
    assert result.train_px < 2.0
    assert result.held_out_px is not None
    assert result.held_out_px < 2.0
    blank = torch.full((1, *frames.size, 1), 90, dtype=torch.uint8)
    with torch.no_grad():
        empty = result.network(blank)[..., 2]
    full = predict_animals(result.network, FrameStore(frames, GREY), np.arange(8))[..., 2]
    assert float(empty.max()) < 0.3 < float(full.min())  # the confidence tells an empty floor from an animal


@pytest.mark.parametrize("head", ["xy", "heatmap"])
def test_an_interrupted_run_ends_as_an_unbroken_one(head: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    train, held_out = labelled(tmp_path, 5), labelled(tmp_path, 2, first=10)
    settings = replace(QUICK, head=head, epochs=3)
    unbroken = fit(train, held_out, settings, tmp_path / "unbroken")

    def pull_the_plug(learner: Learner) -> None:
        if learner.current_epoch == 2:
            raise OSError("the plug was pulled")

    with monkeypatch.context() as patch:
        patch.setattr(Learner, "on_train_epoch_start", pull_the_plug)
        with pytest.raises(OSError, match="plug"):
            fit(train, held_out, settings, tmp_path / "broken")
    resumed = fit(train, held_out, settings, tmp_path / "broken")
    assert resumed.history.batch_loss == unbroken.history.batch_loss
    expected, found = weights(unbroken.checkpoint), weights(resumed.checkpoint)
    assert [name for name in expected if not torch.equal(expected[name], found[name])] == []


class PressesCtrlC:
    """Presses Ctrl-C in its finaliser, where Python drops the KeyboardInterrupt."""

    def __del__(self) -> None:
        os.kill(os.getpid(), signal.SIGINT)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize(("epoch", "kept"), [(0, 2), (1, 4)], ids=["the first", "the last"])
def test_ctrl_c_that_a_finaliser_swallows_ends_training_all_the_same(epoch: int, kept: int, tmp_path: Path) -> None:
    frames = labelled(tmp_path, 4)

    def press(history: History) -> None:
        if history.epochs[-1].epoch == epoch:
            PressesCtrlC()

    with pytest.raises(KeyboardInterrupt, match=rf"stopped at step {kept} of 4; its checkpoint is of step {kept}; run the same"):
        fit(frames, frames, replace(QUICK, workers=2), tmp_path / "run", on_epoch=press)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_every_epoch_better_or_not_is_kept_before_it_is_told_of(tmp_path: Path) -> None:
    frames = labelled(tmp_path, 4)
    steps: list[int] = []

    def kept(_: History) -> None:
        steps.append(torch.load(tmp_path / "run" / "checkpoints" / "last.ckpt", weights_only=True)["global_step"])

    fit(frames, frames, replace(QUICK, epochs=4), tmp_path / "run", on_epoch=kept)
    assert steps == [2, 4, 6, 8]


@pytest.mark.parametrize("damaged", [["last.ckpt"], ["last.ckpt", "best.ckpt"]], ids=["the last", "all"])
def test_a_checkpoint_that_was_cut_short_is_left_out_and_said(
    damaged: list[str], ended: Ended, own: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for name in damaged:
        path = own / "checkpoints" / name
        path.write_bytes(path.read_bytes()[:5000])
    again = fit(ended.frames, ended.frames, QUICK, own)
    assert "last.ckpt cannot be read" in caplog.text
    assert again.held_out_px == pytest.approx(ended.result.held_out_px)


@pytest.mark.skipif(os.geteuid() != 0 or shutil.which("mount") is None, reason="needs root to mount a small file system")
def test_a_full_disk_ends_training_in_one_sentence(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)], capture_output=True, check=False).returncode:
        pytest.skip("mounting is not permitted here")
    try:
        with pytest.raises(
            TrainingError, match=r"run: cannot be written: No space left on device; free space and run the same command again"
        ):
            fit(labelled(tmp_path, 5), labelled(tmp_path, 2, first=10), QUICK, disk / "run")
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_a_finished_run_is_not_trained_again(tmp_path: Path) -> None:
    frames = labelled(tmp_path, 3)
    first = fit(frames, frames.subset(np.array([], np.int64)), QUICK, tmp_path / "run")
    again = fit(frames, frames.subset(np.array([], np.int64)), QUICK, tmp_path / "run")
    assert again.seconds == first.seconds
    assert again.held_out_px is None
    assert again.stopped == "epochs"


def test_a_run_of_other_settings_or_labels_is_refused_with_what_differs(ended: Ended) -> None:
    frames, run = ended.frames, ended.run
    kept = (run / "checkpoints" / "last.ckpt").read_bytes()
    stronger = replace(QUICK, seed=5, augment=replace(QUICK.augment, blur=0.5))
    with pytest.raises(TrainingError, match=r"run: holds a training with seed 0 instead of 5 and augment blur 0\.25 instead of 0\.5; give"):
        fit(frames, frames, stronger, run)
    with pytest.raises(TrainingError, match="with other labels, or others held out; give another --out"):
        fit(frames.subset(np.arange(2)), frames, QUICK, run)
    assert (run / "checkpoints" / "last.ckpt").read_bytes() == kept


def test_other_settings_start_anew_where_that_is_asked_for_and_say_so(ended: Ended, own: Path, caplog: pytest.LogCaptureFixture) -> None:
    result = fit(ended.frames, ended.frames, replace(QUICK, seed=5, epochs=1), own, anew=True)
    assert len(result.history.epochs) == 1
    assert "is of a training with seed 0 instead of 5 and epochs 2 instead of 1: starting anew" in caplog.text


def test_a_checkpoint_is_enough_to_run_the_network(ended: Ended) -> None:
    network, about = load_network(ended.result.checkpoint)
    store = FrameStore(ended.frames, GREY)
    assert about["point_names"] == ["head", "tail"]
    assert np.array_equal(predict_animals(network, store, np.arange(3)), predict_animals(ended.result.network, store, np.arange(3)))


def test_every_epoch_and_the_best_are_on_disk_with_their_history(ended: Ended) -> None:
    assert {path.name for path in (ended.run / "checkpoints").iterdir()} == {"best.ckpt", "last.ckpt"}
    history = json.loads((ended.run / HISTORY_FILE).read_text())
    assert [epoch["epoch"] for epoch in history["epochs"]] == [0, 1]
    assert len(history["batch_loss"]) == 2 * 3  # 9 pictures in batches of 4
    assert history["epochs"][1]["held_out_px"] == pytest.approx(ended.result.held_out_px, abs=1e-3)


def test_minutes_end_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By a clock that goes on whenever it is read: how far a busy machine comes in a second is another matter."""
    ticks = itertools.count()
    monkeypatch.setitem(vars(Learner)["__init__"].__kwdefaults__, "clock", lambda: 0.03 * next(ticks))
    frames = labelled(tmp_path, 3)
    result = fit(frames, frames, replace(QUICK, epochs=None, minutes=0.02), tmp_path / "run")
    assert result.stopped == "minutes"
    assert result.history.epochs[-1].learning_rate < 0.1 * QUICK.learning_rate


def test_no_improvement_ends_the_run_with_the_best_weights(tmp_path: Path) -> None:
    frames = labelled(tmp_path, 3)
    standing = replace(QUICK, epochs=9, patience=2, learning_rate=1e-12)
    result = fit(frames, frames, standing, tmp_path / "run")
    assert result.stopped == "no improvement"
    assert len(result.history.epochs) < 9
    assert result.checkpoint.name == "best.ckpt"


@pytest.mark.parametrize("count", [1, 2, 5])
def test_one_two_and_five_frames_can_be_learnt_from(count: int, tmp_path: Path) -> None:
    frames = labelled(tmp_path, count)
    result = fit(frames, frames.subset(np.array([], np.int64)), replace(QUICK, epochs=1), tmp_path / "run")
    assert np.isfinite(result.train_px)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"network": "hourglass"}, "no network 'hourglass'; expected one of compact, trackrat, alexnet, resnet18"),
        ({"head": "points"}, "no head 'points'; expected one of heatmap, xy, votes, dense_heatmap, several"),
        ({"minutes": -1.0}, "minutes is -1.0"),
    ],
    ids=["network", "head", "minutes"],
)
def test_impossible_settings_are_refused(change: dict[str, object], message: str, tmp_path: Path) -> None:
    frames = labelled(tmp_path, 2)
    with pytest.raises(TrainingError, match=message):
        fit(frames, frames, replace(QUICK, **change), tmp_path / "run")  # type: ignore[arg-type]


def test_frames_without_labels_are_refused(tmp_path: Path) -> None:
    frames = labelled(tmp_path, 2)
    with pytest.raises(TrainingError, match="no labelled frame"):
        fit(replace(frames, points=frames.points * np.nan), frames, QUICK, tmp_path / "run")


def test_training_is_shuffled_and_each_frame_shown_equally_often() -> None:
    order = EpochOrder(5, pictures=12, seed=0)
    first = [draw.frame for draw in order]
    order.set_epoch(1)
    second = [draw.frame for draw in order]
    assert sorted(first) == sorted(second) == sorted([*range(5)] * 3)
    assert first != second
    assert len(order) == 15


def test_held_out_frames_come_in_order_and_unchanged(tmp_path: Path) -> None:
    frames = HeldOutFrames(FrameStore(labelled(tmp_path, 3), GREY))
    for number in range(3):
        image, points = frames[number]
        assert np.array_equal(image[..., 0].numpy(), draw(number)[0])
        assert np.array_equal(points[0].numpy(), draw(number)[1])


def test_a_short_last_batch_is_used(tmp_path: Path) -> None:
    frames = TrainingFrames(FrameStore(labelled(tmp_path, 5), GREY), crop=CROP, settings=AugmentSettings(), seed=0)
    sizes = [len(batch[0]) for batch in TrainingLoader(frames, EpochOrder(5, pictures=5, seed=0), batch=4, workers=0)]
    assert sizes == [4, 1]


def test_a_picture_depends_on_seed_epoch_and_place_only(tmp_path: Path) -> None:
    store = FrameStore(labelled(tmp_path, 2), GREY)
    frames = TrainingFrames(store, crop=CROP, settings=AugmentSettings(), seed=3)
    again = TrainingFrames(store, crop=CROP, settings=AugmentSettings(), seed=3)
    frames[Draw(1, 0, 0)]
    assert all(torch.equal(a, b) for a, b in zip(frames[Draw(0, 7, 1)], again[Draw(0, 7, 1)], strict=True))
    assert not torch.equal(frames[Draw(0, 7, 1)].frames, frames[Draw(0, 8, 1)].frames)


def test_frames_beyond_the_memory_limit_come_from_disk(tmp_path: Path) -> None:
    store = FrameStore(labelled(tmp_path, 4), GREY, limit_bytes=2 * 96 * 128)
    for number in (0, 1, 2, 3, 3):
        assert np.array_equal(store.read(number), draw(number)[0])
    assert len(store._decoded) == 2


def test_three_equal_channels_are_grey(tmp_path: Path, shared_data: Path) -> None:
    from trainer.formats.read_labels import read_labels

    mouse = read_labels(shared_data / "dlc_openfield")
    assert mouse.read(0).ndim == 3
    assert colour_of(mouse.subset(np.arange(3))) == "grey"


def test_the_learning_rate_warms_up_and_falls_to_zero() -> None:
    schedule = Schedule(steps=100, seconds=None, learning_rate=1.0, weight_decay=0, optimiser="adam", averaging=0.9)
    rates = [learning_rate(schedule, progress / 100) for progress in range(101)]
    assert rates[0] < 0.05
    assert max(rates) > 0.9
    assert rates[-1] == pytest.approx(0.0, abs=1e-6)
    assert rates[6:] == sorted(rates[6:], reverse=True)
