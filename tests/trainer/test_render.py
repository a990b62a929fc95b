"""Overlay videos and strips: real H.264 files through a real engine, whole, cut and empty."""

import resource
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

import tracker.engines.openvino.engine  # noqa: F401  (its import starts a thread of the library's own; here, before a test counts threads)
from tracker.bundle import Bundle, read_bundle
from tracker.frame import Image
from trainer.errors import TrainingError
from trainer.labels.images import ImageRef
from trainer.labels.labelled_frames import LabelledFrames
from trainer.scoring.engine_choice import EngineChoice
from trainer.video_files.reader import VideoReader
from trainer.video_files.writer import VideoWriter
from trainer.videos.render import OverlayStyle, labels_of_video, pick_frames, render, size_with_legend, with_legend, write_strip
from trainer.videos.rings import PREDICTION, TRUTH, draw_ring

CPU = EngineChoice(runtime="openvino", precision="fp32", threads=1, gpu=0)
PLAIN = OverlayStyle(confidence=0.1, legend=False)
SIZE = (96, 128)


def spot(number: int) -> tuple[int, int]:
    """Where the white spot of frame `number` is: x, y."""
    return 24 + 3 * number, 40 + number


def write_video(path: Path, *, frames: int, size: tuple[int, int] = SIZE) -> Path:
    """A grey video with one white spot that wanders."""
    with VideoWriter(path, rate=Fraction(25), size=size) as writer:
        for number in range(frames):
            image = np.full(size, 60, np.uint8)
            cv2.circle(image, spot(number), 3, (255,), -1)
            writer.write(image)
    return path


def cut(path: Path, *, share: float) -> Path:
    content = path.read_bytes()
    short = path.with_name(f"cut-{path.name}")
    short.write_bytes(content[: int(len(content) * share)])
    return short


def decoded(path: Path) -> list[Image]:
    with VideoReader(path) as reader:
        return list(reader.frames())


def labels_for(video: Path, *, frames: int, shift: float) -> LabelledFrames:
    points = np.array([[spot(number)] for number in range(frames)], np.float64) + shift
    return LabelledFrames(
        images=tuple(ImageRef(path=video, frame=number) for number in range(frames)),
        points=points[:, None],
        hidden=np.zeros((frames, 1, 1), bool),
        tags=(frozenset(),) * frames,
        point_names=("spot",),
        skeleton=(),
        group=(video.stem,) * frames,
        order=np.arange(frames),
        size=SIZE,
    )


def redness(image: Image, centre: tuple[float, float], radius: float = 5) -> float:
    """How much redder than blue the ring around `centre` is, on average."""
    angle = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    x, y = (np.rint(centre[0] + radius * np.cos(angle)).astype(int), np.rint(centre[1] + radius * np.sin(angle)).astype(int))
    found: NDArray[np.float64] = image[y, x].astype(np.float64)
    return float(np.mean(found[:, 0] - found[:, 2]))


@pytest.fixture
def bundle(tmp_path: Path, make_bundle: Callable[..., Path]) -> Bundle:
    return read_bundle(make_bundle(tmp_path / "bundle", height=SIZE[0], width=SIZE[1]))


def test_a_damaged_comment_does_not_hide_the_frames(tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "drawn.mp4", rate=Fraction(25), size=SIZE, drawn=True) as writer:
        writer.write(np.zeros(SIZE, np.uint8))
    content = (tmp_path / "drawn.mp4").read_bytes()
    (tmp_path / "damaged.mp4").write_bytes(content.replace(b"rigtrack: drawn", b"\xff\xfe\xfdtrack: drawn"))
    with VideoReader(tmp_path / "damaged.mp4") as reader:
        assert (reader.drawn, len(list(reader.frames()))) == (False, 1)


def test_a_name_of_another_kind_of_video_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"out\.avi: an MP4 file would be written; expected a name that ends in \.mp4"):
        VideoWriter(tmp_path / "out.avi", rate=Fraction(25), size=SIZE)
    assert not list(tmp_path.iterdir())


