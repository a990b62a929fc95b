"""The labelling page: what helps with many points, many frames and a bundle; and names that are added while labelling."""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.trainer.chromium import CTRL, SHIFT, Chromium, Tab, wait_for
from tests.trainer.label_page import IMAGES, at, open_page, painted, place, points_of, saved, shown
from tests.trainer.label_server import label_server, labels_on_disk, make_project
from tracker.point_colours import colour_of
from trainer.project.progress import progress_of
from trainer.project.store import FrameLabel, Layer, create_project, open_project

MANY = tuple(f"point {number}" for number in range(1, 23))


def current(tab: Tab) -> str:
    """The name of the current key point."""
    return tab.text("#points .current .name")


def give_labels(project: Path, labels: dict[int, FrameLabel]) -> None:
    opened = open_project(project)
    opened.write_layer(Layer(annotator="ann", frames={IMAGES[number]: label for number, label in labels.items()}))


def slide(tab: Tab, selector: str, value: float) -> None:
    tab.value(f"(s => {{ s.valueAsNumber = {value}; s.dispatchEvent(new Event('input')) }})(document.querySelector('{selector}'))")


def test_undo_and_redo_return_to_the_point_that_they_change(tmp_path: Path, browser: Chromium) -> None:
    project = make_project(tmp_path / "mice").folder
    with open_page(project, browser) as (_, tab):
        for x in (10, 30, 50):
            place(tab, x, 20)
        tab.key("1")
        tab.key("z", modifiers=CTRL)
        assert current(tab) == "tailbase"
        tab.key("z", modifiers=CTRL)
        assert current(tab) == "left ear"
        place(tab, 33, 33)  # the undone point, placed anew
        saved(tab)
        assert points_of(project) == {"snout": [10, 20], "left ear": [pytest.approx(33), pytest.approx(33)]}
        tab.drag(at(tab, 10, 20), at(tab, 12, 22))
        tab.key("2")
        tab.key("z", modifiers=CTRL)
        assert current(tab) == "snout"
        tab.key("Z", modifiers=CTRL | SHIFT)
        assert current(tab) == "snout"
        place(tab, 40, 40)  # a point whose move is undone can be clicked into its place
        saved(tab)
        assert points_of(project)["snout"] == pytest.approx([40, 40])


def test_u_passes_by_frames_that_lack_only_what_is_in_no_frame(tmp_path: Path, browser: Chromium) -> None:
    project = make_project(tmp_path / "mice", frames=9).folder
    but_tail = FrameLabel(animals=[{"snout": (1.0, 2.0), "left ear": "hidden"}])
    give_labels(project, dict.fromkeys(range(6), but_tail) | {6: FrameLabel(animals=[{"snout": (1.0, 2.0)}])})
    with open_page(project, browser) as (_, tab):
        for number in (6, 7, 8, 6):  # 6 lacks the ear, which others have
            tab.key("u")
            shown(tab, number)
        tab.key("3")
        place(tab, 40, 40)  # the tail is in one frame now, so it is asked for in all
        tab.key("Home")
        shown(tab, 0)
        tab.key("u")
        shown(tab, 1)


def test_u_ends_by_saying_which_points_it_does_not_ask_for(tmp_path: Path, browser: Chromium) -> None:
    project = make_project(tmp_path / "mice", frames=5).folder
    give_labels(project, dict.fromkeys(range(5), FrameLabel(animals=[{"snout": (1.0, 2.0), "left ear": (3.0, 4.0)}])))
    with open_page(project, browser) as (_, tab):
        tab.key("u")
        tab.wait_text("#notice", "No other frame is left to label (tailbase: in no frame, so not asked for).")


def test_frames_that_lack_what_is_in_no_frame_are_begun_on_the_page_as_in_the_project(tmp_path: Path, browser: Chromium) -> None:
    project = make_project(tmp_path / "mice", frames=6).folder
    but_tail = FrameLabel(animals=[{"snout": (1.0, 2.0), "left ear": (3.0, 4.0)}])
    give_labels(project, dict.fromkeys(range(5), but_tail))
    (videos,) = progress_of(open_project(project)).by_annotator.values()
    assert sum((counts["begun"] for counts in videos.values()), 0) == 5
    with open_page(project, browser) as (_, tab):
        tab.wait_text("#counts", "0 labelled · 0 excluded · 6 left (5 begun, 5 of them but for tailbase, in no frame)")
        assert "0/6" in tab.text("#frames")
        assert tab.value("[...document.querySelectorAll('.frame')].map(one => one.dataset.state)") == ["begun"] * 5 + ["untouched"]
        assert tab.value("document.getElementById('bar-labelled').style.width") == "0%"
        tab.key("3")
        place(tab, 40, 40)  # now the tail is in a frame
        tab.wait_text("#counts", "1 labelled · 0 excluded · 5 left (4 begun)")
        assert "1/6" in tab.text("#frames")


