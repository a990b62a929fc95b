"""What many tests need: real data where it is, a free port, a message, and a check that nothing is left running."""

import gc
import os
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import numpy as np
import pytest
from hypothesis import settings
from onnx import TensorProto, helper

from tracker.bundle import write_bundle
from tracker.bundle_description import Accuracy, Description, SelfTest, TensorShape, TrainingData, View
from tracker.messages import VERSION, StatusMessage

# The networks here are tiny: threads that spin while they wait for one another double the processor time (18.7 s → 8.7 s of
# one `trainer fit`), and sums in another order give other last digits. Torch reads it when it is first imported, here and in every
# process that a test starts.
os.environ["OMP_NUM_THREADS"] = "1"

settings.register_profile("any machine", deadline=None)  # an example may take as long as a busy machine needs
settings.load_profile("any machine")

ENDING_S = 5.0
SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


def pytest_configure() -> None:
    """A shell's background job ignores Ctrl-C, and so would every process that a test starts and interrupts."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def _engines_are_kept_for_this_run_only(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Not in the user's own cache; and a network that many tests open is built once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CACHE_DIRECTORY", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of real data beside the checkout."""
    if not SHARED_DATA.is_dir():
        pytest.skip("real data is not at ../shared/data")
    return SHARED_DATA


@pytest.fixture
def free_port() -> int:
    """A loopback port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def status() -> StatusMessage:
    """A complete status message."""
    return StatusMessage(
        v=VERSION,
        camera="top",
        session="0123456789abcdef",
        frame=7,
        received_ns=1,
        published_ns=2,
        state="tracking",
        point_names=["snout"],
        skeleton=[],
        class_names=[],
        zones=[],
        image_size=(640, 480),
        bundle="test",
        bundle_sha256="0" * 64,
        runtime="openvino",
        device="CPU",
        precision="fp32",
        fps={},
        latency_ms={},
        counters={"captured": 0, "lost": 0, "skipped": 0, "corrupt": 0},
        unix_offset_ns=0,
        setup=1,
        field_of_view="the whole image",
        problems=[],
    )


def pytest_collection_finish() -> None:
    """What importing made stays; collecting garbage after every test then looks only at what tests made."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def _nothing_is_left_open() -> Iterator[None]:
    """A file or socket that a test leaves open in a cycle is found in that test, not in whichever runs when the next collection comes."""
    modules = len(sys.modules)
    yield
    gc.collect()
    if len(sys.modules) > modules:
        gc.freeze()


@pytest.fixture(autouse=True)
def _no_thread_is_left_behind(_nothing_is_left_open: None) -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    others = [thread for thread in set(threading.enumerate()) - before if not thread.daemon]
    for thread in others:
        thread.join(ENDING_S)  # one whose work was dropped ends by itself, on a busy machine not at once
    left = [thread.name for thread in others if thread.is_alive()]
    assert not left, f"threads left running: {left}"


def brightest_pixel_model(height: int, width: int) -> bytes:
    """An ONNX network whose one key point is the brightest pixel, with its brightness / 255 as confidence. Its truth is plain to see."""
    size = [
        helper.make_tensor("flat", TensorProto.INT64, [1], [height * width]),
        helper.make_tensor("width", TensorProto.INT64, [1], [width]),
        helper.make_tensor("white", TensorProto.FLOAT, [1], [255.0]),
        helper.make_tensor("answer", TensorProto.INT64, [4], [1, 1, 1, 3]),
        helper.make_tensor("one", TensorProto.INT64, [1], [1]),
    ]
    nodes = [
        helper.make_node("Cast", ["image"], ["grey"], to=TensorProto.FLOAT),
        helper.make_node("Reshape", ["grey", "flat"], ["pixels"]),
        helper.make_node("TopK", ["pixels", "one"], ["peak", "index"]),
        helper.make_node("Div", ["index", "width"], ["row"]),
        helper.make_node("Mul", ["row", "width"], ["row_start"]),
        helper.make_node("Sub", ["index", "row_start"], ["column"]),
        helper.make_node("Cast", ["column"], ["x"], to=TensorProto.FLOAT),
        helper.make_node("Cast", ["row"], ["y"], to=TensorProto.FLOAT),
        helper.make_node("Div", ["peak", "white"], ["confidence"]),
        helper.make_node("Concat", ["x", "y", "confidence"], ["triple"], axis=0),
        helper.make_node("Reshape", ["triple", "answer"], ["points"]),
    ]
    graph = helper.make_graph(
        nodes,
        "brightest_pixel",
        [helper.make_tensor_value_info("image", TensorProto.UINT8, [1, height, width, 1])],
        [helper.make_tensor_value_info("points", TensorProto.FLOAT, [1, 1, 1, 3])],
        size,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return bytes(model.SerializeToString())


class BundleMaker(Protocol):
    """How a test asks for a bundle."""

    def __call__(self, folder: Path, *, height: int = 480, width: int = 640, fit: str = "exact") -> Path: ...


@pytest.fixture(scope="session")
def make_bundle() -> BundleMaker:
    """Writes a whole, true bundle that finds the brightest pixel of a grey image."""

    def make(folder: Path, *, height: int = 480, width: int = 640, fit: str = "exact") -> Path:
        image = np.zeros((height, width), np.uint8)
        image[height // 3, width // 4] = 204
        no_hash = "0" * 64
        description = Description(
            schema=1,
            name=folder.name,
            task="keypoints",
            created="2026-01-01T00:00:00Z",
            point_names=("spot",),
            skeleton=(),
            class_names=(),
            network="brightest_pixel",
            view=View(crop=None, fit=fit, colour="grey"),  # type: ignore[arg-type]
            input=TensorShape(name="image", shape=(1, height, width, 1), dtype="uint8"),
            output=TensorShape(name="points", shape=(1, 1, 1, 3), dtype="float32"),
            states=(),
            precision="fp32",
            onnx_sha256=no_hash,
            training=TrainingData(sha256=no_hash, source="none", frames=0, held_out_frames=0, split="none"),
            accuracy=Accuracy(mean_px=None, median_px=None, p95_px=None, frames=0),
            self_test=SelfTest(image_sha256=no_hash, expected=[width // 4, height // 3, 0.8], tolerance_fp32=1e-3, tolerance_reduced=1.0),
        )
        write_bundle(folder, model=brightest_pixel_model(height, width), self_test_image=image, description=description)
        return folder

    return make
