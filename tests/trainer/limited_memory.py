"""A process in which only so much more memory can be had, for a moment."""

import ctypes
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch

_MMAP_THRESHOLD = -3  # in malloc.h of glibc
ACCOUNT = Path("/proc/self/statm")
needs_account = pytest.mark.skipif(not ACCOUNT.exists(), reason="needs Linux's account of a process's memory")


@contextmanager
def memory_left(megabytes: int) -> Iterator[None]:
    """Refuse this process more than so much memory beyond what it has; without oneDNN, which then calls kernels that it could not make."""
    _give_back_blocks_from(1 << 20)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # each further thread reserves a heap of its own
    used = int(ACCOUNT.read_text().split()[0]) * resource.getpagesize()
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (used + megabytes * 2**20, hard))
    try:
        torch.backends.mkldnn.set_flags(_enabled=False, _fp32_precision=None)
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
        torch.backends.mkldnn.set_flags(_enabled=True, _fp32_precision=None)
        torch.set_num_threads(threads)
        _give_back_blocks_from(1 << 25)


def _give_back_blocks_from(size: int) -> None:
    """Let the C library map blocks of so many bytes on their own, so that they are given back at once when they are freed."""
    ctypes.CDLL(None).mallopt(_MMAP_THRESHOLD, size)
