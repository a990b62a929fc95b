"""BORIS's exports as its current versions write them: modifiers, time offsets, several players, numbers of images."""

from pathlib import Path

import pytest

from trainer.errors import LabelError
from trainer.ethogram.files import read_ethograms
from trainer.ethogram.read_options import Reading, ReadOptions

TABULAR = "Observation id,Media duration (s),FPS,Subject,Behavior,Behavior type,Time\n"
AGGREGATED = "Observation id,Media duration (s),FPS,Subject,Behavior,Behavior type,Start (s),Stop (s)\n"
CURRENT = (
    "Observation id,Observation date,Source,Time offset (s),Media duration (s),FPS (frame/s),Subject,Behavior,Behavioral category,"
    "Modifier #1,Modifier #2,Behavior type,Time,Media file name,Image index,Image file path,Comment\n"
)
CURRENT_AGGREGATED = (
    "Observation id,Source,Time offset (s),Media duration (s),FPS (frame/s),Subject,Behavior,Modifier #1,Behavior type,Start (s),Stop (s),"
    "Duration (s),Image index start,Image index stop\n"
)


def read(folder: Path, text: str, *, asked: ReadOptions | None = None) -> Reading:
    path = folder / "labels.csv"
    path.write_text(text, encoding="utf-8")
    return read_ethograms(path, asked)


def row(behaviour: str, kind: str, time: str, **more: str) -> str:
    """A row of a current tabular export of a video of 100 s at 30 frames per second."""
    cells = {"offset": "0", "one": "", "two": "", "index": "NA", "source": "player #1:a.mp4", "length": "100.000", "fps": "30.000"} | more
    return (
        f'm,2024-01-01,"{cells["source"]}",{cells["offset"]},"{cells["length"]}","{cells["fps"]}",No focal subject,{behaviour},,'
        f"{cells['one']},{cells['two']},{kind},{time},a.mp4,{cells['index']},NA,\n"
    )


def bouts(reading: Reading) -> list[tuple[str, int, int]]:
    (one,) = reading.ethograms
    return [(bout.name, bout.first, bout.end) for bout in one.bouts]


def test_each_modifier_has_a_column_and_is_part_of_the_class(tmp_path: Path) -> None:
    rows = row("groom", "START", "1", one="left", two="None") + row("groom", "STOP", "2", one="left", two="None")
    rows += row("groom", "START", "1.5", one="right", two="slow") + row("groom", "STOP", "3", one="right", two="slow")
    assert bouts(read(tmp_path, CURRENT + rows)) == [("groom (left)", 30, 60), ("groom (right|slow)", 45, 90)]


@pytest.mark.parametrize("offset", ["10.0", "-0.5", "00:00:10"])
def test_the_time_offset_that_boris_adds_to_every_time_is_taken_off(offset: str, tmp_path: Path) -> None:
    seconds = -0.5 if offset.startswith("-") else 10
    rows = row("groom", "START", f"{seconds + 1:g}", offset=offset) + row("groom", "STOP", f"{seconds + 2:g}", offset=offset)
    reading = read(tmp_path, CURRENT + rows)
    assert bouts(reading) == [("groom", 30, 60)]
    assert f"a time offset of {seconds:g} s, which BORIS adds to every time, was taken off" in reading.mended[0]


def test_a_time_before_the_video_is_refused_with_the_offset(tmp_path: Path) -> None:
    with pytest.raises(LabelError, match=r"csv:2: the time is '3', less the time offset of 10 s; expected seconds from the start"):
        read(tmp_path, CURRENT + row("groom", "POINT", "3", offset="10"))


@pytest.mark.parametrize(
    ("source", "length", "frames"),
    [
        ("player #1:a.mp4|player #2:b.mp4", "100.000|100.000", 3000),
        ("player #1:a.mp4|player #2:b.mp4", "100.0;100.0", 3000),
        ("player #1: a.mp4 player #2: b.mp4", "100.0;90.0", 3000),
        ("player #1:a.mp4;b.mp4|player #2:c.mp4;d.mp4", "100.000;50.000|100.000;50.000", 4500),
        ("player #1:a.mp4;b.mp4", "100.000;100.000", 6000),
        ("", "100.0;100.0", 3000),
        ("", "100.0;50.0", 4500),
    ],
)
def test_players_stand_beside_one_another_and_the_files_of_one_follow_each_other(
    source: str, length: str, frames: int, tmp_path: Path
) -> None:
    fps = "|".join(["30.000"] * (1 + length.count("|")))
    rows = row("a", "START", "1", source=source, length=length, fps=fps) + row("a", "STOP", "2", source=source, length=length, fps=fps)
    assert read(tmp_path, CURRENT + rows).ethograms[0].frames == frames


