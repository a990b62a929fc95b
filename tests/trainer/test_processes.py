"""One network trained by several processes: each batch is shared, the replicas stay the same, and the result is that of one process."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.trainer.learnable import GREY, labelled
from trainer.errors import TrainingError
from trainer.networks.blocks import CropPlan
from trainer.training.augment import AugmentSettings
from trainer.training.datasets import EpochOrder, FrameStore, TrainingFrames
from trainer.training.processes import ALONE, Processes, lost_process_refused, processes_here
from trainer.training.training_loader import TrainingLoader

REPOSITORY = Path(__file__).resolve().parents[2]
TORCHRUN = {"TORCHELASTIC_RUN_ID": "none", "RANK": "5", "WORLD_SIZE": "8", "LOCAL_WORLD_SIZE": "4"}
SLURM = {"SLURM_STEP_NUM_TASKS": "6", "SLURM_PROCID": "0", "SLURM_STEP_NUM_NODES": "3"}

HERE = {"PYTHONPATH": f"{REPOSITORY}:{Path(__file__).parent}", "OMP_NUM_THREADS": "1"}

# what each of the processes runs: train, then say how it went and what its weights are
LEARN = """
import hashlib, json, sys, warnings
from collections.abc import Mapping
from pathlib import Path
import torch
from learnable import labelled
from trainer.training.fit import fit
from trainer.training.fit_settings import FitSettings
from trainer.training.learner import Learner
from trainer.training.processes import processes_here
found = {}
out, rank = Path(sys.argv[1]), processes_here().rank
def note(learner):
    weights = [value.detach().numpy().tobytes() for value in learner.network.parameters()]
    found.update(weights=hashlib.sha256(b"".join(weights)).hexdigest(), losses=len(learner.history.batch_loss), stopped=learner.stopped)
Learner.on_train_end = note
folder = out / f"images-{rank}"
folder.mkdir(parents=True)
for number, asked in enumerate(json.loads(sys.argv[2])):
    settings = FitSettings(accelerator="cpu", precision="32", batch=8, batches=12, averaging=0.8, **asked)
    made = fit(labelled(folder, 12), labelled(folder, 4, first=50), settings, out / f"run-{number}")
    (out / f"{rank}-{number}.json").write_text(json.dumps({**found, "held_out_px": made.held_out_px}))
"""

# memory ends in the second of two processes, in the second epoch, for more than three pictures at a time
LACK = """
import sys
from pathlib import Path
from learnable import labelled
from trainer.errors import TrainingError
from trainer.training.fit import fit
from trainer.training.fit_settings import FitSettings
from trainer.training.learner import Learner
from trainer.training.processes import processes_here
out, rank, asked = Path(sys.argv[1]), processes_here().rank, []
def loss_of(learner, network, pictures):
    asked.append(len(pictures.frames))
    if rank == 1 and learner.history.epochs and asked[-1] > 3:
        raise MemoryError
    return usual(learner, network, pictures)
usual, Learner.loss_of = Learner.loss_of, loss_of
folder = out / f"images-{rank}"
folder.mkdir(parents=True)
settings = FitSettings(accelerator="cpu", precision="32", batch=16, batches=2, epochs=3)
try:
    fit(labelled(folder, 4), labelled(folder, 1, first=50), settings, out / "run")
except TrainingError as refused:
    (out / f"{rank}.txt").write_text(str(refused))
    sys.exit(1)
