"""Whether cuBLAS and cuDNN work, against small libraries under their names: real ones, stand-ins whose every function fails, none."""

import subprocess
from pathlib import Path

import pytest

from tests.compiler import c_compiler
from tracker.engines.tensorrt.cuda_libraries import working_libraries
from tracker.engines.tensorrt.options import LIBRARY_TACTICS, OWN_TACTICS, choose_tactics

REAL = {
    "cublas": "int cublasGetProperty(int what, int *value) { *value = what == 0 ? 12 : 0; return 0; }",
    "cublas_lt": "#include <stddef.h>\nsize_t cublasLtGetVersion(void) { return 120103; }",
    "cudnn": "#include <stddef.h>\nsize_t cudnnGetVersion(void) { return 8907; }",
}
FAILING = {
    "cublas": "int cublasGetProperty(void) { return 15; }",
    "cublas_lt": "int cublasLtGetVersion(void) { return 15; }",
    "cudnn": "int cudnnCreate(void) { return 15; }",
}


def built(folder: Path, sources: dict[str, str]) -> dict[str, str]:
    compiler = c_compiler()
    paths = {}
    for name, source in sources.items():
        (folder / f"{name}.c").write_text(source)
        paths[name] = str(folder / f"lib{name}.so")
        subprocess.run([compiler, "-w", "-shared", "-fPIC", str(folder / f"{name}.c"), "-o", paths[name]], check=True)
    return paths


def test_libraries_that_tell_their_version_work(tmp_path: Path) -> None:
    assert working_libraries(**built(tmp_path, REAL)) == set(LIBRARY_TACTICS)


def test_stand_ins_whose_every_function_fails_do_not_work(tmp_path: Path) -> None:
    assert working_libraries(**built(tmp_path, FAILING)) == set()


def test_absent_libraries_do_not_work(tmp_path: Path) -> None:
    gone = str(tmp_path / "none.so")

    assert working_libraries(gone, gone, gone) == set()


@pytest.mark.parametrize(
    ("version", "working", "sources"),
    [
        ("8.6.0", set(), OWN_TACTICS),
        ("8.6.0", {"CUBLAS", "CUBLAS_LT"}, OWN_TACTICS),
        ("8.6.0", set(LIBRARY_TACTICS), (*OWN_TACTICS, *LIBRARY_TACTICS)),
        ("10.3.0", set(LIBRARY_TACTICS), OWN_TACTICS),
        ("11.4.0", set(), OWN_TACTICS),
    ],
    ids=["8 without", "8 with some", "8 with all", "10", "11"],
)
def test_kernels_come_from_the_libraries_only_where_all_of_them_work(version: str, working: set[str], sources: tuple[str, ...]) -> None:
    assert choose_tactics(version, lambda: frozenset(working)) == sources