def test_media_that_may_be_views_or_follow_one_another_are_said(tmp_path: Path) -> None:
    within = read(tmp_path, TABULAR + "m,100;100,30,,a,START,1\nm,100;100,30,,a,STOP,2\n")
    assert "names 2 media of the same length and not whether they follow one another" in within.mended[0]
    past = read(tmp_path, TABULAR + "m,100;100,30,,a,START,1\nm,100;100,30,,a,STOP,150\n")
    assert (past.ethograms[0].frames, past.mended) == (6000, ())


def test_the_numbers_of_images_say_which_frames(tmp_path: Path) -> None:
    rows = row("a", "START", "1.018", index="30") + row("a", "STOP", "2.016", index="61")
    assert bouts(read(tmp_path, CURRENT + rows)) == [("a", 30, 61)]
    aggregated = "m,player #1:a.mp4,0,100.000,30.000,No focal subject,a,,STATE,1.018,2.016,0.998,30,61\n"
    assert bouts(read(tmp_path, CURRENT_AGGREGATED + aggregated)) == [("a", 30, 61)]


@pytest.mark.parametrize(
    ("source", "index", "why"),
    [("player #1:a.mp4;b.mp4", "30", "those of several files"), ("player #1:a.mp4", "500", "lie up to 469 frames from its times")],
)
def test_numbers_of_images_that_are_not_the_videos_are_left_aside_and_it_is_said(source: str, index: str, why: str, tmp_path: Path) -> None:
    reading = read(tmp_path, CURRENT + row("a", "POINT", "1.018", index=index, source=source))
    assert bouts(reading) == [("a", 31, 32)]
    assert why in reading.mended[0]


def test_above_500_frames_per_second_a_stop_that_boris_set_itself_is_told_by_its_missing_image_number(tmp_path: Path) -> None:
    rows = row("rest", "START", "0", index="0", fps="1000.000") + row("rest", "STOP", "0.999", fps="1000.000")
    rows += row("walk", "START", "1.000", index="1000", fps="1000.000") + row("walk", "STOP", "2", index="2000", fps="1000.000")
    reading = read(tmp_path, CURRENT + rows)
    assert bouts(reading) == [("rest", 0, 1000), ("walk", 1000, 2000)]
    assert "1 bouts stop 1 ms before the next class starts; read as stopping with its start" in reading.mended[0]


def test_above_500_frames_per_second_a_stop_1_ms_before_the_next_start_is_left_and_said(tmp_path: Path) -> None:
    rows = "m,10,1000,,rest,START,0\nm,10,1000,,rest,STOP,0.999\nm,10,1000,,walk,START,1.000\nm,10,1000,,walk,STOP,2\n"
    reading = read(tmp_path, TABULAR + rows)
    assert bouts(reading) == [("rest", 0, 999), ("walk", 1000, 2000)]
    assert "1 bouts stop 1 ms before the next class starts, which at 1000 frames per second may be a frame" in reading.mended[0]


@pytest.mark.parametrize(
    ("rows", "expected", "said"),
    [
        ("m,9,30,,a,START,5\nm,9,30,,a,STOP,5\n", [("a", 150, 151)], "1 bouts are shorter than a frame"),
        (
            "m,9,30,,a,START,1\nm,9,30,,a,STOP,5\nm,9,30,,a,START,5\nm,9,30,,a,STOP,5\n",
            [("a", 30, 150), ("a", 150, 151)],
            "1 bouts are shorter than a frame",
        ),
        ("m,9,30,,a,START,1\nm,9,30,,a,START,5\nm,9,30,,a,STOP,5\nm,9,30,,a,STOP,6\n", [("a", 30, 150), ("a", 150, 180)], ""),
        ("m,9,30,,a,POINT,1\nm,9,30,,a,POINT,1.01\n", [("a", 30, 31)], "lie in a frame of another of their class"),
        (
            "m,9,30,,a,START,1\nm,9,30,,a,STOP,1.01\nm,9,30,,a,START,1.012\nm,9,30,,a,STOP,2\n",
            [("a", 30, 60)],
            "lie in a frame of another of their class",
        ),
        ("m,9,30,,a,START,1\nm,9,30,,a,POINT,1.5\nm,9,30,,a,STOP,2\n", [("a", 30, 60)], "lie in a frame of another of their class"),
        ("m,9,29.97,,a,START,1\nm,9,29.970029,,a,STOP,2\n", [("a", 30, 60)], ""),
    ],
    ids=["no length", "no length after another", "stop below the next start", "points", "short", "point in a state", "rates"],
)
def test_what_is_a_frame_long_or_at_one_time_is_read(rows: str, expected: list[tuple[str, int, int]], said: str, tmp_path: Path) -> None:
    reading = read(tmp_path, TABULAR + rows)
    assert bouts(reading) == expected
    assert said in " ".join(reading.mended)


def test_classes_that_are_asked_for_are_listed_although_no_event_names_them(tmp_path: Path) -> None:
    text = AGGREGATED + "m,9,30,,b,STATE,1,2\nm,9,30,,c,STATE,1,2\n"
    assert read(tmp_path, text, asked=ReadOptions(class_names=("a", "b"))).ethograms[0].class_names == ("a", "b", "c")
