"""What a mirrored example of behaviour is learnt as: sides among key points and classes."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from tests.trainer.pose_videos import BODY, QUICK, network, video
from trainer.behaviour.clips import UNJUDGED, both_ways, clips_of, targets_of
from trainer.behaviour.kept_training import LAST, read_training
from trainer.behaviour.mirroring import Mirroring, mirroring_of
from trainer.behaviour.settings import BehaviourSettings
from trainer.behaviour.train import prepare, train
from trainer.behaviour.video_table import PoseVideo, PoseVideos
from trainer.behaviour.weighted_loss import class_weights
from trainer.errors import LabelError, TrainingError
from trainer.image_behaviour.image_mirroring import settled_mirror
from trainer.image_behaviour.image_videos import ImageVideo
from trainer.image_behaviour.samples import Samples
from trainer.image_behaviour.settings import ImageSettings

POINTS, TURNS = ("left_ear", "right_ear", "tail"), ("turn_left", "turn_right")
STILL = ImageSettings(shift=0.0, brightness=0.0, batch=16)


def of(class_names: tuple[str, ...] = TURNS, points: tuple[str, ...] = POINTS, **changes: object) -> Mirroring:
    return mirroring_of(points, class_names, replace(BehaviourSettings(), **changes))  # type: ignore[arg-type]


def turning() -> PoseVideo:
    """Turns left, then right, then neither; the last frames were judged by nobody."""
    marks = np.zeros((160, 2), np.int8)
    marks[:70, 0], marks[70:100, 1], marks[140:] = 1, 1, -1
    return replace(video(0, frames=160), marks=marks)


def swapped(targets: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.concatenate([targets[:, [1, 0]], targets[:, 2:]], axis=1)


@pytest.mark.parametrize("delay_ms", [0.0, 300.0])
@pytest.mark.parametrize("exclusive", [True, False])
def test_a_mirrored_pose_that_turns_left_is_learnt_as_one_that_turns_right(exclusive: bool, delay_ms: float) -> None:
    made, settings = network(exclusive=exclusive), replace(QUICK, window=160)
    clips = clips_of(made, [turning()], of(), delay_ms=delay_ms)
    seen = clips.targets[0].numpy()
    shown = {}
    for seed in range(12):
        [(features, targets)] = clips.batches(settings, np.random.default_rng(seed))
        shown[torch.equal(features[0], clips.variants[0][1])] = targets[0].numpy()
    np.testing.assert_array_equal(shown[False], seen)
    np.testing.assert_array_equal(shown[True], swapped(seen))
    assert not np.array_equal(seen, swapped(seen))
    np.testing.assert_array_equal((shown[True] == UNJUDGED), (seen == UNJUDGED))


def test_what_is_taken_of_clips_keeps_which_classes_change_places() -> None:
    made = network()
    clips = clips_of(made, [turning(), turning()], of())
    assert clips.exchanged == (1, 0, 2)
    assert {each.exchanged for each in (clips.of([1]), clips.normalise(made), clips.followed_by(clips))} == {(1, 0, 2)}
    assert clips_of(made, [turning()]).exchanged == ()
    assert clips_of(made, [turning()], of(("rear", "walk"))).exchanged == ()


def test_both_sides_weigh_the_same_where_each_is_shown_as_the_other() -> None:
    targets = [torch.from_numpy(targets_of(turning().marks, exclusive=True))]
    for weights in class_weights(both_ways(targets, (1, 0, 2))):
        assert weights[0] == weights[1]
    assert class_weights(both_ways(targets, ()))[0][0] < class_weights(targets)[0][1]


def marked_images(marks: NDArray[np.int8]) -> ImageVideo:
    """Each image has its number in its upper left corner."""
    images = np.zeros((len(marks), 4, 4, 1), np.uint8)
    images[:, 0, 0, 0] = np.arange(1, len(marks) + 1)
    return ImageVideo(name="v", images=images, marks=marks, fps=10.0, part="train", times_s=np.arange(len(marks)) / 10)


@pytest.mark.parametrize("memory", [0, 4])
def test_an_image_mirrored_once_has_its_sides_exchanged_and_one_turned_has_not(memory: int) -> None:
    marks = np.array([[1, 0]] * 16 + [[0, 1]] * 16, np.int8)
    one, settings = marked_images(marks), replace(STILL, upside_down=True, memory=memory, window=8)
    samples = Samples([one], settings, exclusive=True, reach=0, exchanged=(1, 0, 2))
    found = set()
    for batch in (each for seed in range(12) for each in samples.batches(np.random.default_rng(seed))):
        for image, target, seen in zip(batch.images.flatten(0, 1), batch.targets.flatten(0, 1), batch.seen.flatten(), strict=True):
            if seen:
                row, column = (int(place) for place in np.argwhere(image[0].numpy() > 0)[0])
                number = round(255 * float(image.max())) - 1
                found.add((row > 0, column > 0, (target.argmax() == marks[number].argmax()).item()))
    assert found == {(False, False, True), (True, True, True), (False, True, False), (True, False, False)}


def test_a_rare_side_is_not_oversampled_where_the_other_is_shown_as_it() -> None:
    marks = np.array([[1, 0, 0]] * 8 + [[0, 1, 0]] * 2 + [[0, 0, 1]] * 5, np.int8)
    settings = replace(STILL, oversample_classes=True)
    plain, mirrored = (Samples([marked_images(marks)], settings, exclusive=True, reach=0, exchanged=order) for order in ((), (1, 0, 2, 3)))
    assert (plain.times.tolist(), mirrored.times.tolist()) == ([1, 4, 2], [1, 1, 1])
    assert mirrored.shares.tolist()[:3] == [1, 1, 1]


@pytest.mark.parametrize(
    ("found", "shown", "said"),
    [
        (of(), True, "key points left_ear and right_ear change places, and classes turn_left and turn_right change places. If a class"),
        (of(("rear", "walk")), True, "every class stays, since no name is known as one of a side"),
        (of(points=("nose", "tail")), True, "no key point has a side, and classes turn_left and turn_right change places"),
        (of(mirror=False), False, "mirror: no pose is mirrored, as asked for"),
        (of(("turn_left", "walk")), False, "because class turn_left speaks of a side without a certain partner"),
        (of(points=("pawL", "pawX")), False, "because key point pawL speaks of a side"),
        (of(points=("pawL", "pawX"), pairs=(("pawL", "pawX"),)), True, "key points pawL and pawX change places"),
        (of(("cw", "ccw"), pairs=(("cw", "ccw"),)), True, "classes cw and ccw change places"),
        (of(("turn_left", "walk"), pairs=(("turn_left", "turn_left"),)), True, "every class stays"),
        (of(("press_left", "walk"), points=("pawL", "pawX")), False, "key point pawL and class press_left speak of a side"),
    ],
)  # fmt: skip
def test_what_changes_places_in_a_mirrored_pose_is_said_before_training(found: Mirroring, shown: bool, said: str) -> None:
    assert found.shown is shown
    assert said in found.sentence("pose")


def test_nothing_is_mirrored_where_a_class_has_a_side_without_a_partner() -> None:
    clips = clips_of(network(), [turning()], of(("turn_left", "walk")))
    assert [len(each) for each in clips.variants] == [1]
    found, settings = settled_mirror(replace(STILL, upside_down=True), ("lick_left", "groom"))
    assert (settings.mirror, settings.upside_down) == (False, False)
    assert "no image is mirrored, because class lick_left" in found.sentence("image")
    found, settings = settled_mirror(STILL, ("lick_left", "lick_right"))
    assert settings == STILL
    assert "then classes lick_left and lick_right change places" in found.sentence("image")


@pytest.mark.parametrize(
    ("pairs", "said"),
    [
        ((("ear", "tail"),), "pairs: there is no 'ear'; expected one of the key points left_ear, right_ear, tail or the classes turn_left"),
        ((("tail", "turn_left"),), "'tail' and 'turn_left' are a key point and a class"),
        ((("tail", "left_ear"), ("tail", "right_ear")), "'tail' is in 2 pairs"),
    ],
)
def test_a_pair_that_there_is_not_is_refused(pairs: tuple[tuple[str, str], ...], said: str) -> None:
    with pytest.raises(LabelError, match=said):
        of(pairs=pairs)


def test_mirrored_images_are_not_averaged_where_classes_have_sides() -> None:
    with pytest.raises(TrainingError, match="class 'lick_left' is of one side; leave it out"):
        settled_mirror(replace(STILL, average_mirrors=True), ("lick_left", "lick_right"))
    assert settled_mirror(replace(STILL, average_mirrors=True), ("lick", "groom"))[1].average_mirrors


def test_a_training_that_taught_mirrored_sides_wrongly_is_not_gone_on_with(tmp_path: Path) -> None:
    one = turning()
    videos = PoseVideos(
        class_names=TURNS, point_names=POINTS, exclusive=True, videos=(one, replace(one, name="w", part="validation")), notes=()
    )
    settings = replace(QUICK, epochs=1, window=160)
    prepared = prepare(videos, BODY, settings)
    unsided = replace(prepared, training=replace(prepared.training, exchanged=()))
    train(videos, BODY, settings, tmp_path, say=lambda _: None, prepared=unsided)
    assert not {"exchanged", "pairs"} & set(read_training(tmp_path / LAST)["about"])  # trainings of classes without sides go on
    with pytest.raises(TrainingError, match="the classes that change places in mirrored examples differ"):
        train(videos, BODY, settings, tmp_path, say=lambda _: None, prepared=prepared)
