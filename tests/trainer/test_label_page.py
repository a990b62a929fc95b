"""The labelling page in a real Chromium, with the real server and files: what a hand on mouse and keyboard does, and what is on disk."""

import contextlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.trainer.chromium import CTRL, SHIFT, Chromium, wait_for
from tests.trainer.label_page import IMAGES, at, loaded_ahead, open_page, painted, place, points_of, saved, shown, under
from tests.trainer.label_server import label_server, labels_on_disk, make_project

WHITE = (10.0, 20.0)  # of frame 0


def test_clicks_place_the_points_one_after_another_and_are_on_disk_at_once(tmp_path: Path, browser: Chromium) -> None:
    project = make_project(tmp_path / "mice").folder
    with open_page(project, browser) as (_, tab):
        for x, y in ((10.0, 20.0), (30.25, 40.5), (50.0, 5.0)):
            place(tab, x, y)
        saved(tab)
        assert points_of(project) == {"snout": [10, 20], "left ear": pytest.approx([30.25, 40.5], abs=1e-9), "tailbase": [50, 5]}
        assert tab.text("#counts").startswith("1 labelled")
        place(tab, 70, 50)  # everything is labelled: a stray click must not move the last point
        assert "Every point is labelled" in tab.text("#notice")
        tab.key("2")  # chosen by hand, it can be placed again
        place(tab, 70, 50)
        saved(tab)
        assert points_of(project)["left ear"] == pytest.approx([70, 50], abs=1e-9)


@pytest.mark.parametrize("pixel_ratio", [1.0, 1.25, 2.0])
@pytest.mark.parametrize("turns", [0, -600, 900], ids=["fitted", "out", "in"])
def test_a_click_on_the_middle_of_a_pixel_is_a_whole_number_at_any_zoom(
    tmp_path: Path, browser: Chromium, pixel_ratio: float, turns: int
) -> None:
    """Against the screen itself: the white pixel is looked for in a screenshot and clicked in its middle."""
    project = make_project(tmp_path / "mice", frames=1).folder
    with label_server(project) as server:
        tab = browser.open(server.address, pixel_ratio=pixel_ratio, width=1173, height=801)
        shown(tab, 0)
        if turns:
            tab.mouse("Wheel", *at(tab, 10.4, 20.3), button="none", deltaX=0, deltaY=-turns)
        painted(tab)
        box = tab.value("(r => [r.left, r.top, r.right, r.bottom])(document.querySelector('#stage').getBoundingClientRect())")
        left, top, right, bottom = (round(side * pixel_ratio) for side in box)
        bright = tab.screenshot()[top:bottom, left:right].min(axis=2)
        rows, columns = np.nonzero(bright > 140)
        middle = (columns.min() + columns.max() + 1) / 2 + left, (rows.min() + rows.max() + 1) / 2 + top
        tab.click(middle[0] / pixel_ratio, middle[1] / pixel_ratio)
        saved(tab)
        one_screen_px = 1 / float(columns.max() + 1 - columns.min())  # in pixels of the picture
        assert points_of(project)["snout"] == pytest.approx(WHITE, abs=0.75 * one_screen_px)


def test_a_drag_moves_a_point_without_a_jump_and_a_click_on_it_only_chooses_it(tmp_path: Path, browser: Chromium) -> None:
    project = make_project(tmp_path / "mice").folder
    with open_page(project, browser) as (_, tab):
        place(tab, 10, 20)
        x, y = at(tab, 10, 20)
        tab.drag((x + 3, y - 2), (x + 3 + 90, y - 2 + 45))  # grabbed beside its middle; 9 screen px for each pixel
        saved(tab)
        assert points_of(project)["snout"] == pytest.approx([20, 25], abs=1e-9)
        tab.click(*at(tab, 20, 25))
        assert points_of(project)["snout"] == pytest.approx([20, 25], abs=1e-9)
        for key, modifiers in (("ArrowLeft", SHIFT), ("ArrowDown", SHIFT), ("ArrowDown", SHIFT | CTRL)):
            tab.key(key, modifiers=modifiers)
        saved(tab)
        assert points_of(project)["snout"] == pytest.approx([19.75, 27.25], abs=1e-9)
        tab.drag(at(tab, 19.75, 27.25), (x - 2000, y))  # out of the window: stays in the picture
        saved(tab)
        assert points_of(project)["snout"] == [-0.5, pytest.approx(20, abs=1e-9)]


