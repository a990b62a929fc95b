import csv
import logging
from collections.abc import Sequence
from pathlib import Path

import av
import cv2
import h5py  # type: ignore[import-untyped]
import numpy as np
import pytest
import sleap_io  # type: ignore[import-untyped]
from numpy.typing import NDArray

from trainer.errors import LabelError
from trainer.formats.read_labels import read_labels
from trainer.labels.fingerprint import labels_sha256
from trainer.labels.images import ImageRef, read_image
from trainer.labels.labelled_frames import LabelledFrames
from trainer.video_files.frames_by_number import IndexedVideo

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"

HEADER = "scorer,me,me,me,me\nbodyparts,snout,snout,tail,tail\ncoords,x,y,x,y\n"
ROW = "labeled-data/m1/img{}.png,{}\n"


def real(name: str) -> Path:
    path = DATA / name
    if not path.exists():
        pytest.skip(f"real data {name} is not beside the repository")
    return path


def write_image(path: Path, *, width: int = 64, height: int = 48, seed: int = 0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = np.random.default_rng(seed).integers(0, 256, (height, width), np.uint8)
    path.write_bytes(cv2.imencode(path.suffix, image)[1].tobytes())


def write_table(folder: Path, text: str, *, images: Sequence[int] = (), video: str = "m1") -> Path:
    """A DeepLabCut project folder of one video; returns the project."""
    for number in images:
        write_image(folder / "labeled-data" / video / f"img{number}.png", seed=number)
    table = folder / "labeled-data" / video / "CollectedData_me.csv"
    table.parent.mkdir(parents=True, exist_ok=True)
    table.write_text(text, encoding="utf-8")
    return folder


def write_video(path: Path, *, frames: int, fps: int = 30) -> NDArray[np.uint8]:
    """A losslessly stored video with few key frames; returns its frames, uint8 (n, 48, 64)."""
    images = np.random.default_rng(3).integers(0, 256, (frames, 48, 64), np.uint8)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=fps)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "gray"
        for image in images:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="gray")))
        container.mux(stream.encode())
    return images


def write_slp(path: Path, *, video: str, frames: dict[int, list[list[list[float]]]]) -> Path:
    skeleton = sleap_io.Skeleton(["snout", "tail"], edges=[("snout", "tail")])
    film = sleap_io.Video(filename=video, backend=None, open_backend=False)
    labelled = [
        sleap_io.LabeledFrame(
            video=film,
            frame_idx=number,
            instances=[sleap_io.Instance.from_numpy(np.array(points), skeleton=skeleton) for points in animals],
        )
        for number, animals in frames.items()
    ]
    sleap_io.save_slp(sleap_io.Labels(labelled), str(path), embed=False, verbose=False)
    return path


def test_the_open_field_mouse_reads_as_its_table_says() -> None:
    project = real("dlc_openfield")
    frames = read_labels(project)
    with (project / "labeled-data/m4s1/CollectedData_Pranav.csv").open(newline="") as file:
        rows = list(csv.reader(file))[3:]
    expected = np.array([[float(cell) for cell in row[1:]] for row in rows]).reshape(-1, 4, 2)
    np.testing.assert_array_equal(frames.points[:, 0], expected)
    assert frames.point_names == ("snout", "leftear", "rightear", "tailbase")
    assert frames.size == (480, 640)
    assert [ref.path.name for ref in frames.images] == [Path(row[0]).name for row in rows]
    assert frames.read(7).shape == (480, 640, 3)


@pytest.mark.parametrize(
    "inside", ["config.yaml", "labeled-data/m4s1", "labeled-data/m4s1/CollectedData_Pranav.csv"], ids=["config", "folder", "table"]
)
def test_every_way_into_a_project_gives_the_same_frames(inside: str) -> None:
    project = real("dlc_openfield")
    whole, part = read_labels(project), read_labels(project / inside)
    assert labels_sha256(part) == labels_sha256(whole)
    assert [ref.path.resolve() for ref in part.images] == [ref.path.resolve() for ref in whole.images]


