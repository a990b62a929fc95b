"""Labels of behaviour in the files of other programs: read by frame number, refused in a sentence, written and read again."""

from pathlib import Path

import cv2
import h5py  # type: ignore[import-untyped]
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.io import savemat  # type: ignore[import-untyped]

from trainer.__main__ import main
from trainer.errors import LabelError
from trainer.ethogram.bouts import YES, Bout, Ethogram, bouts_of_marks, ethogram
from trainer.ethogram.files import FORMS, file_of, read_ethograms
from trainer.ethogram.form_limits import Form
from trainer.ethogram.read_options import Reading, ReadOptions
from trainer.project.store import create_project

DATA = Path(__file__).parents[3] / "shared" / "data"
TABULAR = "Observation id,Media duration (s),FPS,Subject,Behavior,Behavior type,Time\n"
AGGREGATED = "Observation id,Media duration (s),FPS,Subject,Behavior,Behavior type,Start (s),Stop (s)\n"
BENTO = (
    "Bento annotation file\nMovie file(s): a.mp4\n\nAnnotation start frame: 1\nAnnotation stop frame: 100\nAnnotation framerate: 30\n\n"
    "List of channels:\nCh1\n\nList of annotations:\nattack\nsniff\n\nCh1----------\n>attack\nStart\t Stop\t Duration\n{rows}\n\n"
)


def read(folder: Path, text: str, *, name: str = "labels.csv", asked: ReadOptions | None = None) -> Reading:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return read_ethograms(path, asked)


def spans(reading: Reading, name: str) -> list[list[int]]:
    return [[int(first), int(end)] for first, end in reading.ethograms[0].of_class(name)]


@st.composite
def ethograms(draw: st.DrawFn, names: tuple[str, ...] = ("rear", "groom_left", "attack")) -> Ethogram:
    bouts = []
    for name in names:
        edges = sorted(draw(st.sets(st.integers(0, 5000), min_size=0, max_size=12)))
        bouts += [Bout(first=first, end=end, name=name) for first, end in zip(edges[::2], edges[1::2], strict=False)]
    bouts.append(Bout(first=5100, end=5101, name=draw(st.sampled_from(names))))
    fps = draw(st.sampled_from([7.5, 25.0, 29.97, 30.0, 59.94, 120.0, 400.0, 1000.0]))
    frames, subject = draw(st.sampled_from([5101, 5200])), draw(st.sampled_from(["", "resident"]))
    return ethogram(names, bouts, where="drawn", frames=frames, fps=fps, video="monday", subject=subject)


SAID_TO_BE_LOST = {
    "fps": "frame rate (to read it again, give --fps",
    "video": "name of a video (monday)",
    "subject": "subject (resident)",
    "frames": "does not say how long the video is",
    "class_names": "--classes",
}


def check_what_came_back(one: Ethogram, found: Ethogram, lost: tuple[str, ...]) -> None:
    """What is not as it was must have been said."""
    for part, words in SAID_TO_BE_LOST.items():
        before, after = (
            (sorted(one.class_names), sorted(found.class_names)) if part == "class_names" else (getattr(one, part), getattr(found, part))
        )
        if before != after:
            assert words in " ".join(lost), f"{part} came back as {after}, and it was not said"
    assert [found.of_class(name).tolist() for name in one.class_names] == [one.of_class(name).tolist() for name in one.class_names]


