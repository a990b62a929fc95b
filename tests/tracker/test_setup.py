"""A setup: bundle, engine, calibration, identity and rules fitted to each other and to the image, or refused before a frame comes."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import yaml

from tests.conftest import BundleMaker
from tests.tracker.daemon import write_config
from tests.tracker.rig import HEIGHT, WIDTH
from tests.tracker.test_two_animals import HEIGHT as TWO_HEIGHT
from tests.tracker.test_two_animals import IDENTITY, two_animals
from tests.tracker.test_two_animals import WIDTH as TWO_WIDTH
from tracker.bundle import Bundle, read_bundle
from tracker.config import Config, PublisherConfig, load_config
from tracker.engines.engine import Engine
from tracker.engines.open_engine import open_engine
from tracker.errors import BundleError, CalibrationError, ConfigError, RigtrackError
from tracker.frame import Frame
from tracker.setup import check_rules, make_setup, setup_message
from tracker.stream.publisher import Publisher

RULE = {"when": "above", "on": 0, "off": 0, "minimum_ms": 0, "maximum_gap_ms": 0, "refractory_ms": 0, "confidence": 0.5, "missing": "hold"}
CIRCLE = {"shape": "circle", "name": "port", "unit": "px", "centre": [30, 20], "radius": 10}
SQUARE = {"shape": "polygon", "name": "mat", "unit": "mm", "corners": [[0, 0], [10, 0], [10, 10], [0, 10]]}
HALF_MM_A_PIXEL = {
    "schema": 1,
    "camera_matrix": [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]],
    "distortion": {"model": "five_parameter", "coefficients": [0.0] * 5},
    "image_size": [WIDTH, HEIGHT],
    "plane": {"homography": [[0.5, 0.0, 0.0], [0.0, 0.5, 0.0], [0.0, 0.0, 1.0]]},
    "pose": None,
    "made": {"date": "2026-01-02", "tool": "calib solve", "images": 21},
    "quality": {"rms_px": 0.2, "coverage": 0.8, "points": 1000},
}
WITHOUT_LENS = HALF_MM_A_PIXEL | {"camera_matrix": None, "distortion": None, "quality": None}


def event(zone: str, point: str = "spot") -> dict[str, Any]:
    return {"event": "there", "source": {"kind": "zone", "point": point, "zone": zone}, "rule": RULE}


@pytest.fixture(scope="module")
def one(make_bundle: BundleMaker, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_bundle(tmp_path_factory.mktemp("one") / "spot", height=HEIGHT, width=WIDTH)


@pytest.fixture(scope="module")
def two(make_bundle: BundleMaker, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return two_animals(make_bundle, tmp_path_factory.mktemp("two"))


def configured(folder: Path, bundle: Path, calibration: dict[str, Any] | str | None = None, **sections: Any) -> Config:
    """A configuration, with its calibration beside it."""
    path = folder / "calibration.yaml"
    if calibration is not None:
        path.write_text(calibration if isinstance(calibration, str) else yaml.safe_dump(calibration))
        sections["calibration"] = str(path)
    (folder / "images").mkdir(exist_ok=True)
    camera = {"source": "image_folder", "folder": str(folder / "images"), "rate_hz": None, "loop_folder": False}
    return load_config(write_config(folder, bundle, camera, **sections))


@pytest.fixture(scope="module")
def engine(one: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Bundle, Engine]]:
    bundle = read_bundle(one)
    opened = open_engine(bundle, configured(tmp_path_factory.mktemp("engine"), one).engine, say=print)
    yield bundle, opened
    opened.close()


@pytest.mark.parametrize("calibration", [HALF_MM_A_PIXEL, WITHOUT_LENS], ids=["with a lens", "without a lens"])
def test_bundle_calibration_and_rules_become_one_setup_for_an_image(
    tmp_path: Path, one: Path, engine: tuple[Bundle, Engine], calibration: dict[str, Any]
) -> None:
    config = configured(tmp_path, one, calibration, zones=[CIRCLE, SQUARE], behaviour=[event("mat")])
    setup = make_setup(config, *engine, source_shape=(HEIGHT, WIDTH))
    assert (setup.config, setup.image_size, setup.identity) == (config, (WIDTH, HEIGHT), None)
    assert setup.inference is not None
    assert setup.inference.engine is engine[1]
    port, mat = setup.zones
    assert (mat["name"], mat["unit"]) == ("mat", "mm")
    np.testing.assert_allclose(np.asarray(mat["outline_px"]), [[0, 0], [20, 0], [20, 20], [0, 20]], atol=1e-9)
    reach = np.linalg.norm(np.asarray(port["outline_px"]) - CIRCLE["centre"], axis=1)
    np.testing.assert_allclose(reach, 10, atol=0.01)
    image = np.zeros((HEIGHT, WIDTH), np.uint8)
    image[12, 10] = 255
    assert setup.locate is not None
    np.testing.assert_allclose(setup.locate.to_mm(setup.points(image))[0, 0], [5, 6], atol=1e-3)


def test_two_animals_get_identities(tmp_path: Path, two: Path) -> None:
    config = configured(tmp_path, two, identity=IDENTITY)
    bundle = read_bundle(two)
    opened = open_engine(bundle, config.engine, say=print)
    try:
        assert make_setup(config, bundle, opened, source_shape=(TWO_HEIGHT, TWO_WIDTH)).identity is not None
    finally:
        opened.close()


@pytest.mark.parametrize(
    ("calibration", "shape", "error", "sentence"),
    [
        (None, (HEIGHT + 1, WIDTH), BundleError, "exact"),
        (HALF_MM_A_PIXEL | {"image_size": [640, 480]}, (HEIGHT, WIDTH), CalibrationError, "was made for images of 640x480"),
    ],
    ids=["the bundle", "the calibration"],
)
def test_an_image_of_another_size_is_refused(
    tmp_path: Path,
    one: Path,
    engine: tuple[Bundle, Engine],
    calibration: dict[str, Any] | None,
    shape: tuple[int, int],
    error: type[RigtrackError],
    sentence: str,
) -> None:
    with pytest.raises(error, match=sentence):
        make_setup(configured(tmp_path, one, calibration), *engine, source_shape=shape)


@pytest.mark.parametrize(
    ("sections", "sentence"),
    [
        ({"zones": [SQUARE]}, "zone 'mat' is in mm but calibration is null; give a calibration with a plane"),
        ({"zones": [CIRCLE], "behaviour": [event("port", "spto")]}, r"point 'spto' is not one of .*\(did you mean 'spot'\?\)"),
    ],
    ids=["a zone in mm without calibration", "an unknown point"],
)
def test_rules_that_do_not_fit_are_refused_before_the_first_frame(
    tmp_path: Path, one: Path, engine: tuple[Bundle, Engine], sections: dict[str, Any], sentence: str
) -> None:
    config = configured(tmp_path, one, **sections)
    with pytest.raises(ConfigError, match=sentence):
        check_rules(config, engine[0])
    with pytest.raises(ConfigError, match=sentence):
        make_setup(config, *engine, source_shape=(HEIGHT, WIDTH))


def test_an_event_of_a_classifier_that_does_not_run_asks_for_a_restart(tmp_path: Path, one: Path) -> None:
    walking = {"event": "walking", "source": {"kind": "class", "classifier": "beh", "class_name": "walk"}, "rule": RULE}
    config = configured(tmp_path, one, classifiers=[{"name": "beh", "bundle": "beh"}], behaviour=[walking])
    running = msgspec.structs.replace(config, classifiers=())
    with pytest.raises(ConfigError, match=r"'walking': classifier 'beh' does not run yet; .* `tracker stop`, `tracker run`"):
        check_rules(running, read_bundle(one))


def test_several_animals_without_identity_are_refused_before_the_first_frame(tmp_path: Path, two: Path) -> None:
    with pytest.raises(ConfigError, match=r"finds up to 2 animals, in an order that changes .* add an identity section"):
        check_rules(configured(tmp_path, two), read_bundle(two))


@pytest.mark.parametrize(
    ("calibration", "sentence"),
    [
        ("plane: [", "calibration.yaml"),
        (HALF_MM_A_PIXEL | {"plane": None}, "the calibration has no plane"),
        (HALF_MM_A_PIXEL | {"plane": {"homography": [[1.0, 0.0, 0.0]] * 3}}, "plane.homography is singular"),
    ],
    ids=["unreadable", "without a plane", "singular"],
)
def test_a_calibration_that_cannot_be_used_is_refused_before_the_first_frame(
    tmp_path: Path, one: Path, calibration: dict[str, Any] | str, sentence: str
) -> None:
    with pytest.raises(CalibrationError, match=sentence):
        check_rules(configured(tmp_path, one, calibration), read_bundle(one))


def test_rules_that_fit_pass_although_no_image_has_come(tmp_path: Path, one: Path, two: Path) -> None:
    check_rules(configured(tmp_path, one, HALF_MM_A_PIXEL, zones=[SQUARE], behaviour=[event("mat")]), read_bundle(one))
    check_rules(configured(tmp_path, two, identity=IDENTITY), read_bundle(two))


def test_the_message_says_what_was_configured_and_after_which_frame(tmp_path: Path, one: Path, engine: tuple[Bundle, Engine]) -> None:
    config = configured(tmp_path, one, HALF_MM_A_PIXEL, zones=[SQUARE], behaviour=[event("mat")])
    bundle, opened = engine
    description = msgspec.structs.replace(bundle.description, skeleton=(("spot", "spot"),))
    setup = make_setup(config, msgspec.structs.replace(bundle, description=description), opened, source_shape=(HEIGHT, WIDTH))
    last = Frame(image=np.zeros((HEIGHT, WIDTH), np.uint8), number=41, exposed_ns=None, received_ns=7)
    settings = PublisherConfig(bind=(f"ipc://{tmp_path}/stream",), curve_keys=None)
    with Publisher(settings, camera="top") as publisher:
        first = setup_message(setup, number=1, cause="start", after=None, publisher=publisher)
        later = setup_message(setup, number=2, cause="reload", after=last, publisher=publisher)
    assert (first.frame, first.received_ns, first.setup, first.cause) == (-1, 0, 1, "start")
    assert (later.frame, later.received_ns, later.setup, later.cause) == (41, 7, 2, "reload")
    assert (first.bundle, first.bundle_sha256, first.point_names) == (description.name, description.onnx_sha256, ["spot"])
    assert first.skeleton == [("spot", "spot")]
    assert first.calibrated
    assert (first.camera, first.session) == ("top", publisher.session)
    [zone], [rule] = first.zones, first.behaviour
    assert json.loads(json.dumps(zone)) == SQUARE, "as configured, without an outline"
    assert (rule["event"], rule["source"]["zone"]) == ("there", "mat")
