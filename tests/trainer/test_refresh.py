"""A rig is refreshed in one command: from the weights in use, compared on frames that neither has learnt from, and never for the worse."""

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.trainer.learnable import SIZE, draw
from tracker.bundle import read_bundle
from trainer.__main__ import main
from trainer.pipeline.refresh import verdict
from trainer.project.store import FrameLabel, Layer, create_project, open_project
from trainer.scoring.compare import Comparison, PairedDifference

QUICK = ["--epochs", "1", "--batches", "30", "--batch", "8", "--device", "cpu", "--precision", "32", "--workers", "0"]
LONGER = ("--batches", "150")  # after fewer steps a network finds heads alone, and a refreshed one may be worse, on some processors


def project(folder: Path, numbers: range, *, upside_down: bool = False) -> Path:
    """A labelling project of bars; `upside_down` labels every point where it would be if the picture stood on its head."""
    made = create_project(folder, point_names=("head", "tail"))
    pictures = ((number, np.repeat(draw(number)[0][:, :, None], 3, axis=2)) for number in numbers)  # as an infrared camera writes them
    made.add_frames(Path("bars.mp4"), pictures, why="all")
    made = open_project(folder)
    labels = {}
    for frame in made.frames:
        points = draw(frame.frame)[1]
        head, tail = (np.array(SIZE[::-1]) - 1 - points if upside_down else points).tolist()
        labels[frame.image] = FrameLabel(animals=[{"head": tuple(head), "tail": tuple(tail)}], excluded=False, tags=[])
    made.write_layer(Layer(annotator="ann", frames=labels))
    return folder


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with labels and the bundle trained from them."""
    folder = tmp_path_factory.mktemp("rig")
    project(folder / "old", range(40))
    assert main(["fit", "--data", str(folder / "old"), "--out", str(folder / "mine"), *QUICK, *LONGER]) == 0
    return folder


@pytest.fixture
def own(rig: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    shutil.copytree(rig, tmp_path / "rig")
    return tmp_path / "rig"


def first_loss(folder: Path) -> float:
    """Of the training that the bundle is from."""
    return float(json.loads((folder / "mine.run" / "history.json").read_text())["batch_loss"][0])


def refresh(folder: Path, *labels: str, more: tuple[str, ...] = ()) -> int:
    data = [str(folder / name) for name in labels]
    return main(["fit", "--refresh", str(folder / "mine"), "--data", *data, *QUICK, *more])


def test_new_labels_make_a_new_bundle_from_the_old_weights(own: Path, capsys: pytest.CaptureFixture[str]) -> None:
    project(own / "new", range(50, 65))
    before, scratch = read_bundle(own / "mine").description, first_loss(own)
    assert refresh(own, "old", "new", more=("--json", *LONGER)) == 0
    said = capsys.readouterr()
    after = read_bundle(own / "mine").description
    assert after.onnx_sha256 != before.onnx_sha256
    assert after.training.frames + after.training.held_out_frames == 55
    assert "40 frames known to mine, 15 added" in said.err
    assert "8 frames held out as before, 3 of 15 added ones beside them" in said.err
    assert json.loads(said.out)["held_out"]["frames"] == 11
    replaced = f"took the place of the one made {before.created}, of which no copy is kept."
    assert json.loads(said.out)["replaced"].endswith(replaced)
    assert replaced in (own / "mine" / "report.html").read_text()
    assert first_loss(own) < 0.7 * scratch  # random weights would begin where the first training began
    assert not (own / "mine.refresh").exists()
    assert (own / "mine.run" / "split.json").is_file()


def test_a_refresh_mirrors_and_turns_as_the_bundle_in_use_did(own: Path) -> None:
    project(own / "new", range(50, 55))
    path = own / "mine" / "bundle.json"
    before = json.loads(path.read_text())
    before["training"]["augmentation"] |= {"flip": 0.0, "rotation_deg": 15.0}
    path.write_text(json.dumps(before))
    assert refresh(own, "old", "new", more=("--accept-worse",)) == 0
    kept = read_bundle(own / "mine").description.training.augmentation
    assert kept is not None
    assert (kept.flip, kept.rotation_deg) == (0.0, 15.0)


def test_a_refresh_with_images_of_another_size_keeps_the_networks_input(own: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """More labels of a larger camera are fitted to the input that the rig runs with."""
    made = create_project(own / "new", point_names=("head", "tail"))
    images = ((number, np.asarray(cv2.resize(draw(number)[0], None, fx=2, fy=2), np.uint8)) for number in range(50, 95))
    made.add_frames(Path("large.mp4"), images, why="all")
    made = open_project(own / "new")
    labels = {}
    for frame in made.frames:
        head, tail = (2 * draw(frame.frame)[1] + 0.5).tolist()
        labels[frame.image] = FrameLabel(animals=[{"head": tuple(head), "tail": tuple(tail)}], excluded=False, tags=[])
    made.write_layer(Layer(annotator="ann", frames=labels))
    assert refresh(own, "old", "new", more=("--accept-worse",)) == 0
    after = read_bundle(own / "mine").description
    assert after.input.shape == (1, 96, 128, 1)
    assert after.training.image_sizes == ((128, 96), (256, 192))
    assert "each is fitted to the network's 128x96" in capsys.readouterr().err


def test_a_refreshed_bundle_is_written_again_in_fp16(own: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It is judged on the frames that its refresh held out, whatever words describe them."""
    project(own / "new", range(50, 65))
    assert refresh(own, "old", "new", more=LONGER) == 0
    data = [str(own / name) for name in ("old", "new")]
    assert main(["compile", str(own / "mine"), "--precision", "fp16", "--in-graph", "--data", *data, "--threads", "1"]) == 0
    assert read_bundle(own / "mine-fp16").description.accuracy.frames == 11
    shutil.rmtree(own / "mine.run")
    assert main(["compile", str(own / "mine"), "--precision", "fp16", "--in-graph", "--data", *data, "--threads", "1"]) == 0
    capsys.readouterr()
    assert main(["compile", str(own / "mine"), "--precision", "fp16", "--in-graph", "--data", data[0], "--threads", "1"]) == 1
    assert "is not what" in capsys.readouterr().err


