"""The bundle of behaviour from poses: trained, proved, scored, compared, and its commands."""

import csv
import json
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray
from rich.console import Console

from tests.tracker.engine_settings import engine_settings
from tests.trainer.pose_videos import BODY, QUICK, divided, steps, video
from tests.trainer.walkers import CLASSES, FPS, POINTS, write_table
from tracker.bundle import Bundle, read_bundle
from tracker.classifiers.classifier import Classifier
from tracker.classifiers.open_classifier import open_classifier
from tracker.engines.open_engine import open_engine
from tracker.errors import BundleError
from trainer.__main__ import PROGRAM, main
from trainer.behaviour.answers import probabilities_of
from trainer.behaviour.bundle_request import BehaviourRequest
from trainer.behaviour.division import DivisionAsked
from trainer.behaviour.make_behaviour_bundle import collapsed, make_behaviour_bundle
from trainer.behaviour.settings import BehaviourSettings
from trainer.behaviour.temperature_and_thresholds import calibrate
from trainer.behaviour.train import train
from trainer.behaviour_scores.scored_video import Decide, ScoredVideo
from trainer.commands.behaviour_request import behaviour_request
from trainer.ethogram.read_options import ReadOptions
from trainer.timeline.labelled_videos import open_videos
from trainer.timeline.model_answers import read_tables, run_bundles


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("walkers")
    table = write_table(folder, frames=450)
    settings = BehaviourSettings(epochs=16, hidden=12, window=90, batch=4, learning_rate=2e-2, dropout=0.1, mirror=False)
    request = BehaviourRequest(table=table, out=folder / "bundle", settings=settings, asked=ReadOptions(), proved_frames=300)
    with (folder / "said.txt").open("w") as said:
        made = make_behaviour_bundle(request, Console(file=said))
    assert made.exported.largest <= 1e-5
    return folder / "bundle"


def test_a_trained_bundle_finds_what_it_learnt_in_a_video_it_never_saw(made: Path) -> None:
    about = read_bundle(made).description
    assert about.behaviour is not None
    assert about.behaviour.accuracy.macro_f1 is not None
    assert about.behaviour.accuracy.macro_f1 > 0.7
    assert (about.task, sorted(about.class_names), about.point_names) == ("behaviour", sorted(CLASSES), POINTS)
    assert about.behaviour.accuracy.frames == 450
    report = json.loads((made / "metrics.json").read_text())
    assert "mirror: no pose is mirrored, as asked for" in report["notes"]
    assert "no pose is mirrored" in (made / "report.html").read_text()


def test_a_bundle_proves_itself_and_starts_anew_after_a_gap(made: Path) -> None:
    opened = open_classifier(read_bundle(made))
    one = video(9, frames=80)

    def answers(warming: int) -> NDArray[np.float32]:
        about = msgspec.structs.replace(opened.about, warming_frames=warming)
        return probabilities_of(Classifier(opened.bundle, about, opened.engine), one)

    whole, again = answers(0), answers(5)
    assert np.isnan(again[:5]).all()
    assert np.array_equal(again[5:], whole[5:])


