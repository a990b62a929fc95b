"""Contract 1: a bundle is read whole or refused in one sentence, and written whole or not at all."""

import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.conftest import BundleMaker
from tracker.bundle import Bundle, read_bundle, write_bundle
from tracker.bundle_description import expected_answer
from tracker.errors import BundleError
from tracker.exchange_folders import exchange


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


def test_a_bundle_from_before_behaviour_was_learnt_loads_as_it_did(bundle: Path) -> None:
    describe(bundle, behaviour=...)
    assert read_bundle(bundle).description.behaviour is None
    assert read_bundle(bundle).self_test_poses is None


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
        ({"correct_within_px": [2.0, 3.0]}, "correct_within_px has 2 numbers; expected one for each of 1 key points"),
    ],
    ids=["unknown", "missing", "newer", "mistyped", "no hash", "radii of other points"],
)
def test_a_foreign_description_is_refused(bundle: Path, changes: dict[str, object], complaint: str) -> None:
    describe(bundle, **changes)
    with pytest.raises(BundleError, match=complaint):
        read_bundle(bundle)


@pytest.mark.parametrize(
    ("lighting", "complaint"),
    [
        ({"contrast": "local"}, "lighting has contrast and no cell_px; expected both or neither"),
        ({"cell_px": 20}, "lighting has cell_px and no contrast; expected both or neither"),
        ({"background": "median"}, "lighting has background and no background_sha256; expected both or neither"),
        ({"background_sha256": "0" * 64}, "lighting has background_sha256 and no background; expected both or neither"),
        ({}, "lighting says that nothing is done; expected null"),
    ],
    ids=["no cell", "no contrast", "no hash", "no background", "nothing"],
)
def test_lighting_that_is_described_by_half_is_refused(bundle: Path, lighting: dict[str, object], complaint: str) -> None:
    nothing = {"background": None, "background_sha256": None, "contrast": None, "cell_px": None}
    describe(bundle, lighting=nothing | lighting)
    with pytest.raises(BundleError, match=complaint):
        read_bundle(bundle)


def test_lighting_that_is_described_whole_is_read(bundle: Path) -> None:
    whole = {"background": "median", "background_sha256": "0" * 64, "contrast": "local", "cell_px": 20}
    describe(bundle, lighting=whole)
    assert msgspec.to_builtins(read_bundle(bundle).description.lighting) == whole


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


def as_text(bundle: Path, change: Callable[[str], str]) -> None:
    path = bundle / "bundle.json"
    path.write_text(change(path.read_text()))


def spoil_bytes(content: bytes) -> Callable[[Path], Path]:
    def spoil(bundle: Path) -> Path:
        (bundle / "bundle.json").write_bytes(content)
        return bundle

    return spoil


def spoil_number(text: str) -> Callable[[Path], Path]:
    def spoil(bundle: Path) -> Path:
        as_text(bundle, lambda found: found.replace('"tolerance_fp32": 0.001', f'"tolerance_fp32": {text}'))
        return bundle

    return spoil


def spoil_shape(shape: str) -> Callable[[Path], Path]:
    def spoil(bundle: Path) -> Path:
        values = json.loads((bundle / "bundle.json").read_text())
        values["states"] = [{"name": "h", "shape": "SHAPE", "dtype": "float32"}]
        (bundle / "bundle.json").write_text(json.dumps(values).replace('"SHAPE"', shape))
        return bundle

    return spoil


def as_folder(name: str) -> Callable[[Path], Path]:
    def spoil(bundle: Path) -> Path:
        (bundle / name).unlink()
        (bundle / name).mkdir()
        return bundle

    return spoil


def as_pipe(name: str) -> Callable[[Path], Path]:
    def spoil(bundle: Path) -> Path:
        (bundle / name).unlink()
        os.mkfifo(bundle / name)
        return bundle

    return spoil


def as_link_to_itself(bundle: Path) -> Path:
    path = bundle.with_name("round")
    path.symlink_to(path)
    return path


UNREADABLE: dict[str, Callable[[Path], Path]] = {
    "invalid UTF-8": spoil_bytes(b'{"schema": 1, "name": "\xff\xfe"}'),
    "invalid UTF-8 in a key": spoil_bytes(b'{"\xc3\x28": 1}'),
    "not JSON": spoil_bytes(b"\x00\x01\x02"),
    "empty": spoil_bytes(b""),
    "a list": spoil_bytes(b"[]"),
    "deeply nested": spoil_bytes(b"[" * 100_000),
    "deeply nested unknown": spoil_bytes(b'{"schema": 1, "x": ' + b'{"a":' * 100_000),
    "half a surrogate": spoil_bytes(b'{"schema": 1, "name": "\\ud800"}'),
    "endless": spoil_bytes(b" " * (17 << 20)),
    "NaN": spoil_number("NaN"),
    "infinity": spoil_number("Infinity"),
    "a huge number": spoil_number("1e999"),
    "a huge integer": spoil_number("9" * 5000),
    "a huge side": spoil_shape("[99999999999999999999999]"),
    "a huge tensor": spoil_shape("[1, 1000000, 1000000]"),
    "a negative side": spoil_shape("[-1]"),
    "description a folder": as_folder("bundle.json"),
    "model a folder": as_folder("model.onnx"),
    "image a folder": as_folder("self_test.png"),
    "description a pipe": as_pipe("bundle.json"),
    "model a pipe": as_pipe("model.onnx"),
    "a file for a folder": lambda bundle: bundle / "model.onnx",
    "a file on the way": lambda bundle: bundle / "model.onnx" / "deeper",
    "a round link": as_link_to_itself,
    "a long name": lambda bundle: bundle / ("x" * 5000),
    "a long path": lambda bundle: Path("/" + "x/" * 5000),
    "a null character": lambda bundle: Path("a\0b"),
    "half a surrogate in the path": lambda bundle: Path("a\ud800b"),
    "nothing": lambda bundle: Path(),
}


