"""The daemon's log: one line for each thing that happened, whatever text from outside is in it."""

import json
import logging

from tracker.service.log import FORMAT, OneLine


def line(text: str, *values: object) -> str:
    return OneLine(FORMAT).format(logging.LogRecord("tracker.x", logging.WARNING, "x.py", 1, text, values, None))


def test_a_line_cannot_be_forged_by_a_newline_in_a_path() -> None:
    written = line("command refused: command=swap reason=%s", "/a\n2026-01-01 00:00:00,000 INFO tracker.run: stopped\r: no bundle")
    assert written.splitlines() == [written]
    assert r"/a\n2026-01-01 00:00:00,000 INFO tracker.run: stopped\r: no bundle" in written


def test_a_long_text_is_logged_without_its_middle() -> None:
    written = line("refused: %s", "x" * 50_000)
    assert len(written) < 1200
    assert "(49009 characters)" in written


def test_the_trace_of_a_fault_stays_whole() -> None:
    try:
        json.loads("")
    except ValueError as problem:
        record = logging.LogRecord("tracker.x", logging.ERROR, "x.py", 1, "failed", (), (type(problem), problem, problem.__traceback__))
    assert OneLine(FORMAT).format(record).count("\n") >= 3


def test_letters_of_every_language_stay_as_they_are() -> None:
    assert line("Käfig 鼠 µm").endswith("Käfig 鼠 µm")
