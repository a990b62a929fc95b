"""Sessions that went on with one another after restarts: found, exported as one, replayed one after the other, and said."""

import json
from pathlib import Path

import pandas as pd  # type: ignore[import-untyped]
import pynwb  # type: ignore[import-untyped]
import pytest
import sleap_io  # type: ignore[import-untyped]

from tests.tracker.chained import GAP_S, say, write_chain
from tests.tracker.exported import received_ns, write_session
from tracker.__main__ import main
from tracker.errors import RecordingError
from tracker.export.export_session import Format, Wanted, export_session
from tracker.messages import PoseMessage
from tracker.recording.chain import chain_folders
from tracker.recording.session_chain import read_chain
from tracker.recording.session_messages import session_messages

NAMES = ["night", "night-2", "night-3"]
BEGINS_S = [0.0, GAP_S, 2 * GAP_S]  # each camera's first frame has the same number


@pytest.mark.parametrize("begin", NAMES)
def test_a_chain_is_found_from_each_of_its_sessions(tmp_path: Path, begin: str) -> None:
    write_chain(tmp_path)
    write_session(tmp_path / "other", count=5)
    assert [folder.name for folder in chain_folders(tmp_path / begin)] == NAMES
    assert [folder.name for folder in chain_folders(tmp_path / "other")] == ["other"]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"night-2": {"continues": "gone"}}, "night-2: goes on from gone, and no session of that name is beside it"),
        ({"night-2": {"continues": "../night"}}, "and no session of that name is beside it"),
        ({"night": {"continues": "night-3"}}, "goes on from a session that goes on from it"),
        ({"night": {"continues": "night"}}, "goes on from a session that goes on from it"),
        ({"night-3": {"continues": "night"}}, "both night-2 and night-3 go on from it"),
        ({"night": {"camera": "side"}}, "night-2: is of camera synthetic, but goes on from night of camera side"),
        ({"night": {"created": "2026-02-01T00:00:00Z"}}, "goes on from night, which was recorded later"),
    ],
    ids=["missing", "elsewhere", "circle", "itself", "fork", "camera", "later"],
)
def test_a_chain_that_does_not_hold_is_refused_in_a_sentence(tmp_path: Path, changes: dict[str, dict[str, str]], sentence: str) -> None:
    write_chain(tmp_path)
    for name, about in changes.items():
        say(tmp_path / name, **about)
    with pytest.raises(RecordingError, match=sentence):
        chain_folders(tmp_path / ("night" if "night-3" in changes else "night-2"))


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_tables_of_a_chain_hold_every_frame_with_its_true_time_and_the_gaps(tmp_path: Path, form: Format) -> None:
    write_chain(tmp_path)
    found = export_session(read_chain(tmp_path / "night-2"), Wanted(form=form, whole=True))
    assert found.files == [tmp_path / "night" / f"night.whole{kind}.{form}" for kind in ("", ".events", ".sessions")]
    frames, bouts, sessions = (pd.read_csv(path) if form == "csv" else pd.read_parquet(path) for path in found.files)
    assert frames.frame.tolist() == list(range(60))
    assert frames.session.tolist() == ["night"] * 20 + ["night-2"] * 30 + ["night-3"] * 10
    assert frames.camera_frame.tolist() == [*range(20), *range(30), *range(10)]
    times = [begin + (received_ns(n) - received_ns(0)) / 1e9 for begin, n in [(0.0, 19), (GAP_S, 0), (GAP_S, 29), (2 * GAP_S, 9)]]
    assert frames.time_s[[19, 20, 49, 59]].tolist() == pytest.approx(times, abs=1e-9)
    assert frames.video[[0, 19, 20, 39, 40, 49, 50]].tolist() == [1, 1, 1, 1, 2, 2, 1], "numbers of each session's own files"
    assert frames.video_frame[[19, 20, 39, 40, 49, 50]].tolist() == [19, 0, 19, 0, 9, 0]
    assert sessions.session.tolist() == NAMES
    assert sessions.begin_s.tolist() == pytest.approx(BEGINS_S)
    assert sessions.gap_s[1:].tolist() == pytest.approx([times[1] - times[0], 2 * GAP_S - times[2]])
    assert [(part.session, part.frames) for part in found.sessions] == [("night", 20), ("night-2", 30), ("night-3", 10)]
    told = [(row.session, row.on_frame, row.off_frame) for row in bouts.astype(object).where(bouts.notna(), None).itertuples()]
    assert told == [("night", 8, None), ("night-2", None, 25), ("night-3", 54, 56), ("night-3", 57, 58)], "no bout goes on across a restart"
    assert bouts.onset_s[2] == pytest.approx(frames.time_s[52])
    assert pd.isna(bouts.onset_s[3]), "a number that only another session's frame has"


