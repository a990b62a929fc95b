"""The viewer: pictures matched with their poses, and the window itself under Xvfb."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import cv2
import msgspec
import numpy as np
import pytest
import zmq

from tests.tracker.close_button import press_close_button
from tracker.errors import RigtrackError
from tracker.frame import Image
from tracker.messages import VERSION, AliveMessage, AnimalMessage, EventMessage, ImageMessage, OpenEvent, PoseMessage, StatusMessage, topic
from tracker.point_colours import POINT_COLOURS
from tracker.stream.image_address import image_address
from tracker.stream.image_stream import encode_jpeg
from tracker.stream.keys import make_keys, secure
from tracker.viewer.composition import zoom_within
from tracker.viewer.live_view import view
from tracker.viewer.overlay import OverlaySettings
from tracker.viewer.palette import RED, YELLOW
from tracker.viewer.scene import ViewerScene
from tracker.viewer.window import check_display

REPOSITORY = Path(__file__).resolve().parents[2]
STARTS = 12  # one in seven was black
DEADLINE_S = 300.0  # a loaded machine takes its time to open a window
PLAIN = OverlaySettings(names=False, trail=False)
SIZE = (960, 480)  # of the whole; the picture is then drawn as it is
SECOND_NS = 1_000_000_000
VIEW = """
import sys
from pathlib import Path
from tracker.viewer.live_view import view
view(sys.argv[1], snapshot_folder=Path(sys.argv[2]), keys=Path(sys.argv[3]) if sys.argv[3] else None)
"""


def stamp(frame: int, *, camera: str = "top", session: str = "a") -> dict[str, object]:
    return {"v": VERSION, "camera": camera, "session": session, "frame": frame, "received_ns": frame * 10_000_000, "published_ns": frame}


def pose(frame: int, x: float, **named: str) -> PoseMessage:
    animals = [AnimalMessage(id=0, points={"snout": (x, 240.0, 0.9)}, mm={})]
    counts = {"lost": 0, "skipped": 0, "corrupt": 0}
    rest: dict[str, object] = {"exposed_ns": None, "taken_ns": 0, "inferred_ns": 0, "setup": 1, "ended": [], "scores": {}, "motion": None}
    return PoseMessage(**stamp(frame, **named), animals=animals, **counts, **rest)  # type: ignore[arg-type]


def image(frame: int, level: int = 120, **named: str) -> ImageMessage:
    jpeg = encode_jpeg(np.full((480, 640), level, np.uint8), quality=90)
    return ImageMessage(**stamp(frame, **named), width=640, height=480, jpeg=jpeg)  # type: ignore[arg-type]


def event(state: str) -> EventMessage:
    values = {
        "event": "poke",
        "state": state,
        "animal": 0,
        "onset_frame": 1,
        "value": 1.0,
        "threshold": 0.0,
        "added_delay_ms": 0.0,
        "latency_ms": 1.0,
        "reason": "rule",
    }
    return EventMessage(**stamp(1), **values)  # type: ignore[arg-type]


def drawn(scene: ViewerScene, now_ns: int = 0) -> Image:
    picture = scene.picture(PLAIN, now_ns, SIZE)
    assert picture is not None
    return picture


def snout_drawn_at(scene: ViewerScene, x: float) -> bool:
    picture = drawn(scene)
    return tuple(picture[240, round(x)]) == POINT_COLOURS[0]


def test_a_picture_is_drawn_with_the_pose_of_the_same_frame_and_no_other() -> None:
    scene = ViewerScene(None, trail_s=1.0)
    for message in (pose(1, 100.0), pose(2, 200.0), pose(3, 300.0), image(2)):
        scene.take(message, 0)
    assert snout_drawn_at(scene, 200.0)
    assert not snout_drawn_at(scene, 300.0)
    scene.take(image(9), 0)
    assert not any(snout_drawn_at(scene, x) for x in (100.0, 200.0, 300.0))


def test_a_restart_of_the_tracker_forgets_what_was_seen_before() -> None:
    scene = ViewerScene(None, trail_s=1.0)
    for message in (pose(1, 100.0), pose(2, 300.0), image(1), event("on")):
        scene.take(message, 0)
    scene.take(pose(1, 200.0, session="b"), 0)
    assert scene.picture(PLAIN, 0, SIZE) is None
    scene.take(image(1, session="b"), 0)
    assert snout_drawn_at(scene, 200.0)
    scene.take(image(2, session="b"), 0)
    assert not snout_drawn_at(scene, 300.0)


def test_the_first_camera_heard_is_shown_and_others_are_named() -> None:
    scene = ViewerScene(None, trail_s=1.0)
    scene.take(image(1, camera="side"), 0)
    scene.take(image(7, camera="top"), 0)
    scene.picture(PLAIN, 0, SIZE)
    assert (scene.camera, scene.frame, scene.others) == ("side", 1, {"top"})


def test_an_event_that_ended_stays_for_a_moment_and_one_that_is_on_stays() -> None:
    scene = ViewerScene(None, trail_s=1.0)
    scene.take(image(1), 0)
    bare = drawn(scene)
    scene.take(event("on"), 0)
    scene.take(image(1), 5_000_000_000)
    assert (drawn(scene, 5_000_000_000) != bare).any()
    scene.take(event("off"), 5_000_000_000)
    assert (drawn(scene, 5_900_000_000) != bare).any()
    scene.take(image(1), 10_000_000_000)
    assert (drawn(scene, 10_000_000_000) == bare).all()


def test_events_are_not_shown_as_on_and_a_red_bar_appears_once_the_tracker_is_silent(status: StatusMessage) -> None:
    scene = ViewerScene(None, trail_s=1.0)
    for message in (replace(status, session="a"), image(1), event("on"), alive("poke")):
        scene.take(message, 0)
    live, silent = drawn(scene, SECOND_NS // 2), drawn(scene, 3 * SECOND_NS)
    assert (live == YELLOW).all(axis=2).any()
    assert not (live == RED).all(axis=2).any()
    assert not (silent == YELLOW).all(axis=2).any()
    assert (silent[:, :640] == RED).all(axis=2).mean() > 0.1
    assert silent[:100, 300:640].mean() < 0.5 * live[:100, 300:640].mean()


def alive(*events: str) -> AliveMessage:
    listed = [OpenEvent(event=name, animal=0, onset_frame=1) for name in events]
    return AliveMessage(**stamp(1), interval_ms=100.0, open=listed)  # type: ignore[arg-type]


def test_a_camera_that_is_lost_is_said_although_the_tracker_lives(status: StatusMessage) -> None:
    scene = ViewerScene(None, trail_s=1.0)
    for message in (image(1), replace(status, session="a", state="camera_lost")):
        scene.take(message, 0)
    scene.take(AliveMessage(**stamp(1), interval_ms=100.0, open=[]), 5 * SECOND_NS)  # type: ignore[arg-type]
    banner = scene.banner(5 * SECOND_NS)
    assert banner is not None
    assert banner.headline == "CAMERA LOST for 5 s"


def test_before_the_first_picture_the_window_says_what_it_waits_for(status: StatusMessage) -> None:
    scene = ViewerScene(None, trail_s=1.0)
    assert scene.waiting(PLAIN, ["tcp://x"], 0, SIZE).shape == (480, 960, 3)
    scene.take(replace(status, state="starting"), 0)
    banner = scene.banner(0)
    assert banner is not None
    assert banner.headline == "TRACKER STARTING"


def test_a_damaged_picture_is_skipped() -> None:
    scene = ViewerScene(None, trail_s=1.0)
    scene.take(replace(image(1), jpeg=b"not a JPEG"), 0)
    assert scene.picture(PLAIN, 0, SIZE) is None
    scene.take(image(2), 0)
    good = drawn(scene)
    scene.take(replace(image(3), jpeg=b""), 0)
    assert (drawn(scene) == good).all()


def test_old_poses_are_not_kept_for_ever() -> None:
    scene = ViewerScene(None, trail_s=1.0)
    for frame in range(2_000):  # 20 s at 100 frames per second
        scene.take(pose(frame, 1.0), 0)
    assert len(scene._poses) <= 502


def test_a_name_from_the_network_cannot_leave_the_snapshot_folder() -> None:
    scene = ViewerScene(None, trail_s=1.0)
    scene.take(image(5, camera="../../etc/x", session="/a"), 0)
    scene.picture(PLAIN, 0, SIZE)
    assert scene.file_name() == "______etc_x-_a-5.png"


def test_without_a_display_there_is_one_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    with pytest.raises(RigtrackError, match="there is no display here"):
        view("tcp://127.0.0.1:9", snapshot_folder=tmp_path)


def test_a_display_that_does_not_answer_is_one_sentence_and_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISPLAY", ":4711")
    with pytest.raises(RigtrackError, match=r"no window can be opened on display :4711: .*could not connect"):
        check_display()


@pytest.fixture(scope="module")
def frame_buffer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder where the display keeps what is on its screen."""
    return tmp_path_factory.mktemp("frame_buffer")


