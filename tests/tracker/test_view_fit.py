"""The one geometry and colour rule that training and the rig share."""

import re

import cv2
import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tracker.bundle_description import View
from tracker.engines.view_fit import ViewFit, unlike_training
from tracker.errors import BundleError, CameraError

GREY_WHOLE = View(crop=None, fit="exact", colour="grey")


def blob(*, x: float, y: float, height: int, width: int, radius: float) -> NDArray[np.uint8]:
    """A round Gaussian spot whose centre is known to a fraction of a pixel."""
    columns, rows = np.meshgrid(np.arange(width), np.arange(height))
    spot = np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * radius**2))
    return np.asarray(np.round(250 * spot), np.uint8)


def centre(image: NDArray[np.uint8]) -> tuple[float, float]:
    columns, rows = np.meshgrid(np.arange(image.shape[1]), np.arange(image.shape[0]))
    weight = image.astype(np.float64)
    return float((columns * weight).sum() / weight.sum()), float((rows * weight).sum() / weight.sum())


@st.composite
def fits(draw: st.DrawFn) -> ViewFit:
    height, width = draw(st.integers(8, 1200)), draw(st.integers(8, 1200))
    x, y = draw(st.integers(0, width - 8)), draw(st.integers(0, height - 8))
    crop = draw(st.none() | st.just((x, y, draw(st.integers(8, width - x)), draw(st.integers(8, height - y)))))
    view = View(crop=crop, fit=draw(st.sampled_from(["letterbox", "stretch"])), colour="grey")
    return ViewFit(view, input_shape=(1, draw(st.integers(8, 700)), draw(st.integers(8, 700)), 1), source_shape=(height, width))


@given(fit=fits(), x=st.floats(-50, 1300), y=st.floats(-50, 1300), confidence=st.floats(0, 1, width=32))
@settings(deadline=None, max_examples=200)
def test_points_taken_to_the_input_and_back_stay_where_they_were(fit: ViewFit, x: float, y: float, confidence: float) -> None:
    points = np.array([[[x, y, confidence]]], np.float32)

    returned = fit.to_source(fit.from_source(points))

    assert returned.dtype == np.float32
    np.testing.assert_allclose(returned, points, atol=2e-3)  # float32 at 1300 px, enlarged by at most 1200 / 8


@pytest.mark.parametrize("colour", ["grey", "rgb"])
@pytest.mark.parametrize(
    ("crop", "fit", "source", "target"),
    [
        (None, "exact", (240, 320), (240, 320)),
        ((40, 20, 160, 160), "exact", (240, 320), (160, 160)),
        (None, "stretch", (240, 320), (120, 160)),
        (None, "stretch", (240, 320), (96, 200)),
        (None, "stretch", (480, 640), (50, 64)),
        (None, "stretch", (241, 323), (40, 50)),
        (None, "stretch", (240, 320), (480, 480)),
        (None, "letterbox", (240, 320), (128, 128)),
        (None, "letterbox", (320, 241), (100, 256)),
        ((30, 25, 201, 150), "letterbox", (240, 320), (96, 96)),
    ],
    ids=["same", "crop", "halve", "squash", "halve twice and on", "odd sides", "enlarge", "bars above", "bars beside", "crop and bars"],
)
def test_a_spot_seen_in_the_input_is_found_again_in_source_pixels(
    crop: tuple[int, int, int, int] | None, fit: str, source: tuple[int, int], target: tuple[int, int], colour: str
) -> None:
    """Coordinates stay in source pixels, whatever the size of the input. Compared with pixels, not with our own inverse."""
    true_x, true_y = 117.3, 96.8
    image = blob(x=true_x, y=true_y, height=source[0], width=source[1], radius=9)
    view = View(crop=crop, fit=fit, colour=colour)  # type: ignore[arg-type]
    fitted = ViewFit(view, input_shape=(1, *target, 3 if colour == "rgb" else 1), source_shape=source)

    x, y = centre(fitted.to_input(image)[:, :, -1])
    found = fitted.to_source(np.array([[[x, y, 0.5]]], np.float32))

    # 0.05 px: 256 grey levels move the centroid of such a spot by less; a wrong convention costs up to half a pixel
    np.testing.assert_allclose(found[0, 0], [true_x, true_y, 0.5], atol=0.05)