@pytest.mark.parametrize("form", FORMS)
def test_labels_come_back_frame_for_frame_from_every_form_and_what_does_not_is_said(
    form: Form, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp(form)

    @settings(max_examples=15, deadline=None)
    @given(ethograms())
    def check(one: Ethogram) -> None:
        path = folder / f"labels{FORMS[form]}"
        content, lost = file_of([one], form)
        path.write_bytes(content)
        check_what_came_back(
            one, read_ethograms(path, ReadOptions(class_names=one.class_names if form == "mat" else ())).ethograms[0], lost
        )
        again = read_ethograms(
            path, ReadOptions(fps=one.fps, frames=one.frames if form == "caltech" else None, class_names=one.class_names)
        )
        found = again.ethograms[0]
        assert (found.fps, found.frames, found.class_names) == (one.fps, one.frames, one.class_names), "as the sentences say"

    check()


ODD = (
    *("background", "Background", "label", "behaviour", "Behavior", "uncuratable", "to decide", "none", "frame", "time", "Start"),
    *("a b", "a_b", " a", "a ", "a----", ">a", "---", "1", "nan", "nose_x", "nose_y", "nose_p", 'say "x"', "毛づくろい"),
    *("S1: start end type", "List of annotations:", "Annotation framerate: 7", "Movie file(s): b", "fressen;ruhen;laufen", "a,b;c|d"),
)


def refused_or_written(one: Ethogram, form: Form) -> bytes | str:
    """The file, or why it cannot be."""
    try:
        return file_of([one], form)[0]
    except LabelError as refused:
        return str(refused)


@pytest.mark.parametrize("form", FORMS)
def test_names_of_classes_come_back_as_they_were_or_are_refused_in_a_sentence(form: Form, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp(form)

    @settings(max_examples=60, deadline=None)
    @given(st.lists(st.sampled_from(ODD), min_size=1, max_size=5, unique=True), st.sampled_from([None, 30.0]))
    def check(names: list[str], fps: float | None) -> None:
        bouts = [Bout(first=5 * place + 1, end=5 * place + 4, name=name) for place, name in enumerate(names)]
        one = ethogram(names, bouts, where="", fps=fps)
        content = refused_or_written(one, form)
        if isinstance(content, str):
            assert "\n" not in content
            return
        path = folder / f"labels{FORMS[form]}"
        path.write_bytes(content)
        found = read_ethograms(path, ReadOptions(class_names=one.class_names if form == "mat" else ())).ethograms[0]
        assert (found.class_names, found.bouts, found.fps) == (one.class_names, one.bouts, one.fps if form in KEEP_RATE else None)

    check()


KEEP_RATE = ("boris", "boris-aggregated", "bento", "bouts")


@pytest.mark.parametrize(
    ("names", "form", "sentence"),
    [
        (("background", "a"), "deepethogram", "the class 'background' cannot stand in a file of the form deepethogram: DeepEthogram calls"),
        (("Background", "a"), "csv", "the class 'Background' cannot stand in a file of the form csv: DeepEthogram calls frames so"),
        (("label",), "csv", "a single column that is called so is read as one of class names; rename it, or write .bouts.json"),
        (("behaviour",), "csv", "a single column that is called so"),
        (("a b", "a_b"), "bento", "Bento takes spaces for underscores, and it would be one with 'a_b'"),
        (
            ("uncuratable",),
            "bouts",
            "the class 'uncuratable' cannot stand in a file of the form bouts: there, it is said of frames of every",
        ),
        (("to decide",), "bouts", "the class 'to decide' cannot stand"),
        (("nose_x", "nose_y", "nose_p"), "csv", "with others it looks like the coordinates of a SimBA table"),
        (("a ",), "boris", "spaces around a name are lost"),
        (("a----",), "bento", "it ends as the names of channels do"),
    ],
)
def test_a_name_that_a_form_would_read_otherwise_is_refused_when_it_is_written(names: tuple[str, ...], form: Form, sentence: str) -> None:
    one = ethogram(names, [Bout(first=1, end=3, name=names[0])], where="", frames=5, fps=30)
    with pytest.raises(LabelError) as refusal:
        file_of([one], form)
    assert sentence in str(refusal.value)


def labelled(*, video: str, subject: str = "", bout: bool = True, frames: int = 100) -> Ethogram:
    bouts = [Bout(first=5, end=9, name="groom")] if bout else []
    return ethogram(("groom", "rear"), bouts, where="", frames=frames, fps=30, video=video, subject=subject)


@pytest.mark.parametrize(
    ("several", "form", "sentence"),
    [
        ([labelled(video="m")], "caltech", "from frame 9 on, comes back as judged by nobody; to read it again, give --frames 100"),
        ([labelled(video="m")], "caltech", "keeps no frame rate (to read it again, give --fps 30), no name of a video (m)"),
        ([labelled(video="m", subject="A"), labelled(video="m", subject="B")], "caltech", "no subject (A, B)"),
        ([labelled(video="m", subject="A"), labelled(video="m", subject="B")], "bento", "keeps no subject (A, B)"),
        ([labelled(video="m"), labelled(video="m", subject="B", frames=50)], "bento", "has one length and one list of classes"),
        ([labelled(video="m")], "boris", "does not list classes that have no bout (rear); to read it again, give --classes groom rear"),
        ([labelled(video="m"), labelled(video="n", bout=False)], "boris", "n has no bout, and a BORIS table does not name it"),
        ([labelled(video="m"), labelled(video="n", bout=False)], "boris-aggregated", "n has no bout, and a BORIS table does not name it"),
        ([labelled(video="m", subject="A")], "bouts", "a file of the form bouts keeps no subject (A)"),
        ([labelled(video="m", subject="A")], "csv", "no name of a video (m), no subject (A)"),
    ],
)
def test_what_a_form_has_no_place_for_is_said(several: list[Ethogram], form: Form, sentence: str) -> None:
    assert sentence in " | ".join(file_of(several, form)[1])


def test_sections_of_one_channel_are_taken_together_and_it_is_said(tmp_path: Path) -> None:
    text = BENTO.format(rows="31\t60\t30") + "Ch1----------\n>attack\nStart\tStop\tDuration\n71\t80\t10\n"
    reading = read(tmp_path, text, name="a.annot")
    assert spans(reading, "attack") == [[30, 60], [70, 80]]
    assert "has 2 sections Ch1; their bouts were taken together" in reading.mended[0]
    streams = "S1:\tstart\tend\ttype\n---\n1\t5\tbite\n\nS1:\tstart\tend\ttype\n---\n8\t9\tbite\n"
    caltech = read(tmp_path, f"Caltech Behavior Annotator - Annotation File\n\nConfiguration file:\nbite\tb\n\n{streams}", name="a.txt")
    assert spans(caltech, "bite") == [[0, 5], [7, 9]]


def test_a_bento_file_names_its_video(tmp_path: Path) -> None:
    assert read(tmp_path, BENTO.format(rows="31\t60\t30"), name="a.annot").ethograms[0].video == "a.mp4"


@pytest.mark.parametrize("form", ["csv", "npy"])
def test_frames_marked_uncuratable_or_to_decide_come_back(form: Form, tmp_path: Path) -> None:
    marks = np.array([[0, 1], [1, -1], [2, -1], [2, 0], [0, 0]], np.int8)
    one = ethogram(("a", "b"), bouts_of_marks(marks, ("a", "b")), where="", frames=5)
    (tmp_path / f"x{FORMS[form]}").write_bytes(file_of([one], form)[0])
    assert np.array_equal(read_ethograms(tmp_path / f"x{FORMS[form]}").ethograms[0].marks(), marks)


def test_a_mat_file_keeps_every_mark_and_the_names_that_it_loses_are_said(tmp_path: Path) -> None:
    marks = np.array([[0, 1], [1, -1], [2, -1], [2, 0], [0, 0]], np.int8)
    one = ethogram(("a", "b"), bouts_of_marks(marks, ("a", "b")), where="", frames=5)
    content, lost = file_of([one], "mat")
    (tmp_path / "x.mat").write_bytes(content)
    assert np.array_equal(read_ethograms(tmp_path / "x.mat", ReadOptions(class_names=("a", "b"))).ethograms[0].marks(), marks)
    assert lost == ("a .mat file keeps no names of classes; to read it again, give --classes a b",)


def test_of_a_labelling_project_is_said_how_its_tags_are_learnt(tmp_path: Path) -> None:
    create_project(tmp_path / "project", point_names=("nose",))
    with pytest.raises(LabelError, match=r"is a labelling project.*`trainer fit --task behaviour --region frame --data .*project`"):
        read_ethograms(tmp_path / "project")


@pytest.mark.parametrize("form", ["boris", "bento", "caltech", "deepethogram"])
def test_a_form_that_has_no_word_for_a_mark_is_not_written(form: Form) -> None:
    one = ethogram(("a", "b"), [Bout(first=3, end=5, name="a", mark="to decide")], where="", frames=9, fps=30)
    with pytest.raises(LabelError, match=r"frame 3 .*; write \.csv or \.npy"):
        file_of([one], form)


def test_caltech_streams_come_back_with_touching_bouts_apart(tmp_path: Path) -> None:
    bouts = [Bout(first=0, end=5, name="base"), Bout(first=5, end=9, name="base"), Bout(first=9, end=20, name="bite")]
    both = [ethogram(("base", "bite"), bouts, where="", channel=channel) for channel in ("S1", "S2")]
    (tmp_path / "a.txt").write_bytes(file_of(both, "caltech")[0])
    assert list(read_ethograms(tmp_path / "a.txt").ethograms) == both
    assert "1 bouts begin where another of their class ends" in file_of(both[:1], "csv")[1][0]


def test_real_caltech_annotations_tile_the_video_and_come_back(tmp_path: Path) -> None:
    source = DATA / "rat_social" / "annotations" / "1_annot.txt"
    if not source.exists():
        pytest.skip("shared/data/rat_social is not here")
    reading = read_ethograms(source)
    first = reading.ethograms[0]
    assert first.channel == "S1"
    assert ((first.marks() == YES).sum(axis=1) <= 1).all()
    assert (first.marks().sum(axis=1) == 1).all()
    (tmp_path / "again.txt").write_bytes(file_of(reading.ethograms, "caltech")[0])
    assert [one.bouts for one in read_ethograms(tmp_path / "again.txt").ethograms] == [one.bouts for one in reading.ethograms]


def test_a_stop_one_millisecond_before_the_next_start_loses_no_frame(tmp_path: Path) -> None:
    rows = "m,100,30,,rest,START,0\nm,100,30,,rest,STOP,9.999\nm,100,30,,walk,START,10.000\nm,100,30,,walk,STOP,20\n"
    reading = read(tmp_path, TABULAR + rows)
    assert spans(reading, "rest") == [[0, 300]]
    assert spans(reading, "walk") == [[300, 600]]
    assert reading.ethograms[0].frames == 3000
    assert "1 bouts stop 1 ms before the next class starts" in reading.mended[0]


def test_old_boris_tables_with_metadata_above_and_clock_times_are_read(tmp_path: Path) -> None:
    above = "Observation id,monday\n\nMedia file(s)\n\n"
    header = "Time,Media file path,Total length,FPS,Subject,Behavior,Behavioral category,Comment,Status\n"
    rows = "00:00:01.000,a.avi,60.0,25,No focal subject,rear,,,START\n00:00:03.000,a.avi,60.0,25,No focal subject,rear,,,STOP\n"
    reading = read(tmp_path, above + header + rows + "4.0,a.avi,60.0,25,No focal subject,bite,,,POINT\n")
    assert (reading.ethograms[0].video, reading.ethograms[0].frames) == ("monday", 1500)
    assert (spans(reading, "rear"), spans(reading, "bite")) == ([[25, 75]], [[100, 101]])
    assert "1 point events have no length" in reading.mended[0]


def test_subjects_and_observations_of_one_boris_file_are_kept_apart(tmp_path: Path) -> None:
    rows = "m,10,30,A,rest,STATE,0,2\nm,10,30,B,rest,STATE,1,3\nt,10,50,A,rest,STATE,0,1\n"
    found = read(tmp_path, AGGREGATED + rows).ethograms
    assert [(one.video, one.subject, one.fps, one.of_class("rest").tolist()) for one in found] == [
        ("m", "A", 30, [[0, 60]]),
        ("m", "B", 30, [[30, 90]]),
        ("t", "A", 50, [[0, 50]]),
    ]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (TABULAR + "m,9,30,,rest,START,1\n", r"csv:2: 'rest' starts at 1 s and never stops; close it in BORIS"),
        (TABULAR + "m,9,30,,rest,STOP,1\n", r"csv:2: 'rest' stops at 1 s and was not started"),
        (TABULAR + "m,9,30,,rest,START,1\nm,9,30,,rest,START,2\n", r"csv:3: 'rest' starts at 2 s while that of row 2 \(1 s\) goes on"),
        (TABULAR + "m,9,30,,a,POINT,1\nm,9,25,,a,POINT,2\n", r"'m': has frame rates of 25 and 30 per second"),
        (TABULAR + "m,9,25;50,,a,POINT,1\n", r"has frame rates of 25 and 50"),
        (TABULAR + "m,9,NA,,a,POINT,1\n", r"says no frame rate, and its times are in seconds; give it with --fps"),
        (TABULAR + "m,9,2000,,a,POINT,1.001\n", r"times in milliseconds for 2000 frames per second"),
        (TABULAR + "m,9,30,,a,POINT,soon\n", r"csv:2: the time is 'soon'; expected seconds"),
        (TABULAR + "m,9,30,,a,BEGIN,1\n", r"csv:2: the type of 'a' is 'BEGIN'; expected START or STOP or POINT"),
        (TABULAR + "m,9,30,,a\n", r"csv:2: has 5 cells, the header 7"),
        (TABULAR, r"holds a header and no event"),
        (AGGREGATED + "m,9,30,,a,STATE,1,\n", r"csv:2: 'a' starts at 1 s and has no stop"),
        (AGGREGATED + "m,9,30,,a,STATE,2,1\n", r"csv:2: 'a' stops at 1 s, before its start at 2 s"),
        (
            AGGREGATED + "m,9,30,,a,STATE,1,3\nm,9,30,,a,STATE,2,4\n",
            r"from frame 60 to before 120 begins before that of row 2, from frame 30, has ended",
        ),
        ("", r"labels\.csv: is empty"),
        ("frame,a\n", r"holds a header and no frame"),
        ("frame,a\n0,1\n1,7\n", r"frame 1 holds 7; expected 1 \(yes\), 0 \(no\), -1 \(uncuratable\) or 2"),
        ("frame,a\n0,1\n1,x\n", r"csv:3: 'a' is 'x'; expected 1"),
        ("frame,a\n0,1\n0,1\n", r"frame 0 stands 2 times"),
        ("frame,a\n0,1\n0.5,1\n", r"csv:3: the frame number is 0\.5"),
        ("frame,a\n0,1,1\n", r"row 2 has 3 cells, the first has 2"),
        ("0\n1\n1\n", r"holds numbers and does not name their classes; name them with --classes"),
        ("a_x,a_y,a_p,speed,attack\n1,1,1,3.5,1\n", r"SimBA table, .* --classes \(columns of 0 and 1: attack\)"),
        ("\0\1\2\3", r"is not text"),
    ],
)
def test_a_malformed_table_is_refused_in_one_sentence(text: str, sentence: str, tmp_path: Path) -> None:
    with pytest.raises(LabelError, match=sentence):
        read(tmp_path, text)


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        ("5\t2\t3", r"'attack' ends in frame 2, before its first, 5"),
        ("0\t2\t3", r"'attack' begins in frame 0; expected 1 or more"),
        ("one\t2\t3", r"is 'one\t2\t3'; expected the start and stop of a bout of 'attack'"),
        ("1\t9\t9\n5\t12\t8", r"frame 4 to before 12 begins before that from frame 0 has ended"),
    ],
)
def test_a_malformed_bento_file_is_refused_in_one_sentence(rows: str, sentence: str, tmp_path: Path) -> None:
    with pytest.raises(LabelError, match=sentence):
        read(tmp_path, BENTO.format(rows=rows), name="a.annot")


