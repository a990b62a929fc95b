"""A bundle that finds behaviour and contradicts itself is refused in one sentence where it is read."""

import hashlib
import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.tracker.small_classifier import write_classifier, write_image_classifier
from tracker.bundle import DESCRIPTION_FILE, SELF_TEST_CLIP, read_bundle
from tracker.errors import BundleError

FORECAST: dict[str, Any] = {
    "horizon_ms": 100,
    "horizon_frames": 5,
    "share": 0.5,
    "least_range": 0.1,
    "motion_size": None,
    "phases": 1,
    "phase_states": [],
}
LEARNT = {"brightness": [10, 200], "contrast": [5, 9], "confidence": None}
POSES = {"least_confidence": 0.2, "length_px": [50, 30], "seen": 0.5, "speed_px_s": None}
CHANGES: dict[str, tuple[dict[str, Any], str]] = {
    "no expected answer": ({"self_test": {"expected": []}}, "self_test.expected has 0 numbers, the output 2"),
    "one too many": ({"self_test": {"expected": [0.5] * 3}}, "self_test.expected has 3 numbers, the output 2"),
    "one class twice": ({"class_names": ["red", "red"]}, "class_names has 'red' twice; expected different names"),
    "no name": ({"class_names": ["", "red"]}, "class_names has an empty name"),
    "a blank name": ({"class_names": ["red", " "]}, "class_names has an empty name"),
    "no forecast": ({"task": "forecast"}, "task is 'forecast' and there is no part forecast"),
    "a forecast of behaviour": ({"forecast": FORECAST}, "task is 'behaviour' and there is a part forecast"),
    "no gap": ({"behaviour": {"longest_gap_s": 0}}, "longest_gap_s"),
    "a gap below 0": ({"behaviour": {"longest_gap_s": -1}}, "longest_gap_s"),
    "intervals": ({"behaviour": {"frame_interval_s": [0.2, 0.1]}}, r"behaviour.frame_interval_s is 0.2 to 0.1; expected the smaller"),
    "intervals below 0": ({"behaviour": {"frame_interval_s": [-5, -1]}}, r"behaviour.frame_interval_s is -5 to -1; expected .* from 0"),
    "brightness": ({"learnt": LEARNT | {"brightness": [200, 10]}}, r"learnt.brightness is 200 to 10; expected the smaller number first"),
    "contrast": ({"learnt": LEARNT | {"contrast": [9, 5]}}, r"learnt.contrast is 9 to 5; expected the smaller number first"),
    "lengths": ({"learnt_poses": POSES}, r"learnt_poses.length_px is 50 to 30; expected the smaller number first"),
}


def change(folder: Path, changes: dict[str, Any]) -> Path:
    path = folder / DESCRIPTION_FILE
    text = json.loads(path.read_text())
    for name, value in changes.items():
        text[name] = text[name] | value if isinstance(value, dict) and isinstance(text.get(name), dict) else value
    path.write_text(json.dumps(text))
    return folder


@pytest.mark.parametrize(
    "write", [write_classifier, lambda folder: write_image_classifier(folder, height=5, width=5)], ids=["poses", "images"]
)
@pytest.mark.parametrize(("changes", "complaint"), CHANGES.values(), ids=CHANGES)
def test_a_description_of_behaviour_that_contradicts_itself_is_refused(
    tmp_path: Path, write: Callable[[Path], Path], changes: dict[str, Any], complaint: str
) -> None:
    folder = change(write(tmp_path / "look"), changes)
    with pytest.raises(BundleError, match=complaint) as found:
        read_bundle(folder)
    assert "\n" not in str(found.value)


def test_what_contradicts_nothing_is_read(tmp_path: Path) -> None:
    folder = change(
        write_image_classifier(tmp_path / "look", height=5, width=5), {"task": "forecast", "forecast": FORECAST, "learnt": LEARNT}
    )
    assert read_bundle(folder).description.task == "forecast"


@pytest.mark.parametrize(
    "method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2, 99], ids=["deflate", "lzma", "bzip2", "other"]
)
def test_a_self_test_whose_compressed_bytes_are_broken_is_refused(tmp_path: Path, method: int) -> None:
    folder = write_image_classifier(tmp_path / "look", height=5, width=5)
    path = folder / SELF_TEST_CLIP
    broken = _broken(path.read_bytes(), method)
    path.write_bytes(broken)
    change(folder, {"self_test": {"image_sha256": hashlib.sha256(broken).hexdigest()}})
    with pytest.raises(BundleError, match=r"self_test.npz: holds no images of shape \[5, 5, 1\]"):
        read_bundle(folder)


def _broken(content: bytes, method: int) -> bytes:
    """The same archive, whose directory says `method`, with bytes that no method can have written."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as whole, zipfile.ZipFile(out, "w") as made:
        for name in whole.namelist():
            made.writestr(name, b"\x09\x04\x05\x00" + b"\xff" * 400)
    spoilt = bytearray(out.getvalue())
    for mark, place in ((b"PK\x03\x04", 8), (b"PK\x01\x02", 10)):
        at = spoilt.find(mark)
        while at >= 0:
            spoilt[at + place : at + place + 2] = method.to_bytes(2, "little")
            at = spoilt.find(mark, at + 4)
    return bytes(spoilt)
