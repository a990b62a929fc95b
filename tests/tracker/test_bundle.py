"""Contract 1: a bundle is read whole or refused in one sentence, and written whole or not at all."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import msgspec
import numpy as np
import pytest

from tests.conftest import BundleMaker
from tracker.bundle import Bundle, expected_answer, read_bundle, write_bundle
from tracker.errors import BundleError


@pytest.fixture
def bundle(make_bundle: BundleMaker, tmp_path: Path) -> Path:
    return make_bundle(tmp_path / "spot", height=48, width=64)


def describe(folder: Path, **changes: object) -> None:
    path = folder / "bundle.json"
    values = json.loads(path.read_text()) | changes
    path.write_text(json.dumps({name: value for name, value in values.items() if value is not ...}))


def test_what_is_written_is_read_back_the_same(bundle: Path) -> None:
    found = read_bundle(bundle)
    assert found.description.point_names == ("spot",)
    assert found.self_test_image.shape == (48, 64)
    np.testing.assert_allclose(expected_answer(found.description), [[[16, 16, 0.8]]])
    assert sorted(path.name for path in bundle.iterdir()) == ["bundle.json", "model.onnx", "self_test.png"]


@pytest.mark.parametrize("name", ["model.onnx", "self_test.png"])
def test_a_tampered_file_is_refused_by_name(bundle: Path, name: str) -> None:
    content = bytearray((bundle / name).read_bytes())
    content[len(content) // 2] ^= 1
    (bundle / name).write_bytes(content)
    with pytest.raises(BundleError, match=rf"{name}: its SHA-256 begins .* damaged or was changed"):
        read_bundle(bundle)


@pytest.mark.parametrize("name", ["model.onnx", "self_test.png", "bundle.json"])
def test_a_truncated_file_is_refused(bundle: Path, name: str) -> None:
    content = (bundle / name).read_bytes()
    (bundle / name).write_bytes(content[: len(content) // 2])
    with pytest.raises(BundleError, match=name):
        read_bundle(bundle)


@pytest.mark.parametrize("name", ["model.onnx", "self_test.png", "bundle.json"])
def test_a_missing_file_is_refused(bundle: Path, name: str) -> None:
    (bundle / name).unlink()
    with pytest.raises(BundleError, match=name):
        read_bundle(bundle)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"colour": "red"}, "unknown field `colour`"),
        ({"task": ...}, "missing required field `task`"),
        ({"schema": 2}, "schema"),
        ({"precision": "fp64"}, "precision"),
        ({"onnx_sha256": "short"}, "onnx_sha256"),
    ],
    ids=["unknown", "missing", "newer", "mistyped", "no hash"],
)
def test_a_foreign_description_is_refused(bundle: Path, changes: dict[str, object], complaint: str) -> None:
    describe(bundle, **changes)
    with pytest.raises(BundleError, match=complaint):
        read_bundle(bundle)


def test_an_absent_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="expected an engine bundle"):
        read_bundle(tmp_path / "nothing")


def rewrite(found: Bundle, folder: Path, *, model: bytes) -> None:
    write_bundle(folder, model=model, self_test_image=found.self_test_image, description=found.description)


def test_a_bundle_replaces_an_earlier_one_and_leaves_nothing_beside_it(bundle: Path) -> None:
    found = read_bundle(bundle)
    rewrite(found, bundle, model=b"another model")
    assert (bundle / "model.onnx").read_bytes() == b"another model"
    assert [path.name for path in bundle.parent.iterdir()] == ["spot"]


@pytest.mark.skipif(os.geteuid() != 0 or shutil.which("mount") is None, reason="needs root to mount a small file system")
def test_a_full_disk_leaves_the_earlier_bundle_whole(bundle: Path, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(disk)], capture_output=True, check=False).returncode:
        pytest.skip("mounting is not permitted here")
    try:
        shutil.copytree(bundle, disk / "spot")
        found = read_bundle(disk / "spot")
        with pytest.raises(BundleError, match="No space left on device"):
            rewrite(found, disk / "spot", model=bytes(1_000_000))
        assert msgspec.structs.replace(read_bundle(disk / "spot"), self_test_image=None) == msgspec.structs.replace(
            found, self_test_image=None
        )
        assert [path.name for path in disk.iterdir()] == ["spot"]
    finally:
        subprocess.run(["umount", str(disk)], check=True)
