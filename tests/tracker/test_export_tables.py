"""A session as Parquet and CSV: every frame with its pose, what is absent empty, bouts beside it."""

from pathlib import Path
from typing import Any, get_args

import numpy as np
import pandas as pd  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]
import pytest

from tests.tracker.exported import EVENTS, change_of, measured, place, received_ns, write_session
from tracker.export.export_session import Format, Wanted, export_session
from tracker.recording.read_session import RecordedSession

LOST = (11, 12)


def read(form: str, path: Path) -> Any:
    return pd.read_csv(path) if form == "csv" else pd.read_parquet(path)


@pytest.mark.parametrize("form", ["parquet", "csv"])
def test_a_table_has_a_row_a_frame_of_the_video_with_its_true_times(tmp_path: Path, form: Format) -> None:
    session = write_session(tmp_path / "s", lost=LOST, segment=15)
    found = export_session(session, Wanted(form=form))
    assert [path.name for path in found.files] == [f"s.{form}", f"s.events.{form}"]
    table = read(form, found.files[0])
    numbers = [number for number in range(40) if number not in LOST]
    times = np.array([received_ns(number) - received_ns(0) for number in numbers]) / 1e9
    assert table["camera_frame"].tolist() == numbers
    assert table["frame"].tolist() == list(range(38))
    assert list(zip(table["video"], table["video_frame"], strict=True))[12:15] == [(1, 12), (2, 0), (2, 1)]
    np.testing.assert_array_equal(table["time_s"], times)
    begin = (session.description.unix_offset_ns + received_ns(0)) / 1e9
    np.testing.assert_allclose(table["unix_s"] - begin, times, atol=1e-6)
    np.testing.assert_allclose(table["exposed_s"], [number * 0.007 for number in numbers])


@pytest.mark.parametrize("form", ["parquet", "csv"])
@pytest.mark.parametrize("animals", [1, 2])
def test_a_table_has_every_number_of_a_pose_and_nothing_where_it_is_absent(tmp_path: Path, form: Format, animals: int) -> None:
    session = write_session(tmp_path / "s", animals=animals, mm=True, skipped=(4, 9))
    table = read(form, export_session(session, Wanted(form=form)).files[0])
    assert np.flatnonzero(~table["has_pose"]).tolist() == [4, 9]
    absent = 0
    for row in table.to_dict("records"):
        for animal in range(animals):
            for index, point in enumerate(("snout", "tail")):
                name = f"animal{animal}_{point}" if animals > 1 else point
                x, y, confidence = (None,) * 3 if row["frame"] in (4, 9) else place(row["frame"], animal, index)
                mm = (None, None) if x is None or y is None else (x / 2 + 0.1, y / 2)
                told = [row[f"{name}_{end}"] for end in ("x_px", "y_px", "confidence", "x_mm", "y_mm")]
                expected = [np.nan if number is None else number for number in (x, y, confidence, *mm)]
                np.testing.assert_array_equal(told, expected)
                absent += x is None
    assert absent > 10
    np.testing.assert_array_equal(table["score_rearing"], [np.nan if n < 6 or n == 9 else n / 128 for n in range(40)])


@pytest.mark.parametrize("form", ["parquet", "csv"])
def test_a_table_has_all_that_was_counted_and_measured_of_a_frame(tmp_path: Path, form: Format) -> None:
    file = export_session(write_session(tmp_path / "s", skipped=(4, 9)), Wanted(form=form)).files[0]
    table = read(form, file)
    for name, numbers in measured(range(40), skipped=(4, 9)).items():
        np.testing.assert_array_equal(table[name], numbers, err_msg=name)
    assert table["without_network_rearing"].tolist() == [number % 4 == 0 and number != 4 for number in range(40)]