def test_hidden_cleared_excluded_and_tagged_are_told_apart_in_the_file(tmp_path: Path, browser: Chromium) -> None:
    """The states "not labelled" and "labelled here" are different, and so is "cannot be seen"."""
    project = make_project(tmp_path / "mice").folder
    with open_page(project, browser) as (_, tab):
        place(tab, 10, 20)
        tab.key("h")
        for key in ("t", "2", "t", "1", "e"):
            tab.key(key)
        saved(tab)
        expected = {"animals": [{"snout": [10.0, 20.0], "left ear": "hidden"}], "excluded": True, "tags": ["rearing", "grooming"]}
        assert labels_on_disk(project)[IMAGES[0]] == expected
        for key in ("1", "x", "2", "Delete", "e", "t", "1", "t", "2"):
            tab.key(key)
        saved(tab)
        assert labels_on_disk(project) == {}, "a frame of which nothing is said is not in the file"


def test_nothing_is_carried_over_to_the_next_frame(tmp_path: Path, browser: Chromium) -> None:
    """Going through frames without a click stores nothing, whatever the frame before holds."""
    project = make_project(tmp_path / "mice").folder
    with open_page(project, browser) as (_, tab):
        place(tab, 10, 20)
        for number in (1, 2):
            tab.key("n")
            shown(tab, number)
            assert tab.text("#points .place") == "–"
        tab.key("p")
        shown(tab, 1)
        saved(tab)
        assert list(labels_on_disk(project)) == [IMAGES[0]]


def test_undo_and_redo_belong_to_a_frame_and_survive_going_away(tmp_path: Path, browser: Chromium) -> None:
    project = make_project(tmp_path / "mice").folder
    with open_page(project, browser) as (_, tab):
        place(tab, 10, 20)
        place(tab, 30, 30)
        tab.key("n")
        shown(tab, 1)
        tab.key("z", modifiers=CTRL)
        assert "nothing to undo" in tab.text("#notice")
        tab.key("p")
        shown(tab, 0)
        tab.key("z", modifiers=CTRL)
        saved(tab)
        assert points_of(project) == {"snout": [10, 20]}
        tab.key("z", modifiers=CTRL)
        saved(tab)
        assert labels_on_disk(project) == {}
        for _ in range(2):
            tab.key("Z", modifiers=CTRL | SHIFT)
        saved(tab)
        assert points_of(project) == {"snout": [10, 20], "left ear": [30, 30]}


def test_the_wheel_zooms_at_the_pointer_space_and_the_middle_button_pan_and_f_fits(tmp_path: Path, browser: Chromium) -> None:
    project = make_project(tmp_path / "mice").folder
    with open_page(project, browser) as (_, tab):
        corner, (x, y) = at(tab, 0, 0), at(tab, 30, 30)
        fitted = float(round(x)), float(round(y))  # a wheel's place is in whole CSS pixels
        before = under(tab, fitted)
        tab.mouse("Wheel", *fitted, button="none", deltaX=0, deltaY=-500)
        painted(tab)
        assert under(tab, fitted) == pytest.approx(before)
        assert at(tab, 0, 0) != pytest.approx(corner)
        tab.drag(fitted, (fitted[0] + 50, fitted[1] - 30), button="middle")
        tab.key_down(" ")
        tab.drag(fitted, (fitted[0] + 10, fitted[1] + 5))
        tab.call("Input.dispatchKeyEvent", {"type": "keyUp", "key": " "})
        painted(tab)
        assert under(tab, (fitted[0] + 60, fitted[1] - 25)) == pytest.approx(before)
        tab.key("f")
        painted(tab)
        assert at(tab, 0, 0) == pytest.approx(corner)
        saved(tab)
        assert labels_on_disk(project) == {}, "looking around labels nothing"


def test_u_goes_to_the_next_frame_that_is_neither_labelled_nor_excluded(tmp_path: Path, browser: Chromium) -> None:
    project = make_project(tmp_path / "mice", frames=4, names=("snout",)).folder
    with open_page(project, browser) as (_, tab):
        place(tab, 10, 20)
        for number in (1, 2):
            tab.key("n")
            shown(tab, number)
        tab.key("e")
        tab.key("Home")
        for number in (1, 3):
            tab.key("u")
            shown(tab, number)
        assert tab.text("#counts") == "1 labelled · 1 excluded · 2 left"