def test_a_grey_image_of_the_inputs_own_size_is_not_copied() -> None:
    image = np.zeros((48, 64), np.uint8)
    fit = ViewFit(GREY_WHOLE, input_shape=(1, 48, 64, 1), source_shape=(48, 64))

    assert np.shares_memory(fit.to_input(image), image)


@pytest.mark.parametrize(
    ("view", "source"),
    [
        (View(crop=(3, 5, 40, 30), fit="exact", colour="grey"), (48, 64)),
        (View(crop=None, fit="stretch", colour="grey"), (48, 64)),
        (View(crop=None, fit="letterbox", colour="grey"), (48, 64, 3)),
        (View(crop=None, fit="stretch", colour="rgb"), (48, 64)),
        (View(crop=None, fit="letterbox", colour="rgb"), (48, 64, 3)),
        (View(crop=(0, 0, 40, 30), fit="letterbox", colour="grey"), (48, 64, 3)),
    ],
    ids=["crop", "stretch", "to grey", "to rgb", "rgb", "crop to grey"],
)
def test_every_input_is_contiguous_uint8_in_one_buffer_made_at_the_start(view: View, source: tuple[int, ...]) -> None:
    fit = ViewFit(view, input_shape=(1, 30, 40, 3 if view.colour == "rgb" else 1), source_shape=source)
    random = np.random.default_rng(0)

    first = fit.to_input(random.integers(0, 256, source, dtype=np.uint8))
    kept = first.copy()
    second = fit.to_input(random.integers(0, 256, source, dtype=np.uint8))

    assert first.dtype == np.uint8
    assert first.flags.c_contiguous
    assert first.shape == (30, 40, 3 if view.colour == "rgb" else 1)
    assert np.shares_memory(first, second)
    assert not np.array_equal(second, kept)


def test_red_stays_red_and_weighs_as_red() -> None:
    """Frames are RGB, and so is the network's input; grey is made with the weights of RGB, not of BGR."""
    red = np.zeros((20, 20, 3), np.uint8)
    red[..., 0] = 200

    rgb = ViewFit(View(crop=None, fit="exact", colour="rgb"), input_shape=(1, 20, 20, 3), source_shape=(20, 20, 3)).to_input(red)
    grey = ViewFit(GREY_WHOLE, input_shape=(1, 20, 20, 1), source_shape=(20, 20, 3)).to_input(red)

    assert rgb[3, 3].tolist() == [200, 0, 0]
    assert grey[3, 3, 0] == 60  # 0.299 * 200; taken for blue it would be 23
    np.testing.assert_array_equal(grey[:, :, 0], cv2.cvtColor(red[..., ::-1].copy(), cv2.COLOR_BGR2GRAY))


def test_a_view_made_for_training_and_one_made_for_the_rig_agree_bit_for_bit() -> None:
    """One definition; two instances fed the same frames in another order give the same bytes."""
    view = View(crop=(11, 7, 90, 60), fit="letterbox", colour="grey")
    frames = np.random.default_rng(1).integers(0, 256, (5, 80, 120, 3), dtype=np.uint8)
    trainer = ViewFit(view, input_shape=(1, 40, 40, 1), source_shape=(80, 120, 3))
    rig = ViewFit(view, input_shape=(1, 40, 40, 1), source_shape=(80, 120, 3))

    trained = [trainer.to_input(frame).tobytes() for frame in frames]
    live = [rig.to_input(frame).tobytes() for frame in reversed(frames)]

    assert trained == live[::-1]


@pytest.mark.parametrize("source", [(480, 640), (477, 639)], ids=["even", "odd"])
def test_fine_structure_is_averaged_when_an_image_shrinks(source: tuple[int, int]) -> None:
    """A fur or grid that is finer than a pixel of the input becomes grey, not a moire that comes and goes with the animal's place."""
    chequered = (np.indices(source).sum(axis=0) % 2 * 200).astype(np.uint8)
    fit = ViewFit(View(crop=None, fit="stretch", colour="grey"), input_shape=(1, 96, 128, 1), source_shape=source)

    fitted = fit.to_input(chequered)

    assert int(np.ptp(fitted)) <= 12
    assert fitted.mean() == pytest.approx(100, abs=1)


