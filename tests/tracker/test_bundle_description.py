"""Names and numbers of bundle.json that would do harm: each is refused in one sentence that a terminal can show, by whoever reads it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.conftest import BundleMaker
from tests.tracker.daemon import write_config
from tests.tracker.small_classifier import write_classifier, write_image_classifier
from tests.tracker.test_carried_bundle import FORECAST
from tracker.bundle import DESCRIPTION_FILE, read_bundle, write_bundle
from tracker.check import parts
from tracker.config import load_config
from tracker.errors import BundleError
from tracker.parsing.one_line import is_one_line

WHOLE: dict[str, Any] = {
    "correct_within_px": [2.0],
    "lighting": {"background": "median", "background_sha256": "0" * 64, "contrast": "local", "cell_px": 20},
    "learnt": {"brightness": [10, 200], "contrast": [5, 9], "confidence": 0.5},
    "trained_on": [64, 48],
    "skeleton": [["spot", "spot"]],
    "accuracy": {"mean_px": 1.0, "median_px": 1.0, "p95_px": 2.0, "frames": 10},
}
TRAINING: dict[str, Any] = {
    "division": {"train": [[0, 10]], "held_out": [[10, 20]]},
    "augmentation": {"flip": 0.5, "rotation_deg": 10.0, "pairs": [["spot", "spot"]], "two_views": False},
    "image_sizes": [[64, 48]],
}
HUGE = 10**25
UNSHOWABLE = {"new line": "a\nb", "escape": "\x1b[31mred", "other escape": "a\x9bb", "direction": "a\u202eb", "line": "a\u2028b"}

POINTS: list[tuple[str, Any]] = [
    ("name", "x" * 5000),
    *[("name", text) for text in ("../../x", "a/b", "a\\b", "a\\..\\b", ".hidden", "..", "\U0001f42d" * 51)],
    ("view.crop", [-1, 0, 40, 40]),
    ("view.crop", [0, 0, 0, 40]),
    ("view.crop", [0, 0, 40, HUGE]),
    ("input.shape", [1, -48, 64, 1]),
    ("output.shape", [1, 1, 2, 3]),
    ("lighting.cell_px", -20),
    ("lighting.cell_px", 0),
    ("lighting.cell_px", float("nan")),
    ("lighting.cell_px", HUGE),
    ("correct_within_px", [-1.0]),
    ("correct_within_px", [1e300]),
    ("correct_within_px", [float("inf")]),
    ("trained_on", [0, 48]),
    ("trained_on", [HUGE, 48]),
    ("learnt.brightness", [-1, 200]),
    ("learnt.confidence", 1.5),
    ("accuracy.mean_px", -1.0),
    ("accuracy.frames", -1),
    ("training.frames", -1),
    ("training.held_out_frames", HUGE),
    ("training.division.train", [[-1, 10]]),
    ("training.augmentation.flip", -0.5),
    ("training.augmentation.rotation_deg", 1e300),
    ("training.image_sizes", [[64, 0]]),
    ("self_test.expected", []),
    ("self_test.expected", [16, 16, 1e300]),
    ("self_test.tolerance_fp32", -1.0),
    ("self_test.tolerance_reduced", 1e300),
    ("point_names", [""]),
    ("point_names", ["x" * 5000]),
    ("skeleton", [["spot", "x" * 5000]]),
    ("training.augmentation.pairs", [["spot", "x" * 5000]]),
    *[(place, "x" * 5000) for place in ("network", "created", "input.name", "output.name")],
    *[(place, "x" * 200_000) for place in ("training.source", "training.split", "lighting.background")],
    *[
        (place, text)
        for text in UNSHOWABLE.values()
        for place in ("name", "network", "created", "training.source", "training.split", "lighting.background", "input.name")
    ],
    *[("point_names", [text]) for text in UNSHOWABLE.values()],
    *[("skeleton", [["spot", text]]) for text in UNSHOWABLE.values()],
    ("training.augmentation.pairs", [["spot", "a\nb"]]),
]
CARRIED: list[tuple[str, Any]] = [
    ("behaviour.warming_frames", -1),
    ("behaviour.warming_frames", HUGE),
    ("behaviour.frame_interval_s", [0.0, 0.0]),
    ("behaviour.frame_interval_s", [-1.0, 0.1]),
    ("behaviour.frame_interval_s", [0.1, 1e300]),
    ("behaviour.longest_gap_s", 0.0),
    ("behaviour.delay_ms", -1.0),
    ("behaviour.delay_ms", 10_001.0),
    ("behaviour.longest_gap_s", 1e300),
    ("behaviour.thresholds", [0.5, -0.1]),
    ("behaviour.accuracy.frames", -1),
    ("behaviour.accuracy.f1", [None]),
    ("behaviour.accuracy.bout_f1", [None, None, None]),
    ("class_names", ["x" * 5000, "late"]),
    ("behaviour.seconds.name", "x" * 5000),
    ("behaviour.threshold_rule", "x" * 200_000),
    *[("class_names", [text, "late"]) for text in UNSHOWABLE.values()],
    *[("behaviour.threshold_rule", text) for text in UNSHOWABLE.values()],
]
FORECASTS: list[tuple[str, Any]] = [
    ("forecast.horizon_ms", 0),
    ("forecast.horizon_frames", HUGE),
    ("forecast.motion_size", [0, 4]),
    ("forecast.motion_size", [HUGE, 4]),
    ("forecast.share", -0.1),
    ("forecast.phases", 0),
    ("behaviour.region.kind", "a\nb"),
]


def write(folder: Path, values: dict[str, Any]) -> Path:
    (folder / DESCRIPTION_FILE).write_text(json.dumps(values))
    return folder


def changed(values: Any, place: str, value: Any) -> Any:
    """The same with another value at one place."""
    name, _, inside = place.partition(".")
    return {**values, name: changed(values[name], inside, value) if inside else value}


@pytest.fixture(scope="module")
def whole(make_bundle: BundleMaker, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A bundle of each kind that says all it can; `description` below gives each test its own text."""
    folder = tmp_path_factory.mktemp("whole")
    made = {
        "points": make_bundle(folder / "points", height=48, width=64),
        "carried": write_classifier(folder / "carried"),
        "forecast": write_image_classifier(folder / "forecast", height=5, width=5),
    }
    said = {name: json.loads((path / DESCRIPTION_FILE).read_text()) for name, path in made.items()}
    write(made["points"], said["points"] | WHOLE | {"training": said["points"]["training"] | TRAINING})
    write(made["forecast"], said["forecast"] | {"task": "forecast", "forecast": FORECAST})
    return made


