"""A batch that the memory does not hold, in a process whose memory is limited."""

import ctypes
import gc
import resource
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tests.trainer.learnable import labelled
from tests.trainer.test_evaluate_command import as_csv
from trainer.errors import TooLargeError
from trainer.training.datasets import FrameStore
from trainer.training.fit import fit
from trainer.training.fit_settings import FitSettings
from trainer.training.lack_of_memory import is_out_of_memory
from trainer.training.learner import Learner
from trainer.training.losses import Batch
from trainer.training.predict import predict_animals

LEAKED_MIB = 2.0  # a cycle; 0.02 was measured
ROOT = Path(__file__).resolve().parents[2]
PROGRAM = """
import resource, sys
from dataclasses import replace
from pathlib import Path
import numpy as np
import torch
from trainer.errors import TooLargeError
from trainer.formats.read_labels import read_labels
from trainer.training.augment import UNCHANGED
from trainer.training.fit import fit
from trainer.training.fit_settings import FitSettings
folder, setting, batch = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
frames = read_labels(folder / "CollectedData_a.csv")
held_out = frames.subset(np.zeros(512 if setting == "held_out_batch" else 0, int))
few = FitSettings(epochs=1, batch=4, batches=1, workers=0, accelerator="cpu", precision="32", augment=UNCHANGED)
fit(frames, held_out.subset(np.arange(min(1, len(held_out)))), few, folder / "small")  # every library is loaded
torch.backends.mkldnn.set_flags(_enabled=False, _fp32_precision=None)  # short of memory it calls kernels that it could not make
used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 120 * 2**20, resource.RLIM_INFINITY))
try:
    fit(frames, held_out, replace(few, **{setting: batch}), folder / "large")
except TooLargeError as refusal:
    print(refusal)
"""


def writing_a_checkpoint() -> RuntimeError:
    """What torch says when its buffer can grow no more."""
    problem = RuntimeError("[enforce fail at inline_container.cc:672] . unexpected pos 128 vs 64")
    problem.__context__ = MemoryError()
    return problem


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs Linux's account of a process's memory")
@pytest.mark.parametrize(("setting", "what"), [("batch", "pictures"), ("held_out_batch", "held-out frames")])
def test_a_batch_too_large_is_one_sentence_with_the_batch_that_fits(tmp_path: Path, setting: str, what: str) -> None:
    as_csv(tmp_path, labelled(tmp_path, 4))
    run = [sys.executable, "-c", PROGRAM, str(tmp_path), setting, "512"]
    ended = subprocess.run(run, capture_output=True, text=True, cwd=ROOT, timeout=300, check=False)
    assert ended.returncode == 0, ended.stderr[-2000:]
    assert ended.stdout.startswith(f"the memory does not hold a batch of 512 {what}; "), ended.stderr[-2000:]
    fits = int(ended.stdout.split(";")[1].split()[0])
    assert f"{fits} fit: give --{setting.replace('_', '-')} {fits}" in ended.stdout
    assert 1 <= fits <= 256
    assert ended.stdout.strip().endswith(f" {fits}"), "no epoch was over, so none is said to be kept"


@pytest.mark.parametrize(
    ("problem", "found"),
    [
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"), True),
        (MemoryError(), True),
        (writing_a_checkpoint(), True),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 8589934592 bytes"), True),
        (RuntimeError("could not create a primitive"), True),
        (RuntimeError("posix_memalign failed:Cannot allocate memory (12)"), True),
        (RuntimeError("could not create a memory object"), True),
        (RuntimeError("std::bad_alloc"), True),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), False),
    ],
)
def test_only_what_says_so_is_taken_for_a_lack_of_memory(problem: Exception, found: bool) -> None:
    assert is_out_of_memory(problem) == found


def test_a_batch_that_no_memory_holds_is_refused_before_it_is_tried(tmp_path: Path) -> None:
    """The kernel ends a process that uses more than there is without a word."""
    settings = FitSettings(epochs=1, batch=10_000_000, batches=1, workers=0, accelerator="cpu", precision="32")
    frames = labelled(tmp_path, 2)
    with pytest.raises(TooLargeError, match=r"a batch of 10000000 pictures: it takes more than [\d.]+ GB, and .*at most \d+ can fit: give"):
        fit(frames, frames.subset(np.zeros(0, int)), settings, tmp_path / "run")


