"""The labelling page over a video: frames around a labelled one are looked at and added, and killing the server loses nothing."""

import http.client
import json
import threading
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from tests.trainer.chromium import SHIFT, Chromium, Tab, wait_for
from tests.trainer.label_page import IMAGES, at, open_page, painted, place, points_of, saved, shown
from tests.trainer.label_server import label_server, labels_on_disk, make_project, spot
from trainer.labels.images import read_image
from trainer.project.store import FrameLabel, Layer, open_project

VIDEO = "run 1#a.avi"


def write_film(path: Path, *, frames: int = 40, shift: int = 0) -> Path:
    """The video that the frames of `make_project` are from, without loss."""
    with av.open(str(path), "w", format="matroska") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.height, stream.width, stream.pix_fmt = 60, 80, "gray"
        for number in range(frames):
            image = spot(10 + (number + shift) % 50, 20, size=(60, 80))
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="gray")))
        container.mux(stream.encode(None))
    return path


def scrubbed(tab: Tab, number: int) -> None:
    """Wait until a frame of the video is shown."""
    tab.wait(f"document.querySelector('#stage').dataset.scrubbed === '{number}'")


def brightest(tab: Tab) -> tuple[float, float]:
    """Where the brightest place of the stage is, in pixels of the picture."""
    painted(tab)
    left, top, right, bottom = tab.value(
        "(r => [r.left, r.top + 60, r.right, r.bottom])(document.querySelector('#stage').getBoundingClientRect())"
    )
    grey: NDArray[np.uint8] = tab.screenshot()[int(top) : int(bottom), int(left) : int(right)].min(axis=2)
    rows, columns = np.nonzero(grey > 140)
    scale, x0, y0 = json.loads(tab.value("document.querySelector('#stage').dataset.view"))
    return (columns.mean() + 0.5 + int(left) - x0) / scale - 0.5, (rows.mean() + 0.5 + int(top) - y0) / scale - 0.5


def test_frames_around_a_frame_are_looked_at_and_one_is_added(tmp_path: Path, browser: Chromium) -> None:
    project = make_project(tmp_path / "mice", frames=2).folder
    write_film(tmp_path / VIDEO)
    with open_page(project, browser) as (_, tab):
        place(tab, 10, 20)
        tab.key("l")
        tab.key("l")
        scrubbed(tab, 2)
        tab.key("L", modifiers=SHIFT)
        scrubbed(tab, 12)
        assert brightest(tab) == pytest.approx((22, 20), abs=0.6)
        assert "frame 12 (+12) · not in the project: i adds it · k back to frame 0" in tab.text("#scrubbed")
        assert tab.text("#time-text") == "12 of 40"
        place(tab, 50, 50)
        tab.key("h")
        assert "only looked at" in tab.text("#notice")
        tab.key("i")
        tab.wait("document.querySelector('#stage').dataset.shown.endsWith('000012.png')")
        place(tab, 22, 20)
        saved(tab)
        assert points_of(project) == {"snout": [10, 20]}
        assert points_of(project, 12) == {"snout": [pytest.approx(22), pytest.approx(20)]}
        assert tab.text("#frames .current span:nth-child(2)") == "12"
    found = open_project(project)
    assert [(frame.frame, frame.why) for frame in found.frames] == [(0, "k-means"), (1, "k-means"), (12, "hand")]
    np.testing.assert_array_equal(read_image(found.image_ref(IMAGES[12]), (60, 80)), spot(22, 20, size=(60, 80)))


def test_k_goes_back_to_the_labelled_frame_in_the_same_view(tmp_path: Path, browser: Chromium) -> None:
    project = make_project(tmp_path / "mice", frames=2).folder
    write_film(tmp_path / VIDEO)
    with open_page(project, browser) as (_, tab):
        place(tab, 30, 40)
        tab.mouse("Wheel", *at(tab, 30, 30), button="none", deltaX=0, deltaY=-500)
        painted(tab)
        view = tab.value("document.querySelector('#stage').dataset.view")
        tab.key("l")
        tab.key("l")
        scrubbed(tab, 2)
        assert tab.value("document.querySelector('#stage').dataset.view") == view
        tab.key("k")
        shown(tab, 0)
        assert tab.value("document.querySelector('#stage').dataset.view") == view
        assert "30.00, 40.00" in tab.text("#points")
        tab.key("l")
        tab.key("i")  # a frame that is in the project already is gone to
        shown(tab, 1)
    assert len(open_project(project).frames) == 2


def test_a_video_that_is_not_found_is_said_with_what_to_do(tmp_path: Path, browser: Chromium) -> None:
    project = make_project(tmp_path / "mice", frames=2).folder
    (tmp_path / "elsewhere").mkdir()
    write_film(tmp_path / "elsewhere" / VIDEO)
    with open_page(project, browser) as (_, tab):
        tab.key("l")
        tab.wait_text("#notice", f"the video {VIDEO} is not found: put it beside the project, or start `trainer label` with --videos")
        place(tab, 10, 20)
        saved(tab)
        assert tab.errors() == []
    with open_page(project, browser, "--videos", str(tmp_path / "elsewhere")) as (_, tab):
        tab.key("l")
        tab.wait_text("#time-text", "of 40")


