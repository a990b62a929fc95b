"""What is chosen for the network from poses and said: the body's axis, means that are right at once, a class that is called "none"."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.trainer.pose_videos import BODY, QUICK, divided, network, video
from tests.trainer.walkers import CLASSES
from trainer.behaviour.body_axis import find_body_axis
from trainer.behaviour.earlier_layers import take_layers
from trainer.behaviour.export import export
from trainer.behaviour.features import MEMORIES_S
from trainer.behaviour.kept_training import LAST
from trainer.behaviour.members import together
from trainer.behaviour.network import PoseNetwork, features_of
from trainer.behaviour.none_class import without_none
from trainer.behaviour.temperature_and_thresholds import warming_frames
from trainer.behaviour.train import LONGEST_MEMORY_S, prepare, train
from trainer.behaviour.video_table import PoseVideos
from trainer.errors import TrainingError

WALK_PX_S = 60.0


def walking(frames: int, *, from_frame: int = 0) -> torch.Tensor:
    """Features of two animals that walk straight on, side by side, seen from a frame on."""
    poses = np.full((frames, 2, 3, 3), 0.9, np.float32)
    poses[..., 0] = WALK_PX_S / 30 * np.arange(frames)[:, None, None] + np.array([20.0, 0.0, -20.0])
    poses[..., 1] = np.array([0.0, 100.0])[:, None]
    poses[:from_frame] = np.nan
    seconds = torch.full((frames,), 1 / 30)
    seconds[0] = 0
    return features_of(network(), [torch.from_numpy(poses)], [seconds])[0]


@pytest.mark.parametrize("from_frame", [0, 40])
def test_running_means_are_right_from_the_second_frame_that_is_seen(from_frame: int) -> None:
    found = walking(from_frame + 3, from_frame=from_frame)[-1]
    speed = float(np.log1p(WALK_PX_S / BODY.scale_px))
    first = 3 * 3  # three points, two places and the freshness of each, then the movement and its means
    moves, means = first, [first + 4 * (place + 1) for place in range(len(MEMORIES_S))]
    np.testing.assert_allclose(found[[moves, *means]], speed, rtol=1e-4)


def test_a_mean_of_what_was_never_seen_is_nothing() -> None:
    assert torch.isfinite(walking(5, from_frame=5)).all()
    assert float(walking(5, from_frame=5).abs().max()) < 5  # no sum was divided by a weight of zero


def test_a_training_with_other_features_is_not_gone_on_with(tmp_path: Path) -> None:
    videos = divided(tmp_path)
    train(videos, BODY, replace(QUICK, epochs=1), tmp_path / "run", say=lambda _: None)
    kept = torch.load(tmp_path / "run" / LAST, weights_only=True)
    kept["about"]["features"] = 1
    torch.save(kept, tmp_path / "run" / LAST)
    with pytest.raises(TrainingError, match="a training in which the definition of the features differ"):
        train(videos, BODY, replace(QUICK, epochs=1), tmp_path / "run", say=lambda _: None)


def test_a_network_that_only_sees_means_needs_no_warming_up() -> None:
    made = network()
    with torch.no_grad():
        made.gru.get_parameter("weight_hh_l0").zero_()
        made.gru.get_parameter("bias_ih_l0")[8:16] = -20  # the update gate: nothing is remembered
    assert warming_frames(made, [video(3, frames=600)], longest=300) < 45  # 79 where means begin at zero


@pytest.mark.parametrize(("kind", "state"), [("gru", "memory"), ("tcn", "past_2")])
def test_several_networks_answer_with_the_mean_of_their_logits_in_one_graph(kind: PoseNetwork, state: str) -> None:
    parts, one = [network(seed=seed, kind=kind) for seed in (0, 1, 2)], video(0, frames=80)
    whole = together(parts)
    seconds = torch.full((80,), 1 / 30)
    features = whole.normalised(features_of(whole, [torch.from_numpy(one.poses)], [seconds])[0])
    mean = torch.stack([part.logits(features[None]) for part in parts]).mean(dim=0)
    torch.testing.assert_close(whole.logits(features[None]), mean, atol=1e-5, rtol=0)
    assert whole.state_shapes[state][0] == 24
    assert export(whole, [one], frames=80).largest <= 1e-5


def test_each_of_several_networks_is_validated_by_videos_that_it_has_not_learnt_from(tmp_path: Path) -> None:
    videos, said = divided(tmp_path), list[str]()
    trained = train(videos, BODY, replace(QUICK, epochs=1, members=3), tmp_path / "run", say=said.append)
    assert [line for line in said if line.startswith("network")] == [
        "network 1 of 3, validated on v0",
        "network 2 of 3, validated on v1",
        "network 3 of 3, validated on v2",
    ]
    assert trained.network.plan.hidden == 3 * QUICK.hidden
    frames = [len(one.poses) for one in videos.videos if one.part != "test"]
    assert len(trained.logits) == len(trained.targets) == sum(frames)
    again = train(videos, BODY, replace(QUICK, epochs=1, members=3), tmp_path / "run", say=said.append)
    assert torch.equal(again.network.answer.weight, trained.network.answer.weight)
    with pytest.raises(TrainingError, match="4 networks need as many videos that are not held out, one for each; there are 3"):
        train(videos, BODY, replace(QUICK, epochs=1, members=4), tmp_path / "more", say=said.append)


def test_a_training_begins_with_numbers_that_remember_for_frames_to_seconds(tmp_path: Path) -> None:
    videos = divided(tmp_path)
    one = replace(QUICK, epochs=1, hidden=200, learning_rate=1e-9, mirror=False)
    unit = train(videos, BODY, one, tmp_path / "run", say=lambda _: None).network.gru
    kept = torch.sigmoid((unit.get_parameter("bias_ih_l0") + unit.get_parameter("bias_hh_l0")).detach()[200:400])
    frames = 1 / (1 - kept) - 1
    longest = LONGEST_MEMORY_S * videos.videos[0].fps
    assert 0.99 < float(frames.min()) < 1.5
    assert 0.7 * longest < float(frames.max()) < 1.01 * longest
    assert float(frames.median()) == pytest.approx(longest**0.5, rel=0.5)  # as many below as above, on a logarithmic scale


def renamed(videos: PoseVideos, *names: str) -> PoseVideos:
    return replace(videos, point_names=names)


def test_points_beside_the_midline_are_no_axis_where_others_are_seen(tmp_path: Path) -> None:
    videos = renamed(divided(tmp_path), "left_ear", "neck", "tail")
    axis = find_body_axis(videos, front=None, back=None, confidence=0.2)
    assert (axis.plan.front, axis.plan.back, axis.warnings) == (1, 2, ())


def test_an_axis_beside_the_midline_is_said_to_be_unsure_unless_asked_for(tmp_path: Path) -> None:
    videos = renamed(divided(tmp_path), "left_ear", "right_ear", "tail")
    [warning] = find_body_axis(videos, front=None, back=None, confidence=0.2).warnings
    assert warning == (
        "the body's axis is not sure: left_ear is beside the body's midline, no better points were seen; name the points with "
        "--front and --back"
    )
    assert find_body_axis(videos, front="left_ear", back="tail", confidence=0.2).warnings == ()


def test_animals_that_never_move_leave_the_front_a_guess(tmp_path: Path) -> None:
    videos = divided(tmp_path)
    still = tuple(replace(one, poses=np.repeat(np.nan_to_num(one.poses[60:61]), len(one.poses), axis=0)) for one in videos.videos)
    warnings = find_body_axis(replace(videos, videos=still), front=None, back=None, confidence=0.2).warnings
    assert any("which end is in front is a guess" in warning for warning in warnings)


def labelled(folder: Path, *, exclusive: bool = True, both: int = 0) -> PoseVideos:
    """Videos whose frames without a behaviour are marked as "None"."""
    videos = divided(folder)
    made = []
    for one in videos.videos:
        none = (one.marks == 0).all(axis=1).astype(np.int8)
        none[np.flatnonzero(none == 0)[:both]] = 1
        made.append(replace(one, marks=np.column_stack([one.marks, none])))
    return replace(videos, class_names=(*videos.class_names, "None"), exclusive=exclusive, videos=tuple(made))


def test_a_class_called_none_is_what_exclusive_classes_leave_over(tmp_path: Path) -> None:
    plain, found = divided(tmp_path), without_none(labelled(tmp_path))
    assert sorted(found.class_names) == sorted(CLASSES)
    assert found.notes[-1] == "the class 'None' is taken as what exclusive classes leave over: no class is on"
    for one, other in zip(plain.videos, found.videos, strict=True):
        np.testing.assert_array_equal(one.marks, other.marks)


def test_frames_that_are_none_and_something_else_are_refused(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"v0: 2 frames, the first of them \d+, are 'None' and another class as well"):
        without_none(labelled(tmp_path, exclusive=False, both=2))


def test_none_alone_is_no_class_to_learn(tmp_path: Path) -> None:
    videos = divided(tmp_path)
    alone = tuple(replace(one, marks=one.marks[:, :1]) for one in videos.videos)
    with pytest.raises(TrainingError, match="the only class is 'none'"):
        without_none(replace(videos, class_names=("none",), videos=alone))


def test_a_network_begins_with_the_layers_of_another_that_are_alike(tmp_path: Path) -> None:
    videos = divided(tmp_path)
    once = replace(QUICK, epochs=1)
    prepared = prepare(videos, BODY, once)
    earlier = train(videos, BODY, once, tmp_path / "first.run", say=lambda _: None, prepared=prepared)
    fresh = network(seed=5)
    said = take_layers(fresh, tmp_path / "first")
    assert torch.equal(fresh.gru.get_parameter("weight_ih_l0"), earlier.network.gru.get_parameter("weight_ih_l0"))
    assert not torch.equal(fresh.answer.weight, earlier.network.answer.weight)
    assert said[0].startswith(f"begins with 4 tensors of {tmp_path / 'first'}, ")
    assert said[1] == "not taken: the last layer, which is of these labels"
    log: list[str] = []
    again = replace(once, start_from=str(tmp_path / "first"), learning_rate=1e-9)
    later = train(videos, BODY, again, tmp_path / "second.run", say=log.append, prepared=prepared)
    torch.testing.assert_close(
        later.network.gru.get_parameter("weight_hh_l0"), earlier.network.gru.get_parameter("weight_hh_l0"), atol=1e-6, rtol=0
    )
    assert said[0] in log
    with pytest.raises(TrainingError, match="in which learning rate, the layers it begins with differ"):
        train(videos, BODY, once, tmp_path / "second.run", say=log.append, prepared=prepared)
    with pytest.raises(TrainingError, match="no layer of it is of the name and size of one here"):
        take_layers(network(kind="tcn"), tmp_path / "first")
    with pytest.raises(TrainingError, match=r"its training, .*gone.run/best.ckpt, is not there; --from needs it beside the bundle"):
        take_layers(fresh, tmp_path / "gone")
