"""Many findings about labels are told in few lines, and no training is refused only after them."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.trainer.test_label_checks import animals, with_points
from trainer.__main__ import main
from trainer.labels.checks import check_labels
from trainer.labels.finding_lines import finding_lines, odd_labels
from trainer.labels.images import ImageRef
from trainer.labels.labelled_frames import LabelledFrames


def swapped(count: int, *, of: int) -> LabelledFrames:
    """Animals of which the first few have their ears exchanged."""
    frames = animals(of)
    points = frames.points.copy()
    points[:count] = points[:count][:, :, [0, 2, 1, 3]]
    return replace(frames, points=points)


def in_a_video(frames: LabelledFrames) -> LabelledFrames:
    return replace(frames, images=tuple(ImageRef(path=Path("monday.mp4"), frame=1000 + place) for place in range(len(frames))))


def test_a_handful_of_findings_is_told_one_by_one() -> None:
    found = check_labels(swapped(12, of=300))
    assert finding_lines(found) == [one.sentence for one in found]
    assert odd_labels(found).gathered is None


def test_many_frames_with_one_fault_are_one_line_with_the_first_of_them() -> None:
    assert finding_lines(check_labels(swapped(13, of=300))) == [
        "'leftear' and 'rightear' lie the other way round than in 96% of the frames, in 13 frames: m1/img000.png, m1/img001.png, "
        "m1/img002.png, …; look whether they are swapped"
    ]


def test_frames_of_a_video_are_named_by_their_numbers() -> None:
    found = check_labels(in_a_video(swapped(13, of=300)))
    assert "in 13 frames: 1000, 1001, 1002 of monday.mp4, …;" in finding_lines(found)[0]
    odd = odd_labels(found, "held out: has no frame with the tag lick")
    assert odd.gathered == "14 findings in 2 lines"
    assert odd.lines[1] == odd.each[-1] == "held out: has no frame with the tag lick"
    assert odd.each[0].startswith("frame 1000 of monday.mp4: 'leftear' and 'rightear' lie")


def test_each_pair_whose_distance_is_odd_has_a_line_with_its_shortest_and_longest() -> None:
    frames = animals(300)
    far: dict[tuple[int, ...], NDArray[np.float64] | float] = {
        (place, 0, 0): frames.points[place, 0, 3] + (300.0 + place, 0.0) for place in range(13)
    }
    lines = finding_lines(check_labels(with_points(frames, far)))
    assert "'snout' and 'tailbase' are 300 to 312 px apart, in half of all frames less than 100 px, in 13 frames: " in lines[2]
    assert len(lines) == 3  # the snout's distances to either ear and to the tail


def test_a_share_that_is_not_all_is_never_said_to_be_all() -> None:
    assert "than in 99.9% of the frames" in check_labels(swapped(1, of=3000))[0].sentence
    assert "than in 99.7% of the frames" in check_labels(swapped(1, of=300))[0].sentence


@pytest.fixture
def two_flies(shared_data: Path) -> Path:
    path = shared_data / "sleap_flies" / "clip.slp"
    if not path.exists():
        pytest.skip("no labels of two flies here")
    return path


def test_labels_with_hundreds_of_findings_are_diagnosed_in_few_lines_and_all_of_them_in_a_file(
    two_flies: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["diagnose", "--data", str(two_flies), "--labels-only", "--out", str(tmp_path / "said")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) < 25
    assert any(line.startswith("'abdomen' and 'wingL' are") and "in 267 frames: 1098, 1099, 1100 of clip.mp4" in line for line in lines)
    assert any(line.startswith("augmentation: ") for line in lines)
    kept = (tmp_path / "said" / "labels.txt").read_text().splitlines()
    assert f"{len(kept)} findings in" in "\n".join(lines)
    assert main(["diagnose", "--data", str(two_flies), "--labels-only", "--json"]) == 0
    assert [one["sentence"] for one in json.loads(capsys.readouterr().out)["findings"]] == kept


def test_a_head_that_finds_one_animal_is_refused_before_anything_is_said_of_the_labels(
    two_flies: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["fit", "--data", str(two_flies), "--out", str(tmp_path / "mine"), "--device", "cpu"]) == 1
    said = capsys.readouterr().err
    assert "use --head several" in said
    assert "labels:" not in said
