"""Pictures made and sent beside the loop, with the real thread, real sockets and a real subscriber."""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
import pytest
import zmq

from tracker.client import Client, ImageMessage
from tracker.config import PublisherConfig, ViewerConfig
from tracker.errors import StreamError
from tracker.frame import Frame, Image
from tracker.stream.image_address import image_address
from tracker.stream.image_stream import ImageStream, encode_jpeg
from tracker.stream.keys import make_keys

DEADLINE_S = 300.0
NOISE = np.random.default_rng(1).integers(0, 256, (480, 640), np.uint8)  # as JPEG larger than a connection's buffers


class StepClock:
    def __init__(self) -> None:
        self.now_ns = 1_000_000_000

    def __call__(self) -> int:
        return self.now_ns


def frame(number: int, image: Image | None = None) -> Frame:
    return Frame(image=np.full((48, 64), number % 256, np.uint8) if image is None else image, number=number, exposed_ns=None, received_ns=3)


@contextmanager
def opened(
    folder: Path, clock: Callable[[], int] = time.monotonic_ns, *, rate_hz: float = 30, keys: Path | None = None
) -> Iterator[tuple[ImageStream, str]]:
    address = f"ipc://{folder}/stream"
    publisher = PublisherConfig(bind=(address,), high_water_mark=1_000, curve_keys=str(keys) if keys else None)
    settings = ViewerConfig(rate_hz=rate_hz, jpeg_quality=95)
    images = ImageStream(settings, publisher, camera="top", session="a", clock=clock)
    try:
        yield images, address
    finally:
        images.close()


