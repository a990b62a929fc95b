"""The CPU engine on small networks whose answers are known, and the opening of engines."""

import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from tests.tracker.engine_settings import engine_settings
from tests.tracker.small_networks import FORECAST, MEMORY, POSE, centroid_model, describe, recurrent_model, spot
from tracker.bundle import Bundle, read_bundle, write_bundle
from tracker.bundle_description import Description
from tracker.engines.open_engine import open_engine
from tracker.engines.openvino.engine import OpenVINOEngine
from tracker.engines.openvino.runtime import core
from tracker.errors import BundleError, EngineError

computes_in_bf16 = pytest.mark.skipif(
    "BF16" not in core().get_property("CPU", "OPTIMIZATION_CAPABILITIES"), reason="this CPU does not compute in bf16"
)


def quietly(sentence: str) -> None:
    """Progress of no interest to the test at hand."""


def make_bundle(folder: Path, model: bytes, description: Description) -> Bundle:
    write_bundle(folder, model=model, self_test_image=spot(10, 7)[:, :, 0], description=description)
    return read_bundle(folder)


@pytest.fixture
def own_engines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An engine folder of the test's own, empty."""
    monkeypatch.setenv("CACHE_DIRECTORY", str(tmp_path / "cache"))
    return tmp_path / "cache" / "engines"


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    return make_bundle(tmp_path / "centroid", centroid_model(), describe(expected=[10.0, 7.0, 200 / 255]))


@pytest.fixture
def recurrent(tmp_path: Path) -> Bundle:
    return make_bundle(tmp_path / "recurrent", recurrent_model(), describe(expected=[400.0], output=FORECAST, states=(MEMORY,)))


def open_on_cpu(bundle: Bundle, *, precision: str = "fp32", say: Callable[[str], None] = quietly) -> OpenVINOEngine:
    return OpenVINOEngine(bundle, engine_settings(bundle, precision=precision), say=say)


@pytest.mark.parametrize(("x", "y"), [(1, 1), (20, 12), (38, 22)])
def test_the_answer_is_the_networks_without_its_batch_axis(bundle: Bundle, x: int, y: int) -> None:
    answer = open_on_cpu(bundle).infer(spot(x, y))

    assert answer.shape == (1, 1, 3)
    assert answer.dtype == np.float32
    if (x, y) == (20, 12):  # at the border the blur loses mass outwards
        np.testing.assert_allclose(answer[0, 0], [20, 12, 200 / 255], atol=1e-4)


def test_each_frame_is_answered_in_the_same_memory(bundle: Bundle) -> None:
    engine = open_on_cpu(bundle)

    first = engine.infer(spot(10, 10))
    x = float(first[0, 0, 0])
    second = engine.infer(spot(30, 10))

    assert np.shares_memory(first, second)
    assert x == pytest.approx(10, abs=1e-3)
    assert second[0, 0, 0] == pytest.approx(30, abs=1e-3)


def test_an_image_in_read_only_memory_is_taken_too(bundle: Bundle) -> None:
    image = spot(10, 10)
    image.setflags(write=False)

    assert open_on_cpu(bundle).infer(image)[0, 0, 0] == pytest.approx(10, abs=1e-3)


@computes_in_bf16
@pytest.mark.parametrize(("precision", "element"), [("fp32", "f32"), ("bf16", "bf16")])
def test_convolutions_run_in_the_precision_asked_for(bundle: Bundle, precision: str, element: str) -> None:
    """The library's own account of each executed node, first compiled and then taken from the cache."""
    for _ in range(2):
        engine = open_on_cpu(bundle, precision=precision)
        request: Any = engine._request
        nodes = [node.get_rt_info() for node in request.get_compiled_model().get_runtime_model().get_ops()]

        assert engine.precision == precision
        assert {str(info["runtimePrecision"].value) for info in nodes if info["layerType"].value == "Convolution"} == {element}


def test_what_runs_where_is_told(bundle: Bundle) -> None:
    engine = open_on_cpu(bundle)

    assert engine.runtime.startswith("openvino 20")
    assert engine.device.startswith("CPU ")


@pytest.mark.parametrize(
    ("precision", "threads", "complaint"),
    [
        ("fp16", 1, "engine.precision is 'fp16'; on the CPU expected one of fp32, bf16, int8"),
        ("int8", 1, "'int8', but .* is 'fp32' in its graph"),
        ("fp32", 4096, r"engine.threads is 4096; this process may use \d+ cores"),
    ],
    ids=["fp16", "int8", "threads"],
)
def test_what_the_cpu_cannot_do_is_refused(bundle: Bundle, precision: str, threads: int, complaint: str) -> None:
    with pytest.raises(EngineError, match=complaint):
        OpenVINOEngine(bundle, engine_settings(bundle, precision=precision, threads=threads))