def test_a_frame_to_decide_is_on_disk_and_comes_last(tmp_path: Path, browser: Chromium) -> None:
    project = make_project(tmp_path / "mice", frames=3, names=("snout",)).folder
    with open_page(project, browser) as (_, tab):
        place(tab, 10, 20)
        tab.key("d")
        saved(tab)
        assert labels_on_disk(project)[IMAGES[0]] == {"animals": [{"snout": [10, 20]}], "excluded": False, "tags": [], "to_decide": True}
        assert tab.text("#counts") == "0 labelled · 0 excluded · 1 to decide · 2 left"
        for number in (1, 2):
            tab.key("u")
            shown(tab, number)
            place(tab, 10, 20)
        tab.key("u")
        shown(tab, 0)
        tab.key("d")
        saved(tab)
        assert labels_on_disk(project)[IMAGES[0]] == {"animals": [{"snout": [10, 20]}], "excluded": False, "tags": []}


def test_points_beyond_the_tenth_have_keys_and_are_found_by_name(tmp_path: Path, browser: Chromium) -> None:
    project = make_project(tmp_path / "mice", names=MANY).folder
    with open_page(project, browser) as (_, tab):
        for key, code, modifiers, name in (
            ("0", "Digit0", 0, "point 10"),
            ("!", "Digit1", SHIFT, "point 11"),
            (")", "Digit0", SHIFT, "point 20"),
            ("1", "Digit1", SHIFT, "point 1"),  # a French keyboard, whose digits need Shift
        ):
            tab.key(key, code=code, modifiers=modifiers)
            assert current(tab) == name
        tab.key("s")
        for letter in "22":
            tab.key(letter)
        tab.key("Enter")
        assert current(tab) == "point 22"
        assert not tab.value("document.querySelector('#find').open")
        place(tab, 30, 30)
        saved(tab)
        assert points_of(project) == {"point 22": [pytest.approx(30), pytest.approx(30)]}
        borders = tab.value("[...document.querySelectorAll('#points .dot')].map(dot => getComputedStyle(dot).borderTopColor)")
        assert borders == [f"rgb{colour_of(number)}" for number in range(len(MANY))]


def test_sides_are_exchanged_and_the_rest_is_hidden_with_a_key_each(tmp_path: Path, browser: Chromium) -> None:
    project = make_project(tmp_path / "mice", names=("left ear", "right ear", "tail")).folder
    with open_page(project, browser) as (_, tab):
        place(tab, 10, 20)
        tab.key("y")
        saved(tab)
        assert points_of(project) == {"right ear": [10, 20]}
        tab.key("H", modifiers=SHIFT)
        saved(tab)
        assert points_of(project) == {"left ear": "hidden", "right ear": [10, 20], "tail": "hidden"}
        tab.key("z", modifiers=CTRL)
        saved(tab)
        assert points_of(project) == {"right ear": [10, 20]}, "one step"


def test_progress_is_counted_for_each_video(tmp_path: Path, browser: Chromium) -> None:
    project = make_project(tmp_path / "mice", frames=3, names=("snout",))
    project.add_frames(Path("run 2.avi"), [(4, np.full((60, 80), 9, np.uint8))], why="k-means")
    with open_page(project.folder, browser) as (_, tab):
        place(tab, 10, 20)
        tab.key("n")
        shown(tab, 1)
        tab.key("e")
        counts = "[...document.querySelectorAll('.video-count')].map(one => one.textContent)"
        assert tab.value(counts) == ["2/3", "0/1"]


def is_crossed(tab: Tab, where: tuple[float, float]) -> bool:
    """Whether there is yellow, the colour of the first point, around a place of the screen."""
    painted(tab)
    x, y = (round(side) for side in where)
    around = tab.screenshot()[y - 5 : y + 6, x - 5 : x + 6].astype(int)
    return bool(((around[..., 0] > 200) & (around[..., 2] < 120)).any())


