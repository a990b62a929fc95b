"""Which of several training processes this one is, as `torchrun` or SLURM has started it. Starting them is their job, not ours."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from trainer.errors import TrainingError


@dataclass(frozen=True, slots=True, kw_only=True)
class Processes:
    """A group of processes that train one network together.

    Attributes:
        rank: of this process, from 0; the first writes the files and speaks.
        count: of all processes.
        nodes: machines; each runs as many processes.
    """

    rank: int
    count: int
    nodes: int

    @property
    def first(self) -> bool:
        """Whether this process writes and speaks for all."""
        return self.rank == 0

    @property
    def per_node(self) -> int:
        """Processes on each machine."""
        return self.count // self.nodes


_CONNECTING = ("gloo", "nccl")  # the libraries that connect processes, in what they say
_ENDED = ("connection closed by peer", "connection reset by peer", "remote process exit")  # what gloo and NCCL say of another process
ALONE = Processes(rank=0, count=1, nodes=1)


def processes_here(environment: Mapping[str, str] = os.environ) -> Processes:
    """Read what torchrun (RANK, WORLD_SIZE, LOCAL_WORLD_SIZE) or a SLURM step (SLURM_PROCID, SLURM_STEP_NUM_TASKS …) has set.

    A SLURM job that did not use `srun` is one process, whatever it has reserved.

    Raises:
        TrainingError: the machines do not run equally many processes.
    """
    if "TORCHELASTIC_RUN_ID" in environment:
        every, here = int(environment["WORLD_SIZE"]), int(environment["LOCAL_WORLD_SIZE"])
        return _checked(int(environment["RANK"]), every, nodes=max(1, every // here))
    if "SLURM_STEP_NUM_TASKS" in environment:
        nodes = int(environment.get("SLURM_STEP_NUM_NODES", "1"))
        return _checked(int(environment["SLURM_PROCID"]), int(environment["SLURM_STEP_NUM_TASKS"]), nodes=nodes)
    return ALONE


def _checked(rank: int, count: int, *, nodes: int) -> Processes:
    if count % nodes:
        raise TrainingError(f"{count} processes on {nodes} machines; expected as many on every machine")
    return Processes(rank=rank, count=count, nodes=nodes)


@contextmanager
def lost_process_refused(group: Processes) -> Iterator[None]:
    """Say in one sentence that another process of the group ended while this one waited for it, or cannot be reached.

    Raises:
        TrainingError: in place of what the libraries that connect processes say.
    """
    try:
        yield
    except RuntimeError as problem:
        said = str(problem).lower()
        if group.count == 1 or not any(word in said for word in (*_ENDED, *_CONNECTING)):
            raise
        here = f"process {group.rank + 1} of {group.count}"
        if any(word in said for word in _ENDED):
            raise TrainingError(
                f"{here}: another process of this training ended; expected all to go on; what that one printed says why"
            ) from problem
        raise TrainingError(
            f"{here}: the processes are not connected ({str(problem).splitlines()[0]}); expected a network on which each reaches the others"
        ) from problem