def test_the_rendered_video_is_whole_and_has_the_sources_size_and_rate(bundle: Bundle, tmp_path: Path) -> None:
    """Nothing but a closed, complete file carries the name that was asked for."""
    video = write_video(tmp_path / "in.mp4", frames=9)
    written = render(video, bundle, truth=None, out=tmp_path / "made" / "out.mp4", engine=CPU, style=PLAIN)
    with VideoReader(tmp_path / "made" / "out.mp4") as reader:
        assert (len(list(reader.frames())), reader.expected, reader.shortfall()) == (9, 9, None)
        assert (float(reader.rate), reader.size) == (25.0, SIZE)
    assert written == 9
    assert [path.name for path in (tmp_path / "made").iterdir()] == ["out.mp4"]


def test_truth_is_ringed_in_red_and_prediction_in_blue(bundle: Bundle, tmp_path: Path) -> None:
    """The labels are shifted by 20 px, so the two rings stand apart."""
    video = write_video(tmp_path / "in.mp4", frames=5)
    truth = labels_for(video, frames=5, shift=20)
    render(video, bundle, truth=truth, out=tmp_path / "out.mp4", engine=CPU, style=PLAIN)
    last = decoded(tmp_path / "out.mp4")[4]
    x, y = spot(4)
    assert redness(last, (x + 20, y + 20)) > 80
    assert min(redness(last, (x + dx, y + dy)) for dx in (-2, -1, 0, 1, 2) for dy in (-3, -2, -1, 0, 1)) < -80


@pytest.mark.parametrize("colour", [TRUTH, PREDICTION], ids=["truth", "prediction"])
def test_a_ring_has_radius_five_and_thickness_two(colour: tuple[int, int, int]) -> None:
    """At a whole pixel it is the ring that OpenCV draws with these figures."""
    image, expected = np.zeros((41, 41, 3), np.uint8), np.zeros((41, 41, 3), np.uint8)
    draw_ring(image, np.array([20.0, 20.0]), colour)
    cv2.circle(expected, (20, 20), 5, colour, thickness=2, lineType=cv2.LINE_AA)
    assert image[20, 25].tolist() == list(colour)
    assert (image == expected).all()


def test_a_ring_follows_fractions_of_a_pixel() -> None:
    left, right = np.zeros((41, 41, 3), np.uint8), np.zeros((41, 41, 3), np.uint8)
    draw_ring(left, np.array([20.0, 20.0]), TRUTH)
    draw_ring(right, np.array([20.5, 20.0]), TRUTH)
    columns = np.arange(41)
    centres = [float((image[..., 0].sum(axis=0) * columns).sum() / image[..., 0].sum()) for image in (left, right)]
    assert centres[1] - centres[0] == pytest.approx(0.5, abs=0.1)


def test_predictions_below_the_cut_are_not_drawn(bundle: Bundle, tmp_path: Path) -> None:
    video = write_video(tmp_path / "in.mp4", frames=3)
    render(video, bundle, truth=None, out=tmp_path / "out.mp4", engine=CPU, style=OverlayStyle(confidence=1.01, legend=False))
    spread = decoded(tmp_path / "out.mp4")[0].astype(int)
    assert np.abs(spread.max(axis=2) - spread.min(axis=2)).max() < 12  # still grey


@pytest.mark.parametrize("size", [(95, 128), (96, 127), (95, 127)], ids=["odd height", "odd width", "both"])
def test_odd_sizes_are_padded_by_one_row_or_column(tmp_path: Path, size: tuple[int, int]) -> None:
    frames = decoded(write_video(tmp_path / "odd.mp4", frames=4, size=size))
    assert len(frames) == 4
    assert frames[0].shape[:2] == (96, 128)
    assert abs(int(frames[0][-1, -1, 0]) - 60) < 8  # the edge goes on, no green border