@pytest.mark.parametrize("rows", ["31\t60\t30", "1.0333333\t2.0\t1.0"], ids=["frames", "seconds"])
def test_bento_bouts_in_frames_and_in_seconds_are_the_same_frames(rows: str, tmp_path: Path) -> None:
    reading = read(tmp_path, BENTO.format(rows=rows), name="a.annot")
    assert spans(reading, "attack") == [[30, 60]]
    assert reading.ethograms[0].class_names == ("attack", "sniff")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("S1:\tstart\tend\ttype\n---\n1\t2\tbite\n", r"'bite' is not among the classes at the top"),
        ("bite\tb\n\nS1:\tstart\tend\ttype\n---\n1\t2\n", r"txt:8: is '1\t2'; expected a first frame, a last frame and a class"),
        ("bite\tb\n", r"holds no 'S1: start end type'"),
    ],
)
def test_a_malformed_caltech_file_is_refused_in_one_sentence(text: str, sentence: str, tmp_path: Path) -> None:
    with pytest.raises(LabelError, match=sentence):
        read(tmp_path, f"Caltech Behavior Annotator - Annotation File\n\nConfiguration file:\n{text}", name="a.txt")


def test_a_deepethogram_table_loses_its_background_and_says_contradictions(tmp_path: Path) -> None:
    reading = read(tmp_path, ",background,groom,rear\n0,1,0,0\n1,0,1,1\n2,1,1,0\n3,-1,-1,-1\n")
    assert reading.kind == "DeepEthogram table"
    assert reading.ethograms[0].marks().tolist() == [[0, 0], [1, 1], [1, 0], [-1, -1]]
    assert "background contradicts the classes in 1 frames, frame 2 first" in reading.mended[0]