@pytest.fixture(scope="module")
def display(frame_buffer: Path) -> Iterator[str]:
    for program in ("Xvfb", "xdotool"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed, so no window can be tried")
    reading, writing = os.pipe()
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(writing), "-screen", "0", "1280x1024x24", "-nolisten", "tcp", "-fbdir", str(frame_buffer)],
        pass_fds=(writing,),
        stderr=subprocess.DEVNULL,
    )
    os.close(writing)
    try:
        with os.fdopen(reading) as number:
            yield f":{number.readline().strip()}"
    finally:
        server.terminate()
        server.wait()


@contextmanager
def feeding(status: StatusMessage, keys: Path | None = None) -> Iterator[str]:
    """Publish moving poses, pictures and status from a thread, as a tracker does; with keys, to their clients alone."""
    stop = threading.Event()
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="feeding-"))
        address = f"ipc://{folder}/stream"
        stream, pictures = (stack.enter_context(publishing(bound, keys)) for bound in (address, image_address(address)))

        def feed() -> None:
            frame = 0
            while not stop.wait(0.03):
                frame += 1
                picture = image(frame)
                header = msgspec.to_builtins(picture)
                header.pop("jpeg")
                stream.send_multipart([topic("pose", "top"), msgspec.json.encode(pose(frame, 100.0 + frame % 400))])
                pictures.send_multipart([topic("image", "top"), msgspec.json.encode(header), picture.jpeg])
                stream.send_multipart([topic("status", "top"), msgspec.json.encode(replace(status, session="a"))])

        thread = threading.Thread(target=feed)
        thread.start()
        try:
            yield address
        finally:
            stop.set()
            thread.join()