def test_a_cut_video_is_rendered_as_far_as_it_goes_and_then_refused(bundle: Bundle, tmp_path: Path) -> None:
    short = cut(write_video(tmp_path / "in.mp4", frames=200), share=0.6)
    with pytest.raises(TrainingError, match=r"cut-in.mp4: (\d+) of 200 frames read.*out.mp4 holds the \1 frames"):
        render(short, bundle, truth=None, out=tmp_path / "out.mp4", engine=CPU, style=PLAIN)
    assert 0 < len(decoded(tmp_path / "out.mp4")) < 200


@pytest.mark.parametrize("content", [b"", b"this is not a video" * 100], ids=["empty", "text"])
def test_a_video_without_frames_is_refused_and_nothing_is_written(bundle: Bundle, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "in.mp4").write_bytes(content)
    with pytest.raises(TrainingError, match=r"in.mp4: 0 frames read"):
        render(tmp_path / "in.mp4", bundle, truth=None, out=tmp_path / "out.mp4", engine=CPU, style=PLAIN)
    assert not (tmp_path / "out.mp4").exists()


def test_a_video_that_is_not_there_is_refused(bundle: Bundle, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="no such file"):
        render(tmp_path / "none.mp4", bundle, truth=None, out=tmp_path / "out.mp4", engine=CPU, style=PLAIN)


def test_a_writer_that_is_interrupted_leaves_nothing_and_an_earlier_file_alone(tmp_path: Path) -> None:
    before = write_video(tmp_path / "out.mp4", frames=3).read_bytes()
    with suppress(KeyboardInterrupt), VideoWriter(tmp_path / "out.mp4", rate=Fraction(25), size=SIZE) as writer:
        writer.write(np.zeros(SIZE, np.uint8))
        raise KeyboardInterrupt
    assert [path.name for path in tmp_path.iterdir()] == ["out.mp4"]
    assert (tmp_path / "out.mp4").read_bytes() == before


def test_a_frame_of_another_size_is_refused(tmp_path: Path) -> None:
    with (
        pytest.raises(TrainingError, match="frame 0 is 64×32; expected 128×96"),
        VideoWriter(tmp_path / "out.mp4", rate=Fraction(25), size=SIZE) as writer,
    ):
        writer.write(np.zeros((32, 64), np.uint8))


def test_a_disk_that_fills_up_ends_in_one_sentence_and_no_file(tmp_path: Path) -> None:
    """A limit on the file's size stands for the full disk: the write fails in the same place."""
    program = f"""
import resource, signal, sys, numpy as np
from fractions import Fraction
from pathlib import Path
from trainer.errors import TrainingError
from trainer.video_files.writer import VideoWriter
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, {resource.getrlimit(resource.RLIMIT_FSIZE)[1]}))
noise = np.random.default_rng(0)
try:
    with VideoWriter(Path({str(tmp_path / "out.mp4")!r}), rate=Fraction(25), size=(96, 128)) as writer:
        for _ in range(100):
            writer.write(noise.integers(0, 255, (96, 128), dtype=np.uint8))
except TrainingError as error:
    sys.exit(str(error))
"""
    root = Path(__file__).resolve().parents[2]
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=root, timeout=800, check=False)
    assert ended.returncode == 1
    assert "out.mp4: cannot be written: " in ended.stderr
    assert "Traceback" not in ended.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_strip_holds_the_chosen_frames_side_by_side(bundle: Bundle, tmp_path: Path) -> None:
    video = write_video(tmp_path / "in.mp4", frames=6)
    write_strip(video, bundle, [5, 0], out=tmp_path / "strip.png", engine=CPU, style=PLAIN)
    strip = cv2.cvtColor(np.asarray(cv2.imread(str(tmp_path / "strip.png"))), cv2.COLOR_BGR2RGB)
    assert strip.shape == (96, 128 + 4 + 128, 3)
    every = decoded(video)
    assert [(image == every[number]).all() for image, number in zip(pick_frames(video, [5, 0]), (5, 0), strict=True)] == [True, True]
    for image, left in ((every[5], 0), (every[0], 132)):
        difference = np.abs(strip[:, left : left + 128].astype(int) - image).max(axis=2)
        assert (difference[:, 60:] == 0).all()  # beyond the ring, the frame as it is