def test_the_classifiers_of_a_simba_table_are_read_by_name(tmp_path: Path) -> None:
    text = ",a_x,a_y,a_p,speed,attack\n0,1,1,1,3.5,1\n1,1,1,1,2.5,0\n"
    assert spans(read(tmp_path, text, asked=ReadOptions(class_names=("attack",))), "attack") == [[0, 1]]


def test_rows_numbered_from_1_and_missing_rows_are_mended_and_said(tmp_path: Path) -> None:
    from_one = read(tmp_path, "frame,a\n1,0\n2,1\n")
    assert spans(from_one, "a") == [[1, 2]]
    assert "numbered from 1" in from_one.mended[0]
    gap = read(tmp_path, "frame,a\n0,1\n3,1\n")
    assert gap.ethograms[0].marks()[:, 0].tolist() == [1, -1, -1, 1]
    assert "2 frames up to frame 3 have no row" in gap.mended[0]


FRAME_TABLES = {
    "plain": ("frame,attack\n", "{frame},{attack}\n", ReadOptions()),
    "DeepEthogram": (",background,attack\n", "{frame},{background},{attack}\n", ReadOptions()),
    "DeepEthogram by pandas": ("Unnamed: 0,background,attack\n", "{frame},{background},{attack}\n", ReadOptions()),
    "SimBA": (",a_x,a_y,a_p,attack\n", "{frame},1,1,1,{attack}\n", ReadOptions(class_names=("attack",))),
}


