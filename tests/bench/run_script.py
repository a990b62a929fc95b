"""Scripts of `bench/`, run as people run them, but in this process: what they import takes longer than what they do here."""

import io
import os
import runpy
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path

import cv2
import pytest
import torch

BENCH = Path(__file__).resolve().parents[2] / "bench"


def script(name: str, *arguments: object) -> str:
    """Run one to its end, and return what it printed."""
    status, printed = status_of(name, *arguments)
    assert status == 0, printed
    return printed


def status_of(name: str, *arguments: object) -> tuple[int, str]:
    """Run one to its end, and return its status and what it printed. What it said goes where the test's own errors go.

    It finds what a file run by Python finds: its folder first in the search path, its name and arguments, itself as `__main__`.
    """
    path, printed = BENCH / name, io.StringIO()
    with _as_before(), pytest.MonkeyPatch.context() as patch, redirect_stdout(printed), warnings.catch_warnings():
        warnings.simplefilter("default")  # a mean of nothing, at these sizes, is no mistake
        patch.setattr(sys, "argv", [str(path), *map(str, arguments)])
        patch.setattr(sys, "path", [str(path.parent), *sys.path])
        try:
            runpy.run_path(str(path), run_name="__main__")
        except SystemExit as ended:
            if isinstance(ended.code, str):
                print(ended.code, file=sys.stderr)
            return (ended.code or 0) if isinstance(ended.code, int | None) else 1, printed.getvalue()
    return 0, printed.getvalue()


@contextmanager
def _as_before() -> Iterator[None]:
    """A process of its own would forget these at its end: environment, numbers of threads, and the other files of `bench/`."""
    environment, threads, torch_threads = dict(os.environ), cv2.getNumThreads(), torch.get_num_threads()
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(environment)
        cv2.setNumThreads(threads)
        torch.set_num_threads(torch_threads)
        for name, module in list(sys.modules.items()):
            if (getattr(module, "__file__", None) or "").startswith(f"{BENCH}{os.sep}"):
                del sys.modules[name]