def test_an_nwb_file_of_a_chain_names_every_video_and_the_gaps(tmp_path: Path) -> None:
    write_chain(tmp_path)
    (path,) = export_session(read_chain(tmp_path / "night"), Wanted(form="nwb", whole=True)).files
    with pynwb.NWBHDF5IO(str(path), "r") as file:
        content = file.read()
        video = content.acquisition["synthetic_video"]
        assert list(video.external_file) == ["video-001.mkv", *(f"../night-2/video-00{n}.mkv" for n in (1, 2)), "../night-3/video-001.mkv"]
        assert list(video.starting_frame) == [0, 20, 40, 50]
        assert len(video.timestamps) == 60
        assert content.epochs.to_dataframe().tags.tolist() == [[name] for name in NAMES]
        missing = content.invalid_times.to_dataframe()
        assert missing.stop_time.tolist() == pytest.approx(BEGINS_S[1:])
        assert missing.start_time.tolist() == pytest.approx([video.timestamps[19], video.timestamps[49]])
        assert content.subject.subject_id == "M1"
        assert content.notes == "cage: 4"
        poke = content.events["poke"].to_dataframe()
        assert poke.timestamp.tolist() == pytest.approx([video.timestamps[8], GAP_S, video.timestamps[54]])
        assert poke.duration[1] == pytest.approx(video.timestamps[25] - GAP_S)


def test_files_for_sleap_and_deeplabcut_refer_to_the_videos_of_a_whole_chain(tmp_path: Path) -> None:
    write_chain(tmp_path)
    chain = read_chain(tmp_path / "night")
    (path,) = export_session(chain, Wanted(form="sleap", whole=True)).files
    labels = sleap_io.load_slp(str(path), open_videos=False)
    places = [(Path(video.filename).parent.name, Path(video.filename).name) for video in labels.videos]
    assert places[1:] == [("night-2", "video-001.mkv"), ("night-2", "video-002.mkv"), ("night-3", "video-001.mkv")]
    assert {labels.videos.index(frame.video) for frame in labels.labeled_frames} == {0, 1, 2, 3}
    files = export_session(chain, Wanted(form="dlc", whole=True)).files
    assert [len(pd.read_hdf(file)) for file in files] == [20, 20, 10, 10]
    with pytest.raises(RecordingError, match="videos of several sessions have the same name"):
        export_session(chain, Wanted(form="dlc", whole=True, out=tmp_path))


def test_key_points_that_changed_between_sessions_are_asked_for_by_a_counted_on_setup(tmp_path: Path) -> None:
    write_chain(tmp_path)
    path = tmp_path / "night-3" / "setups.jsonl"
    path.write_text(path.read_text().replace('["snout","tail"]', '["nose","tail"]'))
    chain = read_chain(tmp_path / "night")
    with pytest.raises(RecordingError, match="setup 1: snout, tail; setup 3: nose, tail"):
        export_session(chain, Wanted(form="csv", whole=True))
    frames = pd.read_csv(export_session(chain, Wanted(form="csv", whole=True, setup=3)).files[0])
    assert frames.has_pose[:50].sum() == 0
    assert frames.nose_x_px.notna().sum() > 4


def test_a_session_of_a_chain_that_holds_no_frame_adds_none(tmp_path: Path) -> None:
    write_chain(tmp_path)
    write_session(tmp_path / "night-4", count=0)
    say(tmp_path / "night-4", continues="night-3", created="2026-01-31T20:04:00Z")
    found = export_session(read_chain(tmp_path / "night"), Wanted(form="csv", whole=True))
    assert [part.session for part in found.sessions] == NAMES
    assert len(pd.read_csv(found.files[0])) == 60