@contextmanager
def publishing(address: str, keys: Path | None) -> Iterator[zmq.Socket[bytes]]:
    with zmq.Context() as context, ExitStack() as last, context.socket(zmq.PUB) as socket:
        socket.setsockopt(zmq.LINGER, 0)
        if keys is not None:
            last.callback(secure(socket, keys).stop)
        socket.bind(address)
        yield socket


@contextmanager
def viewing(address: str, display: str, folder: Path, keys: Path | str = "") -> Iterator[tuple[subprocess.Popen[str], Callable[..., str]]]:
    """A viewer in a process of its own, and a function that runs xdotool on its display."""
    environment = {**os.environ, "DISPLAY": display}

    def xdotool(*words: str) -> str:
        return subprocess.run(["xdotool", *words], capture_output=True, text=True, env=environment, check=False, timeout=DEADLINE_S).stdout

    with subprocess.Popen(
        [sys.executable, "-c", VIEW, address, str(folder), str(keys)], stderr=subprocess.PIPE, text=True, env=environment, cwd=REPOSITORY
    ) as viewer:
        try:
            window = eventually(lambda: xdotool("search", "--onlyvisible", "--name", "^rigtrack - ").split(), "no window appeared")[-1]
            xdotool("windowfocus", "--sync", window)
            yield viewer, xdotool
        finally:
            viewer.kill()


def eventually(found: Callable[[], Sequence[str]], complaint: str) -> Sequence[str]:
    deadline = time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline:
        result = found()
        if result:
            return result
        time.sleep(0.05)
    raise AssertionError(complaint)