def test_a_recurrent_network_carries_its_state_from_frame_to_frame(recurrent: Bundle) -> None:
    engine = open_on_cpu(recurrent)

    answers = [float(engine.infer(spot(5, 5))[0]) for _ in range(3)]
    engine.reset()

    assert answers == [400.0, 600.0, 700.0]
    assert float(engine.infer(spot(5, 5))[0]) == 400.0


def test_proving_an_engine_leaves_no_trace_in_its_state(recurrent: Bundle) -> None:
    engine = open_engine(recurrent, engine_settings(recurrent), say=quietly)

    assert float(engine.infer(spot(5, 5))[0]) == 400.0


def test_a_model_that_is_not_what_the_bundle_says_is_refused(tmp_path: Path) -> None:
    other = msgspec.structs.replace(POSE, shape=(1, 2, 1, 3))
    bundle = make_bundle(tmp_path / "b", centroid_model(), describe(expected=[0.0] * 6, output=other))

    with pytest.raises(BundleError, match=r"outputs are pose float32 \[1, 1, 1, 3\], bundle.json says pose float32 \[1, 2, 1, 3\]"):
        open_on_cpu(bundle)


def test_a_state_that_the_bundle_does_not_name_is_refused(tmp_path: Path) -> None:
    bundle = make_bundle(tmp_path / "b", recurrent_model(), describe(expected=[0.0], output=FORECAST))

    with pytest.raises(BundleError, match=r"inputs are image .*, memory float32 \[1, 2\], bundle.json says image uint8"):
        open_on_cpu(bundle)


@pytest.mark.parametrize("model", [b"", b"not a model", centroid_model()[:400]], ids=["empty", "text", "cut"])
def test_a_model_that_cannot_be_read_is_refused_in_one_line(tmp_path: Path, model: bytes) -> None:
    bundle = make_bundle(tmp_path / "b", model, describe(expected=[0.0] * 3))

    with pytest.raises(BundleError, match=r"model.onnx: OpenVINO .* cannot use it: [^\n]+$"):
        open_on_cpu(bundle)


def test_an_image_of_another_size_is_refused(bundle: Bundle) -> None:
    with pytest.raises(EngineError, match=r"shape \(5, 5, 1\); expected \(24, 40, 1\)"):
        open_on_cpu(bundle).infer(np.zeros((5, 5, 1), np.uint8))


def test_a_closed_engine_says_so_and_may_be_closed_again(bundle: Bundle) -> None:
    engine = open_on_cpu(bundle)
    engine.close()
    engine.close()

    with pytest.raises(EngineError, match="is closed"):
        engine.infer(spot(5, 5))


def test_the_second_start_takes_the_compiled_network_from_the_cache(bundle: Bundle) -> None:
    first = open_on_cpu(bundle).infer(spot(11, 9)).copy()

    second = open_on_cpu(bundle, say=pytest.fail).infer(spot(11, 9))

    np.testing.assert_array_equal(first, second)


def replaced(content: bytes) -> bytes:
    """A blob of another build of the library, under a header that fits it."""
    start = content.index(b"{")
    length = int.from_bytes(content[start - 4 : start], "little")
    header, foreign = msgspec.json.decode(content[start : start + length]), b"another build" * 9
    header |= {"payload_bytes": len(foreign), "payload_sha256": hashlib.sha256(foreign).hexdigest()}
    text = msgspec.json.encode(header)
    return content[: start - 4] + len(text).to_bytes(4, "little") + text + foreign


@pytest.mark.parametrize(
    "damage",
    [lambda content: content[:-100], lambda content: content[:-1] + b"\0", lambda _: b"", replaced],
    ids=["cut", "changed", "empty", "another library's"],
)
def test_a_damaged_cache_costs_a_sentence_and_a_build(bundle: Bundle, own_engines: Path, damage: Callable[[bytes], bytes]) -> None:
    open_on_cpu(bundle)
    (kept,) = own_engines.iterdir()
    kept.write_bytes(damage(kept.read_bytes()))
    said: list[str] = []

    answer = open_on_cpu(bundle, say=said.append).infer(spot(20, 12))

    assert said[0].endswith("it is built again")
    assert re.fullmatch(r"built the openvino .* in \d+ s", said[-1])
    np.testing.assert_allclose(answer[0, 0, :2], [20, 12], atol=1e-4)
    open_on_cpu(bundle, say=pytest.fail)