@pytest.mark.parametrize("spoil", UNREADABLE.values(), ids=UNREADABLE.keys())
def test_whatever_lies_there_is_refused_in_one_sentence(bundle: Path, spoil: Callable[[Path], Path]) -> None:
    with pytest.raises(BundleError) as refusal:
        read_bundle(spoil(bundle))

    sentence = str(refusal.value)
    assert 10 < len(sentence) < 1000
    assert "\n" not in sentence
    sentence.encode()


@contextmanager
def as_nobody() -> Iterator[None]:
    """Root may read everything; nobody may not."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(user)


@pytest.mark.parametrize("name", [".", "bundle.json", "model.onnx", "self_test.png"])
def test_what_may_not_be_read_is_refused_in_one_sentence(bundle: Path, tmp_path: Path, name: str) -> None:
    for folder in [tmp_path, *tmp_path.parents][:3]:
        folder.chmod(folder.stat().st_mode | 0o055)
    (bundle / name).chmod(0)
    try:
        with as_nobody(), pytest.raises(BundleError, match="cannot be read: Permission denied"):
            read_bundle(bundle)
    finally:
        (bundle / name).chmod(0o700)


def test_a_folder_closed_to_this_process_is_refused_with_a_remedy(bundle: Path, tmp_path: Path) -> None:
    for folder in [tmp_path, *tmp_path.parents][:3]:
        folder.chmod(folder.stat().st_mode | 0o055)
    bundle.chmod(0)
    try:
        with as_nobody(), pytest.raises(BundleError, match="copy it to a folder that the user running the tracker may read"):
            read_bundle(bundle)
    finally:
        bundle.chmod(0o700)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cut=st.integers(0, 1600), put=st.binary(max_size=20), keep=st.integers(0, 40))
def test_a_description_with_bytes_exchanged_is_read_or_refused(bundle: Path, cut: int, put: bytes, keep: int) -> None:
    path = bundle / "bundle.json"
    whole = path.read_bytes()
    path.write_bytes(whole[:cut] + put + whole[cut + keep :])
    try:
        with suppress(BundleError):
            read_bundle(bundle)
    finally:
        path.write_bytes(whole)


def test_a_reader_finds_a_whole_bundle_at_any_moment_while_it_is_replaced(bundle: Path) -> None:
    found = read_bundle(bundle)
    ended, replaced = threading.Event(), 0

    def write() -> None:
        nonlocal replaced
        while not ended.is_set():
            rewrite(found, bundle, model=bytes([replaced % 251]) * (300_000 + replaced))
            replaced += 1

    writer = threading.Thread(target=write)
    writer.start()
    seen: set[str] = set()
    try:
        deadline = time.monotonic() + 30
        while (len(seen) < 20 or replaced < 20) and time.monotonic() < deadline:
            seen.add(read_bundle(bundle).description.onnx_sha256)
    finally:
        ended.set()
        writer.join()

    assert len(seen) >= 20
    assert [path.name for path in bundle.parent.iterdir()] == ["spot"]


WATCH = """
import os, sys, threading
ended = threading.Event()
threading.Thread(target=lambda: (sys.stdin.read(), ended.set())).start()
print("watching", flush=True)
missed = 0
while not ended.is_set():
    try:
        os.stat(sys.argv[1])
    except FileNotFoundError:
        missed += 1
print(missed)
"""


def test_the_name_of_a_bundle_is_there_at_any_moment_while_it_is_replaced(bundle: Path) -> None:
    found = read_bundle(bundle)
    command = [sys.executable, "-c", WATCH, str(bundle)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as watcher:
        assert watcher.stdout is not None
        began = watcher.stdout.readline()
        for index in range(200):
            rewrite(found, bundle, model=bytes([index]))
        missed, _ = watcher.communicate()

    assert (began, missed) == ("watching\n", "0\n")


def test_a_link_to_a_bundle_is_replaced_and_what_it_led_to_stays(bundle: Path) -> None:
    found, link = read_bundle(bundle), bundle.with_name("current")
    link.symlink_to("spot")

    rewrite(found, link, model=b"another model")

    assert (link / "model.onnx").read_bytes() == b"another model"
    assert read_bundle(bundle).description == found.description
    assert sorted(path.name for path in bundle.parent.iterdir()) == ["current", "spot"]


def test_a_file_is_not_replaced_by_a_bundle(bundle: Path) -> None:
    found, notes = read_bundle(bundle), bundle.with_name("notes.txt")
    notes.write_text("mine")

    with pytest.raises(BundleError, match="could not be written: Not a directory"):
        rewrite(found, notes, model=b"another model")
    assert notes.read_text() == "mine"
    assert sorted(path.name for path in bundle.parent.iterdir()) == ["notes.txt", "spot"]


def test_where_folders_cannot_be_exchanged_they_are_renamed_in_turn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("fresh", "folder"):
        (tmp_path / name).mkdir()
        (tmp_path / name / name).touch()
    monkeypatch.setattr("tracker.exchange_folders._RENAME_EXCHANGE", 1 << 30)  # a flag that no kernel knows

    exchange(tmp_path / "fresh", tmp_path / "folder")

    assert [path.name for name in ("fresh", "folder") for path in (tmp_path / name).iterdir()] == ["folder", "fresh"]
    assert len(list(tmp_path.iterdir())) == 2