@pytest.mark.parametrize("camera", ["back", "mid"])
def test_a_proof_read_sleap_file_agrees_with_its_analysis_export(camera: str) -> None:
    folder = real("rig_charuco") / camera
    frames = read_labels(folder / f"minimal_{camera}_proofread.slp")
    with h5py.File(folder / f"minimal_{camera}_proofread.analysis.h5") as file:
        names = [name.decode() for name in file["node_names"][()]]
        tracks = file["tracks"][0].transpose(2, 1, 0)  # to (frames, nodes, xy)
    assert (len(frames), sorted(frames.point_names)) == (120, sorted(names))
    for place, name in enumerate(frames.point_names):
        np.testing.assert_allclose(frames.points[:, 0, place], tracks[:, names.index(name)], atol=1e-4)
    assert frames.read(60).shape[:2] == frames.size == (1024, 1280)


def test_the_symmetries_of_a_sleap_skeleton_are_its_pairs(tmp_path: Path) -> None:
    labels = sleap_io.load_slp(str(real("sleap_flies") / "small_robot_minimal.slp"), open_videos=False)
    labels.videos[0].replace_filename(str(real("sleap_flies") / "small_robot.mp4"))
    one, other = labels.skeletons[0].node_names
    labels.skeletons[0].add_symmetry(other, one)
    sleap_io.save_slp(labels, str(tmp_path / "robot.slp"), embed=False, verbose=False)
    frames = read_labels(tmp_path / "robot.slp")
    assert frames.pairs == frames.subset(np.array([1])).pairs == ((one, other),)


def test_the_video_of_a_sleap_file_is_found_beside_it() -> None:
    frames = read_labels(real("sleap_flies") / "small_robot_minimal.slp")
    assert frames.order.tolist() == [0, 79]
    assert frames.images[1].path.name == "small_robot.mp4"
    assert frames.read(1).shape == (320, 560, 3)


def test_images_stored_in_a_sleap_package_are_read(tmp_path: Path) -> None:
    labels = sleap_io.load_slp(str(real("sleap_flies") / "small_robot_minimal.slp"), open_videos=False)
    labels.videos[0].replace_filename(str(real("sleap_flies") / "small_robot.mp4"))
    sleap_io.save_slp(labels, str(tmp_path / "robot.pkg.slp"), embed=True, verbose=False)
    stored, beside = read_labels(tmp_path / "robot.pkg.slp"), read_labels(real("sleap_flies") / "small_robot_minimal.slp")
    np.testing.assert_array_equal(stored.points, beside.points)
    assert (stored.group, stored.order.tolist()) == (beside.group, [0, 79])
    assert np.abs(stored.read(1).astype(int) - beside.read(1)).mean() < 3  # two converters from YUV


def test_points_marked_hand_labelled_are_taken_before_predictions(tmp_path: Path) -> None:
    write_video(tmp_path / "film.mkv", frames=6)
    path = write_slp(tmp_path / "a.slp", video="film.mkv", frames={4: [[[1, 2], [3, 4]]]})
    labels = sleap_io.load_slp(str(path), open_videos=False)
    guess = sleap_io.PredictedInstance.from_numpy(np.array([[9.0, 9], [8, 8]]), skeleton=labels.skeletons[0])
    labels.append(sleap_io.LabeledFrame(video=labels.videos[0], frame_idx=2, instances=[guess]))
    sleap_io.save_slp(labels, str(path), embed=False, verbose=False)
    assert read_labels(path).order.tolist() == [4]


def test_frames_come_in_numeric_order(tmp_path: Path) -> None:
    rows = "".join(ROW.format(number, f"{number},1,2,3") for number in (10, 2, 33, 1))
    frames = read_labels(write_table(tmp_path, HEADER + rows, images=(1, 2, 10, 33)))
    assert [ref.path.name for ref in frames.images] == ["img1.png", "img2.png", "img10.png", "img33.png"]
    assert frames.order.tolist() == [1, 2, 10, 33]
    assert frames.points[:, 0, 0, 0].tolist() == [1, 2, 10, 33]


