"""The labelling server from outside, over real sockets: what it refuses, and that nothing refused leaves a trace on disk."""

import http.client
import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.trainer.label_server import label_server, labels_on_disk, make_project
from tests.trainer.page_server import ROOT, PageServer

IMAGE = "images/run 1#a/000000.png"
LABEL = {"animals": [{"snout": [1.5, 2.25]}], "excluded": False, "tags": ["rearing"]}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PageServer]:
    """One server for the tests that change nothing."""
    folder = tmp_path_factory.mktemp("server") / "mice"
    make_project(folder)
    (folder / "secret.png").write_bytes(b"secret")
    with label_server(folder) as running:
        yield running


class Answer:
    """An HTTP answer, read whole."""

    def __init__(self, response: http.client.HTTPResponse) -> None:
        self.status = response.status
        self.headers = response.headers
        self.body = response.read()

    @property
    def sentence(self) -> str:
        return str(json.loads(self.body)["message"])


def ask(
    server: PageServer, path: str, *, method: str = "GET", body: bytes | None = None, headers: dict[str, str | None] | None = None
) -> Answer:
    """A request as the page makes it, except for the given headers; None leaves one out."""
    own = f"127.0.0.1:{server.port}"
    sent: dict[str, str | None] = {"Host": own, "Cookie": f"rigtrack_label_{server.port}={server.token}", "Origin": f"http://{own}"}
    sent |= headers or {}
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=300)
    try:
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        for name, value in sent.items():
            if value is not None:
                connection.putheader(name, value)
        if body is not None:
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        return Answer(connection.getresponse())
    finally:
        connection.close()


def put(server: PageServer, value: Any, **more: Any) -> Answer:
    return ask(server, "/api/label", method="PUT", body=json.dumps(value).encode(), **more)


def edit(label: object, *, image: str = IMAGE, revision: str = "none") -> dict[str, object]:
    return {"image": image, "revision": revision, "label": label}