@pytest.mark.parametrize(
    ("about", "sentence"),
    [
        ({"unix_offset_ns": 0}, "night-2: begins .* s before night ends, by the time of day: the clock was set back"),
        (
            {"video": {"width": 94, "height": 64, "rate_hz": 100.0, "colour": False, "crf": 20, "preset": "fast"}},
            "94x64, those of night 96x64",
        ),
    ],
    ids=["clock", "size"],
)
def test_sessions_that_cannot_be_one_are_refused_in_a_sentence(tmp_path: Path, about: dict[str, object], sentence: str) -> None:
    write_chain(tmp_path)
    told = json.loads((tmp_path / "night-2" / "session.json").read_text())
    say(tmp_path / "night-2", **{key: told[key] | value if isinstance(value, dict) else value for key, value in about.items()})
    with pytest.raises(RecordingError, match=sentence):
        export_session(read_chain(tmp_path / "night"), Wanted(form="csv", whole=True))


def test_a_cut_off_session_of_a_chain_is_named_with_the_command_that_mends_it(tmp_path: Path) -> None:
    write_chain(tmp_path)
    (tmp_path / "night-2" / "closed.json").unlink()
    with pytest.raises(RecordingError, match=r"night-2: was cut off; run `tracker recover .*night-2` first"):
        export_session(read_chain(tmp_path / "night"), Wanted(form="csv", whole=True))


def test_export_says_that_a_session_goes_on_and_takes_the_whole_where_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_chain(tmp_path)
    session = str(tmp_path / "night-2")
    assert main(["export", session, "--to", "csv"]) == 0
    said = capsys.readouterr()
    assert said.err.endswith(f"tracker export: {session}: goes on from night, and night-3 goes on from it; --whole takes them as one\n"), (
        said.err
    )
    assert said.out.startswith("30 frames")
    assert main(["export", session, "--to", "csv", "--whole"]) == 0
    said = capsys.readouterr()
    assert said.out.splitlines()[4:] == [
        "of these sessions, one after the other:",
        "  night: 20 frames",
        "  night-2: 30 frames, 59.810 s after the one before ended",
        "  night-3: 10 frames, 59.710 s after the one before ended",
    ]
    assert "goes on" not in said.err


def test_a_replay_of_the_whole_begins_anew_in_each_session(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Something moves throughout: the event is on in each session, and ends where that ends."""
    write_chain(tmp_path)
    config = tmp_path / "rules.yaml"
    rule = {"when": "above", "on": 0.01, "off": 0.01, "missing": "hold"}
    event = {"event": "moving", "source": {"kind": "motion"}, "rule": rule}
    config.write_text(json.dumps({"camera": {"source": "synthetic"}, "engine": {"bundle": "none"}, "behaviour": [event]}))

    def replayed(*more: str) -> list[tuple[str, str, str]]:
        assert main(["replay", str(tmp_path / "night-2"), "--config", str(config), *more]) == 0
        return [(said["session"], said["state"], said["reason"]) for said in map(json.loads, capsys.readouterr().out.splitlines())]

    each = [(session, *how) for session in ("a", "daemon 2", "daemon 3") for how in (("on", "rule"), ("off", "stopping"))]
    assert replayed("--whole") == each
    assert replayed() == each[2:4]


def test_a_recorded_session_is_gone_through_without_holding_its_rows(tmp_path: Path) -> None:
    session = write_session(tmp_path / "s", count=40)
    counts: list[int] = []
    messages = list(session_messages(session, advance=counts.append))
    assert sum(isinstance(message, PoseMessage) for message in messages) == 38
    assert sum(counts) == 40
    assert "rows" not in vars(session), "the whole table was read"


def test_view_says_that_a_session_goes_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_chain(tmp_path)
    session = tmp_path / "night"
    assert main(["view", str(session), "--out", str(tmp_path / "shown.mp4"), "--to", "0.02"]) == 0
    assert f"tracker view: {session}: night-2 goes on from it; --whole shows them as one\n" in capsys.readouterr().err
