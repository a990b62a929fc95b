"""A refresh keeps what the bundle in use was judged by and how its images were changed, says so, and says what it is asked to change."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from tests.trainer.test_refresh import LONGER, QUICK, project
from tracker.bundle import read_bundle
from tracker.bundle_description import Augmentation
from trainer.__main__ import main
from trainer.formats.read_labels import read_labels
from trainer.pipeline.kept_on_refresh import AUGMENT_FILE, KeptOnRefresh, kept_augment_file, kept_on_refresh
from trainer.scoring.correct_radius import FIGURES_FILE, Judging
from trainer.training.augment import FLIP, AugmentSettings
from trainer.training.augment_file import read_augment_file
from trainer.training.augmentation_choice import settled
from trainer.training.checkpoint import CHECKPOINTS, LAST
from trainer.training.fit_settings import FitSettings

STILL = "scale: [0.9, 1.0]\nlight: 0.5\nflip: 0.25\n"


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with labels and the bundle trained from them, judged and augmented as was asked for."""
    folder = tmp_path_factory.mktemp("rig")
    (folder / "still.yaml").write_text(STILL)
    asked = ["--correct-within", "4", "tail=6", "--target-px", "9", "--augment", str(folder / "still.yaml"), "--rotation", "30"]
    assert main(["fit", "--data", str(project(folder / "old", range(40))), "--out", str(folder / "mine"), *QUICK, *LONGER, *asked]) == 0
    return folder


