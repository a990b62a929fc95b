"""Labels drawn alone, right after labelling: no network is trained, no bundle is there."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.trainer.test_render import decoded, redness, spot, write_video
from trainer.__main__ import main
from trainer.project.store import FrameLabel, Layer, create_project, open_project
from trainer.video_files.reader import VideoReader
from trainer.videos.render import size_with_legend

SIZE = (96, 128)


def labelled_project(folder: Path, video: Path) -> Path:
    """Frames 1 and 4 of a video, labelled 20 px from its spot; frame 6 is not labelled."""
    project = create_project(folder, point_names=["spot"])
    images = decoded(video)
    project.add_frames(video, ((number, images[number]) for number in (1, 4, 6)), why="uniform")
    labels = {project.image_of(video.name, n): FrameLabel(animals=[{"spot": (spot(n)[0] + 20.0, spot(n)[1] + 20.0)}]) for n in (1, 4)}
    project.write_layer(Layer(annotator="ann", frames=labels))
    return folder


def test_a_copy_of_the_video_shows_the_labels_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    video = write_video(tmp_path / "in.mp4", frames=8)
    project = labelled_project(tmp_path / "p", video)
    assert main(["render", str(video), "--truth", str(project), "--out", str(tmp_path / "out.mp4")]) == 0
    assert "8 frames, 2 of them labelled" in capsys.readouterr().err
    frames = decoded(tmp_path / "out.mp4")
    with VideoReader(tmp_path / "out.mp4") as reader:
        beside = size_with_legend(SIZE, open_project(project).point_names, animals=0)
        assert (len(frames), float(reader.rate), reader.size) == (8, 25.0, beside)
    assert main(["render", str(video), "--truth", str(project), "--no-legend", "--out", str(tmp_path / "bare.mp4")]) == 0
    with VideoReader(tmp_path / "bare.mp4") as reader:
        assert reader.size == SIZE
    ringed = [redness(frame, (spot(n)[0] + 20, spot(n)[1] + 20)) > 80 for n, frame in enumerate(frames)]
    assert ringed == [n in (1, 4) for n in range(8)]


def test_every_labelled_picture_is_drawn_where_there_is_no_video(tmp_path: Path) -> None:
    project = labelled_project(tmp_path / "p", write_video(tmp_path / "in.mp4", frames=8))
    (tmp_path / "in.mp4").unlink()
    assert main(["render", str(project), "--out", str(tmp_path / "checked")]) == 0
    made = sorted((tmp_path / "checked").rglob("*.png"))
    assert [str(path.relative_to(tmp_path / "checked")) for path in made] == ["in/000001.png", "in/000004.png"]
    drawn = cv2.imread(str(made[1]))
    assert drawn is not None
    assert drawn.shape[1] > SIZE[1], "the legend stands beside so small a picture"
    assert main(["render", str(project), "--no-legend", "--out", str(tmp_path / "bare")]) == 0
    bare = cv2.imread(str(tmp_path / "bare/in/000004.png"))
    np.testing.assert_array_equal(bare, drawn[:, : SIZE[1]])
    assert redness(np.asarray(drawn[..., ::-1], np.uint8), (spot(4)[0] + 20, spot(4)[1] + 20)) > 80


@pytest.mark.parametrize("arguments", [["in.mp4"], ["in.mp4", "--truth", "p", "--strip", "1"], ["p", "--truth", "p"]])
def test_what_cannot_be_drawn_without_a_bundle_is_wrong_usage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    (tmp_path / "p").mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        main(["render", *arguments, "--out", "x"])
    assert ended.value.code == 2