def test_a_worse_network_is_refused_and_the_one_in_use_stays_until_it_is_asked_for(own: Path, capsys: pytest.CaptureFixture[str]) -> None:
    project(own / "wrong", range(50, 110), upside_down=True)  # of a camera that was turned, with labels of before
    before = (own / "mine" / "model.onnx").read_bytes()
    data = [str(own / name) for name in ("old", "wrong")]
    hold = ["--random-split", "0.02"]
    command = ["fit", "--refresh", str(own / "mine"), "--data", *data, *QUICK, *hold]
    assert main(command) == 1
    said = capsys.readouterr().err
    assert "left as it was: on 9 held-out frames the refreshed network has" in said
    assert "--accept-worse" in said
    assert "Traceback" not in said
    assert (own / "mine" / "model.onnx").read_bytes() == before
    assert main([*command, "--accept-worse"]) == 0
    assert (own / "mine" / "model.onnx").read_bytes() != before


@pytest.mark.parametrize(
    ("labels", "remove", "message"),
    [
        (("old",), None, "knows all 40 frames already"),
        (("old", "new"), "mine.run", "nobody knows which frames the bundle in use was trained on"),
        (("old", "new"), "mine.run/checkpoints", "begins with the weights of the bundle in use"),
        (("old", "other"), None, "labels the points beak; "),
        (("other",), None, "mine finds head, tail; the labels hold beak: refresh it with labels of the same point names"),
    ],
    ids=["nothing added", "run lost", "weights lost", "other points beside the old", "other points alone"],
)
def test_what_cannot_be_refreshed_is_refused_in_a_sentence(
    own: Path, capsys: pytest.CaptureFixture[str], labels: tuple[str, ...], remove: str | None, message: str
) -> None:
    project(own / "new", range(50, 55))
    other = create_project(own / "other", point_names=("beak",))
    other.add_frames(Path("birds.mp4"), [(0, draw(50)[0])], why="all")
    other = open_project(own / "other")
    other.write_layer(
        Layer(annotator="ann", frames={other.frames[0].image: FrameLabel(animals=[{"beak": (9.0, 9.0)}], excluded=False, tags=[])})
    )
    if remove:
        shutil.rmtree(own / remove)
    before = (own / "mine" / "model.onnx").read_bytes()
    assert refresh(own, *labels) == 1
    said = capsys.readouterr().err
    assert message in said
    assert "Traceback" not in said
    assert (own / "mine" / "model.onnx").read_bytes() == before


