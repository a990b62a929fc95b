"""DeepLabCut's, SLEAP's and NWB's own readers open what is exported, to equal numbers and equal frames."""

import math
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd  # type: ignore[import-untyped]
import pytest
import sleap_io  # type: ignore[import-untyped]
from nwbinspector import Importance, inspect_nwbfile, load_config  # type: ignore[import-untyped]
from pynwb import NWBHDF5IO, validate  # type: ignore[import-untyped]

from tests.tracker.exported import EVENTS, POINTS, measured, place, received_ns, write_session
from tests.tracker.recorded import number_in
from tracker.__main__ import _parser
from tracker.export.export_session import Wanted, export_session

LOST, SKIPPED = (11, 12), (4, 9)
NUMBERS = [number for number in range(40) if number not in LOST]
META = {"animal": "M17", "experimenter": "Ng, Ann; Roy, Bo", "temperature": "23", "notes": "first day"}
SUBJECT = {"species": "Mus musculus", "sex": "F", "age": "P90D"}


@pytest.fixture(scope="module", autouse=True)
def _stretches_are_of_few_frames() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tracker.export.session_poses.SessionPoses.stretches.__defaults__", (1,))
        yield


def expected(animals: int) -> np.ndarray[Any, Any]:
    """(frames, animals, key points, 3) of the session, NaN where absent."""
    found = np.full((len(NUMBERS), animals, len(POINTS), 3), np.nan)
    for row, number in enumerate(NUMBERS):
        for animal in range(animals) if number not in SKIPPED else ():
            found[row, animal] = np.array([place(number, animal, point) for point in range(len(POINTS))], float)
    return found


@pytest.mark.parametrize("animals", [1, 2])
def test_pandas_reads_deeplabcuts_table_with_a_row_for_each_frame_of_a_video(tmp_path: Path, animals: int) -> None:
    session = write_session(tmp_path / "s", animals=animals, lost=LOST, segment=15)
    files = export_session(session, Wanted(form="dlc")).files
    ending = "_el.h5" if animals > 1 else ".h5"
    assert [path.name for path in files] == [f"video-00{number}DLC_rigtrack_mouse-v1{ending}" for number in (1, 2, 3)]
    tables = [pd.read_hdf(path, "df_with_missing") for path in files]
    assert [table.index.tolist() for table in tables] == [list(range(13)), list(range(15)), list(range(10))]
    levels = ["scorer", "bodyparts", "coords"] if animals == 1 else ["scorer", "individuals", "bodyparts", "coords"]
    middle = POINTS if animals == 1 else tuple((f"animal{animal}", point) for animal in range(animals) for point in POINTS)
    for table in tables:
        assert table.columns.names == levels
        assert set(table.columns.get_level_values("scorer")) == {"DLC_rigtrack_mouse-v1"}
        assert list(dict.fromkeys(column[1:-1] for column in table.columns)) == [
            each if isinstance(each, tuple) else (each,) for each in middle
        ]
        assert list(table.columns.get_level_values("coords")[:3]) == ["x", "y", "likelihood"]
        assert set(table.dtypes) == {np.dtype("f8")}
    np.testing.assert_array_equal(np.concatenate([table.to_numpy() for table in tables]), expected(animals).reshape(38, -1))


def test_deeplabcuts_pandas_is_told_the_layout_of_its_table(tmp_path: Path) -> None:
    """DeepLabCut needs pandas 2, which cannot read a table that does not say its layout; pandas 3 reads both."""
    (file,) = export_session(write_session(tmp_path / "s"), Wanted(form="dlc")).files
    with pd.HDFStore(str(file), "r") as store:
        assert store.get_storer("df_with_missing").attrs.pandas_version == "0.15.2"


@pytest.mark.parametrize("animals", [1, 2])
def test_sleap_io_opens_the_poses_beside_the_frames_that_they_belong_to(tmp_path: Path, animals: int) -> None:
    session = write_session(tmp_path / "s", animals=animals, lost=LOST, segment=15)
    (file,) = export_session(session, Wanted(form="sleap")).files
    moved = tmp_path / "moved"
    (tmp_path / "s").rename(moved)
    labels = sleap_io.load_slp(str(moved / file.name))
    assert [Path(video.filename).name for video in labels.videos] == ["video-001.mkv", "video-002.mkv", "video-003.mkv"]
    assert [len(video) for video in labels.videos] == [13, 15, 10]
    assert (labels.skeleton.node_names, labels.skeleton.edge_inds) == (list(POINTS), [(0, 1)])
    assert [track.name for track in labels.tracks] == [f"animal{animal}" for animal in range(animals)]
    wanted = expected(animals)
    found = np.full_like(wanted, np.nan)
    begins = dict(zip(map(id, labels.videos), (0, 13, 28), strict=True))
    for frame in labels:
        row = begins[id(frame.video)] + frame.frame_idx
        assert number_in(frame.image[..., 0]) == NUMBERS[row]
        for instance in frame.predicted_instances:
            points = instance.numpy(scores=True)
            found[row, labels.tracks.index(instance.track)] = points
            assert math.isclose(instance.score, np.nanmean(np.where(np.isnan(points[:, 0]), np.nan, points[:, 2])), rel_tol=1e-6)
    np.testing.assert_array_equal(found[..., :2], wanted[..., :2])
    seen = ~np.isnan(wanted[..., 0]).all(axis=-1)
    np.testing.assert_array_equal(found[seen], wanted[seen])
    assert not any(frame.instances == [] for frame in labels)