def test_a_cache_that_cannot_be_used_costs_a_sentence_and_a_build(bundle: Bundle, own_engines: Path) -> None:
    own_engines.parent.touch()
    said: list[str] = []

    answer = open_on_cpu(bundle, say=said.append).infer(spot(20, 12))

    assert "engines are built again at every start" in said[0]
    np.testing.assert_allclose(answer[0, 0, :2], [20, 12], atol=1e-4)


def test_a_full_disk_costs_a_sentence_and_a_build(bundle: Bundle, own_engines: Path) -> None:
    own_engines.mkdir(parents=True)
    command = ["mount", "-t", "tmpfs", "-o", "size=4k,mode=0700", "tmpfs", str(own_engines)]
    if os.geteuid() != 0 or shutil.which("mount") is None or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("mounting is not permitted here")
    said: list[str] = []
    try:
        answer = open_on_cpu(bundle, say=said.append).infer(spot(20, 12))
        left = list(own_engines.iterdir())
    finally:
        subprocess.run(["umount", str(own_engines)], check=True)

    assert [sentence for sentence in said if "No space left on device; engines are built again at every start" in sentence]
    assert left == []
    np.testing.assert_allclose(answer[0, 0, :2], [20, 12], atol=1e-4)


def test_an_engine_inside_a_bundle_is_not_trusted(bundle: Bundle, own_engines: Path) -> None:
    open_on_cpu(bundle).close()
    (kept,) = own_engines.iterdir()
    (bundle.folder / "engines").mkdir()
    kept.rename(bundle.folder / "engines" / kept.name)
    said: list[str] = []

    open_on_cpu(bundle, say=said.append).close()

    assert "it is built" in said[0]


def test_nothing_is_written_into_a_bundle(bundle: Bundle, own_engines: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in [bundle.folder, *bundle.folder.iterdir()]}

    open_on_cpu(bundle).close()

    assert {path: path.stat().st_mtime_ns for path in [bundle.folder, *bundle.folder.iterdir()]} == before


def test_an_engine_proves_itself_before_it_is_handed_out(bundle: Bundle) -> None:
    engine = open_engine(bundle, engine_settings(bundle), say=quietly)

    assert engine.infer(spot(20, 12))[0, 0, 0] == pytest.approx(20, abs=1e-3)


@pytest.mark.parametrize("wrong", [12.5, float("nan"), float("inf")], ids=["wrong", "nan", "infinite"])
def test_an_engine_with_a_wrong_answer_is_refused_with_the_numbers(bundle: Bundle, wrong: float) -> None:
    test = msgspec.structs.replace(bundle.description.self_test, expected=[10.0, wrong, 200 / 255])
    lying = msgspec.structs.replace(bundle, description=msgspec.structs.replace(bundle.description, self_test=test))

    with pytest.raises(EngineError, match=rf"number \[0, 0, 1\] is 7, expected {wrong:g} within 0.001"):
        open_engine(lying, engine_settings(lying), say=quietly)


@computes_in_bf16
def test_reduced_precision_has_its_own_tolerance(bundle: Bundle) -> None:
    test = msgspec.structs.replace(bundle.description.self_test, expected=[10.3, 7.0, 200 / 255])
    close = msgspec.structs.replace(bundle, description=msgspec.structs.replace(bundle.description, self_test=test))

    open_engine(close, engine_settings(close, precision="bf16"), say=quietly)
    with pytest.raises(EngineError, match="the self-test fails"):
        open_engine(close, engine_settings(close), say=quietly)


def test_a_self_test_that_does_not_fit_the_model_is_refused(bundle: Bundle) -> None:
    test = msgspec.structs.replace(bundle.description.self_test, expected=[1.0])
    short = msgspec.structs.replace(bundle, description=msgspec.structs.replace(bundle.description, self_test=test))
    small = msgspec.structs.replace(bundle, self_test_image=np.zeros((3, 3), np.uint8))

    with pytest.raises(BundleError, match=r"self_test.expected has 1 numbers, the output 3"):
        open_engine(short, engine_settings(short), say=quietly)
    with pytest.raises(BundleError, match=r"self_test.png: has shape \(3, 3\), the model takes \(24, 40, 1\)"):
        open_engine(small, engine_settings(small), say=quietly)


def test_an_unknown_runtime_is_refused(bundle: Bundle) -> None:
    with pytest.raises(EngineError, match=r"engine\.runtime is 'onnxruntime'; expected openvino or tensorrt"):
        open_engine(bundle, engine_settings(bundle, runtime="onnxruntime"), say=quietly)


def test_no_runtime_is_imported_before_it_is_asked_for() -> None:
    code = "import sys, tracker.engines.open_engine; print(sorted({'openvino', 'tensorrt', 'pycuda', 'torch'} & set(sys.modules)))"

    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2])

    assert found.stdout == "[]\n"