def test_reloading_brings_back_the_labels_and_the_place(tmp_path: Path, browser: Chromium) -> None:
    project = make_project(tmp_path / "mice").folder
    with open_page(project, browser) as (_, tab):
        tab.key("n")
        shown(tab, 1)
        place(tab, 12.5, 20)
        saved(tab)
        tab.reload()
        shown(tab, 1)
        assert "12.50, 20.00" in tab.text("#points")


def test_a_killed_server_and_a_killed_browser_lose_nothing(tmp_path: Path) -> None:
    project = make_project(tmp_path / "mice", frames=5).folder
    with Chromium(tmp_path / "profile") as browser, label_server(project) as server:
        tab = browser.open(server.address)
        shown(tab, 0)
        place(tab, 10, 20)
        saved(tab)
        server.kill()
        place(tab, 30, 30)
        tab.wait("document.querySelector('#saved').dataset.state === 'unsaved'")
        tab.key("e")
        tab.wait_text("#saved", "1 frame not saved: start `trainer label` again, it does not answer. Kept in this browser")
        assert points_of(project) == {"snout": [10, 20]}, "what was acknowledged is on disk"
        browser.kill()
    with label_server(project) as server, Chromium(tmp_path / "profile") as browser:
        tab = browser.open(server.address)
        wait_for(lambda: labels_on_disk(project)[IMAGES[0]]["excluded"], "the kept edit has been sent")
        assert points_of(project) == {"snout": [10, 20], "left ear": pytest.approx([30, 30], abs=1e-9)}
        saved(tab)


def test_a_server_killed_again_and_again_while_edits_are_made_loses_none(tmp_path: Path, browser: Chromium) -> None:
    project = make_project(tmp_path / "mice", frames=24, names=("snout",)).folder
    with contextlib.ExitStack() as servers:
        server = servers.enter_context(label_server(project))
        tab = browser.open(server.address)
        for number in range(24):
            shown(tab, number)
            loaded_ahead(tab, number + 2 if number < 22 else number)
            place(tab, 10 + number, 20)
            if number % 8 == 4:  # at once: this edit and those before it are anywhere on their way
                server.kill()
            if number % 8 == 6:  # the pictures up to here were loaded ahead, so labelling went on
                server = servers.enter_context(label_server(project))
                assert server.address.startswith(tab.value("location.origin"))
                browser.open(server.address)  # lets this browser in again
                tab.call("Page.bringToFront")
            tab.key("n")
        saved(tab)
        expected = [pytest.approx([10 + number, 20], abs=1e-9) for number in range(24)]
        assert [points_of(project, number)["snout"] for number in range(24)] == expected
        server.kill()
        tab.key("e")
        tab.wait("document.querySelector('#saved').dataset.state === 'unsaved'")
        browser.open(servers.enter_context(label_server(project)).address)
        saved(tab)  # of its own accord, with no further edit
        assert labels_on_disk(project)[IMAGES[23]]["excluded"]


def test_a_stale_tab_overwrites_nothing_and_says_so(tmp_path: Path, browser: Chromium) -> None:
    project = make_project(tmp_path / "mice").folder
    with open_page(project, browser) as (server, stale):
        fresh = browser.open(server.address)
        shown(fresh, 0)
        place(fresh, 10, 20)
        saved(fresh)
        place(stale, 33, 33)
        stale.wait_text("#notice", "was changed elsewhere")
        assert "10.00, 20.00" in stale.text("#points")
        assert points_of(project) == {"snout": [10, 20]}
        stale.key("z", modifiers=CTRL)
        saved(stale)
        assert points_of(project) == {"snout": pytest.approx([33, 33], abs=1e-9)}, "what the stale tab had is not lost either"