def test_changed_self_test_poses_and_contradicting_parts_are_refused(made: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    copy.mkdir()
    for path in made.iterdir():
        (copy / path.name).write_bytes(path.read_bytes())
    description = json.loads((copy / "bundle.json").read_bytes())
    description["behaviour"]["thresholds"] = [0.5]
    (copy / "bundle.json").write_text(json.dumps(description))
    with pytest.raises(BundleError, match="its parts contradict each other"):
        read_bundle(copy)
    (copy / "bundle.json").write_bytes((made / "bundle.json").read_bytes())
    content = bytearray((copy / "self_test.npy").read_bytes())
    content[-3] ^= 64
    (copy / "self_test.npy").write_bytes(content)
    with pytest.raises(BundleError, match=r"self_test\.npy: its SHA-256 begins"):
        read_bundle(copy)


def test_the_loop_refuses_a_bundle_that_takes_poses_in_one_sentence(made: Path) -> None:
    bundle: Bundle = read_bundle(made)
    with pytest.raises(BundleError, match="finds behaviour in poses"):
        open_engine(bundle, engine_settings(bundle), say=lambda _: None)


def test_a_bundle_is_scored_on_videos_that_it_was_not_made_with(made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = made.parent / "videos.csv"
    assert main(["evaluate", str(made), "--data", str(table), "--json", "--predictions", str(tmp_path / "p")]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [each["video"] for each in found["scores"][0]["videos"]] == ["v3"]
    assert "3 of 4 videos are those it was made with, and are left out" in found["notes"]
    assert not any("resemble" in note for note in found["notes"])
    with (tmp_path / "p" / "v3.csv").open(encoding="utf-8") as file:
        rows = list(csv.reader(file))
    assert rows[0][0] == "frame"
    assert sorted(rows[0][1:]) == sorted([*CLASSES, "none"])  # classes that exclude each other
    assert [sum(map(float, row[1:])) for row in rows[1:] if row[1]] == pytest.approx(
        [1.0] * sum(bool(row[1]) for row in rows[1:]), abs=1e-5
    )
    assert len(rows) == 451


def test_a_bundle_notes_what_its_poses_were_like_and_others_are_told(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    learnt = read_bundle(made).description.learnt_poses
    assert learnt is not None
    assert learnt.length_px is not None
    assert learnt.speed_px_s is not None
    assert learnt.length_px[0] < 40 < learnt.length_px[1] < 45  # the walkers' length
    assert (learnt.least_confidence, round(learnt.seen, 2)) == (0.2, 0.33)  # a tenth of the points is missing
    table = write_table(tmp_path, videos=1, first=30, frames=200)
    poses = tmp_path / "30.csv"
    header, rows = poses.read_text().splitlines()[:4], poses.read_text().splitlines()[4:]
    nearer = [
        [cell if not place or place % 3 == 0 or not cell else repr(2 * float(cell)) for place, cell in enumerate(row.split(","))]
        for row in rows
    ]
    poses.write_text("\n".join([*header, *(",".join(row) for row in nearer)]) + "\n")
    assert main(["evaluate", str(made), "--data", str(table), "--json"]) == 0
    [note] = [each for each in json.loads(capsys.readouterr().out)["notes"] if "resemble" in each]
    assert note.startswith("the poses do not resemble those that bundle was trained on: an animal is 8")


def test_a_bundle_says_on_the_timeline_what_its_evaluation_wrote(made: Path, tmp_path: Path) -> None:
    table = write_table(tmp_path, videos=1, first=21, frames=200)
    assert main(["evaluate", str(made), "--data", str(table), "--predictions", str(tmp_path / "found")]) == 0
    (tmp_path / "found" / "v21.csv").rename(tmp_path / "found" / "21.csv")  # by the name of the poses
    videos = open_videos([], [tmp_path / "21.csv"], fps=FPS, say=lambda _: None)
    [ran] = run_bundles([made], videos, say=lambda _: None)["21"]
    [read] = read_tables([tmp_path / "found"], videos, exclusive=True, say=lambda _: None)["21"]
    assert ran.class_names == read.class_names
    np.testing.assert_allclose(ran.probabilities, read.probabilities, rtol=1e-5, atol=1e-9)
    np.testing.assert_array_equal(ran.said, read.said)
    assert ran.said.any()


def test_what_is_asked_on_the_command_line_is_what_is_trained() -> None:
    words = "fit --task behaviour --data t.csv --out b --hold-out c d --validate e --leave-out base --channel S1 --epochs 7 --roles"
    words += " --split-by session"
    request = behaviour_request(PROGRAM.parser().parse_args([*words.split(), "--network", "tcn", "--loss", "mse"]))
    assert (request.table, request.out) == (Path("t.csv"), Path("b"))
    assert request.division == DivisionAsked(test=("c", "d"), validation=("e",), by="session")
    assert (request.left_out, request.asked.channel) == (("base",), "S1")
    assert request.settings == BehaviourSettings(epochs=7, network="tcn", loss="mse")
    assert request.roles
    assert request.proved_frames == 10_000


def test_a_network_that_answers_the_same_to_everything_is_called_collapsed() -> None:
    one = video(0, frames=50)
    same = np.tile(np.array([[0.7, 0.1]], np.float32), (50, 1))
    decide = Decide(exclusive=True, thresholds=(0.5, 0.5))
    flat = ScoredVideo(name="v", class_names=CLASSES, truth=one.marks, said=decide.of(same), probabilities=same, fps=FPS)
    alone = np.tile(np.array([1, 0], np.int8), (50, 1))
    assert collapsed([replace(flat, truth=alone)]) == []
    assert collapsed([flat])[0].startswith("collapsed: the network answers walk in every frame")
    same[3] = 0.1, 0.8
    assert collapsed([replace(flat, said=decide.of(same), probabilities=same)]) == []


def test_classes_that_overlap_are_learnt_and_decided_each_by_itself(tmp_path: Path) -> None:
    videos = divided(tmp_path)
    both = []
    for one in videos.videos:
        one.marks[:, 1] |= one.marks[:, 0]
        both.append(one)
    overlapping = replace(videos, exclusive=False, videos=tuple(both))
    trained = train(overlapping, BODY, QUICK, tmp_path / "run", say=lambda _: None)
    found = calibrate(trained, overlapping.of("validation"), rule="j")
    probabilities = steps(trained.network, both[0].poses[:50])
    assert probabilities.shape == (50, 2)
    assert found.rule == "greatest J on the validation videos"
    assert (probabilities.sum(axis=1) != 1).all()


def test_the_same_bundle_is_not_better_than_itself(made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = write_table(tmp_path, videos=1, frames=1800, first=20, fps=10.0)
    assert main(["compare", str(made), str(made), "--data", str(table)]) == 0
    assert "No difference between" in capsys.readouterr().out


def test_videos_too_short_to_compare_on_are_refused_before_any_network_runs(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    table = write_table(tmp_path, videos=1, frames=600, first=20, fps=10.0)
    monkeypatch.setattr("trainer.pipeline.compare_behaviour.decisions_of", None)
    assert main(["compare", str(made), str(made), "--data", str(table)]) == 1
    assert "2 blocks of 30 s are too few to compare two answers; give at least 6, 3 min of video" in capsys.readouterr().err


def test_what_takes_long_after_the_last_epoch_is_said_before_it_begins(made: Path) -> None:
    said = (made.parent / "said.txt").read_text()
    begun = [
        "fitting temperature and thresholds to the validation videos …",
        "writing the graph and comparing it with torch over 300 carried frames …",
        "training the reference: LightGBM",
        "scoring the training and the held-out videos, and drawing the report …",
    ]
    assert [said.index(words) for words in begun] == sorted(said.index(words) for words in begun)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--task", "behaviour", "--head", "xy"], "--head is for key points; leave it out with --task behaviour"),
        (["--classes", "walk"], "--classes is for behaviour"),
        (["--task", "behaviour", "--loss", "distance"], "--loss distance is for key points; expected cross_entropy or mse"),
        (
            ["--task", "behaviour", "--network", "small"],
            "--network small does not take poses; expected gru or tcn, or --region with images",
        ),
        (["--task", "behaviour", "--no-held-out", "--hold-out", "v1"], "contradict each other"),
        (["--task", "behaviour", "--classes", "sleep"], "no video labels 'sleep'; the labels have circle, walk"),
        (["--task", "behaviour", "--front", "beak"], "there is no point 'beak'; the poses have nose, middle, tail"),
    ],
)
def test_options_that_do_not_go_together_are_refused(
    arguments: list[str], sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = write_table(tmp_path, frames=150)
    assert main(["fit", "--data", str(table), "--out", str(tmp_path / "out"), *arguments]) == 1
    assert sentence in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
