"""The timeline in a real Chromium, with the real server and files: what hands do on keyboard and mouse, and what is on disk."""

import json
from pathlib import Path

import numpy as np

from tests.trainer.chromium import CTRL, SHIFT, Chromium, Tab, wait_for
from tests.trainer.timeline_page import (
    CLASSES,
    at,
    bouts_on_disk,
    keys,
    labels_on_disk,
    open_timeline,
    saved,
    shown,
    timeline_server,
    write_film,
)
from trainer.__main__ import main
from trainer.behaviour_scores.probability_file import probabilities_csv
from trainer.ethogram.bout_file import BoutFile, LabelledBout, Span, encode_bout_file

RIGHT, LEFT = "ArrowRight", "ArrowLeft"


def frame_of(tab: Tab) -> int:
    return int(tab.value("document.querySelector('#frame').value"))


def test_keys_start_and_stop_behaviours_at_the_frame_that_is_shown(tmp_path: Path, browser: Chromium) -> None:
    film = write_film(tmp_path / "film.mkv")
    with open_timeline(browser, tmp_path, str(film), "--classes", *CLASSES) as (_, tab):
        assert "A behaviour's key starts it" in tab.text("#begin")
        keys(tab, *[RIGHT] * 5, "1", *[RIGHT] * 5, "1", "2")  # faster than pictures come: each at its own frame all the same
        tab.key(RIGHT, modifiers=SHIFT)
        keys(tab, "1", RIGHT, RIGHT, "1")  # starting one ends the other
        saved(tab)
        assert bouts_on_disk(tmp_path) == [("groom", 5, 10), ("rear", 10, 20), ("groom", 20, 22)]
        tab.key(RIGHT, modifiers=CTRL)  # a second
        assert frame_of(tab) == 39
        keys(tab, LEFT, "x", RIGHT, "x", "j")
        saved(tab)
        assert labels_on_disk(tmp_path)["stretches"] == [{"first": 38, "end": 40, "mark": "uncuratable"}], "to the end of the video"
        keys(tab, "e")  # and before its last frame again
        saved(tab)
        assert labels_on_disk(tmp_path)["stretches"] == [{"first": 38, "end": 39, "mark": "uncuratable"}]
        assert labels_on_disk(tmp_path)["judged"] == {"groom": [[0, 40]], "rear": [[0, 40]]}
        keys(tab, *[LEFT] * 9)
        tab.key("J", modifiers=SHIFT)
        saved(tab)
        assert labels_on_disk(tmp_path)["judged"] == {"groom": [[30, 40]], "rear": [[30, 40]]}
        tab.wait_text("#counts", "3 bouts")


def test_bouts_are_changed_by_keys_and_undo_goes_back_to_where_it_was(tmp_path: Path, browser: Chromium) -> None:
    film = write_film(tmp_path / "film.mkv")
    with open_timeline(browser, tmp_path, str(film), "--classes", *CLASSES) as (_, tab):
        keys(tab, *[RIGHT] * 4, "1", *[RIGHT] * 8, "1")
        keys(tab, LEFT, LEFT, "e", ",", RIGHT, "s")  # ends before 10; the edge before is frame 4
        saved(tab)
        assert bouts_on_disk(tmp_path) == [("groom", 5, 10)]
        keys(tab, "c", "2")
        tab.key("D", modifiers=SHIFT)
        saved(tab)
        assert labels_on_disk(tmp_path)["bouts"] == [{"name": "rear", "first": 5, "end": 10, "mark": "to decide"}]
        keys(tab, "Delete", "End")
        saved(tab)
        assert bouts_on_disk(tmp_path) == []
        for _ in range(3):
            tab.key("z", modifiers=CTRL)
        saved(tab)
        assert bouts_on_disk(tmp_path) == [("groom", 5, 10)]
        shown(tab, 5)
        tab.key("z", modifiers=CTRL | SHIFT)
        saved(tab)
        assert bouts_on_disk(tmp_path) == [("rear", 5, 10)]
        keys(tab, "2", "Home", "2", "Escape")  # a start that is forgotten
        keys(tab, "End", "2", LEFT, "2")
        tab.wait_text("#notice", "rear was started at frame 39, after this one")
        saved(tab)
        tab.reload()
        shown(tab, 0)
        tab.wait_text("#classes", "since 39")