def test_a_strip_beyond_the_end_is_refused(bundle: Bundle, tmp_path: Path) -> None:
    video = write_video(tmp_path / "in.mp4", frames=6)
    with pytest.raises(TrainingError, match="has no frame 6, 6 frames could be read"):
        write_strip(video, bundle, [2, 6], out=tmp_path / "strip.png", engine=CPU, style=PLAIN)


def test_labels_of_images_taken_from_the_video_are_found_by_their_folder(tmp_path: Path) -> None:
    labels = labels_for(tmp_path / "in.mp4", frames=3, shift=0)
    of_images = LabelledFrames(
        images=tuple(ImageRef(path=Path(f"labeled-data/in/img{number:03}.png"), frame=None) for number in (10, 20, 30)),
        points=labels.points,
        hidden=labels.hidden,
        tags=labels.tags,
        point_names=labels.point_names,
        skeleton=(),
        group=("in", "in", "other"),
        order=np.array([10, 20, 30]),
        size=SIZE,
    )
    assert sorted(labels_of_video(of_images, tmp_path / "in.mp4")) == [10, 20]


def test_labels_of_another_video_are_refused(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="none of the labels is of this video; they are of other"):
        labels_of_video(labels_for(tmp_path / "other.mp4", frames=3, shift=0), tmp_path / "in.mp4")


def test_a_real_video_is_read_at_its_size_and_rate(shared_data: Path) -> None:
    video = shared_data / "dlc_openfield" / "videos" / "m3v1mp4.mp4"
    with VideoReader(video) as reader:
        first = next(reader.frames())
        assert (reader.size, reader.expected, round(float(reader.rate))) == ((480, 640), 2330, 30)
    assert first.shape == (480, 640, 3)


def test_a_real_video_cut_in_the_middle_is_refused(shared_data: Path, bundle: Bundle, tmp_path: Path) -> None:
    """Its index stands at the end, so nothing of it can be read."""
    content = (shared_data / "dlc_openfield" / "videos" / "m3v1mp4.mp4").read_bytes()
    (tmp_path / "cut.mp4").write_bytes(content[: len(content) // 2])
    with pytest.raises(TrainingError, match=r"cut.mp4: 0 frames read"):
        render(tmp_path / "cut.mp4", bundle, truth=None, out=tmp_path / "out.mp4", engine=CPU, style=PLAIN)


def test_frames_of_a_real_video_become_a_strip(shared_data: Path, make_bundle: Callable[..., Path], tmp_path: Path) -> None:
    video = shared_data / "dlc_openfield" / "videos" / "m3v1mp4.mp4"
    bundle = read_bundle(make_bundle(tmp_path / "large"))
    write_strip(video, bundle, [0, 3, 6], out=tmp_path / "strip.png", engine=CPU, style=OverlayStyle(confidence=0.0, legend=True))
    strip = np.asarray(cv2.imread(str(tmp_path / "strip.png")))
    assert strip.shape == (480, 3 * 640 + 2 * 4, 3)


@pytest.mark.parametrize("size", [(224, 224), (480, 640), (60, 400)])
def test_the_legend_covers_no_small_picture(size: tuple[int, int]) -> None:
    names = ("snout", "left_ear", "right_ear", "tail_base")
    image = np.full((*size, 3), 200, np.uint8)
    drawn = with_legend(image.copy(), names, truth=True, animals=1)
    assert drawn.shape[:2] == size_with_legend(size, names, animals=1)
    covered = (drawn[: size[0], : size[1]] != image).any(axis=2).mean()
    beside, low = drawn.shape[1] > size[1], size[0] < 100
    assert (beside, low, covered > 0) in {(True, False, False), (False, False, True), (False, True, False)}
    assert covered < 0.1
    for truth in (True, False):  # one size for every frame of a video
        assert with_legend(image.copy(), names, truth=truth, animals=1).shape == drawn.shape
