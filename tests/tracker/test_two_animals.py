"""Two animals through the whole tracker: camera, engine, identity, rules, stream, replay. A real process and real sockets."""

import math
from pathlib import Path
from typing import Any

import cv2
import msgspec
import numpy as np
import pytest
from onnx import TensorProto, helper

from tests.conftest import BundleMaker
from tests.tracker.daemon import Daemon, write_config
from tracker.bundle import read_bundle, write_bundle
from tracker.bundle_description import TensorShape
from tracker.client import Client
from tracker.config import load_config
from tracker.engines.open_engine import open_engine
from tracker.errors import ConfigError
from tracker.listen import human_line, json_line
from tracker.messages import VERSION, AnimalMessage, EventMessage, Message, PoseMessage
from tracker.recorded_stream import messages_in
from tracker.replay import Rules, replay
from tracker.setup import make_setup

WIDTH, HEIGHT = 160, 120
FRAMES = 60
IDENTITY = {"max_speed_px_s": 400, "slack_px": 2, "velocity_ms": 50, "confirm_ms": 0, "forget_ms": 500, "confidence": 0.3}
RULE = {"when": "above", "on": 0, "off": 0, "minimum_ms": 0, "maximum_gap_ms": 0, "refractory_ms": 0, "confidence": 0.3, "missing": "hold"}
ZONE = {"shape": "polygon", "name": "right", "unit": "px", "corners": [[80, 0], [170, 0], [170, 130], [80, 130]]}
EVENT = {"event": "on_the_right", "source": {"kind": "zone", "point": "spot", "zone": "right"}, "rule": RULE}