def wait_until(done: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not done():
        assert time.monotonic() < deadline, what
        time.sleep(0.002)


def shown(client: Client, images: ImageStream, clock: StepClock, offered: Frame) -> ImageMessage:
    """Offer a frame until a picture of it comes: the first may be sent before the subscription is there."""
    deadline = time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline:
        clock.now_ns += 10**9
        images.offer(offered)
        message = client.receive(0.05)
        if isinstance(message, ImageMessage) and message.frame == offered.number:
            return message
    raise AssertionError("no picture came")


def test_an_offered_frame_comes_to_a_viewer_as_the_same_picture(tmp_path: Path) -> None:
    clock = StepClock()
    with opened(tmp_path, clock) as (images, address), Client(address, kinds=("image",)) as client:
        message = shown(client, images, clock, frame(100))
    assert (message.camera, message.session, message.received_ns, message.width, message.height) == ("top", "a", 3, 64, 48)
    picture = cv2.imdecode(np.frombuffer(message.jpeg, np.uint8), cv2.IMREAD_UNCHANGED)
    assert picture is not None
    assert picture.shape == (48, 64)
    assert np.abs(picture.astype(int) - 100).max() <= 1


def test_nothing_is_made_while_no_viewer_is_connected(tmp_path: Path) -> None:
    clock = StepClock()
    with opened(tmp_path, clock) as (images, address):
        images.offer(frame(1))
        assert images._offered.empty()
        with Client(address, kinds=("image",)) as client:
            shown(client, images, clock, frame(2))
        wait_until(lambda: not images.wanted, "a viewer that has gone still counts")
        images.offer(frame(3))
        assert images._offered.empty()


def test_a_viewer_that_did_not_read_gets_the_newest_picture_next(tmp_path: Path) -> None:
    clock = StepClock()
    with opened(tmp_path, clock) as (images, address), Client(address, kinds=("image",)) as client:
        shown(client, images, clock, frame(0))
        assert client._pictures is not None
        for number in range(1, 41):
            clock.now_ns += 10**9
            images.offer(frame(number, NOISE))
            if number % 10 == 0:
                wait_until(images._offered.empty, "pictures are not made")

        def newest() -> bool:
            clock.now_ns += 10**9
            images.offer(frame(99))
            assert client._pictures is not None
            return any(b'"frame":99' in parts[1] for parts in client._pictures._newest.values())

        wait_until(newest, "the last picture did not come")
        message = client.receive(DEADLINE_S)
        assert message is not None
        assert message.frame == 99


def test_little_is_kept_for_a_viewer_that_does_not_read(tmp_path: Path) -> None:
    clock = StepClock()
    with (
        opened(tmp_path, clock) as (images, address),
        zmq.Context() as context,
        context.socket(zmq.SUB) as sleeper,
        Client(address, kinds=("image",)) as other,
    ):
        sleeper.setsockopt(zmq.RCVHWM, 1)
        sleeper.setsockopt(zmq.LINGER, 0)
        sleeper.subscribe(b"image.")
        sleeper.connect(image_address(address))
        shown(other, images, clock, frame(0))
        deadline = time.monotonic() + DEADLINE_S
        while not sleeper.poll(20):
            assert time.monotonic() < deadline, "the second viewer was not seen"
            shown(other, images, clock, frame(0))
        for number in range(1, 41):
            shown(other, images, clock, frame(number, NOISE))
        kept = 0
        while sleeper.poll(200):
            sleeper.recv_multipart()
            kept += 1
    assert kept <= 8, "of 41 pictures or more"


@pytest.mark.parametrize("sent", [b"\x00image.top", b"\x00image.", b"\x02image.top", b"\x00"])
def test_no_peer_turns_the_pictures_off_for_another(tmp_path: Path, sent: bytes) -> None:
    clock = StepClock()
    with (
        opened(tmp_path, clock) as (images, address),
        zmq.Context() as context,
        context.socket(zmq.XSUB) as peer,
        Client(address, kinds=("image",)) as client,
    ):
        shown(client, images, clock, frame(1))
        peer.setsockopt(zmq.LINGER, 0)
        peer.connect(image_address(address))
        peer.send(b"\x01image.top")
        while not peer.poll(20):
            clock.now_ns += 10**9
            images.offer(frame(2))
        peer.send(sent)
        for number in range(10, 20):
            shown(client, images, clock, frame(number))


def test_pictures_keep_to_the_configured_rate_whatever_the_cameras(tmp_path: Path) -> None:
    clock = StepClock()
    with opened(tmp_path, clock, rate_hz=30) as (images, address), Client(address, kinds=("image",)) as client:
        shown(client, images, clock, frame(0))
        clock.now_ns += 10**9
        due = 0
        for number in range(100):  # one second at 100 frames per second
            due += images._due_ns <= clock.now_ns
            images.offer(frame(number))
            clock.now_ns += 10_000_000
    assert due == pytest.approx(30, abs=1)


def test_a_picture_that_cannot_be_encoded_is_reported_once_and_the_loop_goes_on(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    clock = StepClock()
    with caplog.at_level(logging.WARNING), opened(tmp_path, clock) as (images, address), Client(address, kinds=("image",)):
        wait_until(lambda: images.wanted, "the viewer was not seen")
        for number in range(3):
            images.offer(frame(number, np.zeros((48, 64, 2), np.uint8)))
            clock.now_ns += 10**9
        wait_until(lambda: not images._thread.is_alive(), "the thread goes on")
        assert not images.wanted
        images.offer(frame(4))
    assert [record.levelname for record in caplog.records].count("WARNING") == 1
    assert "pictures stopped, tracking goes on" in caplog.text


def test_pictures_are_shown_only_to_whoever_has_a_key(tmp_path: Path) -> None:
    clock = StepClock()
    make_keys(tmp_path / "keys")
    with opened(tmp_path, clock, keys=tmp_path / "keys") as (images, address):
        with Client(address, kinds=("image",)) as stranger:
            for _ in range(10):
                assert stranger.receive(0.02) is None
            assert not images.wanted
        with Client(address, kinds=("image",), keys=tmp_path / "keys") as client:
            assert shown(client, images, clock, frame(1)).frame == 1


def test_pictures_at_an_address_of_their_own_are_found_there(tmp_path: Path) -> None:
    clock = StepClock()
    elsewhere = f"ipc://{tmp_path}/elsewhere"
    publisher = PublisherConfig(bind=(f"ipc://{tmp_path}/stream",), high_water_mark=10, curve_keys=None)
    settings = ViewerConfig(rate_hz=30, jpeg_quality=90, bind=(elsewhere,))
    images = ImageStream(settings, publisher, camera="top", session="a", clock=clock)
    try:
        with Client(publisher.bind, kinds=("image",), pictures=(elsewhere,)) as client:
            shown(client, images, clock, frame(1))
    finally:
        images.close()


def test_an_address_of_pictures_that_is_taken_is_refused_with_the_key_to_set(tmp_path: Path) -> None:
    with (
        opened(tmp_path),
        pytest.raises(StreamError, match=r"pictures, which viewer\.bind can set: ipc:.*already in use"),
        opened(tmp_path),
    ):
        pass


@pytest.mark.parametrize(
    ("address", "pictures"),
    [
        ("ipc:///run/rigtrack/top", "ipc:///run/rigtrack/top.images"),
        ("ipc://@top", "ipc://@top.images"),
        ("tcp://127.0.0.1:5571", "tcp://127.0.0.1:6571"),
        ("tcp://[::1]:5571", "tcp://[::1]:6571"),
        ("tcp://*:*", "tcp://*:*"),
        ("tcp://127.0.0.1:0", "tcp://127.0.0.1:0"),
    ],
)
def test_pictures_are_beside_the_stream_by_one_rule(address: str, pictures: str) -> None:
    assert image_address(address) == pictures


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:64536", "tcp://127.0.0.1", "nowhere", "udp://127.0.0.1:5571", "tcp://127.0.0.1:x"])
def test_an_address_that_leaves_no_place_for_pictures_is_refused(address: str) -> None:
    with pytest.raises(StreamError, match=r"gives no address for pictures.*viewer\.bind"):
        image_address(address)


def test_colours_come_out_as_they_went_in() -> None:
    image = np.zeros((16, 16, 3), np.uint8)
    image[:] = (250, 120, 10)
    bgr = cv2.imdecode(np.frombuffer(encode_jpeg(image, quality=100), np.uint8), cv2.IMREAD_COLOR)
    assert bgr is not None
    assert np.abs(bgr[8, 8, ::-1].astype(int) - (250, 120, 10)).max() <= 3


def test_closing_twice_is_harmless(tmp_path: Path) -> None:
    with opened(tmp_path) as (images, _):
        images.close()
