"""Large files are read and hashed in turns with whatever else the process does."""

import hashlib
import io
from pathlib import Path
from typing import Any

import pytest

from tracker import bundle
from tracker.engines.engine_cache import MadeFor, read_sealed, store_engine
from tracker.gentle_reading import PIECE, read_and_hash, sha256_of


class SlowFile(io.BytesIO):
    """Each piece takes 3 ms of a clock that stands still otherwise."""

    now_ns = 0

    def readinto(self, buffer: Any) -> int:
        self.now_ns += 3_000_000
        return super().readinto(buffer)


def test_after_each_piece_the_reader_rests_for_as_long_as_the_piece_took() -> None:
    file, rests = SlowFile(bytes(range(256)) * 10), list[float]()
    buffer = memoryview(bytearray(2560))
    pieces = (buffer[start : start + 1000] for start in (0, 1000, 2000))
    count, digest = read_and_hash(file, pieces, clock=lambda: file.now_ns, rest=rests.append)
    assert (count, digest) == (2560, hashlib.sha256(file.getvalue()).hexdigest())
    assert bytes(buffer) == file.getvalue()
    assert rests == pytest.approx([0.003] * 3)


def test_a_piece_that_waited_for_the_disk_is_followed_by_a_short_rest() -> None:
    moments, rests = iter([0, 10**10, 10**10, 5 * 10**9]), list[float]()
    assert read_and_hash(io.BytesIO(b"ab"), [memoryview(bytearray(1))] * 2, clock=lambda: next(moments), rest=rests.append)[0] == 2
    assert rests == [0.02, -5.0]
    moments = iter([10**10, 0])
    assert read_and_hash(io.BytesIO(b"a"), [memoryview(bytearray(1))], clock=lambda: next(moments))[0] == 1


def test_a_file_of_many_pieces_has_the_digest_of_its_bytes(tmp_path: Path) -> None:
    content = b"0123456789abcdef" * (PIECE // 16 * 2 + 1)
    (tmp_path / "file").write_bytes(content)
    assert sha256_of(tmp_path / "file") == hashlib.sha256(content).hexdigest()


@pytest.fixture
def rested(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long was rested, each time."""
    rests: list[float] = []
    monkeypatch.setattr("tracker.gentle_reading._NEVER.wait", rests.append)
    return rests


def test_a_bundles_network_is_hashed_with_rests(tmp_path: Path, rested: list[float]) -> None:
    content = bytes(2 * PIECE + 1)
    (tmp_path / "model.onnx").write_bytes(content)
    bundle._compare(tmp_path / "model.onnx", hashlib.sha256(content).hexdigest())
    assert len(rested) == 3


def test_a_kept_engine_is_read_with_rests(tmp_path: Path, rested: list[float]) -> None:
    made_for = MadeFor(onnx_sha256="0" * 64, runtime="r", device="d", capability="c", driver="n", precision="fp32", options="")
    payload = bytes(2 * PIECE + 1)
    path = store_engine(tmp_path, made_for, payload)
    rested.clear()
    assert read_sealed(path, made_for).tobytes() == payload
    assert len(rested) == 3