def test_edges_are_dragged_and_a_click_goes_to_a_frame(tmp_path: Path, browser: Chromium) -> None:
    film = write_film(tmp_path / "film.mkv")
    with open_timeline(browser, tmp_path, str(film), "--classes", *CLASSES) as (_, tab):
        keys(tab, *[RIGHT] * 10, "1", *[RIGHT] * 10, "1")
        saved(tab)
        tab.drag(at(tab, 20), at(tab, 27))
        saved(tab)
        assert bouts_on_disk(tmp_path) == [("groom", 10, 27)]
        shown(tab, 27)  # the picture shows the frame at the edge
        tab.drag(at(tab, 10), at(tab, 3))
        saved(tab)
        assert bouts_on_disk(tmp_path) == [("groom", 3, 27)]
        tab.drag(at(tab, 3), at(tab, 39.9))  # a bout keeps one frame
        saved(tab)
        assert bouts_on_disk(tmp_path) == [("groom", 26, 27)]
        tab.click(*at(tab, 30.5, name="rear"))
        shown(tab, 30)
        _, y = at(tab, 0, name="rear")
        tab.click(tab.value("document.querySelector('#rows').getBoundingClientRect().left") + 60, y)  # its name is its key
        keys(tab, RIGHT, "2")
        saved(tab)
        assert bouts_on_disk(tmp_path)[-1] == ("rear", 30, 31)


def write_tables(folder: Path, name: str, levels: list[tuple[int, float]]) -> None:
    groom = np.concatenate([np.full(length, level) for length, level in levels])
    folder.mkdir(exist_ok=True)
    found = np.column_stack([groom, np.full(len(groom), 0.02)]).astype(np.float32)
    (folder / f"{name}.csv").write_bytes(probabilities_csv(found, CLASSES, exclusive=False))


def test_offers_are_taken_doubtful_ones_first_over_all_videos(tmp_path: Path, browser: Chromium) -> None:
    for name in ("day", "night"):
        write_film(tmp_path / f"{name}.mkv")
    write_tables(tmp_path / "net", "day", [(5, 0.02), (10, 0.97), (5, 0.02), (10, 0.56), (10, 0.02)])
    write_tables(tmp_path / "net", "night", [(10, 0.02), (8, 0.6), (22, 0.02)])
    with open_timeline(browser, tmp_path, str(tmp_path), "--predictions", str(tmp_path / "net")) as (_, tab):
        tab.wait_text("#offer-count", "3 of 3 open")
        tab.key("w")
        shown(tab, 20, "day")
        assert "groom · frames 20 to 29" in tab.text("#offer")
        keys(tab, RIGHT, RIGHT, "s", "a")  # later by two frames, and yes
        shown(tab, 10, "night")  # the next is of the other video
        tab.key("r")
        shown(tab, 5, "day")
        saved(tab)
        assert bouts_on_disk(tmp_path, video="day") == [("groom", 22, 30)]
        assert labels_on_disk(tmp_path, video="day")["judged"] == {"groom": [[20, 30]], "rear": [[20, 30]]}
        assert bouts_on_disk(tmp_path, video="night") == []
        assert labels_on_disk(tmp_path, video="night")["judged"] == {"groom": [[10, 18]], "rear": [[10, 18]]}
        tab.key("a")
        tab.wait_text("#offer", "Every bout that was offered is decided")
        for _ in range(2):
            tab.key("z", modifiers=CTRL)
        shown(tab, 10, "night")
        assert "groom · frames 10 to 17" in tab.text("#offer")
        saved(tab)
        assert labels_on_disk(tmp_path, video="night")["judged"] == {}