def two_brightest_pixels() -> bytes:
    """An ONNX network whose animals are the two brightest pixels, the brighter first, as a real one answers the surer first."""
    constants = [
        helper.make_tensor("flat", TensorProto.INT64, [1], [HEIGHT * WIDTH]),
        helper.make_tensor("two", TensorProto.INT64, [1], [2]),
        helper.make_tensor("width", TensorProto.INT64, [1], [WIDTH]),
        helper.make_tensor("white", TensorProto.FLOAT, [1], [255.0]),
        helper.make_tensor("answer", TensorProto.INT64, [4], [1, 2, 1, 3]),
        helper.make_tensor("column_of", TensorProto.INT64, [2], [2, 1]),
    ]
    nodes = [
        helper.make_node("Cast", ["image"], ["grey"], to=TensorProto.FLOAT),
        helper.make_node("Reshape", ["grey", "flat"], ["pixels"]),
        helper.make_node("TopK", ["pixels", "two"], ["peak", "index"]),
        helper.make_node("Div", ["index", "width"], ["row"]),
        helper.make_node("Mul", ["row", "width"], ["row_start"]),
        helper.make_node("Sub", ["index", "row_start"], ["column"]),
        helper.make_node("Cast", ["column"], ["x"], to=TensorProto.FLOAT),
        helper.make_node("Cast", ["row"], ["y"], to=TensorProto.FLOAT),
        helper.make_node("Div", ["peak", "white"], ["confidence"]),
        *(helper.make_node("Reshape", [name, "column_of"], [f"{name}s"]) for name in ("x", "y", "confidence")),
        helper.make_node("Concat", ["xs", "ys", "confidences"], ["table"], axis=1),
        helper.make_node("Reshape", ["table", "answer"], ["points"]),
    ]
    graph = helper.make_graph(
        nodes,
        "two_brightest_pixels",
        [helper.make_tensor_value_info("image", TensorProto.UINT8, [1, HEIGHT, WIDTH, 1])],
        [helper.make_tensor_value_info("points", TensorProto.FLOAT, [1, 2, 1, 3])],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return bytes(model.SerializeToString())


@pytest.fixture(scope="module")
def bundle(make_bundle: BundleMaker, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return two_animals(make_bundle, tmp_path_factory.mktemp("bundles"))


def two_animals(make_bundle: BundleMaker, folder: Path) -> Path:
    """A bundle of that network."""
    one = read_bundle(make_bundle(folder / "one", height=HEIGHT, width=WIDTH)).description
    image = np.zeros((HEIGHT, WIDTH), np.uint8)
    image[30, 40], image[60, 90] = 204, 153
    test = msgspec.structs.replace(one.self_test, expected=[40, 30, 0.8, 90, 60, 0.6])
    shape = TensorShape(name="points", shape=(1, 2, 1, 3), dtype="float32")
    description = msgspec.structs.replace(one, name="two", output=shape, self_test=test)
    write_bundle(folder / "two", model=two_brightest_pixels(), self_test_image=image, description=description)
    return folder / "two"


def places(number: int) -> list[tuple[int, int]]:
    """Both animals walk towards each other, pass, and walk on; 10 px lie between their ways."""
    return [(20 + 2 * number, 50), (140 - 2 * number, 60)]


def camera(folder: Path) -> dict[str, Any]:
    """Images in which now the one, now the other is brighter."""
    (folder / "images").mkdir()
    for number in range(FRAMES):
        image = np.zeros((HEIGHT, WIDTH), np.uint8)
        for animal, (x, y) in enumerate(places(number)):
            image[y, x] = 250 if (number + animal) % 2 else 200
        cv2.imwrite(str(folder / "images" / f"Frame{number}.png"), image)
    return {"source": "image_folder", "folder": str(folder / "images"), "rate_hz": 100, "loop_folder": True}


def heard(folder: Path, config: Path) -> list[Message]:
    """Poses and events of one pass through the images, from the frame after the first."""
    messages: list[Message] = []
    with Client(f"ipc://{folder}/stream", kinds=("pose", "event")) as client, Daemon(config) as daemon:
        while sum(isinstance(message, PoseMessage) for message in messages) < FRAMES:
            message = client.receive(120.0)
            assert message is not None, daemon.words
            messages.append(message)
    return messages


def test_animals_keep_their_numbers_from_camera_to_subscriber_and_in_a_replay(tmp_path: Path, bundle: Path) -> None:
    """Rows of the network change in every frame; ids, and the events of each, do not."""
    config = write_config(tmp_path, bundle, camera(tmp_path), identity=IDENTITY, zones=[ZONE], behaviour=[EVENT])
    messages = heard(tmp_path, config)
    poses = [message for message in messages if isinstance(message, PoseMessage)]
    assert all([animal.id for animal in pose.animals] == [0, 1] for pose in poses)
    before_jump = [pose for pose in poses if pose.frame // FRAMES == poses[0].frame // FRAMES]  # the folder begins again by a jump
    ways = {pose.animals[0].points["spot"][1] for pose in before_jump}
    assert ways == {before_jump[0].animals[0].points["spot"][1]}, "animal 0 stays on its way"
    lines = [json_line(message) + "\n" for message in messages]
    settings = load_config(config)
    (again,) = replay(messages_in(lines, source="heard", camera=None), Rules(events=settings.behaviour, zones=settings.zones))
    live = [(m.event, m.state, m.animal, m.frame) for m in messages if isinstance(m, EventMessage)]
    replayed = [(event.name, event.state, event.animal, event.frame) for event in again.events if event.reason != "stopping"]
    first = poses[0].frame
    assert {animal for _, _, animal, frame in live if frame > first} == {0, 1}
    assert [event for event in live if event[3] > first] == [event for event in replayed if event[3] > first]


def test_a_bundle_of_several_animals_is_not_run_without_identities(tmp_path: Path, bundle: Path) -> None:
    (tmp_path / "images").mkdir()
    source = {"source": "image_folder", "folder": str(tmp_path / "images"), "rate_hz": 100, "loop_folder": True}
    config = load_config(write_config(tmp_path, bundle, source))
    found = read_bundle(bundle)
    engine = open_engine(found, config.engine, say=print)
    try:
        with pytest.raises(
            ConfigError, match="finds up to 2 animals, in an order that changes from frame to frame; add an identity section"
        ):
            make_setup(config, found, engine, source_shape=(HEIGHT, WIDTH))
    finally:
        engine.close()


def test_a_line_for_people_says_which_animal_is_where_without_absent_ones() -> None:
    animals = [
        AnimalMessage(id=0, points={"spot": (1.0, 2.0, 0.9)}, mm={}),
        AnimalMessage(id=1, points={"spot": (None, None, None)}, mm={}),
        AnimalMessage(id=2, points={"spot": (math.nan, 4.0, 0.5)}, mm={}),
    ]
    stamp: dict[str, Any] = {"v": VERSION, "camera": "top", "session": "a", "frame": 1, "received_ns": 0, "published_ns": 0}
    pose = PoseMessage(
        **stamp,
        exposed_ns=None,
        taken_ns=0,
        inferred_ns=0,
        lost=0,
        skipped=0,
        corrupt=0,
        setup=1,
        ended=[],
        animals=animals,
        scores={},
        motion=None,
    )
    line = human_line(pose, colour=False)
    assert "[0] spot" in line
    assert "[1]" not in line
    assert "[2] spot" in line
