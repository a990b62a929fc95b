"""Behaviour learnt from poses: features, the step with its states, training that goes on, the bundle and its commands."""

import csv
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from rich.console import Console

from tests.tracker.engine_settings import engine_settings
from tests.trainer.walkers import CLASSES, FPS, POINTS, walkers, write_deeplabcut, write_table
from tracker.bundle import Bundle, read_bundle
from tracker.engines.open_engine import open_engine
from tracker.errors import BundleError
from trainer.__main__ import PROGRAM, main
from trainer.behaviour.answers import check_self_test, engine_of, probabilities_of
from trainer.behaviour.body_axis import body_plan
from trainer.behaviour.clips import UNJUDGED, clips_of, mirrored, targets_of
from trainer.behaviour.export import export
from trainer.behaviour.features import BodyPlan
from trainer.behaviour.make_behaviour_bundle import BehaviourRequest, collapsed, make_behaviour_bundle
from trainer.behaviour.network import BehaviourPlan, PoseBehaviour, features_of
from trainer.behaviour.settings import BehaviourSettings
from trainer.behaviour.temperature_and_thresholds import calibrate
from trainer.behaviour.tracks import read_tracks
from trainer.behaviour.train import class_weights, loss_of, train
from trainer.behaviour.video_table import PoseVideo, PoseVideos, divide, read_videos
from trainer.behaviour_scores.scored_video import Decide, ScoredVideo
from trainer.commands.behaviour_options import behaviour_request
from trainer.errors import LabelError, TrainingError
from trainer.ethogram.bouts import ethogram
from trainer.ethogram.read_options import ReadOptions
from trainer.labels.mirror import swapped_order

BODY = BodyPlan(animals=2, points=3, front=0, back=2, scale_px=40.0, confidence=0.2)
QUICK = BehaviourSettings(epochs=3, hidden=8, window=150, batch=8, learning_rate=1e-2)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def network(*, exclusive: bool = True, seed: int = 0) -> PoseBehaviour:
    torch.manual_seed(seed)
    made = PoseBehaviour(BehaviourPlan(body=BODY, classes=2, exclusive=exclusive, hidden=8)).eval()
    with torch.no_grad():
        made.gru.get_parameter("weight_ih_l0").mul_(2)
    return made


def video(seed: int, *, frames: int = 300, name: str = "v") -> PoseVideo:
    poses, marks = walkers(seed, frames=frames)
    return PoseVideo(name=name, poses=poses, marks=marks, fps=FPS, labels=ethogram(CLASSES, [], where="", frames=frames), part="train")


def steps(made: PoseBehaviour, poses: NDArray[np.float32], seconds: float = 1 / FPS) -> NDArray[np.float32]:
    states = made.zero_states()
    answers = []
    with torch.no_grad():
        for place, frame in enumerate(torch.from_numpy(poses)):
            answer, *states = made(frame[None], torch.full((1, 1), seconds if place else 0.0), *states)
            answers.append(answer[0].numpy())
    return np.stack(answers)


def features(poses: NDArray[np.float32]) -> NDArray[np.float32]:
    seconds = torch.full((len(poses),), 1 / FPS)
    seconds[0] = 0
    found: NDArray[np.float32] = features_of(network(), [torch.from_numpy(poses)], [seconds])[0].numpy()
    return found


def test_one_step_per_frame_gives_what_the_whole_clip_gives() -> None:
    made, one = network(), video(0)
    clips = clips_of(made, [one], POINTS, None).normalise(made)
    whole = made.probabilities(made.logits(clips.variants[0][0][None])[0])[0].detach().numpy()
    np.testing.assert_allclose(steps(made, one.poses), whole, atol=1e-5)


def test_no_answer_depends_on_a_later_frame() -> None:
    made, one = network(), video(0, frames=60)
    altered = one.poses.copy()
    altered[40:] += 100
    assert np.array_equal(steps(made, one.poses)[:40], steps(made, altered)[:40])


def test_features_do_not_depend_on_place_direction_or_size_of_the_pixels() -> None:
    poses, _ = walkers(1, frames=120)
    turned = poses.copy()
    angle = 1.1
    turned[..., 0] = np.cos(angle) * poses[..., 0] - np.sin(angle) * poses[..., 1] + 500
    turned[..., 1] = np.sin(angle) * poses[..., 0] + np.cos(angle) * poses[..., 1] - 80
    first_seen = 20  # until the body's axis was seen once, its direction is the image's
    np.testing.assert_allclose(features(turned)[first_seen:], features(poses)[first_seen:], atol=2e-2)