@pytest.fixture(scope="module")
def nwb(tmp_path_factory: pytest.TempPathFactory) -> Path:
    session = write_session(tmp_path_factory.mktemp("nwb") / "s", animals=2, mm=True, lost=LOST, segment=15, meta=META, events=EVENTS)
    (file,) = export_session(session, Wanted(form="nwb", animal=0, meta=SUBJECT)).files
    return file


def test_an_inspector_finds_nothing_critical_in_an_nwb_file(nwb: Path) -> None:
    found = list(inspect_nwbfile(nwbfile_path=str(nwb), config=load_config("dandi")))
    grave = [each for each in found if each.importance.value >= Importance.BEST_PRACTICE_VIOLATION.value]
    assert [f"{each.check_function_name}: {each.message}" for each in grave] == []
    assert validate(path=str(nwb)) == []


def test_an_nwb_file_without_a_subjects_facts_lacks_those_only(tmp_path: Path) -> None:
    (file,) = export_session(write_session(tmp_path / "s"), Wanted(form="nwb")).files
    found = inspect_nwbfile(nwbfile_path=str(file), importance_threshold=Importance.BEST_PRACTICE_VIOLATION)
    assert {each.check_function_name for each in found} <= {"check_subject_species_exists", "check_subject_age"}


def test_an_nwb_file_holds_poses_with_their_true_times_and_videos(nwb: Path) -> None:
    with NWBHDF5IO(str(nwb), "r") as io:
        file = io.read()
        poses = file.processing["behavior"]["PoseEstimation"]
        wanted = expected(2)[:, 0]
        times = np.array([received_ns(number) - received_ns(0) for number in NUMBERS]) / 1e9
        for index, point in enumerate(POINTS):
            series = poses[point]
            np.testing.assert_array_equal(series.data[:], wanted[:, index, :2])
            np.testing.assert_array_equal(series.confidence[:], wanted[:, index, 2])
            np.testing.assert_array_equal(series.timestamps[:], times)
            metric = file.processing["behavior"]["PoseEstimationMillimeters"][point]
            np.testing.assert_array_equal(metric.data[:], wanted[:, index, :2] / 2 + [0.1, 0])
            assert (series.unit, metric.unit, metric.conversion) == ("pixels", "meters", 0.001)
        video = poses.source_video
        assert (list(video.external_file), list(video.starting_frame)) == ([f"video-00{number}.mkv" for number in (1, 2, 3)], [0, 13, 28])
        assert list(video.dimension) == [96, 64]
        assert (list(poses.skeleton.nodes), poses.skeleton.edges[:].tolist()) == (list(POINTS), [[0, 1]])
        assert (poses.source_software, poses.scorer, poses.device.name) == ("rigtrack", "mouse v1", "synthetic")
        assert poses.device.description == "a camera; gain: 2.5, gain_auto: false, model: A 1"
        np.testing.assert_allclose(file.processing["behavior"]["exposed"].data[:], np.array(NUMBERS) * 0.007)
        np.testing.assert_array_equal(
            file.processing["behavior"]["score_rearing"].data[:], [np.nan if n < 6 or n in SKIPPED else n / 128 for n in NUMBERS]
        )


def test_an_nwb_file_holds_all_that_was_counted_and_measured_of_a_frame(nwb: Path) -> None:
    with NWBHDF5IO(str(nwb), "r") as io:
        series = io.read().processing["behavior"]
        for name, numbers in measured(NUMBERS, skipped=SKIPPED).items():
            np.testing.assert_array_equal(series[name].data[:], numbers, err_msg=name)
        assert series["without_network_rearing"].data[:].tolist() == [n % 4 == 0 and n not in SKIPPED for n in NUMBERS]
        assert series["brightness_4_5_60_7"].description == "Mean of the rectangle left,top,width,height 4,5,60,7 px, 0 to 1."


def test_an_nwb_file_holds_the_bouts_of_its_animal(nwb: Path) -> None:
    with NWBHDF5IO(str(nwb), "r") as io:
        file = io.read()
        poke, rear = (file.get_events_table(name).to_dataframe() for name in ("poke", "rear"))
        seconds = {number: (received_ns(number) - received_ns(0)) / 1e9 for number in (2, 6, 8, 14, 30)}
        assert poke["timestamp"].tolist() == [seconds[8], seconds[30]]
        assert poke["duration"].tolist() == pytest.approx([seconds[14] - seconds[8], math.nan], nan_ok=True)
        assert poke["onset"].tolist() == [seconds[6], seconds[30]]
        assert poke["annotation"].tolist() == ["ended by missing", "was still on when the recording ended"]
        assert (rear["timestamp"].tolist(), rear["duration"].tolist()) == ([0.0], [seconds[2]])
        assert rear["annotation"].tolist() == ["was on before the recording began; ended by rule"]


def test_an_nwb_file_says_who_when_and_whatever_else_was_noted(nwb: Path) -> None:
    with NWBHDF5IO(str(nwb), "r") as io:
        file = io.read()
        subject = file.subject
        assert (subject.subject_id, subject.species, subject.sex, subject.age) == ("M17", "Mus musculus", "F", "P90D")
        assert tuple(file.experimenter) == ("Ng, Ann", "Roy, Bo")
        assert file.notes == "first day\ntemperature: 23"
        assert file.session_id == "s"
        assert abs((datetime.now(timezone.utc) - file.session_start_time).total_seconds()) < 10**7


@pytest.mark.parametrize(("name", "form"), [("h5", "dlc"), ("slp", "sleap"), ("dlc", "dlc"), ("csv", "csv")])
def test_a_format_may_be_called_by_the_ending_of_its_files(name: str, form: str) -> None:
    assert _parser().parse_args(["export", "s", "--to", name]).form == form
    assert _parser().parse_args(["analyse", "v.mp4", "--out", "o", "--to", "nwb", name]).forms == ["nwb", form]