@pytest.mark.parametrize(
    ("rows", "marks", "said"),
    [
        (((0, 1), (1, 0), (4, 1)), [1, 0, -1, -1, 1], "2 frames up to frame 4 have no row; read as uncuratable"),
        (((1, 0), (0, 1)), [1, 0], "do not stand in the order of their frames"),
        (((1, 1), (2, 0)), [1, 0], "numbered from 1"),
    ],
    ids=["missing", "turned", "from 1"],
)
@pytest.mark.parametrize("kind", FRAME_TABLES)
def test_every_table_of_frames_is_read_by_its_frame_numbers(
    rows: tuple[tuple[int, int], ...], marks: list[int], said: str, kind: str, tmp_path: Path
) -> None:
    header, row, asked = FRAME_TABLES[kind]
    reading = read(tmp_path, header + "".join(row.format(frame=f, attack=a, background=1 - a) for f, a in rows), asked=asked)
    assert reading.ethograms[0].class_names == ("attack",)
    assert reading.ethograms[0].marks()[:, 0].tolist() == marks
    assert [sentence for sentence in reading.mended if said in sentence]
    assert len(reading.mended) == 1


def test_a_column_of_names_is_one_class_per_frame(tmp_path: Path) -> None:
    reading = read(tmp_path, "frame;behaviour\n0;rest\n1;\n2;walk\n3;uncuratable\n")
    assert reading.ethograms[0].class_names == ("rest", "walk")
    assert reading.ethograms[0].marks().tolist() == [[1, 0], [0, 0], [0, 1], [-1, -1]]