def test_a_point_that_is_missing_stays_where_it_was_and_grows_stale() -> None:
    poses, _ = walkers(2, frames=40, missing=0.0)
    gone, unsure = poses.copy(), poses.copy()
    gone[20:, 0, 1] = np.nan
    unsure[20:, 0, 1, 2] = 0.1
    assert np.isfinite(features(gone)).all()
    assert np.array_equal(features(gone), features(unsure))
    fresh = 2 * 3 + 1  # after the mean positions of three points comes the mean freshness of each
    assert np.all(np.diff(features(gone)[20:, fresh]) < 0)


def test_poses_in_which_nothing_was_ever_seen_give_finite_answers() -> None:
    nothing = np.full((30, 2, 3, 3), np.nan, np.float32)
    answers = steps(network(), nothing)
    assert np.isfinite(answers).all()
    assert (answers.sum(axis=1) <= 1).all()


def test_a_mirror_exchanges_left_and_right_and_twice_changes_nothing() -> None:
    poses, _ = walkers(3, frames=20)
    order = swapped_order(("left_ear", "right_ear", "tail"))
    assert order is not None
    once = mirrored(poses, order)
    np.testing.assert_array_equal(mirrored(once, order), poses)
    np.testing.assert_array_equal(once[:, :, 0, 0], poses[:, :, 1, 0])


@pytest.mark.parametrize("roles", [False, True])
def test_animals_in_other_order_give_the_same_answers_unless_they_have_roles(roles: bool) -> None:
    torch.manual_seed(0)
    made = PoseBehaviour(BehaviourPlan(body=replace(BODY, roles=roles), classes=2, exclusive=True, hidden=8)).eval()
    poses, _ = walkers(4, frames=40)
    same = np.allclose(steps(made, poses), steps(made, np.ascontiguousarray(poses[:, ::-1])), atol=1e-6)
    assert same is not roles


def test_frames_that_nobody_judged_teach_nothing() -> None:
    one = video(0, frames=6)
    one.marks[2] = -1
    targets = torch.from_numpy(targets_of(one, exclusive=True))
    assert (targets[2] == UNJUDGED).all()
    assert (targets[[0, 1, 3]].sum(dim=1) == 1).all()
    logits = torch.zeros(6, 3)
    wild = logits.clone()
    wild[2] = torch.tensor([50.0, -50.0, 0.0])
    assert loss_of(logits, targets, None, exclusive=True) == loss_of(wild, targets, None, exclusive=True)


def test_classes_weigh_by_the_root_of_how_rare_they_are() -> None:
    targets = torch.zeros(100, 2)
    targets[:4, 0], targets[4:, 1] = 1, 1
    on, _ = class_weights([targets])
    assert float(on[0] / on[1]) == pytest.approx((96 / 4) ** 0.5, rel=1e-4)


def test_training_goes_on_where_it_was_left_and_ends_with_the_same_weights(tmp_path: Path) -> None:
    videos = divided(tmp_path)
    said: list[str] = []
    whole = train(videos, BODY, QUICK, tmp_path / "whole", say=said.append)

    class KilledError(Exception):
        """Stands for a power cut."""

    def kill(sentence: str) -> None:
        if sentence.startswith("epoch 2"):
            raise KilledError

    with pytest.raises(KilledError):
        train(videos, BODY, QUICK, tmp_path / "cut", say=kill)
    resumed = train(videos, BODY, QUICK, tmp_path / "cut", say=said.append)
    assert "going on after epoch 2" in said
    assert [epoch.validation for epoch in resumed.history] == [epoch.validation for epoch in whole.history]
    for one, other in zip(resumed.network.state_dict().values(), whole.network.state_dict().values(), strict=True):
        assert torch.equal(one, other)
    other = BehaviourSettings(**QUICK.as_plain() | {"hidden": 9})
    with pytest.raises(TrainingError, match=r"holds a training in which hidden differ"):
        train(videos, BODY, other, tmp_path / "cut", say=said.append)


def divided(folder: Path) -> PoseVideos:
    folder.mkdir(exist_ok=True)
    return divide(read_videos(write_table(folder, frames=300), asked=ReadOptions()), test=(), validation=(), nothing_held_out=False)