def test_videos_and_unnumbered_images_come_in_numeric_order(tmp_path: Path) -> None:
    write_table(tmp_path, HEADER + ROW.format(1, "1,2,3,4").replace("m1", "m10"), images=[1], video="m10")
    rows = "".join(f"labeled-data/m9/{name},1,2,3,4\n" for name in ("pup 10 left.png", "pup 9 left.png", "pup left.png"))
    for name in ("pup 10 left.png", "pup 9 left.png", "pup left.png"):
        write_image(tmp_path / "labeled-data" / "m9" / name)
    frames = read_labels(write_table(tmp_path, HEADER + rows, video="m9"))
    assert [ref.path.name for ref in frames.images] == ["pup 9 left.png", "pup 10 left.png", "pup left.png", "img1.png"]
    assert frames.group == ("m9", "m9", "m9", "m10")
    assert frames.order.tolist() == [0, 1, 2, 1]


def test_a_project_of_several_videos_is_read_whole_by_point_name(tmp_path: Path) -> None:
    write_table(tmp_path, HEADER + ROW.format(3, "1,2,3,4"), images=[3])
    other = HEADER.replace("snout,snout,tail,tail", "tail,tail,snout,snout") + ROW.format(5, "30,40,10,20").replace("m1", "m2")
    write_table(tmp_path, other, images=[5], video="m2")
    (tmp_path / "config.yaml").write_text("scorer: me\nskeleton:\n- [snout, tail]\n- [bodypart1, bodypart2]\n")
    frames = read_labels(tmp_path)
    assert frames.group == ("m1", "m2")
    assert frames.points[:, 0].tolist() == [[[1, 2], [3, 4]], [[10, 20], [30, 40]]]
    assert frames.skeleton == (("snout", "tail"),)


def test_the_three_column_header_of_newer_deeplabcut_is_read(tmp_path: Path) -> None:
    text = HEADER.replace("scorer", "scorer,,").replace("bodyparts", "bodyparts,,").replace("coords", "coords,,")
    frames = read_labels(write_table(tmp_path, text + "labeled-data,m1,img7.png,1,2,3,4\n", images=[7]))
    assert frames.points[:, 0].tolist() == [[[1, 2], [3, 4]]]


def test_a_table_of_one_individual_is_a_table_of_one_animal(tmp_path: Path) -> None:
    first, rest = HEADER.split("\n", 1)
    frames = read_labels(write_table(tmp_path, f"{first}\nindividuals,a,a,a,a\n{rest}{ROW.format(1, '1,2,3,4')}", images=[1]))
    assert frames.points.tolist() == [[[[1, 2], [3, 4]]]]
    assert frames.animal_names == ()


def test_missing_points_stay_missing_and_untouched_frames_are_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    rows = ROW.format(1, "1.5,2.25,,") + ROW.format(2, ",,,") + ROW.format(3, "NaN,nan,3,4")
    with caplog.at_level(logging.WARNING):
        frames = read_labels(write_table(tmp_path, HEADER + rows, images=(1, 2, 3)))
    np.testing.assert_array_equal(frames.points[:, 0], [[[1.5, 2.25], [np.nan, np.nan]], [[np.nan, np.nan], [3, 4]]])
    assert "without any labelled point are left out: count=1" in caplog.text