def test_several_machines_hold_as_many_times_the_batch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    frames = labelled(tmp_path, 2)
    settings = FitSettings(epochs=1, batch=10_000_000, batches=1, workers=0, accelerator="cpu", precision="32")

    def most(folder: str) -> int:
        with pytest.raises(TooLargeError) as refused:
            fit(frames, frames.subset(np.zeros(0, int)), settings, tmp_path / folder)
        return int(str(refused.value).split("at most ")[1].split()[0])

    alone = most("alone")
    for name, value in {"TORCHELASTIC_RUN_ID": "none", "RANK": "0", "WORLD_SIZE": "20", "LOCAL_WORLD_SIZE": "2"}.items():
        monkeypatch.setenv(name, value)
    assert 5 < most("ten machines") / alone < 20  # ten; what is free differs from moment to moment


def test_held_out_frames_whose_loss_does_not_fit_name_the_held_out_option(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    frames = labelled(tmp_path, 4)
    asked = []

    def loss_of(self: Learner, network: nn.Module, pictures: Batch) -> Tensor:
        if network is self.averaged:
            asked.append(len(pictures.frames))
            raise MemoryError
        return usual(self, network, pictures)

    usual = Learner.loss_of
    monkeypatch.setattr(Learner, "loss_of", loss_of)
    settings = FitSettings(epochs=1, batch=2, batches=1, workers=0, accelerator="cpu", precision="32", held_out_batch=2)
    with pytest.raises(TooLargeError, match="a batch of 2 held-out frames; 1 fit: give --held-out-batch 1"):
        fit(frames, frames, settings, tmp_path / "run")
    assert asked == [2]


@pytest.mark.parametrize(
    ("held_out", "sentence"),
    [
        (
            False,
            "a batch of 2 pictures; 1 fit: give --batch 1; the epochs before are kept, and the same command goes on with them "
            "once more memory is free; another --batch begins anew",
        ),
        (
            True,
            "a batch of 2 held-out frames; 1 fit: give --held-out-batch 1; the epochs before are kept, and the same command goes on with "
            "them with any --held-out-batch",
        ),
    ],
)
def test_memory_that_ends_after_an_epoch_is_said_with_what_is_kept(
    held_out: bool, sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    frames = labelled(tmp_path, 4)
    usual, lacking = Learner.loss_of, [True]

    def loss_of(self: Learner, network: nn.Module, pictures: Batch) -> Tensor:
        if lacking[0] and (network is self.averaged) == held_out and self.history.epochs and len(pictures.frames) > 1:
            raise MemoryError
        return usual(self, network, pictures)

    monkeypatch.setattr(Learner, "loss_of", loss_of)
    settings = FitSettings(epochs=3, batch=2, batches=1, workers=0, accelerator="cpu", precision="32", held_out_batch=2)
    with pytest.raises(TooLargeError) as refused:
        fit(frames, frames, settings, tmp_path / "run")
    assert str(refused.value) == f"the memory does not hold {sentence}"
    lacking[0] = held_out
    went_on = fit(frames, frames, replace(settings, held_out_batch=1) if held_out else settings, tmp_path / "run")
    assert [epoch.epoch for epoch in went_on.history.epochs] == [0, 1, 2]


@pytest.mark.own_process
def test_training_and_scoring_again_and_again_holds_no_more_memory(tmp_path: Path) -> None:
    """Neither tensors, nor memory of the process, nor of a GPU where there is one; the first cycle loads libraries and fills caches."""
    frames = labelled(tmp_path, 4)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    settings = FitSettings(epochs=1, batch=2, batches=2, width=0.25, workers=0, accelerator=device, precision="32")
    tensors, resident, on_gpu = [], [], []
    for cycle in range(5):
        result = fit(frames, frames.subset(np.arange(2)), settings, tmp_path / f"run{cycle}")
        predict_animals(result.network, FrameStore(frames, result.view), np.arange(4))
        del result
        gc.collect()
        tensors.append(sum(isinstance(one, torch.Tensor) for one in gc.get_objects()))
        resident.append(resident_mib())
        on_gpu.append(torch.cuda.memory_allocated() if device == "cuda" else 0)
    assert tensors[1:] == tensors[1:2] * 4, tensors
    assert on_gpu[1:] == on_gpu[1:2] * 4, on_gpu
    assert resident[-1] - resident[1] < 3 * LEAKED_MIB, resident


def resident_mib() -> float:
    """What the process holds, without what the C library keeps free for later; 0 where there is no such account."""
    if not Path("/proc/self/statm").exists():
        return 0.0
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 2**20