def test_a_list_of_names_without_a_header_begins_with_frame_0(tmp_path: Path) -> None:
    assert read(tmp_path, "rest\n\nwalk\n").ethograms[0].marks().tolist() == [[1, 0], [0, 0], [0, 1]]


@pytest.mark.parametrize(
    ("array", "classes", "marks"),
    [
        (np.array([0, 1, -1, 2]), ("a",), [[0], [1], [-1], [2]]),
        (np.array([0.0, 2.0, -1.0]), ("a", "b", "c"), [[1, 0, 0], [0, 0, 1], [-1, -1, -1]]),
        (np.array([["a"], ["b"]]), (), [[1, 0], [0, 1]]),
        (np.array([[1, 0, 1], [0, 1, 1]]), ("a", "b"), [[1, 0], [0, 1], [1, 1]]),
        (np.array([True, False]), ("a",), [[1], [0]]),
    ],
    ids=["marks", "numbers", "names", "turned", "truth"],
)
def test_an_array_of_labels_means_what_its_shape_says(
    array: NDArray[np.generic], classes: tuple[str, ...], marks: list[list[int]], tmp_path: Path
) -> None:
    np.save(tmp_path / "a.npy", array)
    assert read_ethograms(tmp_path / "a.npy", ReadOptions(class_names=classes)).ethograms[0].marks().tolist() == marks