@pytest.mark.parametrize(("source", "axis"), [((50, 100), 1), ((100, 50), 0)], ids=["above and below", "left and right"])
def test_the_bars_of_a_letterbox_are_black_and_of_equal_width(source: tuple[int, int], axis: int) -> None:
    white = np.full(source, 255, np.uint8)
    fit = ViewFit(View(crop=None, fit="letterbox", colour="grey"), input_shape=(1, 60, 60, 1), source_shape=source)

    fitted = fit.to_input(white)[:, :, 0]

    assert np.flatnonzero(fitted.max(axis=axis)).tolist() == list(range(15, 45))
    assert np.count_nonzero(fitted == 255) == 30 * 60


def test_points_that_are_missing_stay_missing() -> None:
    fit = ViewFit(View(crop=None, fit="stretch", colour="grey"), input_shape=(1, 20, 20, 1), source_shape=(40, 40))

    assert np.isnan(fit.to_source(np.full((2, 3, 3), np.nan, np.float32))).all()


@pytest.mark.parametrize(
    ("view", "source", "sentence"),
    [
        (
            View(crop=None, fit="exact", colour="grey"),
            (60, 80),
            "The network sees all of the camera's 80x60 image, at its own size, in grey.",
        ),
        (
            View(crop=(220, 0, 60, 60), fit="stretch", colour="grey"),
            (60, 280),
            r"The network sees x 220..279, y 0..59 \(21 %\) of the camera's 280x60 image, resized to 80x60, in grey.",
        ),
        (
            View(crop=None, fit="letterbox", colour="grey"),
            (120, 120),
            "The network sees all of the camera's 120x120 image, resized to 60x60, between black bars that fill 80x60, in grey.",
        ),
    ],
    ids=["all", "crop", "bars"],
)
def test_the_field_of_view_is_stated(view: View, source: tuple[int, int], sentence: str) -> None:
    """Nobody has to guess which part of the picture the network sees."""
    assert re.fullmatch(sentence, ViewFit(view, input_shape=(1, 60, 80, 1), source_shape=source).field_of_view)
    in_colour = ViewFit(msgspec.structs.replace(view, colour="rgb"), input_shape=(1, 60, 80, 3), source_shape=source).field_of_view
    assert re.fullmatch(sentence.replace("in grey", "in colour"), in_colour)


@pytest.mark.parametrize(
    ("view", "input_shape", "source", "complaint"),
    [
        (View(crop=(30, 0, 40, 40), fit="stretch", colour="grey"), (1, 20, 20, 1), (40, 60), "outside the camera's 60x40"),
        (View(crop=(-1, 0, 40, 40), fit="stretch", colour="grey"), (1, 20, 20, 1), (40, 60), "outside the camera's 60x40"),
        (View(crop=(0, 0, 0, 40), fit="stretch", colour="grey"), (1, 20, 20, 1), (40, 60), "outside the camera's 60x40"),
        (View(crop=None, fit="exact", colour="grey"), (1, 20, 20, 1), (40, 60), "'exact' and its input 20x20, the camera gives 60x40"),
        (View(crop=None, fit="stretch", colour="rgb"), (1, 20, 20, 1), (40, 60), r"expected \(1, height, width, 3\)"),
    ],
    ids=["crop beyond", "crop before", "empty crop", "another size", "channels"],
)
def test_a_view_that_does_not_fit_the_camera_is_refused(
    view: View, input_shape: tuple[int, ...], source: tuple[int, int], complaint: str
) -> None:
    with pytest.raises(BundleError, match=complaint):
        ViewFit(view, input_shape=input_shape, source_shape=source)


def test_a_camera_that_changes_its_size_is_noticed() -> None:
    fit = ViewFit(View(crop=None, fit="stretch", colour="grey"), input_shape=(1, 20, 20, 1), source_shape=(40, 40))

    with pytest.raises(CameraError, match=r"has shape \(48, 64\), expected \(40, 40\)"):
        fit.to_input(np.zeros((48, 64), np.uint8))


@pytest.mark.parametrize("source", [(480, 640), (480, 640, 3)])
@pytest.mark.parametrize("trained_on", [None, (640, 480)], ids=["not noted", "same"])
def test_images_of_the_size_that_was_trained_on_need_no_word(trained_on: tuple[int, int] | None, source: tuple[int, ...]) -> None:
    assert unlike_training(trained_on, source) is None


def test_images_of_another_size_than_was_trained_on_are_told() -> None:
    sentence = unlike_training((640, 480), (720, 1280, 3))
    assert sentence is not None
    assert "The camera's image is 1280x720, but the network learnt from images of 640x480" in sentence
    assert "set the camera to 640x480, or train on frames of this camera" in sentence