@pytest.mark.parametrize(
    "headers",
    [
        {"Cookie": None},
        {"Cookie": "rigtrack_label_{port}=guess"},
        {"Cookie": "rigtrack_label_1={token}"},
        {"Host": "evil.example"},
        {"Host": "evil.example:{port}"},
        {"Host": "localhost:{port}"},
        {"Origin": "http://evil.example"},
        {"Origin": "http://127.0.0.1:1"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
    ids=str,
)
@pytest.mark.parametrize("path", ["/", "/api/project", "/images/run%201%23a/000000.png", "/page/main.js", "/api/prediction?image=x"])
def test_strangers_are_refused_in_one_sentence(server: PageServer, path: str, headers: dict[str, str | None]) -> None:
    """No token, another name for the server (DNS rebinding), another site, another server's page on this machine."""
    filled = {name: value and value.format(port=server.port, token=server.token) for name, value in headers.items()}
    answer = ask(server, path, headers=filled)
    assert answer.status == 403
    assert answer.sentence


def test_an_edit_must_come_from_the_servers_own_page(server: PageServer) -> None:
    for origin in (None, "http://evil.example", "null"):
        assert put(server, edit(LABEL), headers={"Origin": origin}).status == 403
    project = ask(server, "/api/project")
    assert all(frame["label"] is None for frame in json.loads(project.body)["frames"])


def test_the_printed_address_lets_a_browser_in_and_then_the_cookie_does(server: PageServer) -> None:
    entry = ask(server, f"/?token={server.token}", headers={"Cookie": None, "Origin": None})
    assert entry.status == 200
    cookie = entry.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert ask(server, "/", headers={"Cookie": cookie.split(";")[0], "Origin": None}).status == 200
    assert ask(server, "/?token=guess", headers={"Cookie": None}).status == 403
    assert ask(server, f"/?token={server.token}&token=x", headers={"Cookie": None}).status == 403
    assert "unsafe" not in entry.headers["Content-Security-Policy"]
    assert "script-src 'self'" in entry.headers["Content-Security-Policy"]


@pytest.mark.parametrize(
    "path",
    [
        "/images/../secret.png",
        "/images/..%2fsecret.png",
        "/images/%2e%2e/secret.png",
        "/images/%252e%252e/secret.png",
        "/images/run%201%23a/..%2f..%2fproject.json",
        "/images//etc/passwd",
        "/images/%2fetc%2fpasswd",
        "/images/run%201%23a/000000.png%00.png",
        "/images/run%201%23a/999999.png",
        "/images/",
        "/page/../server.py",
        "/page/..%2fserver.py",
        "/page/%2e%2e/__init__.py",
        "/labels/ann.json",
        "/secret.png",
        "/docs",
    ],
)
def test_only_the_page_and_named_images_can_be_reached(server: PageServer, path: str) -> None:
    answer = ask(server, path)
    assert answer.status == 404
    assert answer.sentence


def test_images_that_are_links_or_no_files_are_not_served(tmp_path: Path) -> None:
    project = make_project(tmp_path / "mice", frames=4)
    secret = tmp_path / "secret.png"
    secret.write_bytes((project.folder / IMAGE).read_bytes())
    paths = [project.folder / frame.image for frame in project.frames]
    with label_server(project.folder) as server:
        for path in paths[:3]:
            path.unlink()
        paths[0].symlink_to(secret)
        paths[1].symlink_to(paths[3].name)
        os.mkfifo(paths[2])
        answers = [ask(server, f"/images/run%201%23a/{path.name}") for path in paths]
    assert [answer.status for answer in answers] == [404, 404, 404, 200]


@pytest.mark.parametrize(
    ("body", "refusal"),
    [
        (b"", "cannot be read"),
        (b"\xff\xfe\x00", "cannot be read"),
        (b"[" * 100_000, "cannot be read"),
        (b"null", "Expected `object`"),
        (b"{}", "missing required field"),
        (json.dumps(edit(LABEL) | {"admin": True}).encode(), "unknown field `admin`"),
        (json.dumps(edit(LABEL | {"points": 1})).encode(), "unknown field `points`"),
        (json.dumps(edit({"animals": [{"snout": [float("nan"), 1]}]})).encode(), "malformed"),
        (b'{"image": "x", "revision": "none", "label": {"animals": [{"snout": [1e999, 1]}]}}', "out of range"),
        (json.dumps(edit({"animals": [{"snout": [1, 2, 3]}]})).encode(), "length 2"),
        (json.dumps(edit({"animals": [{"snout": "lost"}]})).encode(), "Invalid enum value"),
        (json.dumps(edit({"animals": [{"nose": [1, 2]}]})).encode(), "'nose' is not one of"),
        (json.dumps(edit({"animals": [{}, {}]})).encode(), "2 animals are labelled"),
        (json.dumps(edit({"animals": [{"snout": [79.51, 2]}]})).encode(), "outside its image of 80×60"),
        (json.dumps(edit({"animals": [{"snout": [2, -0.51]}]})).encode(), "outside its image"),
        (json.dumps(edit({"tags": ["sleeping"]})).encode(), "tag 'sleeping'"),
        (json.dumps(edit(LABEL, image="images/../../x.png")).encode(), "not among the images"),
        (json.dumps(edit(None, image="images/run 1#a/000009.png")).encode(), "not among the images"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_rubbish_is_refused_and_nothing_is_written(tmp_path: Path, server: PageServer, body: bytes, refusal: str) -> None:
    before = ask(server, "/api/project").body
    answer = ask(server, "/api/label", method="PUT", body=body)
    assert answer.status == 400
    assert refusal in answer.sentence
    assert "\n" not in answer.sentence
    assert ask(server, "/api/project").body == before


@pytest.mark.parametrize(
    ("path", "body", "refusal"),
    [
        ("names", b"", "cannot be read"),
        ("names", b'{"point_names": "tongue"}', "Expected `array`"),
        ("names", b'{"animals": 3}', "unknown field `animals`"),
        ("names", b'{"point_names": [" "]}', "point_names"),
        ("names", b'{"skeleton": [["snout", "nose"]]}', "skeleton joins 'snout' and 'nose'"),
        ("names", b'{"pairs": [["snout", "left ear"], ["snout", "tailbase"]]}', "'snout' is in two pairs"),
        ("frames", b'{"group": "run 1#a"}', "missing required field"),
        ("frames", b'{"group": "../secret", "frame": 1}', "no frame of the project is from such a video"),
        ("frames", b'{"group": "run 1#a", "frame": 1}', "is not found"),
    ],
)
def test_what_cannot_be_added_is_refused_and_nothing_is_written(server: PageServer, path: str, body: bytes, refusal: str) -> None:
    before = ask(server, "/api/project").body
    answer = ask(server, f"/api/{path}", method="POST", body=body)
    assert answer.status == 400
    assert refusal in answer.sentence
    assert "\n" not in answer.sentence
    assert ask(server, "/api/project").body == before


def test_names_that_are_refused_are_answered_without_the_folder_of_the_project(server: PageServer) -> None:
    answer = ask(server, "/api/names", method="POST", body=b'{"pairs": [["snout", "left ear"], ["snout", "tailbase"]]}')
    assert answer.sentence == "project.json: pairs: 'snout' is in two pairs; expected each point in one"


def test_only_the_servers_own_page_may_add_to_a_project(server: PageServer) -> None:
    for path, value in (("names", {"tags": ["x"]}), ("frames", {"group": "run 1#a", "frame": 1})):
        for headers in ({"Origin": None}, {"Origin": "http://evil.example"}, {"Cookie": None}):
            assert ask(server, f"/api/{path}", method="POST", body=json.dumps(value).encode(), headers=dict(headers)).status == 403


@pytest.mark.parametrize("query", ["group=run%201%23a&frame=0", "group=x&frame=0", "group=run%201%23a&frame=-1", "group=run%201%23a", ""])
def test_a_video_frame_that_is_not_there_is_refused_in_one_sentence(server: PageServer, query: str) -> None:
    answer = ask(server, f"/api/video-frame?{query}")
    assert answer.status == 404
    assert answer.sentence


def test_an_edit_that_is_too_large_is_refused(server: PageServer) -> None:
    answer = ask(server, "/api/label", method="PUT", body=b" " * 300_000)
    assert answer.status == 413
    assert "262144 bytes" in answer.sentence


@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/api/label"), ("GET", "/api/label"), ("DELETE", "/"), ("PUT", "/api/project"), ("TRACE", "/")]
)
def test_a_wrong_method_is_refused(server: PageServer, method: str, path: str) -> None:
    answer = ask(server, path, method=method, body=b"{}" if method in ("POST", "PUT") else None)
    assert answer.status == 405
    assert answer.sentence


def test_an_edit_broken_off_in_the_middle_is_not_written_and_the_server_goes_on(server: PageServer) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=300) as connection:
        head = f"PUT /api/label HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nOrigin: http://127.0.0.1:{server.port}\r\n"
        head += f"Cookie: rigtrack_label_{server.port}={server.token}\r\nContent-Length: 500\r\n\r\n"
        connection.sendall(head.encode() + json.dumps(edit(LABEL)).encode()[:40])
    frames = json.loads(ask(server, "/api/project").body)["frames"]
    assert all(frame["label"] is None for frame in frames)


def test_an_acknowledged_edit_is_in_the_file_and_a_stale_one_gets_the_newer_label(tmp_path: Path) -> None:
    project = make_project(tmp_path / "mice").folder
    with label_server(project) as server:
        first = put(server, edit(LABEL))
        assert first.status == 200
        assert labels_on_disk(project) == {IMAGE: LABEL}
        assert put(server, edit(LABEL)).status == 200, "sent again because its acknowledgement was lost"
        stale = put(server, edit({"excluded": True}))
        assert stale.status == 409
        assert json.loads(stale.body)["label"] == LABEL
        revision = json.loads(first.body)["revision"]
        server.kill()
    with label_server(project) as server:  # revisions outlive the server
        assert put(server, edit({"excluded": True})).status == 409
        assert put(server, edit(None, revision=revision)).status == 200
        assert labels_on_disk(project) == {}


def test_labels_that_another_program_wrote_are_not_overwritten(tmp_path: Path) -> None:
    project = make_project(tmp_path / "mice")
    with label_server(project.folder) as server:
        revision = json.loads(put(server, edit(LABEL)).body)["revision"]
        layer = project.read_layer("ann")
        layer.frames[IMAGE].excluded = True
        project.write_layer(layer)
        assert put(server, edit(LABEL | {"tags": []}, revision=revision)).status == 409
        assert labels_on_disk(project.folder)[IMAGE]["excluded"]


def test_a_layer_that_cannot_be_written_keeps_the_earlier_labels_and_says_why(tmp_path: Path) -> None:
    project = make_project(tmp_path / "mice").folder
    with label_server(project) as server:
        put(server, edit(LABEL))
        labels = project / "labels"
        labels.rename(project / "away")
        labels.write_text("in the way")
        answer = put(server, edit({"excluded": True}, image="images/run 1#a/000001.png"))
        assert answer.status == 507
        assert "labels" in answer.sentence
        labels.unlink()
        (project / "away").rename(labels)
        assert labels_on_disk(project) == {IMAGE: LABEL}


def label_command(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "trainer", "label", *arguments, "--no-browser"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=800,
        check=False,
    )


def test_the_same_layer_is_served_once_and_another_annotators_beside_it(tmp_path: Path) -> None:
    project = make_project(tmp_path / "mice").folder
    with label_server(project) as first, label_server(project, annotator="bob") as other:
        assert first.port != other.port
        second = label_command(str(project), "--annotator", "ann")
        assert second.returncode == 1
        assert "are open in another `trainer label`" in second.stderr
        assert len(second.stderr.strip().splitlines()) == 1
        first.kill()
        with label_server(project) as again:  # a killed server leaves no lock behind, and its address is taken up again
            assert again.port == first.port


def test_ctrl_c_ends_the_server_with_status_0(tmp_path: Path) -> None:
    with label_server(make_project(tmp_path / "mice").folder) as server:
        put(server, edit(LABEL))
        assert server.interrupt() == 0
    assert "Traceback" not in (tmp_path / "server.log").read_text()


@pytest.mark.parametrize(
    ("annotator", "refusal"), [("../ann", "cannot be a file name"), ("", "cannot be a file name"), (".hidden", "cannot be a file name")]
)
def test_an_annotator_who_cannot_be_a_file_is_refused(tmp_path: Path, annotator: str, refusal: str) -> None:
    refused = label_command(str(make_project(tmp_path / "mice").folder), "--annotator", annotator)
    assert refused.returncode == 1
    assert refusal in refused.stderr
    assert [path.name for path in tmp_path.rglob("*.lock")] == []


def test_a_folder_without_a_project_and_a_taken_port_are_refused_in_a_sentence(tmp_path: Path, server: PageServer) -> None:
    nothing = label_command(str(tmp_path), "--annotator", "ann")
    taken = label_command(str(make_project(tmp_path / "mice").folder), "--annotator", "ann", "--port", str(server.port))
    foreign = label_command(str(tmp_path / "mice"), "--annotator", "ann", "--bundle", str(tmp_path))
    for refused, refusal in ((nothing, "no project.json"), (taken, "cannot be listened at"), (foreign, "no bundle.json")):
        assert refused.returncode == 1
        assert refusal in refused.stderr
        assert "Traceback" not in refused.stderr
    assert label_command(str(tmp_path / "mice"), "--annotator", "ann", "--port", "99999").returncode == 2


def test_a_bundle_for_other_points_is_refused(tmp_path: Path, make_bundle: Callable[..., Path]) -> None:
    bundle = make_bundle(tmp_path / "bundle", height=60, width=80)
    refused = label_command(str(make_project(tmp_path / "mice").folder), "--annotator", "ann", "--bundle", str(bundle))
    assert refused.returncode == 1
    assert "finds 'spot', which is not labelled" in refused.stderr