GOOD = ROW.format(1, "1,2,3,4")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (HEADER + GOOD + ROW.format(2, "1,two,3,4"), r"\.csv:5: snout y is 'two'; expected a number"),
        (HEADER + GOOD + ROW.format(2, "1,inf,3,4"), r"\.csv:5: snout y is 'inf'; expected a finite number"),
        (HEADER + GOOD + ROW.format(2, "1,,3,4"), r"\.csv:5: point 'snout' has x only"),
        (HEADER + GOOD + ROW.format(2, "1,2,3"), r"\.csv:5: has 4 columns; expected 5"),
        (HEADER + GOOD + ROW.format(9, "1,2,3,4"), r"\.csv:5: image labeled-data/m1/img9\.png is not there; looked for it"),
        (HEADER + GOOD + GOOD, r"\.csv:5: img1\.png is labelled already at .*\.csv:4; delete one"),
        (HEADER + GOOD + ROW.format(2, "1,2,63.51,4"), r"\.csv:5: point 'tail' is at \(63\.51, 4\), outside its image of 64×48"),
        (HEADER + GOOD + ROW.format(2, "-1,2,3,4"), r"\.csv:5: point 'snout' is at \(-1, 2\), outside"),
        (HEADER + ROW.format(1, ",,,"), r"holds no labelled point; label some frames"),
        (HEADER, r"holds no labelled point; label some frames"),
        ("a,b\n1,2\n", r"\.csv:1: begins with 'a,b'; expected three rows above the table as DeepLabCut writes them, `scorer;me;me`"),
        (
            "\nBild;Nase x;Nase y;Schwanzansatz x;Schwanzansatz y\nb1.png;12,5;3,25;1,5;2,5\n",
            r"\.csv:2: begins with 'Bild;Nase x;Nase y;Schwanzansatz x;Schwa…';",
        ),
        (HEADER.replace("x,y,x,y", "x,y,likelihood,x"), r"\.csv:3: the columns are x, y, likelihood, x"),
        (HEADER.replace("tail", "snout") + GOOD, r"\.csv:2: a point name stands twice"),
        (
            HEADER.replace("tail,tail", "tail,tial") + GOOD,
            r"\.csv:2: column 5 is of point 'tial', its neighbour of 'tail'; expected x and y of one point; did you mean 'tail'\?",
        ),
        (HEADER.replace("x,y,x,y", "x,y,X1,y") + GOOD, r"\.csv:3: column 4 \('tail'\) is called 'X1'; expected 'x'"),
        (HEADER.replace("bodyparts", "bodypart") + GOOD, r"\.csv:1: .* 'bodypart', 'coords'; expected .*; did you mean 'bodyparts'\?"),
        (HEADER.replace("tail", "ta\x1b[31mil") + GOOD, r"has a key point 'ta\\x1b\[31mil'; expected a name of printable characters"),
        ("", r"is empty; expected"),
        ("\n\n", r"is empty; expected DeepLabCut's header"),
    ],
    ids=[
        "text-in-a-number-column",
        "infinite",
        "half-a-point",
        "short-row",
        "missing-image",
        "duplicate-rows",
        "right-of-the-image",
        "left-of-the-image",
        "zero-labelled-points",
        "header-only",
        "wrong-header",
        "plain-spreadsheet",
        "predictions",
        "name-twice",
        "point-misspelt",
        "axis-misspelt",
        "title-misspelt",
        "escape-in-a-name",
        "empty",
        "blank",
    ],
)
def test_a_bad_table_is_refused_with_file_and_row(tmp_path: Path, text: str, message: str) -> None:
    project = write_table(tmp_path, text, images=(1, 2))
    with pytest.raises(LabelError, match=message):
        read_labels(project / "labeled-data" / "m1" / "CollectedData_me.csv")


def test_a_point_on_the_very_edge_of_a_pixel_is_inside(tmp_path: Path) -> None:
    frames = read_labels(write_table(tmp_path, HEADER + ROW.format(1, "-0.5,-0.5,63.5,47.5"), images=[1]))
    assert frames.points[:, 0].tolist() == [[[-0.5, -0.5], [63.5, 47.5]]]


def test_images_of_several_sizes_are_read_each_with_its_own(tmp_path: Path) -> None:
    write_table(tmp_path, HEADER + GOOD + ROW.format(2, "1,2,3,4"), images=[1])
    write_image(tmp_path / "labeled-data/m1/img2.png", width=32, height=48)
    frames = read_labels(tmp_path)
    assert (frames.size, frames.sizes) == ((48, 64), ((48, 64), (48, 32)))
    assert [frames.read(index).shape[:2] for index in range(2)] == [(48, 64), (48, 32)]


