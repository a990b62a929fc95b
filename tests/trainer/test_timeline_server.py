"""The timeline's server from outside: exact frames and poses, who is refused, and one server for one annotator's labels."""

import http.client
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.trainer.page_server import ROOT, PageServer
from tests.trainer.timeline_page import CLASSES, FRAMES, timeline_server, write_film
from trainer.__main__ import main


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PageServer]:
    folder = tmp_path_factory.mktemp("films")
    film = write_film(folder / "film.mkv")
    poses = np.arange(FRAMES * 2 * 3, dtype=np.float32).reshape(FRAMES, 1, 2, 3)
    np.save(folder / "film.npy", poses)
    with timeline_server(folder, str(film), "--poses", str(folder / "film.npy"), "--classes", *CLASSES) as running:
        yield running


def ask(server: PageServer, path: str, *, method: str = "GET", body: bytes | None = None, cookie: bool = True) -> tuple[int, bytes]:
    own = f"127.0.0.1:{server.port}"
    headers = {"Host": own, "Origin": f"http://{own}"} | ({"Cookie": f"rigtrack_label_{server.port}={server.token}"} if cookie else {})
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=300)
    try:
        connection.request(method, path, body=body, headers=headers)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def test_every_frame_is_the_one_of_its_number(server: PageServer) -> None:
    for number, more in ((0, ""), (17, ""), (16, ""), (39, "&alone=1"), (3, "&alone=1")):
        status, content = ask(server, f"/api/frame?video=film&frame={number}{more}")
        assert status == 200
        image = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_GRAYSCALE)
        assert image is not None
        assert divmod(int(image.argmax()), image.shape[1]) == (20, 10 + number)


def test_poses_come_as_they_are_in_the_file(server: PageServer) -> None:
    status, content = ask(server, "/api/poses?video=film&first=38&count=512")
    assert status == 200
    np.testing.assert_array_equal(np.frombuffer(content, "<f4"), np.arange(38 * 6, 40 * 6))


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ("/api/frame?video=film&frame=40", "has 40 frames; frame 40"),
        ("/api/frame?video=film&frame=x", "expected a number of frames"),
        ("/api/frame?video=..%2Ffilm&frame=1", "no such video is open"),
        ("/api/beside?video=other", "no such video is open"),
        ("/page/main.js.map", "there is nothing at that address"),
        ("/page/session.js", "there is nothing at that address"),
    ],
)
def test_what_is_not_there_is_refused_in_one_sentence(server: PageServer, path: str, sentence: str) -> None:
    status, content = ask(server, path)
    assert status == 404
    assert sentence in json.loads(content)["message"]


@pytest.mark.parametrize("path", ["/", "/api/project", "/api/frame?video=film&frame=1", "/page/main.js", "/page/outbox.js"])
def test_nobody_is_let_in_without_the_token(server: PageServer, path: str) -> None:
    assert ask(server, path, cookie=False)[0] == 403


def test_labels_past_the_end_of_a_video_never_reach_the_disk(server: PageServer) -> None:
    label = {"bouts": [{"name": "groom", "first": 30, "end": 50}]}
    status, content = ask(
        server, "/api/label", method="PUT", body=json.dumps({"video": "film", "revision": "none", "label": label}).encode()
    )
    assert (status, "run past the video" in json.loads(content)["message"]) == (400, True)
    assert not (server.folder / "film.ann.bouts.json").exists()


def test_a_second_server_for_the_same_annotator_is_refused_in_one_sentence(server: PageServer) -> None:
    command = [sys.executable, "-m", "trainer", "bouts", "label", str(server.folder / "film.mkv"), "--annotator", "ann", "--no-browser"]
    done = subprocess.run([*command, "--classes", "groom"], cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 1
    assert "the labels of 'ann' are open in another `trainer bouts label`" in done.stderr


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ([], "nothing to label was given"),
        (["film.mkv", "--annotator", "eve"], "no class of behaviour is known yet; name them with --classes"),
        (["none.mkv", "--classes", "a", "--annotator", "eve"], "none.mkv: no such file"),
        (["film.mkv", "--classes", "uncuratable", "--annotator", "eve"], "a class cannot be called 'uncuratable'"),
        (["--poses", "film.npy", "--classes", "a", "--annotator", "eve"], "poses say no frame rate; give it with --fps"),
    ],
    ids=["nothing", "no class", "no file", "a mark", "no rate"],
)
def test_what_cannot_be_labelled_is_refused_in_one_sentence(
    tmp_path: Path, given: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    write_film(tmp_path / "film.mkv", frames=2)
    np.save(tmp_path / "film.npy", np.zeros((2, 1, 2, 3), np.float32))
    paths = [str(tmp_path / part) if "." in part else part for part in given] or ["--annotator", "eve"]
    assert main(["bouts", "label", *paths, "--no-browser"]) == 1
    assert sentence in capsys.readouterr().err


def test_a_server_clears_half_written_labels_and_writes_none_without_its_lock(tmp_path: Path) -> None:
    labels = tmp_path / "labels"
    labels.mkdir()
    left = labels / ".film.ann.bouts.json.7.0f.part"
    left.touch()
    film = write_film(tmp_path / "film.mkv", frames=4)
    edit = {"video": "film", "revision": "none", "label": {"bouts": [{"name": "groom", "first": 1, "end": 3}]}}
    with timeline_server(tmp_path, str(film), "--labels", str(labels), "--classes", *CLASSES) as running:
        assert not left.exists()
        shutil.rmtree(labels)
        status, content = ask(running, "/api/label", method="PUT", body=json.dumps(edit).encode())
        assert (status, "nothing was saved" in json.loads(content)["message"]) == (507, True)
        assert not labels.exists()