def test_a_class_that_another_model_offers_in_the_same_frames_waits_for_its_own_decision(tmp_path: Path, browser: Chromium) -> None:
    film = write_film(tmp_path / "film.mkv")
    for model, on in (("one", "groom"), ("two", "rear")):
        found = np.full((40, 2), 0.02, np.float32)
        found[20:30, CLASSES.index(on)] = 0.9
        (tmp_path / model).mkdir()
        (tmp_path / model / "film.csv").write_bytes(probabilities_csv(found, CLASSES, exclusive=False))
    tables = ["--predictions", str(tmp_path / "one"), str(tmp_path / "two")]
    with open_timeline(browser, tmp_path, str(film), *tables) as (_, tab):
        tab.wait_text("#offer-count", "2 of 2 open")
        tab.key("w")
        shown(tab, 20)
        first, second = CLASSES if "groom" in tab.text("#offer") else CLASSES[::-1]
        tab.key("r")
        tab.wait_text("#offer", f"{second} · frames 20 to 29")
        saved(tab)
        assert labels_on_disk(tmp_path)["judged"] == {first: [[20, 30]]}, "the other may still be there"
        tab.key("a")
        saved(tab)
        assert bouts_on_disk(tmp_path) == [(second, 20, 30)]
        assert labels_on_disk(tmp_path)["judged"] == {"groom": [[20, 30]], "rear": [[20, 30]]}


def test_people_stand_beside_each_other_with_the_kappa_that_the_command_finds(tmp_path: Path, browser: Chromium) -> None:
    film = write_film(tmp_path / "film.mkv")
    judged: dict[str, tuple[Span, ...]] = dict.fromkeys(CLASSES, ((0, 40),))
    for person, first in (("ann", 10), ("bob", 14)):
        bouts = (LabelledBout(name="groom", first=first, end=20), LabelledBout(name="rear", first=30, end=35))
        file = BoutFile(video="film.mkv", frames=40, fps=25.0, class_names=CLASSES, bouts=bouts, judged=judged)
        (tmp_path / f"film.{person}.bouts.json").write_bytes(encode_bout_file(file))
    mine, other = (str(tmp_path / f"film.{person}.bouts.json") for person in ("ann", "bob"))
    assert main(["bouts", "score", mine, "--found", other, "--report", str(tmp_path / "scores")]) == 0
    frames = json.loads((tmp_path / "scores" / "metrics.json").read_text())
    with open_timeline(browser, tmp_path, str(film)) as (_, tab):
        tab.wait_text("#agreement", "with bob")
        shown_kappa = tab.value("[...document.querySelectorAll('#agreement tr')].map(row => [...row.cells].map(cell => cell.textContent))")
        table = {row[0]: row[1] for row in shown_kappa}
        assert table["groom"] == f"{(1 - 4 / 40 - (10 * 6 + 30 * 34) / 1600) / (1 - (10 * 6 + 30 * 34) / 1600):.2f}"
        assert (table["rear"], table["frames"]) == ("1.00", "40")
        assert f'"kappa": {table["groom"]}'[:-1] in json.dumps(frames), "the same as the command says"
        tab.key("g")
        shown(tab, 10)
        assert "bob says otherwise" in tab.text("#notice")
        tab.click(*at(tab, 16, "person"))  # what bob says can be taken over
        tab.wait_text("#why", "said by bob")
        keys(tab, "a")
        tab.wait("[...document.querySelectorAll('#agreement td')].some(cell => cell.textContent === '1.00')")


