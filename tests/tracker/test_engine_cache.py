"""Engine files: made for one machine, whole or refused, written whole or not at all."""

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tracker.engines import engine_cache
from tracker.engines.engine_cache import MAGIC, MadeFor, load_engine, read_sealed, store_engine
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
    return store_engine(folder, HERE, PAYLOAD)


def made_for(index: int) -> MadeFor:
    return dataclasses.replace(HERE, onnx_sha256=f"{index:064x}")


def test_an_engine_kept_is_found_again(tmp_path: Path) -> None:
    store(tmp_path)

    payload = load_engine(tmp_path, HERE, say=pytest.fail)

    assert payload is not None
    assert payload.tobytes() == PAYLOAD


def test_an_engine_in_use_does_not_change_with_its_file(tmp_path: Path) -> None:
    path = store(tmp_path)
    payload = load_engine(tmp_path, HERE, say=pytest.fail)
    with path.open("r+b") as file:
        file.truncate(0)

    assert payload is not None
    assert payload.tobytes() == PAYLOAD


@pytest.mark.parametrize("mode", [0o660, 0o606, 0o666], ids=oct)
def test_an_engine_that_others_may_write_is_refused(tmp_path: Path, mode: int) -> None:
    store(tmp_path).chmod(mode)
    said: list[str] = []

    assert load_engine(tmp_path, HERE, say=said.append) is None
    assert "is not a file that this user alone may write; it is built again" in said[0]


def test_a_link_to_an_engine_elsewhere_is_refused(tmp_path: Path) -> None:
    path = store(tmp_path)
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    said: list[str] = []

    assert load_engine(tmp_path, HERE, say=said.append) is None
    assert "cannot be read" in said[0]


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to give a file away")
def test_an_engine_of_another_user_is_refused(tmp_path: Path) -> None:
    os.chown(store(tmp_path), 65534, 65534)
    said: list[str] = []

    assert load_engine(tmp_path, HERE, say=said.append) is None
    assert "is not a file that this user alone may write" in said[0]


def test_the_engines_not_used_for_longest_are_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_cache, "KEPT_ENGINES", 3)
    paths = [store_engine(tmp_path, made_for(index), PAYLOAD) for index in range(3)]
    for age, path in enumerate(reversed(paths)):
        os.utime(path, (1e9 - age, 1e9 - age))
    load_engine(tmp_path, made_for(0), say=pytest.fail)  # the oldest is used again

    newest = store_engine(tmp_path, made_for(3), PAYLOAD)

    assert set(tmp_path.iterdir()) == {paths[0], paths[2], newest}


def test_the_engines_kept_stay_within_a_bound_of_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_cache, "KEPT_BYTES", len(PAYLOAD) * 3)
    for index in range(6):
        newest = store_engine(tmp_path, made_for(index), PAYLOAD)

    assert newest in tmp_path.iterdir()
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= len(PAYLOAD) * 3


WRITER = """
import os, sys, time
sys.path[:] = {path!r}
from pathlib import Path
import tracker.engines.engine_cache as engine_cache
def stuck(descriptor):
    print("writing", flush=True)
    time.sleep(60)
os.fsync = stuck
engine_cache.store_engine(Path({folder!r}), engine_cache.MadeFor(**{made_for!r}), b"engine")
"""


def test_what_a_killed_writer_left_is_removed_by_the_next_and_a_living_ones_is_not(tmp_path: Path) -> None:
    code = WRITER.format(path=sys.path, folder=str(tmp_path), made_for=dataclasses.asdict(HERE))
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"writing\n"
        (part,) = tmp_path.iterdir()
        os.utime(part, (1e9, 1e9))
        store_engine(tmp_path, made_for(1), PAYLOAD)
        while_it_lived = part.exists()
        writer.kill()
    kept = store_engine(tmp_path, made_for(1), PAYLOAD)

    assert while_it_lived
    assert list(tmp_path.iterdir()) == [kept]


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
    store_engine(tmp_path, theirs, PAYLOAD).rename(tmp_path / f"{HERE.fingerprint}.engine")
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


def test_a_folder_that_cannot_be_written_is_told_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "engines").write_text("a file where the folder should be")

    with pytest.raises(EngineError, match="the engine could not be written: Not a directory"):
        store(tmp_path / "engines")


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