def test_another_video_of_the_same_name_is_refused(tmp_path: Path, browser: Chromium) -> None:
    project = make_project(tmp_path / "mice", frames=2).folder
    write_film(tmp_path / VIDEO, shift=7)
    with open_page(project, browser) as (_, tab):
        tab.key("l")
        tab.wait_text("#notice", "is it another video of the same name")
    assert len(open_project(project).frames) == 2


def test_a_server_killed_while_a_frame_is_added_loses_no_label(tmp_path: Path, browser: Chromium) -> None:
    """The page says so, keeps what was labelled, and the same key adds the frame when the server is there again."""
    project = make_project(tmp_path / "mice", frames=2).folder
    write_film(tmp_path / VIDEO)
    with label_server(project) as server:
        tab = browser.open(server.address)
        shown(tab, 0)
        place(tab, 10, 20)
        saved(tab)
        tab.key("l")
        tab.key("l")
        scrubbed(tab, 2)
        server.kill()
        tab.key("i")
        tab.wait_text("#notice", "the server does not answer: start `trainer label` again")
        with label_server(project) as again:
            browser.open(again.address)  # lets this browser in again
            tab.call("Page.bringToFront")
            tab.key("i")
            tab.wait("document.querySelector('#stage').dataset.shown.endsWith('000002.png')")
            place(tab, 12, 20)
            saved(tab)
    assert points_of(project) == {"snout": [10, 20]}
    assert points_of(project, 2) == {"snout": [pytest.approx(12), pytest.approx(20)]}


def test_a_project_is_whole_wherever_a_server_is_killed_while_it_grows(tmp_path: Path) -> None:
    """SIGKILL at three moments of adding frames and names: what was acknowledged is there, and the project and its labels open."""
    project = make_project(tmp_path / "mice", frames=2)
    write_film(tmp_path / VIDEO)
    labels = {IMAGES[0]: FrameLabel(animals=[{"snout": (1.0, 2.0)}])}
    project.write_layer(Layer(annotator="ann", frames=labels))
    for attempt in range(3):
        acknowledged = grow_until_killed(project.folder, attempt)
        found = open_project(project.folder)
        assert acknowledged <= {frame.frame for frame in found.frames}
        assert found.read_layer("ann").frames == labels
        assert found.point_names[:3] == ("snout", "left ear", "tailbase")


def grow_until_killed(folder: Path, attempt: int) -> set[int]:
    """Add frame after frame, with a name after each, and kill the server meanwhile; the numbers that it acknowledged."""
    acknowledged: set[int] = set()
    with label_server(folder) as server:
        own = f"127.0.0.1:{server.port}"
        headers = {"Cookie": f"rigtrack_label_{server.port}={server.token}", "Origin": f"http://{own}"}
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=300)
        killer = threading.Timer(0.03 + 0.06 * attempt, server.kill)
        killer.start()
        try:
            for number in range(2 + 4 * attempt, 40):
                for path, asked in (("frames", {"group": "run 1#a", "frame": number}), ("names", {"tags": [f"tag {attempt} {number}"]})):
                    connection.request("POST", f"/api/{path}", json.dumps(asked), headers)
                    answer = connection.getresponse()
                    answer.read()
                    assert answer.status == 200
                acknowledged.add(number)
        except (OSError, http.client.HTTPException):
            pass
        finally:
            connection.close()
            killer.join()
    return acknowledged


def test_two_servers_that_add_the_same_frame_agree(tmp_path: Path, browser: Chromium) -> None:
    project = make_project(tmp_path / "mice", frames=1).folder
    write_film(tmp_path / VIDEO)
    with open_page(project, browser) as (_, tab), label_server(project, annotator="bob") as other:
        second = browser.open(other.address)
        shown(second, 0)
        for one in (tab, second):
            one.call("Page.bringToFront")
            one.key("l")
            scrubbed(one, 1)
            one.key("i")
            shown(one, 1)
            place(one, 11, 20)
            saved(one)
    assert len(open_project(project).frames) == 2
    assert [list(labels_on_disk(project, name)) for name in ("ann", "bob")] == [[IMAGES[1]]] * 2


def test_a_page_that_is_loaded_again_shows_what_others_have_added(tmp_path: Path, browser: Chromium) -> None:
    project = make_project(tmp_path / "mice", frames=1)
    with open_page(project.folder, browser) as (_, tab):
        project.add_frames(Path(VIDEO), [(5, spot(15, 20, size=(60, 80)))], why="uniform")
        project.add_names(points=["tongue"])
        tab.reload()
        shown(tab, 0)
        assert "tongue" in tab.text("#points")
        tab.key("n")
        shown(tab, 5)
        tab.key("4")
        place(tab, 30, 30)
        saved(tab)
    assert points_of(project.folder, 5) == {"tongue": [pytest.approx(30), pytest.approx(30)]}


def test_the_timeline_goes_to_any_frame_of_the_video(tmp_path: Path, browser: Chromium) -> None:
    project = make_project(tmp_path / "mice", frames=2).folder
    write_film(tmp_path / VIDEO)
    with open_page(project, browser) as (_, tab):
        tab.key("l")
        wait_for(lambda: tab.value("document.querySelector('#time').max") == "39", "the length of the video")
        box = tab.value("(r => [r.left, r.top, r.width, r.height])(document.querySelector('#time').getBoundingClientRect())")
        left, top, width, height = box
        tab.click(left + 8 + (width - 16) * 30 / 39, top + height / 2)
        scrubbed(tab, 30)
        assert brightest(tab) == pytest.approx((40, 20), abs=0.6)
