"""What a person is told while a long task runs."""

import io

import pytest
from rich.console import Console

from tracker.task_progress import TaskProgress, minutes


def test_without_a_terminal_a_line_comes_now_and_then_with_the_time_left() -> None:
    words, now = io.StringIO(), [0.0]
    with TaskProgress(Console(file=words), "drawing", clock=lambda: now[0]) as shown:
        for done in range(1, 31):
            now[0] += 1.0
            shown.reached(done, 30)
    assert words.getvalue().splitlines() == [
        "drawing: 10 of 30 frames, 0:20 left",
        "drawing: 20 of 30 frames, 0:10 left",
        "drawing: 30 of 30 frames",
    ]


def test_a_total_that_nobody_knows_is_left_out() -> None:
    words, now = io.StringIO(), [0.0]
    with TaskProgress(Console(file=words), "reading [a] film.mp4", unit="MB", clock=lambda: now[0]) as shown:
        now[0] = 12.0
        shown.reached(7.6, None)
    assert words.getvalue() == "reading [a] film.mp4: 8 MB\n"


def test_a_part_without_a_count_is_said_when_it_begins() -> None:
    words, now = io.StringIO(), [0.0]
    with TaskProgress(Console(file=words), "finding the board", clock=lambda: now[0]) as shown:
        now[0] = 9.0
        shown.stage("solving the lens")
        now[0] = 11.0
        shown.reached(1, 2)
    assert words.getvalue() == "solving the lens\n"


@pytest.mark.parametrize("terminal", [True, False])
def test_words_that_change_meanwhile_come_with_the_next_count(*, terminal: bool) -> None:
    words, now = io.StringIO(), [0.0]
    with TaskProgress(Console(file=words, force_terminal=terminal, width=100), "looking", unit="s", clock=lambda: now[0]) as shown:
        for second in range(1, 12):
            now[0] += 1.0
            shown.reached(second, 60, task=f"{second} of 12 seen")
    if terminal:
        assert "11 of 12 seen" in words.getvalue()
    else:
        assert words.getvalue() == "10 of 12 seen: 10 of 60 s, 0:50 left\n"


def test_in_a_terminal_a_bar_moves_and_is_gone_at_the_end() -> None:
    words, now = io.StringIO(), [0.0]
    with TaskProgress(Console(file=words, force_terminal=True, width=100), "drawing", clock=lambda: now[0]) as shown:
        now[0] = 1.0
        shown.reached(4, 30)
        shown.stage("tidying")
    drawn = words.getvalue()
    assert "tidying" in drawn
    assert drawn.endswith("\x1b[2K"), "the line of the bar is erased"


def test_what_goes_into_a_pipe_does_not_end_up_in_the_terminal_with_the_bar(capsys: pytest.CaptureFixture[str]) -> None:
    words = io.StringIO()
    with TaskProgress(Console(file=words, force_terminal=True, width=100), "replaying"):
        print('{"event": "poke"}')
    assert capsys.readouterr().out == '{"event": "poke"}\n'
    assert "poke" not in words.getvalue()


@pytest.mark.parametrize(("seconds", "words"), [(5.4, "0:05"), (245, "4:05"), (3845, "1:04:05")])
def test_lengths_of_time_are_minutes_and_seconds(seconds: float, words: str) -> None:
    assert minutes(seconds) == words