def bright_project(folder: Path, brightness: list[int]) -> Path:
    """Frame n has one spot, at (10 + n, 20), of a brightness that the brightest-pixel bundle takes for its confidence."""
    project = create_project(folder, point_names=("spot", "tail"))
    images = [cv2.circle(np.zeros((60, 80), np.uint8), (10 + number, 20), 0, (level,), -1) for number, level in enumerate(brightness)]
    project.add_frames(Path("run 1#a.avi"), ((number, np.asarray(image, np.uint8)) for number, image in enumerate(images)), why="k-means")
    return folder


def test_accept_all_takes_only_what_is_sure_enough(tmp_path: Path, browser: Chromium, make_bundle: Callable[..., Path]) -> None:
    project = bright_project(tmp_path / "mice", [135, 135, 250])
    bundle = make_bundle(tmp_path / "bundle", height=60, width=80)
    with open_page(project, browser, "--bundle", str(bundle)) as (_, tab):
        tab.wait_text("#prediction", "1 offered")
        tab.key("g")
        assert "1 of 1 predicted points are below 80 %" in tab.text("#notice")
        tab.key("End")
        shown(tab, 2)
        tab.wait_text("#prediction", "g takes all")
        tab.key("g")
        saved(tab)
        assert list(labels_on_disk(project)) == [IMAGES[2]], "a point of 53 % is not taken unasked"
        tab.key("Home")
        shown(tab, 0)
        tab.wait_text("#prediction", "1 offered")
        tab.key("G", modifiers=SHIFT)
        saved(tab)
        assert points_of(project, 0) == {"spot": [10, 20]}
        slide(tab, "#accept", 0.5)
        tab.key("n")
        shown(tab, 1)
        tab.wait_text("#prediction", "1 offered")
        tab.key("g")
        saved(tab)
        assert points_of(project, 1) == {"spot": [11, 20]}


def test_w_goes_to_the_label_that_is_farthest_from_what_the_bundle_sees(
    tmp_path: Path, browser: Chromium, make_bundle: Callable[..., Path]
) -> None:
    project = bright_project(tmp_path / "mice", [250] * 6)
    away = {0: 1.0, 1: 30.0, 2: 4.0, 4: 12.0}
    give_labels(project, {number: FrameLabel(animals=[{"spot": (10.0 + number, 20.0 + px)}]) for number, px in away.items()})
    bundle = make_bundle(tmp_path / "bundle", height=60, width=80)
    with open_page(project, browser, "--bundle", str(bundle)) as (_, tab):
        tab.wait_text("#ranking", "w: the worst label")
        for number, px in ((1, 30), (4, 12), (2, 4)):
            tab.key("w")
            shown(tab, number)
            assert f"spot is labelled {px}.0 px from where the network sees it" in tab.text("#hint")
            assert current(tab) == "spot"
            wait_for(partial(is_crossed, tab, at(tab, 10 + number, 20)), "a cross where the network sees it")
        assert "30.0 px" in tab.text("#frames")
        assert list(labels_on_disk(project)) == [IMAGES[number] for number in away], "going there labels nothing"


def test_shift_w_goes_to_the_unlabelled_frame_that_the_bundle_is_least_sure_of(
    tmp_path: Path, browser: Chromium, make_bundle: Callable[..., Path]
) -> None:
    project = bright_project(tmp_path / "mice", [250, 240, 60, 250, 120, 90])
    give_labels(project, {5: FrameLabel(animals=[{"spot": (15.0, 20.0), "tail": "hidden"}])})
    bundle = make_bundle(tmp_path / "bundle", height=60, width=80)
    with open_page(project, browser, "--bundle", str(bundle)) as (_, tab):
        tab.wait_text("#ranking", "w: the worst label")
        for number, sure in ((2, 24), (4, 47)):
            tab.key("W", modifiers=SHIFT)
            shown(tab, number)
            assert f"the network is {sure} % sure of spot" in tab.text("#hint")


def test_shift_w_leaves_out_what_is_placed_and_w_what_the_bundle_does_not_see(
    tmp_path: Path, browser: Chromium, make_bundle: Callable[..., Path]
) -> None:
    """The bundle sees the brightest pixel as "spot", as sure as it is bright, and no tail."""
    project = bright_project(tmp_path / "mice", [3, 250, 60, 250, 250, 250, 120])
    away = {0: 25.0, 1: 4.0, 2: 0.0, 3: 0.0, 4: 0.0}
    give_labels(project, {number: FrameLabel(animals=[{"spot": (10.0 + number, 20.0 + px)}]) for number, px in away.items()})
    bundle = make_bundle(tmp_path / "bundle", height=60, width=80)
    with open_page(project, browser, "--bundle", str(bundle)) as (_, tab):
        tab.wait_text("#ranking", "w: the worst label")
        tab.key("w")
        shown(tab, 1)  # not frame 0: a confidence of 1 % is no sight of the spot
        for number, sure in ((6, 47), (5, 98)):  # not frame 2: its spot is placed, and the tail is in no frame
            tab.key("W", modifiers=SHIFT)
            shown(tab, number)
            assert f"the network is {sure} % sure of spot" in tab.text("#hint")