def test_a_stale_tab_overwrites_nothing_and_says_so(tmp_path: Path, browser: Chromium) -> None:
    film = write_film(tmp_path / "film.mkv")
    with open_timeline(browser, tmp_path, str(film), "--classes", *CLASSES) as (server, stale):
        fresh = browser.open(server.address, width=1300)
        shown(fresh, 0)
        keys(fresh, "1", RIGHT, RIGHT, "1")
        saved(fresh)
        stale.call("Page.bringToFront")
        keys(stale, RIGHT, "2")
        stale.wait_text("#notice", "was changed elsewhere")
        saved(stale)
        assert bouts_on_disk(tmp_path) == [("groom", 0, 2)]
        stale.wait_text("#counts", "1 bout")
        stale.key("z", modifiers=CTRL)
        saved(stale)
        assert labels_on_disk(tmp_path)["started"] == [{"name": "rear", "first": 1}], "what the stale tab had is not lost either"


def test_a_killed_server_and_a_killed_browser_lose_no_bout(tmp_path: Path) -> None:
    film = write_film(tmp_path / "film.mkv")
    asked = (str(film), "--classes", *CLASSES)
    with Chromium(tmp_path / "profile") as browser, timeline_server(tmp_path, *asked) as server:
        tab = browser.open(server.address)
        shown(tab, 0)
        keys(tab, "1", RIGHT, "1")
        saved(tab)
        shown(tab, 1)
        server.kill()
        keys(tab, "End", "1")  # a frame whose picture cannot come is not labelled
        tab.wait_text("#notice", "the server does not answer: start `trainer bouts label` again")
        keys(tab, "Home", RIGHT)
        shown(tab, 1)
        tab.key("2")
        tab.wait("document.querySelector('#saved').dataset.state === 'unsaved'")
        tab.wait_text("#saved", "start `trainer bouts label` again, it does not answer. Kept in this browser")
        assert bouts_on_disk(tmp_path) == [("groom", 0, 1)], "what was acknowledged is on disk"
        browser.kill()
    with timeline_server(tmp_path, *asked) as server, Chromium(tmp_path / "profile") as browser:
        tab = browser.open(server.address)
        wait_for(lambda: labels_on_disk(tmp_path)["started"], "the kept edit has been sent")
        assert labels_on_disk(tmp_path)["started"] == [{"name": "rear", "first": 1}]
        shown(tab, 0)
        saved(tab)


def test_half_an_hour_of_poses_with_500_bouts_is_labelled_without_a_video(tmp_path: Path, browser: Chromium) -> None:
    frames = 54000
    rng = np.random.default_rng(1)
    walk = np.cumsum(rng.normal(0, 1, (frames, 1, 1, 2)), axis=0) + np.array([[0, 0], [12, 0], [24, 4]])
    np.save(tmp_path / "long.npy", np.concatenate([walk, np.ones((frames, 1, 3, 1))], axis=-1).astype(np.float32))
    bouts = tuple(LabelledBout(name=CLASSES[number % 2], first=100 * number + 20, end=100 * number + 70) for number in range(500))
    file = BoutFile(video="long.npy", frames=frames, fps=30.0, class_names=CLASSES, bouts=bouts)
    (tmp_path / "long.ann.bouts.json").write_bytes(encode_bout_file(file))
    with open_timeline(browser, tmp_path, "--poses", str(tmp_path / "long.npy"), "--fps", "30") as (_, tab):
        tab.wait_text("#counts", "500 bouts")
        tab.key("End")
        shown(tab, frames - 1, "long")
        keys(tab, LEFT, LEFT, "1", RIGHT, "1", "p")
        saved(tab)
        assert len(bouts_on_disk(tmp_path, video="long")) == 501
        tab.key("p")
        shown(tab, 49920, "long")
        tab.key(" ")
        tab.wait("Number(document.querySelector('#frame').value) >= 49930")
        tab.key(" ")
        before = at(tab, 20_000)
        tab.mouse("Wheel", *before, button="none", deltaX=0, deltaY=-600)
        tab.wait("JSON.parse(document.querySelector('#rows').dataset.axis)[1] < 40")
        assert abs(at(tab, 20_000)[0] - before[0]) < 1, "what is under the pointer stays there"
        widths = tab.value("[...document.querySelectorAll('#ethogram canvas')].map(canvas => canvas.width)")
        assert max(widths) <= 1300, "the canvas is as wide as the window, however long the video is"
