"""Whatever is not live is said across the picture, and only then."""

from dataclasses import replace

import numpy as np
import pytest

from tracker.messages import Problem, StatusMessage
from tracker.viewer.banner import Ages, Banner, banner_for, draw_banner
from tracker.viewer.palette import RED

LIVE = Ages(message_s=0.01, heartbeat_s=0.05, frame_s=0.01, status_s=0.5, waiting_s=60.0)
SECOND_NS = 1_000_000_000


def headline(status: StatusMessage | None, ages: Ages) -> str:
    banner = banner_for(status, ages)
    return "" if banner is None else banner.headline


def test_a_tracker_that_sends_frames_has_no_banner(status: StatusMessage) -> None:
    assert banner_for(status, LIVE) is None
    assert banner_for(None, LIVE) is None


def test_a_lost_camera_is_named_with_its_cause_and_the_time_since(status: StatusMessage) -> None:
    problem = Problem(cause="camera", sentence="camera 7: the cable is out", since_ns=5 * SECOND_NS)
    lost = replace(status, state="camera_lost", published_ns=16 * SECOND_NS, problems=[problem])
    banner = banner_for(lost, replace(LIVE, status_s=1.5, frame_s=3.0))
    assert banner is not None
    assert (banner.headline, banner.sentence) == ("CAMERA LOST for 12 s", "camera 7: the cable is out")


def test_a_silent_tracker_is_said_whatever_it_said_last(status: StatusMessage) -> None:
    silent = replace(LIVE, message_s=14.0, heartbeat_s=14.0, frame_s=14.0, status_s=14.0)
    assert headline(status, silent) == "NO SIGNAL from tracker for 14 s"
    assert headline(replace(status, state="camera_lost"), silent) == "NO SIGNAL from tracker for 14 s"
    assert headline(status, replace(LIVE, message_s=1.1, heartbeat_s=1.1)) == "NO SIGNAL from tracker for 1 s"


def test_a_tracker_without_heartbeat_is_not_called_silent_between_two_statuses(status: StatusMessage) -> None:
    lost = replace(status, state="camera_lost")
    assert headline(lost, replace(LIVE, heartbeat_s=None, message_s=1.1, status_s=1.1, frame_s=9.0)) == "CAMERA LOST for 9 s"


def test_a_viewer_that_never_heard_anything_says_so_after_a_moment() -> None:
    unheard = Ages(message_s=None, heartbeat_s=None, frame_s=None, status_s=None, waiting_s=0.5)
    assert headline(None, unheard) == ""
    assert headline(None, replace(unheard, waiting_s=7.0)) == "NO SIGNAL from tracker for 7 s"


@pytest.mark.parametrize(("state", "expected"), [("starting", "TRACKER STARTING"), ("stopping", "TRACKER STOPPED 3 s ago")])
def test_a_tracker_that_starts_or_stopped_is_said(state: str, expected: str, status: StatusMessage) -> None:
    assert headline(replace(status, state=state), replace(LIVE, status_s=3.0)) == expected  # type: ignore[arg-type]


def test_frames_that_stay_away_are_said_but_a_slow_camera_is_not_called_silent(status: StatusMessage) -> None:
    late = replace(LIVE, frame_s=4.2)
    assert headline(status, late) == "NO NEW FRAME for 4 s"
    assert headline(replace(status, fps={"captured": 0.5}), late) == ""


@pytest.mark.parametrize("shape", [(240, 320), (1080, 1920), (40, 60)], ids=["small", "large", "tiny"])
def test_a_banner_spans_the_picture_and_the_rest_of_it_is_dimmed(shape: tuple[int, int]) -> None:
    canvas = np.full((*shape, 3), 200, np.uint8)
    draw_banner(canvas, Banner(headline="CAMERA LOST for 12 s", sentence="camera 7: " + "no whole frame " * 20, colour=RED))
    rows = np.all(canvas[:, [0, -1]] == RED, axis=(1, 2))
    assert rows.mean() > 0.15
    assert (canvas[~rows] < 100).all()


def test_the_headline_is_never_cut_in_a_picture_of_ordinary_size() -> None:
    for age in (1, 12, 119):
        canvas = np.full((480, 640, 3), 200, np.uint8)
        draw_banner(canvas, Banner(headline=f"NO SIGNAL from tracker for {age} s", sentence="", colour=RED))
        white = np.asarray((canvas > 230).all(axis=2)).any(axis=0)
        columns = np.flatnonzero(white)
        assert columns[0] >= 8
        assert columns[-1] < 632
        assert abs((columns[0] + columns[-1]) / 2 - 320) < 8, "a headline that was cut would not stand in the middle"