@pytest.mark.parametrize("kind", ["sleap", "coco", "deeplabcut"])
def test_an_export_of_the_labels_learnt_from_adds_nothing(rig: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], kind: str) -> None:
    """Taken for unseen frames, they would judge the network that has learnt them."""
    export = tmp_path / ("old.pkg.slp" if kind == "sleap" else "old")
    assert main(["project", "export", str(rig / "old"), "--to", kind, "--out", str(export)]) == 0
    assert main(["fit", "--refresh", str(rig / "mine"), "--data", str(export), *QUICK]) == 1
    assert "knows all 40 frames already" in capsys.readouterr().err
    assert main(["evaluate", str(rig / "mine"), "--data", str(export), "--report", str(tmp_path / "report"), "--json"]) == 0
    held_out, learnt = json.loads(capsys.readouterr().out)["sets"]
    assert (held_out["frames"], learnt["frames"]) == (8, 32)


def test_too_few_frames_to_compare_are_refused_before_the_training(own: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Those that the bundle in use held out are not given, and of the new ones few are held out."""
    project(own / "new", range(50, 75))
    assert refresh(own, "new") == 1
    said = capsys.readouterr().err
    assert "mine: left as it was: 5 held-out frames are too few to compare the refreshed network with the one in use; expected at" in said
    assert "give the labels of the bundle in use as well or more new ones, or hold out more of them (--folds 2), or --accept-worse" in said
    assert not (own / "mine.refresh").exists()
    before = read_bundle(own / "mine").description.onnx_sha256
    assert refresh(own, "new", more=("--accept-worse",)) == 0
    assert read_bundle(own / "mine").description.onnx_sha256 != before


def comparison(first_px: float, second_px: float, *, low: float, high: float, p: float) -> Comparison:
    overall = PairedDifference(what="all points", frames=40, first_px=first_px, second_px=second_px, low_px=low, high_px=high, p=p, block=1)
    return Comparison(first="in use", second="refreshed", overall=overall, per_point=(), evaluations=())  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        (comparison(2.0, 1.5, low=-0.7, high=-0.3, p=0.001), None),
        (comparison(2.0, 2.05, low=-0.1, high=0.2, p=0.6), None),
        (comparison(2.0, 2.05, low=0.01, high=0.1, p=0.01), "it is worse, and not by chance"),
        (comparison(2.0, 2.2, low=-0.1, high=0.5, p=0.3), "it is worse by 10%"),
    ],
    ids=["better", "worse by chance", "worse for sure", "worse by too much"],
)
def test_the_gate_lets_through_what_is_not_worse(found: Comparison, reason: str | None) -> None:
    given = verdict(found)
    assert given is None if reason is None else given is not None and given.startswith(reason)


def test_a_mistake_in_the_configuration_to_swap_with_is_found_before_training(own: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (own / "tracker.yaml").write_text("camera: 1\n")
    project(own / "new", range(50, 55))
    assert refresh(own, "old", "new", more=("--swap", str(own / "tracker.yaml"))) == 1
    assert "tracker.yaml" in capsys.readouterr().err
    assert not (own / "mine.refresh").exists()
