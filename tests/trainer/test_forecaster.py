"""Networks that forecast: their steps, their states, what they learn from, and a training that goes on."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.trainer.twitching import RULE, parts_of, twitching
from tracker.engines.openvino.step_engine import StepEngine
from tracker.motion import Motion
from trainer.behaviour.kept_training import BEST, LAST
from trainer.errors import TrainingError
from trainer.forecast.answers import answers_of, calibrate, probabilities
from trainer.forecast.build import build, fit_logit
from trainer.forecast.export import export, pictures_of, to_onnx
from trainer.forecast.forecaster import Forecaster
from trainer.forecast.from_motion import MotionLogit
from trainer.forecast.from_pixels import FILTERS, PixelForecaster, PixelPlan
from trainer.forecast.labels import NOT_LABELLED
from trainer.forecast.memorise import few_labelled, memorise
from trainer.forecast.sequences import UNJUDGED, Lengths, batches, sequences_of
from trainer.forecast.settings import ForecastSettings, Kind
from trainer.forecast.step_graph import StepGraph, step_of
from trainer.forecast.train import ForecastEpoch, Trained, class_weights, judged_logits, losses, train

PIXELS = ForecastSettings(kind="convlstm-small", epochs=2, batch=4)
MOTION = ForecastSettings(kind="lstm", epochs=2, hidden=4)


def plan(kind: Kind = "convlstm-small", *, slice_frames: int = 4, **changes: object) -> PixelPlan:
    plain = PixelPlan(
        filters=FILTERS[kind], dense=(), slice_frames=slice_frames, size=(12, 16), pooling="max", motion_beside=False, dropout=0.0
    )
    return replace(plain, **changes)  # type: ignore[arg-type]


def settled(network: Forecaster) -> Forecaster:
    """As after some training: weights and normalisation that are not those of the beginning."""
    torch.manual_seed(1)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))  # much more, and it amplifies rounding from frame to frame
        for name, buffer in network.named_buffers():
            if name.endswith(("running_mean", "running_var")):
                buffer.add_(torch.rand_like(buffer))
    return network.eval()


def engine_of(step: StepGraph) -> StepEngine:
    return StepEngine(to_onnx(step), step.states, phases=step.phases, phase_states=step.phase_states)


def test_the_small_network_has_the_published_weights_and_no_scale_or_shift() -> None:
    network = PixelForecaster(plan())
    assert sum(parameter.numel() for parameter in network.parameters()) == 9 * (4 + 16) * 64 + 16 + 1
    assert not any("norm" in name for name, _ in network.named_parameters())


def test_a_cell_is_that_of_the_published_equations() -> None:
    network = PixelForecaster(plan(size=(3, 3)))
    cell = network.layers[0]
    image, hidden, memory = torch.rand(1, 4, 3, 3), torch.rand(1, 16, 3, 3), torch.rand(1, 16, 3, 3)
    after, kept = cell(image, hidden, memory)
    weights = next(cell.parameters()).detach().numpy()
    window = torch.cat([image, hidden], dim=1)[0].numpy()  # at the middle pixel all of it
    gates = np.einsum("ocij,cij->o", weights, window).reshape(4, 16)
    enter, forget, leave = np.clip(0.2 * gates[:3] + 0.5, 0, 1)
    expected = forget * memory[0, :, 1, 1].numpy() + enter * np.tanh(gates[3])
    np.testing.assert_allclose(kept[0, :, 1, 1].detach().numpy(), expected, atol=1e-5)
    np.testing.assert_allclose(after[0, :, 1, 1].detach().numpy(), leave * np.tanh(expected), atol=1e-5)


@pytest.mark.parametrize(
    "settings",
    [
        PIXELS,
        replace(PIXELS, kind="convlstm-medium", motion_beside=True),
        replace(PIXELS, kind="convlstm-large", slice_frames=3),
        replace(PIXELS, slice_frames=1, pooling="flatten"),
        MOTION,
        replace(MOTION, kind="logit"),
    ],
    ids=["small", "medium", "large", "single frames", "lstm", "logit"],
)
def test_one_step_a_frame_gives_what_was_learnt_over_whole_slices(tmp_path: Path, settings: ForecastSettings) -> None:
    parts = parts_of(tmp_path, frames=360)
    network = settled(build(settings, parts, size=(12, 16)))
    stretch = parts.of("train")[0]
    images = twitching(360)[:150, :, :, None]
    found = engine_of(step_of(network, (12, 16, 1))).run(images, np.zeros(150, np.float32))[:, 0]
    (expected,) = probabilities(network, [answers_of(network, stretch, settings)[:150]])
    assert np.ptp(expected[RULE.past :]) > 1e-4
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_no_answer_of_an_exported_network_depends_on_a_later_frame() -> None:
    engine = engine_of(step_of(settled(PixelForecaster(plan())), (12, 16, 1)))
    images = twitching(80)[:, :, :, None]
    altered = images.copy()
    altered[50:] = 255 - altered[50:]
    before, after = (engine.run(each, np.zeros(80, np.float32)) for each in (images, altered))
    assert np.array_equal(before[:50], after[:50])
    assert not np.array_equal(before[50:], after[50:])


def test_each_phase_of_the_slices_carries_a_state_of_its_own() -> None:
    network = settled(PixelForecaster(plan()))
    images = twitching(40)
    whole = engine_of(step_of(network, (12, 16, 1))).run(images[:, :, :, None], np.zeros(40, np.float32))[:, 0]
    for phase in range(4):
        filled = np.concatenate([np.zeros((3 - phase, 12, 16), np.uint8), images[: 37 + phase]])
        slices = torch.from_numpy(filled.reshape(1, 10, 4, 12, 16)).float() / 255
        with torch.no_grad():
            logits, _ = network.chunk(slices, network.zero_states())
        np.testing.assert_allclose(whole[phase::4], network.probability(logits)[0].numpy(), atol=1e-5)


def test_motion_inside_the_graph_is_that_of_the_rig(tmp_path: Path) -> None:
    parts = parts_of(tmp_path)
    network = build(replace(MOTION, kind="logit"), parts, size=None)
    assert isinstance(network, MotionLogit)
    with torch.no_grad():
        network.answer.weight.zero_()
        network.answer.weight[0, -1] = 1.0
        network.answer.bias.zero_()
    images = np.random.default_rng(0).integers(0, 255, (12, 30, 40, 3), np.uint8)
    images[1] = images[0]
    found = engine_of(step_of(network.eval(), (30, 40, 3))).run(images, np.zeros(12, np.float32))[1:, 0]
    meter = Motion()
    motion = torch.tensor([meter.update(image) or 0.0 for image in images][1:])
    np.testing.assert_allclose(found, torch.sigmoid(network.normalised(motion)).numpy(), atol=1e-5)


def test_the_graph_is_refused_unless_it_is_the_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    network = settled(PixelForecaster(plan()))
    pictures = twitching(30)[:, :, :, None]
    exported = export(network, pictures, frames=400)
    assert exported.largest <= 1e-5 < exported.changed
    other = settled(PixelForecaster(plan()))
    with torch.no_grad():
        other.get_parameter("dense.0.bias").add_(1.0)
    graph = to_onnx(step_of(other, (12, 16, 1)))
    monkeypatch.setattr("trainer.forecast.export.to_onnx", lambda step: graph)
    with pytest.raises(TrainingError, match="the graph is not the network"):
        export(network, pictures, frames=40)


def test_pictures_made_from_motion_have_that_motion() -> None:
    motion = [0.0, 0.01, 0.03, 0.002]
    meter = Motion()
    found = [meter.update(picture[:, :, 0]) for picture in pictures_of(motion, (60, 80, 1))]
    assert found[1:] == pytest.approx(motion, abs=2e-5)


def test_slices_follow_each_other_without_overlap_and_end_at_their_label(tmp_path: Path) -> None:
    (stretch,) = parts_of(tmp_path).of("validation")
    frames = stretch.frames
    assert frames is not None
    found = sequences_of([stretch], PIXELS, flips=False)
    assert [each.phase for each in found] == [-3, -2, -1, 0]
    first = found[1].steps(0, 1)[0]  # two frames before the recording, and its first two
    assert torch.equal((first * 255).round().to(torch.uint8), torch.from_numpy(np.concatenate([0 * frames[:2], frames[:2]])))
    for each in found:
        steps = each.steps(2, 5)
        assert np.array_equal((steps * 255).round().numpy().reshape(12, 12, 16), frames[each.phase + 8 : each.phase + 20])
        assert each.labels[4] == stretch.labels[each.phase + 19]


def test_flips_are_of_whole_clips_and_keep_the_label(tmp_path: Path) -> None:
    (stretch,) = parts_of(tmp_path).of("validation")
    plain, *flipped = sequences_of([stretch], PIXELS, flips=True)[:4]
    axes = [each.flip for each in flipped]
    assert axes == [(False, True), (True, False), (True, True)]
    for each in flipped:
        turned = torch.flip(plain.steps(0, 3), [axis for axis, on in zip((2, 3), each.flip, strict=True) if on])
        assert torch.equal(each.steps(0, 3), turned)
        assert np.array_equal(each.labels, plain.labels)


@pytest.mark.parametrize("settings", [PIXELS, MOTION], ids=["pixels", "motion"])
def test_every_labelled_step_is_learnt_from_once_an_epoch(tmp_path: Path, settings: ForecastSettings) -> None:
    sequences = sequences_of(parts_of(tmp_path).of("train"), settings, flips=False)
    expected = sum(int((each.labels != NOT_LABELLED).sum()) for each in sequences)
    of = Lengths(warm=3, learnt=20, chunk=7)
    for seed in range(3):
        chunks = list(batches(sequences, of, batch=3, rng=np.random.default_rng(seed)))
        assert sum(int((chunk.labels != UNJUDGED).sum()) for chunk in chunks) == expected
        assert max(chunk.steps.shape[1] for chunk in chunks) == 7


def test_class_weights_make_both_labels_weigh_the_same(tmp_path: Path) -> None:
    parts = parts_of(tmp_path)
    labelled, positive = parts.shares("train")
    other, burst = class_weights(parts, weighted=True)
    assert (labelled - positive) * other == pytest.approx(positive * burst)
    weighted, plain = losses(torch.zeros(2), torch.tensor([0, 1], dtype=torch.int8), (other, burst))
    assert (float(weighted), float(plain)) == pytest.approx((np.log(2) * (other + burst), 2 * np.log(2)))


@pytest.mark.parametrize("settings", [PIXELS, replace(MOTION, dropout=0.2)], ids=["pixels", "motion"])
def test_a_training_that_was_stopped_ends_with_the_weights_of_one_that_was_not(tmp_path: Path, settings: ForecastSettings) -> None:
    parts = parts_of(tmp_path, frames=300)
    settings = replace(settings, epochs=3, flips=False)

    def run(folder: str, minutes: float | None) -> Forecaster:
        network = build(settings, parts, size=(12, 16))
        return train(
            network, parts, replace(settings, minutes=minutes), tmp_path / folder, about={}, say=lambda _: None, anew=False
        ).network

    whole = run("whole", None)
    for _ in range(3):
        parted = run("parted", 1e-6)
    for name, value in whole.state_dict().items():
        assert torch.equal(value, parted.state_dict()[name]), name
    assert (tmp_path / "parted" / LAST).exists()
    assert (tmp_path / "parted" / BEST).exists()


def test_a_training_of_other_settings_is_not_gone_on_with(tmp_path: Path) -> None:
    parts = parts_of(tmp_path, frames=300)
    for hidden, anew in ((4, False), (5, True)):
        settings = replace(MOTION, hidden=hidden, epochs=1)
        train(build(settings, parts, size=None), parts, settings, tmp_path / "run", about={}, say=lambda _: None, anew=anew)
    with pytest.raises(TrainingError, match="holds a training in which hidden differ"):
        train(build(MOTION, parts, size=None), parts, MOTION, tmp_path / "run", about={}, say=lambda _: None, anew=False)


@pytest.mark.parametrize(
    ("settings", "last"),
    [(MOTION, "answer."), (PIXELS, "dense.0."), (replace(PIXELS, kind="convlstm-large"), "dense.2.")],
    ids=["motion", "pixels", "dense"],
)
def test_a_forecaster_begins_with_the_layers_of_an_earlier_one_but_for_the_last(
    tmp_path: Path, settings: ForecastSettings, last: str
) -> None:
    parts, said = parts_of(tmp_path, frames=240), list[str]()
    first = replace(settings, epochs=1)
    earlier = train(
        build(first, parts, size=(12, 16)), parts, first, tmp_path / "first.run" / settings.kind, about={}, say=print, anew=True
    )
    again = replace(first, start_from=str(tmp_path / "first"), learning_rate=1e-9, seed=5)
    fresh = build(again, parts, size=(12, 16)).state_dict()
    made = train(build(again, parts, size=(12, 16)), parts, again, tmp_path / "m.run", about={}, say=said.append, anew=True)
    kept = earlier.network.state_dict()
    for name, value in made.network.named_parameters():
        torch.testing.assert_close(value, (fresh if name.startswith(last) else kept)[name], atol=1e-6, rtol=0)
    assert not torch.allclose(kept[f"{last}weight"], fresh[f"{last}weight"], atol=1e-3)
    assert said[0].startswith("begins with ")
    assert said[1] == "not taken: the last layer, which is of these labels"


def test_an_earlier_forecaster_of_another_kind_is_nothing_to_begin_with(tmp_path: Path) -> None:
    parts, settings = parts_of(tmp_path, frames=240), replace(MOTION, start_from=str(tmp_path / "gone"))
    with pytest.raises(TrainingError, match=r"gone: its training, .*gone\.run/lstm/best\.ckpt, is not there"):
        train(build(settings, parts, size=None), parts, settings, tmp_path / "run", about={}, say=print, anew=True)


def test_a_logistic_regression_begins_with_nothing() -> None:
    with pytest.raises(TrainingError, match="logit ends at the same weights wherever it begins"):
        replace(MOTION, kind="logit", start_from="first").check()


def test_a_network_that_gives_one_answer_to_everything_is_said_to_have_collapsed(tmp_path: Path) -> None:
    parts = parts_of(tmp_path, frames=300)
    settings = replace(MOTION, epochs=1, learning_rate=1e-12)
    network = build(settings, parts, size=None)
    with torch.no_grad():
        network.get_parameter("answer.weight").zero_()
    trained = train(network, parts, settings, tmp_path / "run", about={}, say=lambda _: None, anew=False)
    assert trained.notes == ["collapsed: the network gives the same answer to every frame; it has learnt nothing from these recordings"]


def test_curves_that_part_say_that_more_epochs_learn_by_heart() -> None:
    """Three epochs after that of the smallest validation loss, if the training loss fell on."""
    network = MotionLogit(past=2)
    epoch = ForecastEpoch(
        train=1.0, validation=0.5, train_plain=1.0, validation_plain=1.0, train_auc=0.9, validation_auc=0.9, spread=0.2, seconds=1.0
    )

    def notes(validation: list[float], *, falls: bool = True) -> list[str]:
        history = [replace(epoch, train=1 - place / 10 * falls, validation=loss) for place, loss in enumerate(validation)]
        return Trained(network=network, history=tuple(history), stopped="epochs", weights=(1, 1)).notes

    said = "from epoch 3 on the training loss falls and the validation loss rises: more epochs learn these frames by heart"
    assert notes([0.6, 0.5, 0.55, 0.6]) == []
    assert notes([0.6, 0.5, 0.55, 0.6, 0.7]) == [said]
    assert notes([0.6, 0.5, 0.55, 0.6, 0.7], falls=False) == []


def test_a_network_learns_from_pixels_what_motion_does_not_show(tmp_path: Path) -> None:
    parts = parts_of(tmp_path, frames=600)  # the newest motion alone reaches 0.75
    settings = replace(PIXELS, epochs=2, learning_rate=1e-2, flips=False)
    trained = train(build(settings, parts, size=(12, 16)), parts, settings, tmp_path / "run", about={}, say=lambda _: None, anew=False)
    assert trained.history[-1].validation_auc > 0.9


def test_the_logit_is_calibrated_and_knows_the_training_part(tmp_path: Path) -> None:
    parts = parts_of(tmp_path)
    settings = replace(MOTION, kind="logit")
    network = build(settings, parts, size=None)
    assert isinstance(network, MotionLogit)
    fit_logit(network, parts)
    logits, labels = judged_logits(network, parts.of("train"), settings)
    calibrate(network, logits, labels)
    given = torch.sigmoid(network.scale * torch.from_numpy(logits) + network.offset).numpy()
    assert given.mean() == pytest.approx((labels == 1).mean(), abs=5e-3)
    assert given[labels == 1].mean() > given[labels == 0].mean() + 0.3


def test_a_network_is_shown_to_learn_a_few_frames_by_heart(tmp_path: Path) -> None:
    found = memorise(
        parts_of(tmp_path, frames=300), replace(MOTION, hidden=24, learning_rate=2e-2), frames=24, permuted=False, say=lambda _: None
    )
    assert found.sentence.startswith("lstm learns 24 frames by heart (AUC ")


def test_permuted_labels_are_those_of_the_same_frames_in_another_order(tmp_path: Path) -> None:
    parts = parts_of(tmp_path, frames=300)
    plain, permuted = (few_labelled(parts, 24, permuted=each, seed=0).stretches[0] for each in (False, True))
    assert np.array_equal(plain.labelled, permuted.labelled)
    assert len(plain.labelled) == 24
    assert np.array_equal(plain.labels[plain.labelled], parts.of("train")[0].labels[plain.labelled])
    assert not np.array_equal(plain.labels, permuted.labels)
    assert sorted(plain.labels) == sorted(permuted.labels)


def test_frames_to_learn_by_heart_must_have_both_labels(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="nowhere in the training part are 999 labelled frames"):
        memorise(parts_of(tmp_path, frames=300), MOTION, frames=999, permuted=False, say=lambda _: None)
