"""Behaviour learnt from poses: features, the step with its states, and training that goes on."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.trainer.pose_videos import BODY, QUICK, divided, features, network, steps, video
from tests.trainer.walkers import POINTS, walkers, write_deeplabcut, write_table
from trainer.behaviour.body_axis import find_body_axis
from trainer.behaviour.causal_convolutions import CausalConvolutions
from trainer.behaviour.clips import UNJUDGED, Clips, clips_of, mirrored, targets_of
from trainer.behaviour.division import DivisionAsked
from trainer.behaviour.export import export
from trainer.behaviour.network import BehaviourPlan, PoseBehaviour, PoseNetwork
from trainer.behaviour.settings import BehaviourSettings
from trainer.behaviour.temperature_and_thresholds import calibrate
from trainer.behaviour.tracks import read_tracks
from trainer.behaviour.train import _loss, train
from trainer.behaviour.video_table import divide, read_videos
from trainer.behaviour.weighted_loss import class_weights, loss_of
from trainer.errors import LabelError, TrainingError
from trainer.ethogram.read_options import ReadOptions
from trainer.labels.mirror import swapped_order


def test_the_loss_of_a_training_is_that_of_the_answers_before_any_softmax() -> None:
    made = network()
    sure = torch.full((made.answers,), -30.0)
    sure[0] = 30.0
    with torch.no_grad():
        made.answer.weight.zero_()
        made.answer.bias.copy_(sure)
    shown = clips_of(made, [video(0)]).normalise(made).variants[0][0][None]
    targets = torch.zeros(*shown.shape[:2], made.answers)
    targets[..., 0] = 1
    loss = _loss(made, QUICK, shown, targets, (torch.ones(made.answers), torch.ones(made.answers)))
    assert loss.item() < 1e-6


@pytest.mark.parametrize("kind", ["gru", "tcn"])
def test_one_step_per_frame_gives_what_the_whole_clip_gives(kind: PoseNetwork) -> None:
    made, one = network(kind=kind), video(0)
    clips = clips_of(made, [one]).normalise(made)
    whole = made.probabilities(made.logits(clips.variants[0][0][None]))[0].detach().numpy()
    np.testing.assert_allclose(steps(made, one.poses), whole, atol=1e-5)


@pytest.mark.parametrize("kind", ["gru", "tcn"])
def test_no_answer_depends_on_a_later_frame(kind: PoseNetwork) -> None:
    made, one = network(kind=kind), video(0, frames=60)
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
    targets = torch.from_numpy(targets_of(one.marks, exclusive=True))
    assert (targets[2] == UNJUDGED).all()
    assert (targets[[0, 1, 3]].sum(dim=1) == 1).all()
    logits = torch.zeros(6, 3)
    wild = logits.clone()
    wild[2] = torch.tensor([50.0, -50.0, 0.0])
    assert loss_of(logits, targets, None, exclusive=True) == loss_of(wild, targets, None, exclusive=True)


def test_clips_in_which_nobody_judged_anything_are_not_shown() -> None:
    targets = torch.full((400, 3), float(UNJUDGED))
    targets[150:210] = torch.tensor([1.0, 0.0, 0.0])
    clips = Clips(variants=((torch.zeros(400, 2),),), targets=(targets,))
    shown = [part for _, parts in clips.batches(replace(QUICK, window=20, batch=4), np.random.default_rng(0)) for part in parts]
    assert len(shown) in (3, 4)
    assert all((part != UNJUDGED).any() for part in shown)


def test_squared_error_is_that_of_probabilities_from_what_is_on() -> None:
    logits = torch.log(torch.tensor([[0.5, 0.3, 0.2], [0.1, 0.8, 0.1], [0.9, 0.05, 0.05]]))
    targets = torch.tensor([[1.0, 0, 0], [0, 1.0, 0], [UNJUDGED] * 3])
    expected = ((0.25 + 0.09 + 0.04) + (0.01 + 0.04 + 0.01)) / 2
    assert float(loss_of(logits, targets, None, exclusive=True, kind="mse")) == pytest.approx(expected, rel=1e-5)
    apart = torch.logit(torch.tensor([[0.5, 0.2]]))
    assert float(loss_of(apart, torch.tensor([[1.0, 0]]), None, exclusive=False, kind="mse")) == pytest.approx(0.145, rel=1e-5)


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
    other = BehaviourSettings(**QUICK.as_plain() | {"hidden": 9, "loss": "mse"})
    with pytest.raises(TrainingError, match=r"holds a training in which hidden, loss differ"):
        train(videos, BODY, other, tmp_path / "cut", say=said.append)


@pytest.mark.parametrize(("kind", "remembers"), [("gru", {"memory"}), ("tcn", {f"past_{each}" for each in (1, 2, 4, 8, 16, 32)})])
def test_the_exported_step_is_the_network_over_many_carried_frames(kind: PoseNetwork, remembers: set[str]) -> None:
    found = export(network(kind=kind), [video(0), video(1)], frames=400)
    assert found.largest <= 1e-5
    assert found.changed > 1e-5
    assert set(found.state_shapes) == {"points", "heading", "motion", "pairs", *remembers}


def test_convolutions_see_126_frames_back_and_no_further() -> None:
    torch.manual_seed(0)
    convolutions = CausalConvolutions(3, 8)
    early = torch.zeros(1, 200, 3)
    early[0, 0] = 3.0
    with torch.no_grad():
        moved = (convolutions(early) - convolutions(torch.zeros(1, 200, 3))).abs().amax(dim=2)[0]
    assert float(moved[126]) > 0
    assert float(moved[127:].max()) == 0


def test_temperature_never_makes_the_validation_loss_worse(tmp_path: Path) -> None:
    videos = divided(tmp_path)
    trained = train(videos, BODY, replace(QUICK, network="tcn", loss="mse"), tmp_path / "run", say=lambda _: None)
    assert trained.history[-1].train < trained.history[0].train
    found = calibrate(replace(trained, logits=20 * trained.logits), videos.of("validation"), rule="f1")
    assert found.loss_after < found.loss_before
    assert found.temperature > 1
    assert len(found.thresholds) == 2


def test_the_axis_is_found_from_how_animals_move(tmp_path: Path) -> None:
    axis = find_body_axis(divided(tmp_path), front=None, back=None, confidence=0.2)
    assert (axis.plan.front, axis.plan.back) == (0, 2)
    assert axis.plan.scale_px == pytest.approx(40, abs=1)
    assert axis.sentences == (axis.sentence,)
    assert axis.sentence.startswith("the body's axis goes from tail to nose, 40.")
    backwards = find_body_axis(divided(tmp_path), front="tail", back=None, confidence=0.2).plan
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
    default = divide(videos, DivisionAsked())
    assert [video.part for video in default.videos] == ["train", "train", "validation", "test"]
    named = divide(videos, DivisionAsked(test=["v0"], validation=["v1"]))
    assert [video.part for video in named.videos] == ["test", "validation", "train", "train"]
    with pytest.raises(TrainingError, match="there is not a video 'v9'; the table has v0, v1, v2, v3"):
        divide(videos, DivisionAsked(test=["v9"]))
    with pytest.raises(TrainingError, match="4 videos leave none for train"):
        divide(videos, DivisionAsked(test=["v0", "v1"], validation=["v2", "v3"]))


def test_left_out_classes_and_frames_past_the_poses_are_judged_by_nobody(tmp_path: Path) -> None:
    table = write_table(tmp_path, videos=1, frames=150)
    write_deeplabcut(tmp_path / "0.csv", walkers(0, frames=140)[0])
    videos = read_videos(table, asked=ReadOptions(), left_out=["walk"])
    marks = walkers(0, frames=150)[1][:140]
    assert videos.class_names == ("circle",)
    assert np.array_equal(videos.videos[0].marks[:, 0] == -1, marks[:, 0] == 1)
    assert "labels run 10 frames past the 140 there are" in videos.notes[0]