def test_a_point_must_lie_in_its_own_image_not_in_the_largest(tmp_path: Path) -> None:
    write_table(tmp_path, HEADER + GOOD + ROW.format(2, "40,2,3,4"), images=[1])
    write_image(tmp_path / "labeled-data/m1/img2.png", width=32, height=48)
    with pytest.raises(LabelError, match="outside its image of 32×48 pixels"):
        read_labels(tmp_path)


def test_an_image_replaced_by_one_of_another_size_is_refused_when_read(tmp_path: Path) -> None:
    frames = read_labels(write_table(tmp_path, HEADER + GOOD, images=[1]))
    write_image(frames.images[0].path, width=32)
    with pytest.raises(LabelError, match=r"img1\.png is 32×48 pixels; expected 64×48"):
        frames.read(0)


def test_a_png_with_a_broken_chunk_is_refused_when_read(tmp_path: Path) -> None:
    write_image(tmp_path / "a.png", width=200, height=100)
    content = bytearray((tmp_path / "a.png").read_bytes())
    content[33:37] = (100).to_bytes(4, "big")  # of the first chunk of pixels
    (tmp_path / "a.png").write_bytes(content)
    with pytest.raises(LabelError, match=r"a\.png: cannot be read as an image"):
        read_image(ImageRef(path=tmp_path / "a.png", frame=None), (100, 200))


@pytest.mark.parametrize("kind", [".png", ".jpg"])
def test_a_truncated_image_is_refused_when_read(tmp_path: Path, kind: str) -> None:
    whole = tmp_path / f"whole{kind}"
    write_image(whole, width=200, height=100)
    cut = tmp_path / f"cut{kind}"
    cut.write_bytes(whole.read_bytes()[:-2000])
    with pytest.raises(LabelError, match=r"cut\.\w+: cannot be read as an image"):
        read_image(ImageRef(path=cut, frame=None), (100, 200))


@pytest.mark.parametrize("kept", [0, 10, 3000, -1], ids=["empty", "ten-bytes", "head", "last-byte-lost"])
def test_a_truncated_sleap_file_is_refused(tmp_path: Path, kept: int) -> None:
    whole = write_slp(tmp_path / "whole.slp", video="film.mkv", frames={0: [[[1, 2], [3, 4]]]}).read_bytes()
    cut = tmp_path / "cut.slp"
    cut.write_bytes(whole[:kept])
    with pytest.raises(LabelError, match=r"cut\.slp: (is empty|cannot be read as a SLEAP file)"):
        read_labels(cut)


def test_a_video_that_is_not_there_is_refused_saying_where_it_was_sought(tmp_path: Path) -> None:
    path = write_slp(tmp_path / "a.slp", video="D:\\films\\film.mkv", frames={0: [[[1, 2], [3, 4]]]})
    with pytest.raises(
        LabelError, match=r"frame 0 of film\.mkv: the file names .*films.*not there; looked for it .*put film\.mkv beside a\.slp"
    ):
        read_labels(path)


def test_a_label_beyond_the_end_of_its_video_is_refused(tmp_path: Path) -> None:
    write_video(tmp_path / "film.mkv", frames=6)
    path = write_slp(tmp_path / "a.slp", video="film.mkv", frames={0: [[[1, 2], [3, 4]]], 6: [[[1, 2], [3, 4]]]})
    with pytest.raises(LabelError, match=r"frame 6 of film\.mkv: .*has 6 frames; frame 6 .* is labelled"):
        read_labels(path)


@pytest.mark.parametrize("content", [b"", b"no video at all" * 50], ids=["empty", "text"])
def test_a_video_that_is_none_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "film.mkv").write_bytes(content)
    path = write_slp(tmp_path / "a.slp", video="film.mkv", frames={0: [[[1, 2], [3, 4]]]})
    with pytest.raises(LabelError, match=r"film\.mkv: cannot be opened as a video \(Invalid data found when processing input\)"):
        read_labels(path)