def test_points_lines_sides_and_tags_are_added_while_labelling(tmp_path: Path, browser: Chromium) -> None:
    project = make_project(tmp_path / "mice", frames=2).folder
    with open_page(project, browser) as (_, tab):
        for x in (10, 30, 50):
            place(tab, x, 20)
        saved(tab)
        before = labels_on_disk(project)
        tab.key("m")
        for said, script in (
            ("tongue is added", "document.querySelector('#new-point').value = 'tongue'"),
            (
                "snout – tongue is added",
                "document.querySelector('#line-from').value = 'snout'; document.querySelector('#line-to').value = 'tongue'",
            ),
            (
                "snout – tailbase is added",
                "document.querySelector('#pair-left').value = 'snout'; document.querySelector('#pair-right').value = 'tailbase'",
            ),
            ("licking is added", "document.querySelector('#new-tag').value = 'licking'"),
        ):
            form = {"tongue is": "point", "snout – tongue is": "line", "snout – tailbase is": "pair", "licking is": "tag"}[
                said.removesuffix(" added")
            ]
            tab.value(f"{script}; document.querySelector('#add-{form} button').click()")
            tab.wait_text("#names-said", said)
        tab.key("Escape")
        assert labels_on_disk(project) == before, "labels stay as they are"
        found = open_project(project)
        assert found.point_names == ("snout", "left ear", "tailbase", "tongue")
        assert found.skeleton == (("snout", "tailbase"), ("snout", "tongue"))
        assert (found.pairs, found.tags) == ((("snout", "tailbase"),), ("rearing", "grooming", "licking"))
        assert current(tab) == "tongue"
        assert tab.text("#counts").startswith("0 labelled")
        place(tab, 40, 40)
        saved(tab)
        assert points_of(project)["tongue"] == pytest.approx([40, 40])
        assert tab.errors() == []


def test_a_page_that_does_not_know_a_new_point_keeps_its_labels(tmp_path: Path, browser: Chromium) -> None:
    project = make_project(tmp_path / "mice", frames=1).folder
    with open_page(project, browser) as (server, stale):
        fresh = browser.open(server.address)
        shown(fresh, 0)
        fresh.key("m")
        fresh.value("document.querySelector('#new-point').value = 'tongue'; document.querySelector('#add-point button').click()")
        fresh.wait_text("#names-said", "tongue is added")
        fresh.key("Escape")
        fresh.key("4")
        place(fresh, 40, 40)
        saved(fresh)
        stale.call("Page.bringToFront")
        place(stale, 10, 20)
        stale.wait_text("#notice", "was changed elsewhere")
        stale.key("1")
        place(stale, 10, 20)
        saved(stale)
        assert points_of(project) == {"snout": [10, 20], "tongue": [pytest.approx(40), pytest.approx(40)]}


def test_a_name_that_cannot_be_used_is_refused_in_the_dialog(tmp_path: Path, browser: Chromium) -> None:
    project = make_project(tmp_path / "mice", frames=1).folder
    with open_page(project, browser) as (_, tab):
        tab.key("m")
        tab.value("document.querySelector('#line-from').value = document.querySelector('#line-to').value = 'snout'")
        tab.value("document.querySelector('#add-line button').click()")
        tab.wait_text("#names-said", "expected two different names")
    assert open_project(project).skeleton == (("snout", "tailbase"),)


def test_a_label_of_before_a_point_was_added_is_read_as_it_was(tmp_path: Path) -> None:
    """Without a browser: a project that grew by the command, and a server over it."""
    project = make_project(tmp_path / "mice", frames=1)
    label = FrameLabel(animals=[{"snout": (1.0, 2.0)}])
    give_labels(project.folder, {0: label})
    project.add_names(points=["tongue"], skeleton=[("snout", "tongue")], pairs=[("snout", "tongue")])
    assert json.loads((project.folder / "project.json").read_text())["pairs"] == [["snout", "tongue"]]
    with label_server(project.folder):
        assert open_project(project.folder).read_layer("ann").frames == {IMAGES[0]: label}