def test_two_annotators_label_at_the_same_time_each_in_a_layer_of_their_own(tmp_path: Path, browser: Chromium) -> None:
    project = make_project(tmp_path / "mice").folder
    with open_page(project, browser) as (_, tab), label_server(project, annotator="bob") as other:
        second = browser.open(other.address)
        shown(second, 0)
        assert second.text("#points .place") == "–"
        place(tab, 10, 20)
        place(second, 40, 40)
        saved(tab)
        saved(second)
        assert labels_on_disk(project)[IMAGES[0]]["animals"] == [{"snout": [10, 20]}]
        assert labels_on_disk(project, "bob")[IMAGES[0]]["animals"] == [{"snout": [pytest.approx(40), pytest.approx(40)]}]


def test_several_animals_are_labelled_one_after_another(tmp_path: Path, browser: Chromium) -> None:
    project = make_project(tmp_path / "flies", names=("head", "tail"), animals=2).folder
    with open_page(project, browser) as (_, tab):
        for x in (10, 20, 30):  # the third click is the second animal's head
            place(tab, x, 20)
        saved(tab)
        assert labels_on_disk(project)[IMAGES[0]]["animals"] == [
            {"head": [10, 20], "tail": [20, 20]},
            {"head": [30, 20]},
        ]
        tab.key("a")
        assert tab.text("#animals .current .name") == "animal 1"
        tab.key("A", modifiers=SHIFT)
        assert tab.text("#animals .current .name") == "animal 2"
        assert tab.text("#counts").startswith("0 labelled"), "an animal that was begun must be finished"
        tab.key("h")
        saved(tab)
        assert tab.text("#counts").startswith("1 labelled")


def test_a_prediction_is_no_label_until_it_is_accepted(tmp_path: Path, browser: Chromium, make_bundle: Callable[..., Path]) -> None:
    project = make_project(tmp_path / "mice", names=("spot", "tail")).folder
    bundle = make_bundle(tmp_path / "bundle", height=60, width=80)
    with open_page(project, browser, "--bundle", str(bundle)) as (_, tab):
        tab.wait_text("#prediction", "1 offered")
        for number in (1, 2):
            tab.key("n")
            shown(tab, number)
            tab.wait_text("#prediction", "1 offered")
        assert labels_on_disk(project) == {}, "looking at a prediction stores nothing"
        tab.key("g")
        saved(tab)
        assert labels_on_disk(project) == {IMAGES[2]: {"animals": [{"spot": [12, 20]}], "excluded": False, "tags": []}}
        tab.wait_text("#prediction", "nothing to accept")
        tab.key("z", modifiers=CTRL)
        saved(tab)
        assert labels_on_disk(project) == {}, "accepting is one step to undo"
        place(tab, 12, 20)  # on the ring
        saved(tab)
        assert points_of(project, 2) == {"spot": [12, 20]}


def test_a_point_placed_by_hand_is_never_replaced_by_a_prediction(
    tmp_path: Path, browser: Chromium, make_bundle: Callable[..., Path]
) -> None:
    project = make_project(tmp_path / "mice", names=("spot", "tail")).folder
    bundle = make_bundle(tmp_path / "bundle", height=60, width=80)
    with open_page(project, browser, "--bundle", str(bundle)) as (_, tab):
        tab.wait_text("#prediction", "1 offered")
        place(tab, 40, 40)
        tab.key("g")
        saved(tab)
        assert points_of(project) == {"spot": [pytest.approx(40), pytest.approx(40)]}


def test_five_hundred_frames_are_gone_through_with_a_key_each(tmp_path: Path, browser: Chromium) -> None:
    project = make_project(tmp_path / "mice", frames=500).folder
    with open_page(project, browser) as (_, tab):
        assert tab.value("document.querySelectorAll('.frame').length") == 500
        for _ in range(499):
            tab.key("n")
        shown(tab, 499)
        assert tab.text("#where").startswith("500 of 500")
        place(tab, 10, 20)
        saved(tab)
        assert list(labels_on_disk(project)) == [IMAGES[499]]


def test_the_question_mark_shows_the_keys_and_no_script_fails(tmp_path: Path, browser: Chromium) -> None:
    project = make_project(tmp_path / "mice").folder
    with open_page(project, browser) as (_, tab):
        tab.key("?", modifiers=SHIFT)
        assert tab.value("document.querySelector('#help').open")
        assert "next frame that is not labelled" in tab.text("#help")
        tab.key("Escape")
        assert not tab.value("document.querySelector('#help').open")
        assert tab.errors() == []