@pytest.mark.parametrize("out", [None, Path("out")], ids=["in the session", "where it was asked for"])
@pytest.mark.parametrize("form", get_args(Format))
def test_every_format_names_its_files_by_whole_paths(
    form: Format, out: Path | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_session(Path("s"), count=6)
    if out is not None:
        out.mkdir()
        out = out if form == "dlc" else out / f"s.{'slp' if form == 'sleap' else form}"
    found = export_session(RecordedSession(Path("s")), Wanted(form=form, out=out))
    assert [path.parent for path in found.files] == [tmp_path / ("s" if out is None else "out")] * len(found.files)


def test_absent_numbers_are_null_in_parquet_and_empty_in_csv(tmp_path: Path) -> None:
    session = write_session(tmp_path / "s")
    table = pq.read_table(export_session(session, Wanted(form="parquet")).files[0])
    assert table["snout_x_px"][4].as_py() is None
    assert table["snout_x_px"].null_count == 2 + len([number for number in range(40) if number % 7 == 3])
    lines = export_session(session, Wanted(form="csv")).files[0].read_text().splitlines()
    assert lines[5].endswith(",4,false,,,,0,,,,,,,,,,,false")


@pytest.mark.parametrize("form", ["parquet", "csv"])
def test_events_are_bouts_with_their_frames_and_open_ends(tmp_path: Path, form: Format) -> None:
    session = write_session(tmp_path / "s", events=EVENTS, lost=LOST)
    table = read(form, export_session(session, Wanted(form=form)).files[1])
    assert table["event"].tolist() == ["rear", "poke", "rear", "poke"]
    assert table["animal"].tolist() == [0, 0, 1, 0]
    before, poke, _, after = table.to_dict("records")
    assert (np.isnan(before["on_s"]), before["off_frame"], np.isnan(before["duration_s"])) == (True, 2, True)
    assert (after["on_frame"], np.isnan(after["off_s"])) == (28, True), "two frames before it were lost"
    seconds = {number: (received_ns(number) - received_ns(0)) / 1e9 for number in (6, 8, 14)}
    assert (poke["on_frame"], poke["off_frame"], poke["off_reason"]) == (8, 12, "missing")
    assert (poke["onset_s"], poke["on_s"], poke["off_s"]) == (seconds[6], seconds[8], seconds[14])
    assert poke["duration_s"] == (received_ns(14) - received_ns(8)) / 1e9
    assert (poke["on_published_s"], poke["value"], poke["latency_ms"]) == (seconds[8] + 0.003, 1.5, 3.0)


def test_a_bout_outside_the_session_is_left_out_and_one_that_reaches_in_is_cut(tmp_path: Path) -> None:
    changes = [("poke", "on", -9), ("poke", "off", -5), ("rear", "on", -3), ("rear", "off", 2), ("poke", "on", 10), ("poke", "off", 42)]
    changes += [("walk", "on", -2), ("walk", "off", 44), ("poke", "on", 43), ("stay", "off", 45), ("rest", "off", -4)]
    session = write_session(tmp_path / "s", events=[change_of(event, state, at, onset=at) for event, state, at in changes])
    table = read("parquet", export_session(session, Wanted(form="parquet")).files[1])
    assert table["event"].tolist() == ["rear", "walk", "stay", "poke"]
    assert table["on_frame"].fillna(-1).tolist() == [-1, -1, -1, 10]
    assert table["off_frame"].fillna(-1).tolist() == [2, -1, -1, -1]
    for side, inside in (("on", [False, False, False, True]), ("off", [True, False, False, False])):
        for name in (f"{side}_s", f"{side}_unix_s", f"{side}_published_s"):
            assert table[name].notna().tolist() == inside, name
    assert not table["duration_s"].notna().any()


def test_a_night_is_read_a_stretch_at_a_time_with_the_same_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows of a stretch begin anywhere in a video."""
    session = write_session(tmp_path / "s", animals=2, mm=True, count=60, segment=25, lost=LOST)
    assert len(list(session.row_batches(1))) > 10
    whole = read("parquet", export_session(session, Wanted(form="parquet")).files[0])
    monkeypatch.setattr("tracker.export.session_poses.SessionPoses.stretches.__defaults__", (1,))
    parts = read("parquet", export_session(session, Wanted(form="parquet", force=True)).files[0])
    pd.testing.assert_frame_equal(whole, parts)