@pytest.mark.parametrize(
    ("array", "classes", "sentence"),
    [
        (np.array([0, 1]), (), r"does not name their classes"),
        (np.array([0, 5]), ("a", "b"), r"frame 1 holds 5; expected the number of a class, 0 to 1"),
        (np.array([0, 0.5]), ("a",), r"frame 1 holds 0\.5"),
        (np.array([0, np.nan]), ("a",), r"frame 1 holds nan"),
        (np.array([[0, 1, 1]] * 4), ("a", "b"), r"has 3 columns for 2 classes"),
        (np.array(["a", "b"]), ("a",), r"frame 1 is 'b', which is none of the classes a"),
        (np.zeros((3, 3, 3)), ("a",), r"has shape \(3, 3, 3\)"),
        (np.array([{}], object), ("a",), r"holds Python objects"),
    ],
)
def test_an_array_that_means_nothing_is_refused(
    array: NDArray[np.generic], classes: tuple[str, ...], sentence: str, tmp_path: Path
) -> None:
    np.save(tmp_path / "a.npy", array)
    with pytest.raises(LabelError, match=sentence):
        read_ethograms(tmp_path / "a.npy", ReadOptions(class_names=classes))


def test_matlab_files_of_both_kinds_give_the_chosen_array(tmp_path: Path) -> None:
    savemat(tmp_path / "old.mat", {"trial": {"touch": np.array([0, 1, 1]), "time": np.array([1.0, 2.0, 3.0])}})
    with h5py.File(tmp_path / "new.mat", "w") as file:
        file["trial/touch"] = np.array([[0, 1, 1]])
    asked = ReadOptions(class_names=("touch",), variable="trial/touch")
    for name in ("old.mat", "new.mat"):
        assert spans(read_ethograms(tmp_path / name, asked), "touch") == [[1, 3]]
    with pytest.raises(LabelError, match=r"holds 2 arrays: trial/touch \(3\), trial/time \(3\); choose one with --variable"):
        read_ethograms(tmp_path / "old.mat", ReadOptions(class_names=("touch",)))
    (tmp_path / "cut.mat").write_bytes((tmp_path / "old.mat").read_bytes()[:150])
    with pytest.raises(LabelError, match=r"cut\.mat: "):
        read_ethograms(tmp_path / "cut.mat")


