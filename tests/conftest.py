"""What many tests need: real data where it is, a free port, a message, and a check that nothing is left running."""

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tracker.messages import COUNTERS, VERSION, StatusMessage

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


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
        counters=dict.fromkeys(COUNTERS, 0),
        unix_offset_ns=0,
        last_error=None,
    )


@pytest.fixture(autouse=True)
def _no_thread_is_left_behind() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    left = [thread.name for thread in set(threading.enumerate()) - before if thread.is_alive() and not thread.daemon]
    assert not left, f"threads left running: {left}"