def test_the_window_opens_s_saves_the_picture_with_its_overlay_and_q_quits(display: str, status: StatusMessage, tmp_path: Path) -> None:
    folder = tmp_path / "new" / "snapshots"
    with feeding(status) as address, viewing(address, display, folder) as (viewer, xdotool):

        def saved() -> list[str]:
            xdotool("key", "s")
            return [str(path) for path in folder.glob("top-a-*.png") if path.stat().st_size]

        path = eventually(saved, "no snapshot was saved")[0]
        xdotool("key", "q")
        assert viewer.wait(timeout=DEADLINE_S) == 0
        assert viewer.stderr is not None
        assert viewer.stderr.read() == ""
    picture = cv2.imread(path, cv2.IMREAD_COLOR)
    assert picture is not None
    height, width = picture.shape[:2]
    assert width <= 1280
    assert height <= 800
    frame = int(path.rsplit("-", 1)[1].removesuffix(".png"))
    zoom = zoom_within((640, 480), (width, height))
    x, y = round((100.5 + frame % 400) * zoom - 0.5), height // 2
    assert tuple(picture[y, x, ::-1]) == POINT_COLOURS[0], "the snout of that very frame is not on the picture"


def test_a_viewer_with_keys_shows_the_pictures_of_a_tracker_that_asks_for_them(display: str, status: StatusMessage, tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    make_keys(keys)
    with feeding(status, keys) as address, viewing(address, display, tmp_path, keys) as (_, xdotool):

        def saved() -> list[str]:
            xdotool("key", "s")
            return [str(path) for path in tmp_path.glob("top-a-*.png")]

        eventually(saved, "no picture came")


def on_screen(frame_buffer: Path) -> Image:
    """What Xvfb shows: uint8 (h, w, 3)."""
    shot = (frame_buffer / "Xvfb_screen0").read_bytes()
    header = np.frombuffer(shot, ">u4", 25)  # XWD: size of the header, width, height, bytes per row, colours
    size, width, height, row, colours = (int(header[place]) for place in (0, 4, 5, 12, 19))
    pixels = np.frombuffer(shot, np.uint8, height * row, size + 12 * colours)
    return pixels.reshape(height, row)[:, : width * 4].reshape(height, width, 4)[..., :3]


def test_no_start_of_the_viewer_leaves_its_window_black(display: str, frame_buffer: Path, status: StatusMessage, tmp_path: Path) -> None:
    lit: list[float] = []
    with feeding(status) as address:
        for _ in range(STARTS):
            with viewing(address, display, tmp_path) as (viewer, xdotool):
                seen = share_lit(frame_buffer)
                deadline = time.monotonic() + DEADLINE_S
                while seen < 0.3 and viewer.poll() is None and time.monotonic() < deadline:
                    time.sleep(0.05)
                    seen = share_lit(frame_buffer)
                lit.append(seen)
                xdotool("key", "q")
                assert viewer.wait(timeout=DEADLINE_S) == 0
    assert min(lit) >= 0.3, f"share of the screen that was lit, by start: {lit}"


def share_lit(frame_buffer: Path) -> float:
    return float((on_screen(frame_buffer).max(axis=2) > 60).mean())


def test_a_window_that_is_resized_is_drawn_anew_for_its_size(display: str, status: StatusMessage, tmp_path: Path) -> None:
    with feeding(status) as address, viewing(address, display, tmp_path) as (_, xdotool):

        def saved(shape: tuple[int, ...]) -> list[str]:
            xdotool("key", "s")
            shots = [cv2.imread(str(path), cv2.IMREAD_COLOR) for path in tmp_path.glob("top-a-*.png")]
            return [str(shot.shape) for shot in shots if shot is not None and (not shape or shot.shape == shape)]

        eventually(lambda: saved(()), "no snapshot was saved")
        xdotool("windowsize", xdotool("search", "--onlyvisible", "--name", "^rigtrack - ").split()[-1], "700", "500")
        eventually(lambda: saved((500, 700, 3)), "no snapshot had the size of the window")


@pytest.mark.parametrize("way", ["Escape", "the window's own button", "Ctrl-C"])
def test_every_way_out_ends_it_well_even_while_nothing_has_been_heard(way: str, display: str, tmp_path: Path) -> None:
    with viewing("tcp://127.0.0.1:9", display, tmp_path) as (viewer, xdotool):

        def ended() -> list[str]:
            if way == "Escape":
                xdotool("key", "Escape")
            elif way == "the window's own button":
                press_close_button(display, xdotool("search", "--name", "^rigtrack - ").split())
            return [] if viewer.poll() is None else ["ended"]

        if way == "Ctrl-C":
            viewer.send_signal(signal.SIGINT)
        eventually(ended, "the window did not close")
        assert viewer.stderr is not None
        assert viewer.stderr.read() == ""
        assert viewer.returncode == 0