def refusals(folder: Path, place: str, value: Any, refusing: Callable[[], str]) -> str:
    """The sentence with which a changed description is refused; the description is as before afterwards."""
    text = (folder / DESCRIPTION_FILE).read_text()
    try:
        write(folder, changed(json.loads(text), place, value))
        return refusing()
    finally:
        (folder / DESCRIPTION_FILE).write_text(text)


@pytest.mark.parametrize("kind", ["points", "carried", "forecast"])
def test_a_bundle_that_says_all_it_can_is_read(whole: dict[str, Path], kind: str) -> None:
    read_bundle(whole[kind])


@pytest.mark.parametrize(
    ("kind", "place", "value"),
    [(kind, *each) for kind, cases in (("points", POINTS), ("carried", CARRIED), ("forecast", FORECASTS)) for each in cases],
)
def test_what_no_bundle_can_say_is_refused_in_one_sentence(whole: dict[str, Path], kind: str, place: str, value: Any) -> None:
    def refusing() -> str:
        with pytest.raises(BundleError) as found:
            read_bundle(whole[kind])
        return str(found.value)

    sentence = refusals(whole[kind], place, value, refusing)
    assert sentence.startswith(f"{whole[kind]}/{DESCRIPTION_FILE}: ")
    assert sentence.endswith("write the bundle again with `trainer fit`")
    assert len(sentence) < 1200
    assert is_one_line(sentence)


@pytest.mark.parametrize(
    ("place", "value", "said"),
    [
        ("point_names", ["a\nb"], r"point_names[0] is 'a\nb', which holds characters that cannot be shown"),
        ("lighting.cell_px", -20, "Expected `int` >= 1 - at `$.lighting.cell_px`"),
    ],
    ids=["name", "number"],
)
def test_a_check_of_the_rig_says_what_is_wrong_with_its_bundle(
    whole: dict[str, Path], tmp_path: Path, place: str, value: Any, said: str
) -> None:
    config = load_config(write_config(tmp_path, whole["points"], {"source": "synthetic"}))

    def refusing() -> str:
        finding, bundle = parts.bundle(config)
        assert (finding.ok, bundle) == (False, None)
        return finding.found

    assert said in refusals(whole["points"], place, value, refusing)


@pytest.mark.parametrize(
    "text", ["Maus\u3000A", "nez\u00a0gauche", "鼻", "1 / 2"], ids=["wide space", "fixed space", "other letters", "plain"]
)
def test_names_in_any_language_are_read(whole: dict[str, Path], text: str) -> None:
    def reading() -> str:
        (name,) = read_bundle(whole["points"]).description.point_names
        return name

    assert refusals(whole["points"], "point_names", [text], reading) == text


def test_texts_of_a_bundle_are_written_so_that_it_can_be_read(whole: dict[str, Path], tmp_path: Path) -> None:
    """A file or folder of labels may be called anything."""
    found = read_bundle(whole["points"])
    training = msgspec.structs.replace(found.description.training, source="set\x1b[31m\n2", split="held out: video, " * 20_000)
    description = msgspec.structs.replace(found.description, name="a\nb", training=training)
    write_bundle(tmp_path / "b", model=found.model.read_bytes(), self_test_image=found.self_test_image, description=description)
    written = read_bundle(tmp_path / "b").description
    assert (written.name, written.training.source) == (r"a\nb", r"set\x1b[31m\n2")


@pytest.mark.parametrize(
    ("folder", "name"),
    [("mouse-v7", "mouse-v7"), ("Maus 鼻.2", "Maus 鼻.2"), (".hidden", "hidden"), ("a\\b", "a-b"), ("鼻" * 80, "鼻" * 66)],
    ids=["plain", "other letters", "hidden", "backslash", "long"],
)
def test_a_bundle_is_called_after_its_folder_by_what_a_file_can_be_called(
    whole: dict[str, Path], tmp_path: Path, folder: str, name: str
) -> None:
    found = read_bundle(whole["points"])
    description = msgspec.structs.replace(found.description, name=folder)
    write_bundle(tmp_path / folder, model=found.model.read_bytes(), self_test_image=found.self_test_image, description=description)
    assert read_bundle(tmp_path / folder).description.name == name
