"""A recovery that a full disk or a power cut interrupts: what was there is still whole, and the next one succeeds."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa  # type: ignore[import-untyped]
import pytest

from tests.tracker.power_gone import power_gone_after
from tests.tracker.recorded import number_in
from tests.tracker.sessions import write_session
from tests.tracker.test_recording_synced import VIDEO, Syncs
from tracker.__main__ import main
from tracker.errors import RecordingError
from tracker.recording.read_session import RecordedSession
from tracker.recording.recover import recover
from tracker.recording.session import CLOSED_FILE, EVENTS_FILE, FRAMES_FILE, read_closed
from tracker.recording.tables import FRAMES, read_table

TABLES = (FRAMES_FILE, EVENTS_FILE)


@pytest.mark.parametrize("table", TABLES)
def test_a_recovery_that_the_disk_interrupts_in_a_table_leaves_the_old_one_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, table: str
) -> None:
    folder = write_session(tmp_path / "s", range(12), events=[("poke", 2, 5)], closed=False)
    to_come = TABLES[TABLES.index(table) :]
    before = [(folder / name).read_bytes() for name in to_come]
    real, count = pa.ipc.new_stream, 0

    @contextmanager
    def full(file: Any, schema: pa.Schema) -> Iterator[Any]:
        """The disk is full when the schema is written, and nothing behind it."""
        nonlocal count
        count += 1
        with real(file, schema) as stream:
            if count > TABLES.index(table):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            yield stream

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(pa.ipc, "new_stream", full)
        with pytest.raises(RecordingError, match="cannot be mended: No space left on device"):
            recover(folder)
    assert [(folder / name).read_bytes() for name in to_come] == before
    assert not (folder / CLOSED_FILE).exists()

    assert recover(folder).closed.frames == 11, "the last was still in the encoder"
    session = RecordedSession(folder)
    assert session.rows["frame"].to_pylist() == [number_in(image) for image in session.frames()] == list(range(11))
    assert [event["frame"] for event in session.events.to_pylist()] == [2, 5]
    assert not list(folder.glob(".*.part"))


def test_what_a_recovery_wrote_is_synced_before_it_takes_the_original_s_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write_session(tmp_path / "s", range(12), closed=False)
    syncs = Syncs(folder)
    monkeypatch.setattr(os, "fsync", partial(syncs.through, os.fsync))
    recover(folder)
    for name in (VIDEO, *TABLES):
        part = f".{name}.part"
        written = syncs.last(part)
        assert written.size == (folder / name).stat().st_size, name
        after = syncs.seen[syncs.seen.index(written) + 1]
        assert (after.name, part in after.names) == (folder.name, False), "its new name at once after it"
    assert syncs.seen[-1].names >= {CLOSED_FILE}


def with_rows(folder: Path, rows: int) -> Path:
    """A session of 12 frames that was cut off, with rows for its first frames only."""
    write_session(folder, range(12), segments=[8], closed=False)
    table = read_table(folder / FRAMES_FILE, FRAMES).slice(0, rows)
    with pa.ipc.new_stream(folder / FRAMES_FILE, FRAMES) as stream:
        stream.write_table(table)
    return folder


@pytest.mark.parametrize("renamed", [1, 2, 3])
@pytest.mark.parametrize(("rows", "aside"), [(5, "without-rows.mkv"), (0, "mkv.unread")])
def test_an_interrupted_recovery_forgets_no_frame_that_it_has_put_aside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], rows: int, aside: str, renamed: int
) -> None:
    expected = recover(with_rows(tmp_path / "uninterrupted", rows)).closed
    folder = with_rows(tmp_path / "s", rows)
    assert expected.cut_frames == 11 - rows, "the last was still in the encoder"

    with power_gone_after(renamed, monkeypatch), pytest.raises(RecordingError, match="cannot be mended"):
        recover(folder)
    assert list(folder.glob(f"*.{aside}"))

    assert main(["recover", str(folder), "--cut"]) == 0
    closed = read_closed(folder)
    assert closed == expected
    assert f"{expected.cut_frames} frames had no row and were cut off (kept in video-001.{aside}" in capsys.readouterr().out
