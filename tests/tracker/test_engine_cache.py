"""Engine files: made for one machine, whole or refused, written whole or not at all."""

import dataclasses
import json
from pathlib import Path

import pytest

from tracker.engines.engine_cache import MAGIC, MadeFor, load_engine, read_sealed, store_engine
from tracker.engines.nvidia_driver import driver_version
from tracker.errors import EngineError

HERE = MadeFor(
    onnx_sha256="a" * 64,
    runtime="tensorrt 8.6.0",
    device="NVIDIA H200",
    capability="9.0",
    driver="550.54.15, CUDA 12.4",
    precision="fp16",
    options="EXPLICIT_BATCH FP16",
)
PAYLOAD = bytes(range(256)) * 40


def store(folder: Path) -> Path:
    path = store_engine(folder, HERE, PAYLOAD, say=pytest.fail)
    if path is None:
        pytest.fail("the engine was not stored")
    return path


def test_an_engine_kept_is_found_again(tmp_path: Path) -> None:
    store(tmp_path / "engines")

    assert load_engine(tmp_path / "engines", HERE, say=pytest.fail) == PAYLOAD


@pytest.mark.parametrize("field", [field.name for field in dataclasses.fields(MadeFor)])
def test_everything_an_engine_depends_on_changes_its_fingerprint(field: str) -> None:
    assert dataclasses.replace(HERE, **{field: "something else"}).fingerprint != HERE.fingerprint


def test_the_fingerprint_stays_the_same_from_start_to_start() -> None:
    """A change here means that every rig builds every engine anew: it must be meant."""
    assert HERE.fingerprint == "253ab739fe6ee32488a56b2507c3eb96ed39590246985b964c153d4714f95741"


@pytest.mark.parametrize("kept", [0, 5, len(MAGIC), len(MAGIC) + 2, len(MAGIC) + 4, 100, 700, -1], ids=lambda kept: f"{kept} bytes")
def test_a_truncated_engine_is_refused_and_said_so(tmp_path: Path, kept: int) -> None:
    path = store(tmp_path)
    path.write_bytes(path.read_bytes()[:kept])
    said: list[str] = []

    assert load_engine(tmp_path, HERE, say=said.append) is None
    assert len(said) == 1
    assert str(path) in said[0]
    assert said[0].endswith("it is built again")


@pytest.mark.parametrize("place", [3, len(MAGIC), len(MAGIC) + 3, 60, 300, -1], ids=lambda place: f"byte {place}")
def test_one_changed_byte_is_enough_to_refuse_an_engine(tmp_path: Path, place: int) -> None:
    path = store(tmp_path)
    content = bytearray(path.read_bytes())
    content[place] ^= 0x5A
    path.write_bytes(bytes(content))
    said: list[str] = []

    assert load_engine(tmp_path, HERE, say=said.append) is None
    assert len(said) == 1


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "is not an engine file of rigtrack"),
        (b"PK\x03\x04 a zip archive", "is not an engine file of rigtrack"),
        (MAGIC + (3).to_bytes(4, "little") + b"[1]", "not of schema 1"),
        (MAGIC + (2).to_bytes(4, "little") + b"{}", "not of schema 1"),
        (MAGIC + (12).to_bytes(4, "little") + b'{"schema":1}', "does not say for which"),
        (MAGIC + (0xFFFFFFFF).to_bytes(4, "little") + b"\xff\xfe", "header is damaged"),
    ],
    ids=["empty", "foreign", "list", "no schema", "no maker", "huge header"],
)
def test_a_foreign_file_under_the_right_name_is_refused(tmp_path: Path, content: bytes, complaint: str) -> None:
    path = tmp_path / f"{HERE.fingerprint}.engine"
    path.write_bytes(content)

    with pytest.raises(EngineError, match=complaint):
        read_sealed(path, HERE)


def test_an_engine_of_another_machine_is_never_loaded_even_under_the_right_name(tmp_path: Path) -> None:
    theirs = dataclasses.replace(HERE, device="NVIDIA RTX A4000", capability="8.6")
    stored = store_engine(tmp_path, theirs, PAYLOAD, say=pytest.fail)
    assert stored is not None
    stored.rename(tmp_path / f"{HERE.fingerprint}.engine")
    said: list[str] = []

    assert load_engine(tmp_path, HERE, say=said.append) is None
    assert "device NVIDIA RTX A4000, here NVIDIA H200; capability 8.6, here 9.0" in said[0]


def test_a_stale_engine_is_named_with_what_changed(tmp_path: Path) -> None:
    store(tmp_path)
    said: list[str] = []

    assert load_engine(tmp_path, dataclasses.replace(HERE, driver="560.28.03, CUDA 12.6"), say=said.append) is None
    changed = "driver 550.54.15, CUDA 12.4, here 560.28.03, CUDA 12.6"
    assert said == [f"{HERE.fingerprint[:12]}….engine does not fit any more ({changed}); a new one is built"]


def test_the_first_start_says_that_an_engine_is_built(tmp_path: Path) -> None:
    said: list[str] = []

    assert load_engine(tmp_path / "engines", HERE, say=said.append) is None
    assert said == [f"no engine for tensorrt 8.6.0 fp16 on NVIDIA H200 in {tmp_path / 'engines'}; it is built"]


def test_a_folder_that_cannot_be_written_costs_a_sentence_and_no_more(tmp_path: Path) -> None:
    (tmp_path / "engines").write_text("a file where the folder should be")
    said: list[str] = []

    assert store_engine(tmp_path / "engines", HERE, PAYLOAD, say=said.append) is None
    assert "it will be built again at every start" in said[0]


def test_nothing_half_written_is_left_beside_an_engine(tmp_path: Path) -> None:
    path = store(tmp_path)
    store(tmp_path)

    assert list(tmp_path.iterdir()) == [path]


def test_the_header_can_be_read_without_rigtrack(tmp_path: Path) -> None:
    content = store(tmp_path).read_bytes()
    length = int.from_bytes(content[16:20], "little")

    header = json.loads(content[20 : 20 + length])

    assert header["made_for"] == dataclasses.asdict(HERE)
    assert content[20 + length :] == PAYLOAD


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("NVRM version: NVIDIA UNIX x86_64 Kernel Module  550.54.15  Tue Mar  5 22:23:56 UTC 2024\nGCC version: 12.2.0\n", "550.54.15"),
        ("NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  570.86  Release Build\n", "570.86"),
        ("something else\n", "unknown"),
    ],
    ids=["three parts", "two parts", "unknown"],
)
def test_the_nvidia_driver_is_told_by_its_kernel_module(tmp_path: Path, text: str, version: str) -> None:
    (tmp_path / "version").write_text(text)

    assert driver_version(tmp_path / "version") == version


def test_a_machine_without_the_driver_says_unknown(tmp_path: Path) -> None:
    assert driver_version(tmp_path / "version") == "unknown"