def test_the_exported_step_is_the_network_over_many_carried_frames(tmp_path: Path) -> None:
    made = network()
    found = export(made, [video(0), video(1)], frames=400)
    assert found.largest <= 1e-5
    assert found.changed > 1e-5
    assert set(found.state_shapes) == {"points", "heading", "motion", "pairs", "memory"}


def test_temperature_never_makes_the_validation_loss_worse(tmp_path: Path) -> None:
    videos = divided(tmp_path)
    trained = train(videos, BODY, QUICK, tmp_path / "run", say=lambda _: None)
    with torch.no_grad():
        trained.network.answer.weight.mul_(20)  # much too sure
    found = calibrate(trained.network, trained.validation, videos.of("validation"), rule="f1")
    assert found.loss_after < found.loss_before
    assert found.temperature > 1
    assert len(found.thresholds) == 2


def test_the_axis_is_found_from_how_animals_move(tmp_path: Path) -> None:
    plan = body_plan(divided(tmp_path), front=None, back=None, confidence=0.2)
    assert (plan.front, plan.back) == (0, 2)
    assert plan.scale_px == pytest.approx(40, abs=1)
    backwards = body_plan(divided(tmp_path), front="tail", back=None, confidence=0.2)
    assert (backwards.front, backwards.back) == (2, 0)


def test_deeplabcut_poses_come_back_to_the_last_digit(tmp_path: Path) -> None:
    poses, _ = walkers(0, frames=30)
    write_deeplabcut(tmp_path / "a.csv", poses)
    found = read_tracks(tmp_path / "a.csv")
    assert found.point_names == POINTS
    np.testing.assert_array_equal(found.poses, poses)


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (lambda text: text.replace("likelihood", "p"), r"csv:4: the columns are x, y, p, x"),
        (lambda text: text.replace("scorer", "who"), r"the first rows begin with 'who'"),
        (lambda text: text.replace("\n7,", "\n9,"), r"csv:12: begins with '9'; expected frame 7"),
        (lambda text: text + "20,1\n", r"csv:25: has 2 columns; expected 19"),
        (lambda text: text.replace("nose", "tail", 1), r"does not stand once"),
    ],
)
def test_a_malformed_table_of_poses_is_refused_in_one_sentence(spoil: "object", sentence: str, tmp_path: Path) -> None:
    write_deeplabcut(tmp_path / "a.csv", walkers(0, frames=20)[0])
    assert callable(spoil)
    (tmp_path / "a.csv").write_text(spoil((tmp_path / "a.csv").read_text()), encoding="utf-8")
    with pytest.raises(LabelError, match=sentence):
        read_tracks(tmp_path / "a.csv")


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (("v1,1.csv", "v0,1.csv"), r"two videos are called 'v0'"),
        (("1.csv,1-boris.csv", "gone.csv,1-boris.csv"), r"gone\.csv: is not there; give a file of poses"),
        (("video,poses,labels,fps", "video,poses,marks,fps"), r"has the columns video, poses, marks, fps; expected poses and labels"),
        (("1-boris.csv,30", "1-boris.csv,fast"), r"videos\.csv:3: fps is 'fast'"),
        (("1-boris.csv,30", "1-boris.csv,25"), r"says 30 frames per second, --fps 25"),
    ],
)
def test_a_malformed_table_of_videos_is_refused_in_one_sentence(change: tuple[str, str], sentence: str, tmp_path: Path) -> None:
    table = write_table(tmp_path, frames=60)
    table.write_text(table.read_text().replace(*change), encoding="utf-8")
    with pytest.raises(LabelError, match=sentence):
        read_videos(table, asked=ReadOptions())


def test_videos_are_divided_whole_and_too_few_are_refused(tmp_path: Path) -> None:
    videos = read_videos(write_table(tmp_path, frames=60), asked=ReadOptions())
    default = divide(videos, test=(), validation=(), nothing_held_out=False)
    assert [video.part for video in default.videos] == ["train", "train", "validation", "test"]
    named = divide(videos, test=["v0"], validation=["v1"], nothing_held_out=False)
    assert [video.part for video in named.videos] == ["test", "validation", "train", "train"]
    with pytest.raises(TrainingError, match="there is not a video 'v9'; the table has v0, v1, v2, v3"):
        divide(videos, test=["v9"], validation=(), nothing_held_out=False)
    with pytest.raises(TrainingError, match="4 videos leave none for train"):
        divide(videos, test=["v0", "v1"], validation=["v2", "v3"], nothing_held_out=False)