@pytest.fixture
def own(rig: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    shutil.copytree(rig, tmp_path / "rig")
    return tmp_path / "rig"


def kept(folder: Path, asked: Judging | None = None, *, augment: AugmentSettings | None = None, file: str | None = None) -> KeptOnRefresh:
    path = folder / "asked.yaml" if file is not None else None
    if path is not None:
        path.write_text(file or "")
    given = read_augment_file(path) if path is not None else AugmentSettings()
    settings = FitSettings(augment=augment or given)
    last = folder / "mine.run" / CHECKPOINTS / LAST
    return kept_on_refresh(read_bundle(folder / "mine"), judging=asked or Judging(), settings=settings, checkpoint=last, augment_file=path)


def rewritten(path: Path, **values: object) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def test_radius_target_and_augmentation_outlast_every_refresh_and_stand_in_the_commands(
    own: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = [str(own / "old")]
    for number in (1, 2):
        data.append(str(project(own / f"new{number}", range(50 * number, 50 * number + 8))))
        assert main(["fit", "--refresh", str(own / "mine"), "--data", *data, *QUICK, "--accept-worse"]) == 0
        said = capsys.readouterr().err
        assert "a point counts as right within 4 to 6 px (by key point) of its label (kept from mine)" in said
        assert (
            "kept from mine where no option asks for anything else: confidence means within 4 to 6 px (by key point) of the label "
            "(--correct-within); the task can do with 9 px (--target-px); training images are changed as in its training"
        ) in said
        assert "25% of the training images are mirrored" in said
        assert "turned by up to 30° either way, made 0.9 to 1 times as large" in said
        assert "not as in mine" not in said
        assert read_bundle(own / "mine").description.correct_within_px == (4.0, 6.0)
        figures = json.loads((own / "mine" / FIGURES_FILE).read_text())
        assert any(note.startswith("kept from mine where") for note in figures["notes"])
        assert figures["settings"]["augment"] | {"scale": [0.9, 1.0], "light": 0.5, "flip": 0.25} == figures["settings"]["augment"]
        options = " ".join(figures["trained_as"]["options"])
        assert "--correct-within head=4 tail=6 --target-px 9" in options
        assert f"--augment {own / 'mine.run' / AUGMENT_FILE} " in options
        written = read_augment_file(own / "mine.run" / AUGMENT_FILE)
        assert (written.scale, written.light, written.flip, written.rotation_deg) == ((0.9, 1.0), 0.5, 0.25, 30.0)


@pytest.mark.parametrize(
    ("asked", "within", "source", "said"),
    [
        (Judging(), {"head": 4.0, "tail": 6.0}, "kept from mine", None),
        (Judging(correct_within={"": 3.0}), {"": 3.0}, None, "confidence means within 3 px of the label instead of 4 to 6 px"),
        (
            Judging(correct_within={"tail": 4.0}),
            {"head": 4.0, "tail": 4.0},
            "as given, else kept from mine",
            "confidence means within 4 px of the label instead of 4 to 6 px (by key point), so look at the thresholds",
        ),
        (Judging(correct_within={"head": 4.0, "tail": 6.0}), {"head": 4.0, "tail": 6.0}, None, None),
        (Judging(target_px=2.0), {"head": 4.0, "tail": 6.0}, "kept from mine", "the task can do with 2 px instead of 9 px"),
        (Judging(target_px=9.0), {"head": 4.0, "tail": 6.0}, "kept from mine", None),
    ],
    ids=["nothing", "all points", "one point", "the same", "target", "same target"],
)
def test_what_is_asked_for_stands_before_what_was_and_a_change_is_said(
    rig: Path, asked: Judging, within: dict[str, float], source: str | None, said: str | None
) -> None:
    found = kept(rig, asked)
    assert (found.judging.correct_within, found.radii_from) == (within, source)
    assert found.judging.target_px == (asked.target_px or 9.0)
    changes = [one for one in found.sentences if one.startswith("not as in mine, as asked for: ")]
    assert len(changes) == (said is not None)
    assert said is None or said in changes[0]
    of_radius = "confidence means within" in found.sentences[0]
    assert of_radius == (not asked.correct_within), "what is not kept is not said to be"


def test_a_radius_that_was_measured_in_the_labels_is_kept_as_well(own: Path) -> None:
    rewritten(own / "mine" / "bundle.json", correct_within_px=[2.3, 2.3])
    found = kept(own)
    assert (found.judging.correct_within, found.radii_from) == ({"": 2.3}, "kept from mine")
    assert "confidence means within 2.3 px of the label" in found.sentences[0]


def test_a_bundle_that_does_not_say_what_its_confidence_means_takes_the_labels_radius_and_that_is_said(own: Path) -> None:
    rewritten(own / "mine" / "bundle.json", correct_within_px=None)
    (own / "mine" / FIGURES_FILE).unlink()
    found = kept(own)
    assert (found.judging, found.radii_from) == (Judging(), None)
    assert any(one.startswith("mine does not say within which distance of the label its confidence is meant") for one in found.sentences)
    assert not any("mine does not say" in one for one in kept(own, Judging(correct_within={"": 3.0})).sentences)


def test_the_distance_of_an_older_bundles_figures_is_kept(own: Path) -> None:
    rewritten(own / "mine" / "bundle.json", correct_within_px=None)
    rewritten(own / "mine" / FIGURES_FILE, calibration={"limit_px": 5.5})
    assert kept(own).judging.correct_within == {"": 5.5}


def test_a_file_changes_what_it_names_and_nothing_else(rig: Path) -> None:
    before = kept(rig).settings.augment
    assert (before.scale, before.light, before.flip, before.rotation_deg) == ((0.9, 1.0), 0.5, 0.25, 30.0)
    assert kept(rig, file="light: 1\nblur: 0.5\n").settings.augment == replace(before, light=1.0, blur=0.5), "the usual light, asked for"
    (said,) = [one for one in kept(rig, file="light: 1\nscale: [1.0, 1.1]\n").sentences if one.startswith("not as in mine")]
    assert said == "not as in mine, as asked for: scale [1, 1.1] instead of [0.9, 1]; light 1 instead of 0.5"


def test_options_of_the_augmentation_stand_before_what_was(rig: Path) -> None:
    found = kept(rig, augment=AugmentSettings(flip=0.0, rotation_deg=180.0))
    assert (found.settings.augment.flip, found.settings.augment.rotation_deg, found.settings.augment.scale) == (0.0, 180.0, (0.9, 1.0))
    (said,) = [one for one in found.sentences if one.startswith("not as in mine")]
    assert said == "not as in mine, as asked for: rotation_deg 180 instead of 30; flip 0 instead of 0.25"


def test_where_other_views_are_asked_for_they_settle_mirroring_and_turning_anew(rig: Path) -> None:
    found = kept(rig, augment=AugmentSettings(two_views=True))
    assert (found.settings.augment.flip, found.settings.augment.rotation_deg, found.settings.augment.light) == (None, None, 0.5)
    (said,) = [one for one in found.sentences if one.startswith("not as in mine")]
    assert "flip what the labels say instead of 0.25; two_views yes instead of no" in said
    assert kept(rig, augment=AugmentSettings(two_views=False)).settings.augment.flip == 0.25


def recorded(flip: float, pairs: tuple[tuple[str, str], ...]) -> Augmentation:
    return Augmentation(flip=flip, rotation_deg=30.0, pairs=pairs, two_views=False)


@pytest.mark.parametrize(
    ("before", "asked", "flip"),
    [
        (recorded(0.0, ()), AugmentSettings(pairs=(("head", "tail"),)), None),
        (recorded(0.0, ()), AugmentSettings(pairs=(("head", "tail"),), flip=0.0), 0.0),
        (recorded(0.0, ()), AugmentSettings(pairs=(("head", "tail"),), flip=0.5), 0.5),
        (recorded(0.0, ()), AugmentSettings(), 0.0),
        (recorded(0.0, (("head", "tail"),)), AugmentSettings(pairs=(("tail", "head"),)), 0.0),
        (recorded(0.25, ()), AugmentSettings(pairs=(("head", "tail"),)), None),
    ],
    ids=["others", "and not mirrored", "and mirrored", "none", "the same", "others where images were mirrored"],
)
def test_where_other_pairs_are_asked_for_the_labels_settle_mirroring_anew(
    own: Path, before: Augmentation, asked: AugmentSettings, flip: float | None
) -> None:
    path = own / "mine" / "bundle.json"
    training = json.loads(path.read_text())["training"]
    rewritten(path, training=training | {"augmentation": msgspec.to_builtins(before)})
    found = kept(own, augment=asked)
    assert (found.settings.augment.flip, found.settings.augment.rotation_deg) == (flip, 30.0)
    changes = [one for one in found.sentences if one.startswith("not as in mine")]
    assert (f"flip what the labels say instead of {before.flip:g}" in "".join(changes)) == (flip is None)


def test_pairs_that_a_sentence_asked_for_mirror_the_images_of_a_refresh(own: Path) -> None:
    path = own / "mine" / "bundle.json"
    training = json.loads(path.read_text())["training"]
    rewritten(path, training=training | {"augmentation": training["augmentation"] | {"flip": 0.0}})
    found = kept(own, augment=AugmentSettings(pairs=(("head", "tail"),)))
    said = settled(found.settings, read_labels(own / "old"))[1]
    assert "50% of the training images are mirrored (head and tail then change places)" in said[-1]


def test_nobody_is_said_to_have_asked_for_what_is_kept(rig: Path) -> None:
    frames = replace(read_labels(rig / "old"), point_names=("head", "left tail"))
    for asked, words in ((AugmentSettings(), "as in mine"), (AugmentSettings(flip=0.5), "as asked for")):
        found = kept(rig, augment=asked)
        said = settled(found.settings, frames, mirrored_as=found.mirrored_as)[1]
        assert any(f"images are mirrored all the same, {words}, and these names stay" in one for one in said), said


def test_the_bundle_itself_stands_before_its_run_on_mirroring_and_turning(own: Path) -> None:
    path = own / "mine" / "bundle.json"
    training = json.loads(path.read_text())["training"]
    rewritten(path, training=training | {"augmentation": training["augmentation"] | {"rotation_deg": 15.0}})
    assert (kept(own).settings.augment.rotation_deg, kept(own).settings.augment.light) == (15.0, 0.5)
    rewritten(path, training=training | {"augmentation": None})
    assert (kept(own).settings.augment.rotation_deg, kept(own).settings.augment.light) == (30.0, 0.5)


@pytest.mark.parametrize(
    ("before", "asked", "said"),
    [
        ([["head", "head"], ["tail", "tail"]], ("head", "head"), None),
        ([["head", "tail"]], ("tail", "head"), None),
        ([], ("head", "tail"), "flip what the labels say instead of 0.25; pairs [head:tail] instead of []"),
    ],
    ids=["one of several", "the other way round", "new"],
)
def test_pairs_that_were_known_before_are_no_change(own: Path, before: list[list[str]], asked: tuple[str, str], said: str | None) -> None:
    path = own / "mine" / "bundle.json"
    training = json.loads(path.read_text())["training"]
    rewritten(path, training=training | {"augmentation": training["augmentation"] | {"pairs": before}})
    found = kept(own, augment=AugmentSettings(pairs=(asked,)))
    assert found.settings.augment.pairs == (asked,)
    changes = [one for one in found.sentences if one.startswith("not as in mine")]
    assert changes == ([] if said is None else [f"not as in mine, as asked for: {said}"])


def test_a_chance_of_mirroring_that_no_option_says_stands_in_a_file(tmp_path: Path) -> None:
    assert kept_augment_file(AugmentSettings(flip=0.25), tmp_path) == tmp_path / AUGMENT_FILE
    for flip in (None, 0.0, FLIP):
        assert kept_augment_file(AugmentSettings(flip=flip), tmp_path) is None, "--no-flip, --flip and neither say it"