def test_a_label_in_the_lost_part_of_a_cut_off_video_is_refused(tmp_path: Path) -> None:
    film = tmp_path / "film.mkv"
    write_video(film, frames=30)
    film.write_bytes(film.read_bytes()[: film.stat().st_size // 2])
    path = write_slp(tmp_path / "a.slp", video="film.mkv", frames={25: [[[1, 2], [3, 4]]]})
    with pytest.raises(LabelError, match=r"film\.mkv: has 1\d frames; frame 25 .* is labelled: is the video cut off"):
        read_labels(path)


def test_frames_of_a_video_are_exact_in_any_order(tmp_path: Path) -> None:
    images = write_video(tmp_path / "film.mkv", frames=30)
    video = IndexedVideo(tmp_path / "film.mkv")
    for number in (29, 0, 1, 2, 17, 5, 5, 28, 12):
        np.testing.assert_array_equal(video.read(number), images[number])


def test_frames_of_a_compressed_video_are_the_same_by_seeking_and_in_a_row() -> None:
    path = real("sleap_flies") / "clip.mp4"
    in_a_row, by_seeking = IndexedVideo(path), IndexedVideo(path)
    wanted = (0, 3, 251, 249, 600)
    straight = {number: image for number in range(601) if (image := in_a_row.read(number)) is not None and number in wanted}
    for number in reversed(wanted):
        np.testing.assert_array_equal(by_seeking.read(number), straight[number])


@pytest.mark.parametrize(
    ("name", "message"),
    [("nowhere", "no such file or folder"), ("notes.txt", "is of no kind that can be read"), ("folder", "holds neither")],
    ids=["absent", "foreign", "empty-folder"],
)
def test_a_path_that_holds_no_labels_is_refused(tmp_path: Path, name: str, message: str) -> None:
    (tmp_path / "notes.txt").write_text("hello")
    (tmp_path / "folder").mkdir()
    with pytest.raises(LabelError, match=f"{name}: {message}.*expected a DeepLabCut project"):
        read_labels(tmp_path / name)


@pytest.mark.parametrize("name", ["labels.xlsx", "labels.ODS"])
def test_a_spreadsheet_programs_own_file_is_to_be_saved_as_text(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"PK")
    with pytest.raises(LabelError, match=rf"{name}: is a spreadsheet program's own file; save it as CSV \(UTF-8\)"):
        read_labels(tmp_path / name)


def fingerprint_of(folder: Path, *, tail_x: str = "3", image_seed: int = 1) -> str:
    write_table(folder, HEADER + ROW.format(1, f"1,2,{tail_x},4"))
    write_image(folder / "labeled-data/m1/img1.png", seed=image_seed)
    return labels_sha256(read_labels(folder))


def test_the_fingerprint_follows_images_and_labels_but_not_where_they_lie(tmp_path: Path) -> None:
    original = fingerprint_of(tmp_path / "a")
    assert fingerprint_of(tmp_path / "b") == original
    assert fingerprint_of(tmp_path / "c", tail_x="3.0000000000000004") != original
    assert fingerprint_of(tmp_path / "d", image_seed=2) != original


def test_a_subset_keeps_frames_together_with_their_labels(tmp_path: Path) -> None:
    rows = "".join(ROW.format(number, f"{number},1,2,3") for number in (1, 2, 3))
    frames = read_labels(write_table(tmp_path, HEADER + rows, images=(1, 2, 3)))
    part: LabelledFrames = frames.subset(np.array([2, 0]))
    assert part.order.tolist() == part.points[:, 0, 0, 0].tolist() == [3, 1]
    np.testing.assert_array_equal(part.read(0), frames.read(2))


def test_a_table_with_paths_of_its_authors_machine_is_read_on_this_one(tmp_path: Path) -> None:
    write_table(tmp_path, HEADER + GOOD, images=[1])
    table = tmp_path / "training-datasets" / "iteration-0" / "set" / "CollectedData_me.csv"
    table.parent.mkdir(parents=True)
    table.write_text(HEADER + GOOD.replace("labeled-data/m1/", "C:\\users\\me\\project\\labeled-data\\m1\\"))
    assert labels_sha256(read_labels(table)) == labels_sha256(read_labels(tmp_path))