def test_left_out_classes_and_frames_past_the_poses_are_judged_by_nobody(tmp_path: Path) -> None:
    table = write_table(tmp_path, videos=1, frames=150)
    write_deeplabcut(tmp_path / "0.csv", walkers(0, frames=140)[0])
    videos = read_videos(table, asked=ReadOptions(), left_out=["walk"])
    marks = walkers(0, frames=150)[1][:140]
    assert videos.class_names == ("circle",)
    assert np.array_equal(videos.videos[0].marks[:, 0] == -1, marks[:, 0] == 1)
    assert "labels run 10 frames past the 140 of its poses" in videos.notes[0]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("walkers")
    table = write_table(folder, frames=450)
    settings = BehaviourSettings(epochs=16, hidden=12, window=90, batch=4, learning_rate=2e-2, dropout=0.1, mirror=False)
    request = BehaviourRequest(table=table, out=folder / "bundle", settings=settings, asked=ReadOptions(), proved_frames=300)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    made = make_behaviour_bundle(request, Console(quiet=True))
    torch.set_num_threads(threads)
    assert made.exported.largest <= 1e-5
    return folder / "bundle"


def test_a_trained_bundle_finds_what_it_learnt_in_a_video_it_never_saw(made: Path) -> None:
    about = read_bundle(made).description
    assert about.behaviour is not None
    assert about.behaviour.accuracy.macro_f1 is not None
    assert about.behaviour.accuracy.macro_f1 > 0.7
    assert (about.task, sorted(about.class_names), about.point_names) == ("behaviour", sorted(CLASSES), POINTS)
    assert about.behaviour.accuracy.frames == 450
    assert (made / "report.html").exists()


def test_a_bundle_proves_itself_and_starts_anew_after_a_gap(made: Path) -> None:
    bundle = read_bundle(made)
    engine = engine_of(bundle)
    check_self_test(bundle, engine)
    one = video(9, frames=80)
    whole = probabilities_of(engine, one, warming=0, longest_gap_s=1.0)
    again = probabilities_of(engine, one, warming=5, longest_gap_s=1.0)
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
    with (tmp_path / "p" / "v3.csv").open(encoding="utf-8") as file:
        rows = list(csv.reader(file))
    assert sorted(rows[0]) == sorted(["frame", *CLASSES])
    assert len(rows) == 451


def test_what_is_asked_on_the_command_line_is_what_is_trained() -> None:
    words = "fit --task behaviour --data t.csv --out b --hold-out c d --validate e --leave-out base --channel S1 --epochs 7 --roles"
    request = behaviour_request(PROGRAM.parser().parse_args(words.split()))
    assert (request.table, request.out, request.test, request.validation) == (Path("t.csv"), Path("b"), ("c", "d"), ("e",))
    assert (request.left_out, request.asked.channel, request.settings) == (("base",), "S1", BehaviourSettings(epochs=7))
    assert request.roles
    assert request.proved_frames == 10_000


def test_a_network_that_answers_the_same_to_everything_is_called_collapsed() -> None:
    one = video(0, frames=50)
    same = np.tile(np.array([[0.7, 0.1]], np.float32), (50, 1))
    decide = Decide(exclusive=True, thresholds=(0.5, 0.5))
    flat = ScoredVideo(name="v", class_names=CLASSES, truth=one.marks, said=decide.of(same), probabilities=same, fps=FPS)
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
    found = calibrate(trained.network, trained.validation, overlapping.of("validation"), rule="j")
    probabilities = steps(trained.network, both[0].poses[:50])
    assert probabilities.shape == (50, 2)
    assert found.rule == "greatest J on the validation videos"
    assert (probabilities.sum(axis=1) != 1).all()


def test_the_same_bundle_is_not_better_than_itself(made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = write_table(tmp_path, videos=1, frames=1800, first=20, fps=10.0)
    assert main(["compare", str(made), str(made), "--data", str(table)]) == 0
    assert "No difference between" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--task", "behaviour", "--head", "xy"], "--head is for key points; leave it out with --task behaviour"),
        (["--classes", "walk"], "--classes is for behaviour"),
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