def test_folders_of_images_are_classes_in_the_order_of_the_numbers(tmp_path: Path) -> None:
    for name in ("touch/img2.png", "none/img10.png", "touch/img1.png", "uncuratable/img3.png"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        cv2.imwrite(str(path), np.zeros((4, 4), np.uint8))
    one = read_ethograms(tmp_path).ethograms[0]
    assert one.class_names == ("none", "touch")
    assert one.marks().tolist() == [[0, 1], [0, 1], [-1, -1], [1, 0]]
    (tmp_path / "none" / "img1.png").write_bytes(b"")
    with pytest.raises(LabelError, match=r"img1\.png lies in none and in touch"):
        read_ethograms(tmp_path)


def test_the_command_counts_converts_and_never_replaces_unasked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    labels, out = tmp_path / "a.annot", tmp_path / "b.csv"
    labels.write_text(BENTO.format(rows="31\t60\t30"), encoding="utf-8")
    np.save(tmp_path / "images.npy", np.zeros((50, 4, 4), np.uint8))
    assert main(["bouts", "check", str(labels), "--video", str(tmp_path / "images.npy")]) == 0
    said = capsys.readouterr().out
    assert "its labels run 50 frames past the 50 of the video, 1 bout among them" in said
    assert "'attack' has 20 frames in 1 bout;" in said
    assert main(["bouts", "convert", str(labels), str(out), "--as", "boris"]) == 0
    assert spans(read_ethograms(out), "attack") == [[30, 60]]
    assert main(["bouts", "convert", str(labels), str(out)]) == 1
    assert "--force" in capsys.readouterr().err


VALID = {
    "tabular.csv": TABULAR + "m,9,30,,rest,START,1\nm,9,30,,rest,STOP,2\nm,9,30,,bite,POINT,3\n",
    "aggregated.csv": AGGREGATED + "m,9,30,,rest,STATE,1,2\nm,9,30,,bite,POINT,3,3\n",
    "frames.csv": "frame,a,b\n0,1,0\n1,0,-1\n2,2,1\n",
    "deg.csv": ",background,a\n0,1,0\n1,0,1\n",
    "names.tsv": "frame\tlabel\n0\trest\n1\twalk\n",
    "a.annot": BENTO.format(rows="1\t20\t20\n40\t50\t11"),
    "a.txt": "Caltech Behavior Annotator - Annotation File\n\nConfiguration file:\nrest\tr\n\nS1:\tstart\tend\ttype\n---\n1\t5\trest\n",
}


def test_a_table_of_a_single_frame_has_a_mark_for_each_class(tmp_path: Path) -> None:
    (tmp_path / "one.csv").write_text(",rest,walk\n1,0,1\n")
    (one,) = read_ethograms(tmp_path / "one.csv", ReadOptions()).ethograms
    assert one.frames == 1
    assert [(bout.name, bout.first, bout.end) for bout in one.bouts] == [("walk", 0, 1)]


def refusal(path: Path) -> str:
    """Why a file is refused; empty where it is read."""
    try:
        read_ethograms(path, ReadOptions(class_names=("a", "b")))
    except LabelError as refused:
        return str(refused)
    return ""


def check_read_or_refused(path: Path) -> None:
    said = refusal(path)
    assert said == "" or (said.startswith(str(path)) and "\n" not in said)


@settings(max_examples=100, deadline=None)
@given(
    st.sampled_from(sorted(VALID)),
    st.lists(
        st.tuples(st.integers(0, 400), st.sampled_from(["", "\n", ",", "\t", "-", "9", ".", "nan", "x", ">", "\0", '"', "é"])), max_size=4
    ),
)
def test_a_damaged_file_is_read_or_refused_and_never_a_traceback(
    tmp_path_factory: pytest.TempPathFactory, name: str, edits: list[tuple[int, str]]
) -> None:
    text = VALID[name]
    for place, piece in edits:
        text = text[: place % (len(text) + 1)] + piece + text[place % (len(text) + 1) + 1 :]
    path = tmp_path_factory.mktemp("damaged") / name
    path.write_text(text, encoding="utf-8")
    check_read_or_refused(path)


@settings(max_examples=40, deadline=None)
@given(st.sampled_from([".csv", ".txt", ".annot", ".npy", ".mat"]), st.binary(max_size=200))
def test_any_bytes_are_refused_in_a_sentence_or_read(tmp_path_factory: pytest.TempPathFactory, ending: str, content: bytes) -> None:
    path = tmp_path_factory.mktemp("bytes") / f"x{ending}"
    for start in (b"", b"\x93NUMPY\x01\x00", b"MATLAB 5.0 MAT-file"):
        path.write_bytes(start + content)
        check_read_or_refused(path)