"""


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, ALONE),
        (TORCHRUN, Processes(rank=5, count=8, nodes=2)),
        (SLURM, Processes(rank=0, count=6, nodes=3)),
        ({"SLURM_NTASKS": "6", "SLURM_PROCID": "0"}, ALONE),
    ],
    ids=["alone", "torchrun", "srun", "a SLURM job without srun"],
)
def test_the_launcher_says_which_process_this_is(environment: dict[str, str], expected: Processes) -> None:
    assert processes_here(environment) == expected
    assert processes_here(environment).first == (expected.rank == 0)


def test_machines_with_unequal_numbers_of_processes_are_refused() -> None:
    with pytest.raises(TrainingError, match="7 processes on 3 machines"):
        processes_here({**SLURM, "SLURM_STEP_NUM_TASKS": "7"})


@pytest.mark.parametrize("count", [2, 3])
def test_processes_share_each_batch_without_gap(tmp_path: Path, count: int) -> None:
    frames = TrainingFrames(
        FrameStore(labelled(tmp_path, 5), GREY), crop=CropPlan(height=96, width=96, shrink=1, pool=2), settings=AugmentSettings(), seed=0
    )

    def batches(group: Processes) -> list[list[bytes]]:
        loader = TrainingLoader(frames, EpochOrder(5, pictures=5, seed=0), batch=4, workers=0, group=group)
        return [[picture.numpy().tobytes() for picture in batch.frames] for batch in loader]

    whole = batches(ALONE)
    shares = [batches(Processes(rank=rank, count=count, nodes=1)) for rank in range(count)]
    for number, batch in enumerate(whole):
        assert {picture for share in shares for picture in share[number]} == set(batch)
        assert len({len(share[number]) for share in shares}) == 1  # a process without a picture would wait for the others for good


def learn(out: Path, processes: int, *asked: Mapping[str, float]) -> list[list[dict[str, Any]]]:
    """Train with these settings, one after the other, in real processes; what each process says of each training."""
    script = out / "learn.py"
    out.mkdir()
    script.write_text(LEARN)
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)] if processes > 1 else []
    command = [sys.executable, *launcher, str(script), str(out), json.dumps(asked)]
    ran = subprocess.run(command, env=os.environ | HERE, check=False, capture_output=True, text=True, timeout=800)
    assert ran.returncode == 0, ran.stderr
    return [[json.loads((out / f"{rank}-{number}.json").read_text()) for rank in range(processes)] for number in range(len(asked))]


THREE_EPOCHS: dict[str, float] = {"epochs": 3}
BY_THE_CLOCK: dict[str, float] = {"minutes": 0.03}


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> list[list[dict[str, Any]]]:
    """What two processes say of both trainings."""
    return learn(tmp_path_factory.mktemp("processes") / "two", 2, THREE_EPOCHS, BY_THE_CLOCK)


def test_two_processes_learn_what_one_does(two: list[list[dict[str, Any]]], tmp_path: Path) -> None:
    ((one,),), (first, second) = learn(tmp_path / "one", 1, THREE_EPOCHS), two[0]
    assert first["weights"] == second["weights"]
    assert first["losses"] == one["losses"]
    # guessing the middle costs 30 px; after so few steps the same training with another seed differs by a third
    assert one["held_out_px"] < 15
    assert first["held_out_px"] < 15


def test_processes_that_train_by_the_clock_stop_together_with_the_same_weights(two: list[list[dict[str, Any]]]) -> None:
    first, second = two[1]
    assert first["stopped"] == "minutes"
    assert first["weights"] == second["weights"]


def test_memory_that_ends_in_one_process_is_a_sentence_in_each(tmp_path: Path, free_port: int) -> None:
    """Started here as torchrun would: that one kills the others as soon as one has ended."""
    group = {"TORCHELASTIC_RUN_ID": "none", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port), "WORLD_SIZE": "2"}
    started = [
        subprocess.Popen(
            [sys.executable, "-c", LACK, str(tmp_path)],
            env=os.environ | HERE | group | {"LOCAL_WORLD_SIZE": "2", "GROUP_RANK": "0", "RANK": rank, "LOCAL_RANK": rank},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in ("0", "1")
    ]
    try:
        said = [process.communicate(timeout=800)[1] for process in started]
    finally:
        for process in started:
            process.kill()  # one that waits for the other would wait on
            process.wait()
    assert [process.returncode for process in started] == [1, 1], said
    first, second = ((tmp_path / f"{rank}.txt").read_text() for rank in range(2))
    assert first == "process 1 of 2: another process of this training ended; expected all to go on; what that one printed says why"
    assert second.startswith(
        "the memory does not hold a batch of 16 pictures; 4 fit: give --batch 4; the epochs before are kept, and the same "
    )


def test_another_error_of_a_process_stays_what_it_is() -> None:
    of_two = Processes(rank=0, count=2, nodes=1)
    with pytest.raises(RuntimeError, match="mat1 and mat2"), lost_process_refused(of_two):
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")
    with pytest.raises(RuntimeError, match="closed by peer"), lost_process_refused(ALONE):
        raise RuntimeError("Connection closed by peer")


def test_processes_that_cannot_reach_each_other_are_a_sentence_with_the_cause() -> None:
    expected = r"process 1 of 2: the processes are not connected \(.*for: nosuch0\); expected a network"
    with pytest.raises(TrainingError, match=expected), lost_process_refused(Processes(rank=0, count=2, nodes=1)):
        raise RuntimeError("[enforce fail at gloo/transport/tcp/device.cc] Unable to find interface for: nosuch0\nframe #0")


@pytest.mark.parametrize(
    "said", ["[gloo/transport/tcp/pair.cc:553] Connection closed by peer [127.0.0.1]:2480", "NCCL error: or a remote process exiting early"]
)
def test_what_the_libraries_say_of_a_process_that_ended_is_one_sentence(said: str) -> None:
    of_two = Processes(rank=1, count=2, nodes=1)
    with pytest.raises(TrainingError, match="process 2 of 2: another process of this training ended"), lost_process_refused(of_two):
        raise RuntimeError(said)
