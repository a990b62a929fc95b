"""What cannot be exported is refused in one sentence, and nothing half written stays."""

import json
import multiprocessing
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from pynwb import NWBHDF5IO  # type: ignore[import-untyped]

import tracker.export.new_files as new_files_module
from tests.tracker.daemon import ROOT
from tests.tracker.exported import EVENTS, write_session
from tracker.__main__ import main
from tracker.errors import RecordingError
from tracker.export.deeplabcut import read_back
from tracker.export.export_session import FORMATS, Format, Wanted, export_session
from tracker.export.in_child import export_folder
from tracker.export.new_files import new_files
from tracker.recording.read_session import RecordedSession
from tracker.recording.recover import recover
from tracker.recording.session import claimed

FORMAT = pytest.mark.parametrize("form", FORMATS)


def files(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def python(code: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-W", "ignore", "-c", code, *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, env={**os.environ, "PYTHONPATH": str(ROOT)})


def test_a_session_that_was_cut_off_is_to_be_recovered_first(tmp_path: Path) -> None:
    session = write_session(tmp_path / "s", close=False)
    with pytest.raises(RecordingError, match=rf"was cut off; run `tracker recover {tmp_path}/s` first"):
        export_session(session, Wanted(form="csv"))
    with claimed(tmp_path / "s"), pytest.raises(RecordingError, match="is being recorded or mended"):
        export_session(session, Wanted(form="csv"))
    recover(tmp_path / "s")
    assert export_session(RecordedSession(tmp_path / "s"), Wanted(form="csv")).frames == 40


def test_key_points_that_changed_during_a_session_are_chosen_by_their_setup(tmp_path: Path) -> None:
    names = {0: ("snout", "tail"), 10: ("snout", "tail"), 20: ("nose", "ear", "tail")}
    session = write_session(tmp_path / "s", names_of=names, skipped=())
    with pytest.raises(
        RecordingError, match=r"changed during the session \(setup 1: snout, tail; setup 3: nose, ear, tail\); say with --setup"
    ):
        export_session(session, Wanted(form="csv"))
    with pytest.raises(RecordingError, match="has no poses of setup 4; expected one of 1, 2, 3"):
        export_session(session, Wanted(form="csv", setup=4))
    for setup, first, last in ((1, 0, 19), (2, 0, 19), (3, 20, 39)):
        lines = export_session(session, Wanted(form="csv", setup=setup, force=True)).files[0].read_text().splitlines()[1:]
        with_pose = [number for number, line in enumerate(lines) if ",true," in line]
        assert (len(lines), with_pose[0], with_pose[-1]) == (40, first, last)


@FORMAT
def test_what_is_there_is_replaced_by_force_only(tmp_path: Path, form: Format) -> None:
    session = write_session(tmp_path / "s")
    written = export_session(session, Wanted(form=form)).files
    written[-1].write_bytes(b"precious")
    with pytest.raises(RecordingError, match=r"exists; give --force to replace it"):
        export_session(session, Wanted(form=form))
    assert written[-1].read_bytes() == b"precious"
    export_session(session, Wanted(form=form, force=True))
    assert written[-1].read_bytes() != b"precious"


def test_of_two_exports_at_once_the_second_does_not_replace_the_first(tmp_path: Path) -> None:
    paths = [tmp_path / "new.csv", tmp_path / "s.csv"]
    slow = new_files(paths, force=False)
    for part in slow.__enter__():
        part.write_text("slow")
    with new_files(paths[1:], force=False) as (part,):
        part.write_text("quick")
    with pytest.raises(RecordingError, match=r"s\.csv: exists; give --force"):
        slow.__exit__(None, None, None)
    assert files(tmp_path) == {"s.csv"}
    assert paths[1].read_text() == "quick"


def test_an_export_that_is_refused_leaves_the_files_of_a_forced_one_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = [tmp_path / "s.csv", tmp_path / "s.events.csv"]
    slow = new_files(paths, force=False)
    for part in slow.__enter__():
        part.write_text("slow")
    claim = new_files_module._claim

    def claim_and_be_overtaken(path: Path) -> int:
        number = claim(path)
        with new_files(paths, force=True) as parts:
            for part in parts:
                part.write_text("forced")
        return number

    monkeypatch.setattr(new_files_module, "_claim", claim_and_be_overtaken)
    with pytest.raises(RecordingError, match=r"s\.events\.csv: exists; give --force"):
        slow.__exit__(None, None, None)
    assert [path.read_text() for path in paths] == ["forced", "forced"]


LIMITED = """
import resource, sys
from tracker.__main__ import main
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
for form in sys.argv[2:]:
    print(form, main(["export", sys.argv[1], "--to", form]))
"""


def test_a_disk_that_takes_no_more_leaves_nothing_half_written(tmp_path: Path) -> None:
    write_session(tmp_path / "s")
    before = files(tmp_path / "s")
    forms = ("parquet", "csv", "nwb")
    answer = python(LIMITED, str(tmp_path / "s"), *forms)
    assert (answer.returncode, answer.stdout.splitlines()) == (0, [f"{form} 1" for form in forms])
    for sentence in answer.stderr.splitlines():
        assert sentence.startswith(f"tracker export: {tmp_path}/s/")
        assert "cannot be written: " in sentence
    assert len(answer.stderr.splitlines()) == len(forms)
    assert files(tmp_path / "s") == before


def test_a_table_that_a_full_disk_has_cut_short_is_noticed(tmp_path: Path) -> None:
    """Pandas closes such a file without a word."""
    (file,) = export_session(write_session(tmp_path / "s"), Wanted(form="dlc")).files
    read_back(file, 40)
    with pytest.raises(OSError, match="only 40 of 41 rows"):
        read_back(file, 41)
    os.truncate(file, file.stat().st_size // 2)
    with pytest.raises((OSError, RuntimeError)):
        read_back(file, 40)


@pytest.mark.parametrize("end", ["killed", "stopped by hand"])
def test_a_writing_process_that_ends_leaves_nothing_behind(tmp_path: Path, end: str) -> None:
    folder = tmp_path / "s"
    write_session(folder)
    (folder / "video-001.mkv").unlink()
    os.mkfifo(folder / "video-001.mkv")  # the process waits for it until it is ended
    before = files(folder)

    def advance(frames: int) -> None:
        (child,) = multiprocessing.active_children()
        assert child.pid is not None
        (folder / f".s.{child.pid}.0.part.nwb").write_bytes(b"half")
        if end == "stopped by hand":
            raise KeyboardInterrupt
        os.kill(child.pid, signal.SIGKILL)

    expected = {"killed": (RecordingError, "ended with signal 9"), "stopped by hand": (KeyboardInterrupt, None)}[end]
    with pytest.raises(expected[0], match=expected[1]):
        export_folder(folder, Wanted(form="nwb"), begin=lambda frames: None, advance=advance)
    assert files(folder) == before
    assert multiprocessing.active_children() == []


@FORMAT
def test_a_folder_that_is_not_there_is_refused(tmp_path: Path, form: Format) -> None:
    session = write_session(tmp_path / "s")
    ending = {"sleap": "x.slp", "dlc": ""}.get(form, f"x.{form}")
    with pytest.raises(RecordingError, match=f"{tmp_path}/none"):
        export_session(session, Wanted(form=form, out=tmp_path / "none" / ending))


@pytest.mark.parametrize("form", ["sleap", "nwb"])
def test_a_video_that_is_gone_is_said(tmp_path: Path, form: Format) -> None:
    session = write_session(tmp_path / "s", segment=15)
    (tmp_path / "s" / "video-002.mkv").unlink()
    with pytest.raises(RecordingError, match=r"video-002\.mkv: is missing"):
        export_session(session, Wanted(form=form))


@pytest.mark.parametrize("form", ["dlc", "parquet", "csv"])
def test_formats_that_refer_to_no_video_are_written_although_one_is_gone(
    tmp_path: Path, form: Format, capsys: pytest.CaptureFixture[str]
) -> None:
    write_session(tmp_path / "s", segment=15)
    (tmp_path / "s" / "video-002.mkv").unlink()
    assert main(["export", str(tmp_path / "s"), "--to", form]) == 0
    told, said = capsys.readouterr()
    assert told.startswith("40 frames")
    assert f"tracker export: warning: {tmp_path}/s/video-002.mkv: is missing; closed.json counts 15 frames in it; the export has" in said


@FORMAT
def test_an_export_beside_a_video_that_was_cut_short_says_so(tmp_path: Path, form: Format, capsys: pytest.CaptureFixture[str]) -> None:
    write_session(tmp_path / "s")
    video = tmp_path / "s" / "video-001.mkv"
    os.truncate(video, video.stat().st_size * 3 // 4)
    assert main(["export", str(tmp_path / "s"), "--to", form]) == 0
    told, said = capsys.readouterr()
    assert told.startswith("40 frames")
    (warning,) = [line for line in said.splitlines() if "warning" in line]
    assert warning.startswith(f"tracker export: warning: {video}: is cut short, ")
    assert warning.endswith("; the export has every row, but not every row has its picture")


def test_an_export_beside_a_whole_video_warns_of_nothing(tmp_path: Path) -> None:
    session = write_session(tmp_path / "s", segment=15)
    assert export_session(session, Wanted(form="csv")).warnings == ()


@pytest.mark.parametrize("form", FORMATS)
def test_a_wrong_name_of_the_export_is_refused_before_anything_is_read(tmp_path: Path, form: Format) -> None:
    read: list[int] = []
    with pytest.raises(RecordingError, match=r"x\.txt: (the name of such a file ends in|is not a folder)"):
        export_folder(tmp_path / "nowhere", Wanted(form=form, out=tmp_path / "x.txt"), begin=read.append, advance=read.append)
    assert read == []


@FORMAT
def test_a_session_without_frames_is_one_sentence(tmp_path: Path, form: Format) -> None:
    write_session(tmp_path / "s", close=False)
    (tmp_path / "s" / "video-001.mkv").unlink()
    (tmp_path / "s" / "frames.arrows").unlink()
    recover(tmp_path / "s", cut=True)
    with pytest.raises(RecordingError, match=rf"^{tmp_path}/s: holds no frames, so there is nothing to export$"):
        export_session(RecordedSession(tmp_path / "s"), Wanted(form=form))


@pytest.mark.parametrize(
    ("wanted", "sentence"),
    [
        (Wanted(form="csv", out=Path("x.txt")), r"x\.txt: the name of such a file ends in \.csv; name it so"),
        (Wanted(form="nwb"), "holds 2 animals, and an NWB file is about one: say which with --animal, 0 to 1"),
        (Wanted(form="nwb", animal=2), "has no animal 2; expected --animal 0 to 1"),
        (Wanted(form="nwb", animal=0, meta={"sex": "male"}), "sex is 'male'; NWB knows M, F, U and O"),
        (Wanted(form="nwb", animal=0, meta={"age": "90"}), "age is '90'; NWB takes ISO 8601 durations"),
    ],
    ids=["ending", "animals", "animal", "sex", "age"],
)
def test_wrong_choices_are_refused(tmp_path: Path, wanted: Wanted, sentence: str) -> None:
    session = write_session(tmp_path / "s", animals=2)
    before = files(tmp_path / "s")
    with pytest.raises(RecordingError, match=sentence):
        export_session(session, wanted)
    assert files(tmp_path / "s") == before


def test_names_that_would_be_one_in_nwb_are_refused(tmp_path: Path) -> None:
    session = write_session(tmp_path / "s", names_of={0: ("ear/left", "ear:left")})
    with pytest.raises(RecordingError, match="two key points of ear/left, ear:left have the same name without slashes and colons"):
        export_session(session, Wanted(form="nwb"))


def test_names_with_slashes_are_written_without_them_in_nwb(tmp_path: Path) -> None:
    session = write_session(tmp_path / "s", names_of={0: ("ear/left", "ear/right")})
    (file,) = export_session(session, Wanted(form="nwb")).files
    with NWBHDF5IO(str(file), "r") as io:
        poses = io.read().processing["behavior"]["PoseEstimation"]
        assert sorted(poses.pose_estimation_series) == ["ear_left", "ear_right"]


def test_notes_for_a_format_that_holds_none_are_wrong_usage(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["export", str(tmp_path), "--to", "csv", "--meta", "sex=M"])
    assert "--animal and --meta are for --to nwb" in capsys.readouterr().err


def test_the_command_says_what_it_wrote(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tracker.task_progress.LINE_EVERY_S", 0.0)
    write_session(tmp_path / "s", events=EVENTS)
    assert main(["export", str(tmp_path / "s"), "--to", "csv", "--out", str(tmp_path / "x.csv"), "--json"]) == 0
    written = [str(tmp_path / "x.csv"), str(tmp_path / "x.events.csv")]
    told, said = capsys.readouterr()
    assert said.splitlines()[-1] == "exporting s to csv: 40 of 40 frames"
    assert json.loads(told) == {
        "session": str(tmp_path / "s"),
        "format": "csv",
        "files": written,
        "frames": 40,
        "animals": 1,
        "point_names": ["snout", "tail"],
        "sessions": [{"session": "s", "frames": 40, "begin_s": 0.0, "gap_s": None}],
        "warnings": [],
    }
    assert main(["export", str(tmp_path / "s"), "--to", "csv", "--out", written[0], "--force"]) == 0
    assert capsys.readouterr().out == f"40 frames, 2 key points:\n  {written[0]}\n  {written[1]}\n"


def test_the_command_has_hdf5_written_by_a_process_of_its_own(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tracker.task_progress.LINE_EVERY_S", 0.0)
    write_session(tmp_path / "s", segment=25)
    assert main(["export", str(tmp_path / "s"), "--to", "dlc", "--out", str(tmp_path), "--json"]) == 0
    printed, said = capsys.readouterr()
    told = json.loads(printed)
    assert said.splitlines()[-1] == "exporting s to dlc: 40 of 40 frames"
    assert told["files"] == [str(tmp_path / f"video-00{number}DLC_rigtrack_mouse-v1.h5") for number in (1, 2)]
    for path, rows in zip(told["files"], (25, 15), strict=True):
        read_back(Path(path), rows)
    assert main(["export", str(tmp_path / "s"), "--to", "dlc", "--out", str(tmp_path)]) == 1
    assert "exists; give --force" in capsys.readouterr().err


@pytest.mark.parametrize(("form", "library"), [("parquet", "pyarrow"), ("nwb", "pynwb")])
def test_a_missing_library_is_named_with_what_to_install(tmp_path: Path, form: str, library: str) -> None:
    write_session(tmp_path / "s")
    (tmp_path / f"{library}.py").write_text(f"raise ModuleNotFoundError('not here', name={library!r})")
    code = "import sys; sys.path.insert(0, sys.argv[1]); from tracker.__main__ import main; sys.exit(main(sys.argv[2:]))"
    answer = python(code, str(tmp_path), "export", str(tmp_path / "s"), "--to", form)
    install = "run `pip install '.[export]'` in the folder of rigtrack's sources"
    assert (answer.returncode, answer.stdout) == (1, "")
    assert answer.stderr == f"tracker export: needs {library}, which is not installed; {install}\n"
