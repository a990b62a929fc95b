"""Taking images of a board: what is kept, what is said, and the window and the page that show it."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml

from calib.__main__ import main
from calib.board import Board, board_yaml
from calib.board_image import board_image
from calib.board_views import BoardView
from calib.capture_picture import draw
from calib.capture_session import CaptureProgress, CaptureSession
from calib.capture_window import compose
from calib.coverage import Coverage, covered, rough_lens
from calib.synthetic import Placing
from calib.view_choice import ViewChoice
from tests.calib.views_of_truth import SMALL, charuco, chessboard, lens, views, write_pictures
from tests.trainer.chromium import PATIENCE_S, Chromium, wait_for
from tracker.cameras.capture import Capture
from tracker.cameras.open_camera import camera_factory
from tracker.config_cameras import CaptureConfig, ImageFolder

ROOT = Path(__file__).resolve().parents[2]
BOARD = charuco(5, 7)


def nudged(view: BoardView, px: float) -> BoardView:
    return BoardView(name=view.name, ids=view.ids, mm=view.mm, pixels=view.pixels + px)


def test_a_moving_board_is_not_kept_until_it_is_held_still() -> None:
    choice = ViewChoice((640, 480), moving=True)
    view = views(lens("five_parameter"))[0]

    said = [choice.judge(each).why for each in (view, nudged(view, 10), nudged(view, 10.5))]

    assert said[:2] == ["hold the board still"] * 2
    assert said[2].startswith("kept")


def test_a_view_that_adds_nothing_is_not_kept() -> None:
    choice = ViewChoice((640, 480), moving=False)
    view = views(lens("five_parameter"))[0]
    assert choice.judge(view).keep
    choice.add(view)

    again = choice.judge(nudged(view, 3))

    assert not again.keep
    assert again.why == "nothing new: go where the image is amber, or tilt the board another way"


def test_no_board_is_said_so() -> None:
    assert ViewChoice((640, 480), moving=False).judge(None).why == "no board in sight"


def test_views_are_kept_until_nothing_is_missing_and_no_longer() -> None:
    choice = ViewChoice((640, 480), moving=False, wanted=15)
    for view in views(lens("five_parameter"), placing=Placing(views=60, spread=0.9)):
        if choice.judge(view).keep:
            choice.add(view)

    assert choice.missing == ()
    assert choice.kept < 30
    choice.remove_last()
    assert choice.kept < 30


def test_the_picture_shows_what_is_covered() -> None:
    grey = np.full((480, 640), 100, np.uint8)
    view = views(lens("five_parameter"))[0]

    drawn = draw(grey, view, covered(view, rough_lens((640, 480))), scale=0.5, kept=True)

    assert drawn.shape == (240, 320, 3)
    x, y = (view.pixels.mean(axis=0) / 2).astype(int)
    near, far = drawn[y - 6 : y + 6, x - 6 : x + 6].reshape(-1, 3).mean(axis=0), drawn[228, 308]
    assert near[1] > near[0]  # green where corners were
    if not covered(view, rough_lens((640, 480))).cells[-1, -1]:
        assert far[0] > far[1]  # amber where none was


def test_a_folder_of_pictures_becomes_the_views_that_add_something(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = write_pictures(tmp_path / "shots", BOARD, SMALL, Placing(views=5, fill=(0.5, 0.7)))
    same = cv2.imread(str(folder / "shot-1.png"), cv2.IMREAD_GRAYSCALE)
    assert same is not None
    for number in (6, 7):
        assert cv2.imwrite(str(folder / f"shot-{number}.png"), same)
    arguments = [
        "capture",
        "--device",
        str(folder),
        "--board",
        str(tmp_path / "board.yaml"),
        "--out",
        str(tmp_path / "out"),
        "--show",
        "nothing",
    ]

    assert main(arguments) == 1, "nobody was there to see what is missing"

    told, said = capsys.readouterr()
    assert told.strip() == f"{tmp_path / 'out'}: 5 views"
    assert "still missing: there are 5 views; expected at least 30" in said
    kept = cv2.imread(str(tmp_path / "out" / "0001.png"), cv2.IMREAD_UNCHANGED)
    assert kept is not None
    assert np.array_equal(kept, same)
    assert main([*arguments, "--json"]) == 1  # goes on where it left off, and finds nothing new
    values = json.loads(capsys.readouterr().out)
    assert (values["images"], values["views"], values["wanted"]) == (str(tmp_path / "out"), 5, 30)
    assert 0 < values["coverage"] < 1
    assert "there are 5 views; expected at least 30" in values["missing"]


def test_a_capture_that_nobody_sees_ends_with_status_0_once_nothing_is_missing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = write_pictures(tmp_path / "shots", BOARD, SMALL, Placing(views=28, spread=0.85, fill=(0.25, 0.4)))
    asked = ["capture", "--device", str(folder), "--board", str(tmp_path / "board.yaml"), "--show", "nothing", "--json", "--views", "8"]

    assert main([*asked, "--stop-when-complete", "--out", str(tmp_path / "out")]) == 0

    assert json.loads(capsys.readouterr().out)["missing"] == []


@pytest.mark.parametrize("board", [BOARD, chessboard(5, 8)], ids=["charuco", "chessboard"])
def test_two_boards_in_the_picture_are_said_to_be_two_and_not_kept(board: Board, tmp_path: Path) -> None:
    drawn = board_image(board, pixels_a_square=32, border_squares=1)
    (tmp_path / "shots").mkdir()
    assert cv2.imwrite(str(tmp_path / "shots" / "1.png"), np.hstack((drawn, drawn)))
    camera = Capture(camera_factory(ImageFolder(folder=str(tmp_path / "shots"))), CaptureConfig(pace="every_frame", queue_frames=2))
    session = CaptureSession(camera, board, tmp_path / "out", moving=False, wanted=30)
    session.keep_next()
    camera.start()
    try:
        while session.progress.picture is None:
            assert session.step(PATIENCE_S)
    finally:
        camera.close()

    assert session.progress.said == "two boards of one kind: show one at a time"
    assert session.progress.kept == 0


def test_of_a_video_those_moments_are_kept_at_which_the_board_is_still(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = write_pictures(tmp_path / "shots", BOARD, SMALL, Placing(views=3, fill=(0.5, 0.7)))
    film = cv2.VideoWriter(str(tmp_path / "film.avi"), cv2.VideoWriter.fourcc(*"MJPG"), 10, SMALL.size)
    for number, times in ((1, 3), (2, 1), (3, 3)):
        picture = cv2.imread(str(folder / f"shot-{number}.png"))
        assert picture is not None
        for _ in range(times):
            film.write(picture)
    film.release()
    common = ["--board", str(tmp_path / "board.yaml"), "--out", str(tmp_path / "out"), "--show", "nothing"]

    assert main(["capture", "--device", str(tmp_path / "film.avi"), *common]) == 1

    assert capsys.readouterr().out.strip().endswith(": 2 views")


def test_the_camera_of_a_configuration_is_used(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "board.yaml").write_text(board_yaml(BOARD))
    camera = {"source": "synthetic", "frames": 5, "rate_hz": 100}
    config = tmp_path / "tracker.yaml"
    config.write_text(yaml.safe_dump({"camera": camera, "engine": {"bundle": "none"}}))
    common = ["--board", str(tmp_path / "board.yaml"), "--out", str(tmp_path / "out"), "--show", "nothing"]

    assert main(["capture", "--config", str(config), *common]) == 1

    assert capsys.readouterr().out.strip().endswith(": 0 views")


def test_pictures_of_another_size_in_the_folder_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = write_pictures(tmp_path / "shots", BOARD, SMALL, Placing(views=1, fill=(0.5, 0.7)))
    (tmp_path / "out").mkdir()
    assert cv2.imwrite(str(tmp_path / "out" / "0001.png"), np.zeros((100, 100), np.uint8))

    status = main(
        ["capture", "--device", str(folder), "--board", str(tmp_path / "board.yaml"), "--out", str(tmp_path / "out"), "--show", "nothing"]
    )

    assert status == 1
    assert "holds images of 100x100, the camera delivers 320x240; give another --out" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("more", "refusal"),
    [(["--device", "/nowhere"], "/nowhere"), (["--config", "a.yaml", "--device", "0"], "both given")],
    ids=["no camera", "two cameras"],
)
def test_what_the_capture_command_cannot_use_is_said(
    tmp_path: Path, more: list[str], refusal: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "board.yaml").write_text(board_yaml(BOARD))

    assert main(["capture", *more, "--board", str(tmp_path / "board.yaml"), "--show", "nothing"]) == 1

    assert refusal in capsys.readouterr().err


def test_the_window_says_what_is_missing_on_the_picture() -> None:
    picture = np.full((480, 640, 3), 90, np.uint8)
    progress = CaptureProgress(
        picture=picture, kept=3, wanted=30, coverage=Coverage(), missing=Coverage().missing(), said="hold the board still"
    )

    composed = compose(progress)

    assert composed.shape == picture.shape
    assert not np.array_equal(composed, picture)
    assert np.array_equal(picture, np.full_like(picture, 90))
    assert not progress.is_complete


def looping_camera(folder: Path) -> list[str]:
    """What `calib capture` is given: a camera that shows three boards again and again, and where images go."""
    shots = write_pictures(folder / "shots", BOARD, SMALL, Placing(views=3, fill=(0.5, 0.7)))
    camera = {"source": "image_folder", "folder": str(shots), "rate_hz": 10, "loop_folder": True}
    (folder / "tracker.yaml").write_text(yaml.safe_dump({"camera": camera, "engine": {"bundle": "none"}}))
    return ["--config", str(folder / "tracker.yaml"), "--board", str(folder / "board.yaml"), "--out", str(folder / "out")]


@contextmanager
def capturing(folder: Path, *more: str, display: str = "") -> Iterator["subprocess.Popen[str]"]:
    """`calib capture` as a process."""
    command = [sys.executable, "-m", "calib", "capture", *looping_camera(folder), *more]
    environment = {**os.environ, "DISPLAY": display}
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


@contextmanager
def serving(folder: Path) -> Iterator[tuple["subprocess.Popen[str]", str]]:
    """The same in the browser, and the address that it prints."""
    with capturing(folder, "--show", "browser") as process:
        assert process.stdout is not None
        yield process, process.stdout.readline().strip()


def test_the_page_shows_the_camera_keeps_views_and_ends_the_program(tmp_path: Path) -> None:
    with serving(tmp_path) as (process, address), Chromium(tmp_path / "profile") as browser:
        page = browser.open(address)
        page.wait("document.querySelector('#views-text') !== null")
        page.wait_text("#views-text", "3 of 30")
        page.wait("document.querySelector('#picture').checkVisibility() && document.querySelector('#picture').naturalWidth === 320")
        page.wait_text("#missing", "there are 3 views; expected at least 30")
        page.wait_text("#said", "nothing new")
        assert page.errors() == []

        page.key("q")

        assert process.wait(PATIENCE_S) == 0
        page.wait_text("#said", "Finished")
    assert len(list((tmp_path / "out").glob("*.png"))) == 3


def test_the_last_view_can_be_removed_on_the_page(tmp_path: Path) -> None:
    with serving(tmp_path) as (_, address), Chromium(tmp_path / "profile") as browser:
        page = browser.open(address)
        page.wait("document.querySelector('#views-text') !== null")
        page.wait_text("#views-text", "3 of 30")
        first = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "out").iterdir()}

        page.key("u")

        def again() -> bool:
            """The same board comes round again, and its view is kept anew."""
            now = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "out").glob("*.png")}
            return len(now) == 3 and now != first

        wait_for(again, "another image in the place of the one removed")


def test_strangers_are_not_shown_the_camera(tmp_path: Path) -> None:
    with serving(tmp_path) as (process, address):
        plain = address.partition("?")[0]
        for request in (
            urllib.request.Request(f"{plain}api/picture"),
            urllib.request.Request(f"{plain}?token=wrong"),
            urllib.request.Request(address, headers={"Host": "elsewhere.example"}),
            urllib.request.Request(f"{plain}api/stop", method="POST", headers={"Origin": "http://elsewhere.example"}),
        ):
            with pytest.raises(urllib.error.HTTPError) as refused:
                urllib.request.urlopen(request, timeout=PATIENCE_S)
            assert refused.value.code == 403
            refused.value.close()
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE_S) == 0


def test_a_taken_port_is_said_in_a_sentence(tmp_path: Path, free_port: int, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", free_port))
        taken.listen()
        assert main(["capture", *looping_camera(tmp_path), "--show", "browser", "--port", str(free_port)]) == 1

    assert f"127.0.0.1:{free_port} cannot be listened at" in capsys.readouterr().err


@pytest.fixture
def display() -> Iterator[str]:
    for program in ("Xvfb", "xdotool"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed, so no window can be tried")
    reading, writing = os.pipe()
    command = ["Xvfb", "-displayfd", str(writing), "-screen", "0", "800x600x24", "-nolisten", "tcp"]
    with subprocess.Popen(command, pass_fds=(writing,), stderr=subprocess.DEVNULL) as server:
        os.close(writing)
        with os.fdopen(reading) as number:
            yield f":{number.readline().strip()}"
        server.terminate()


def test_the_window_keeps_views_and_obeys_its_keys(display: str, tmp_path: Path) -> None:
    with capturing(tmp_path, "--show", "window", display=display) as process:
        wait_for(lambda: len(list((tmp_path / "out").glob("*.png"))) == 3, "three views")

        def quits() -> bool:
            keys = ["xdotool", "search", "--name", "calib capture", "key", "q"]
            subprocess.run(keys, env={**os.environ, "DISPLAY": display}, check=False, capture_output=True, timeout=PATIENCE_S)
            return process.poll() is not None

        wait_for(quits, "the window to close")
        assert process.returncode == 0
        assert process.stdout is not None
        assert process.stdout.read().strip().endswith(": 3 views")
