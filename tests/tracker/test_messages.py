"""Reading messages: what a tracker sent comes out the same, and nothing else ends in anything but one sentence."""

import json
from collections.abc import Callable
from dataclasses import MISSING, fields
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tracker.errors import StreamError
from tracker.listen import human_line, json_line
from tracker.messages import (
    TOPICS,
    VERSION,
    AliveMessage,
    Animal3DMessage,
    AnimalMessage,
    EventMessage,
    ImageMessage,
    Message,
    OpenEvent,
    Pose3DMessage,
    PoseMessage,
    Problem,
    RigCameraMessage,
    RigMessage,
    SetupMessage,
    StatusMessage,
    decode,
    topic,
)

STAMP: dict[str, Any] = {"v": VERSION, "camera": "top", "session": "a", "frame": 4, "received_ns": 10, "published_ns": 20}
MESSAGES: dict[str, Message] = {
    "pose": PoseMessage(
        **STAMP,
        exposed_ns=None,
        taken_ns=11,
        inferred_ns=12,
        lost=1,
        skipped=2,
        corrupt=3,
        setup=1,
        ended=[("poke", 0, "camera_lost")],
        animals=[AnimalMessage(id=0, points={"snout": (1.5, 2.5, 0.5), "tail": (None, None, None)}, mm={"snout": (0.5, 1.5)})],
        scores={"rest": 0.5},
        motion=0.25,
    ),
    "pose3d": Pose3DMessage(
        **STAMP,
        time_ns=9,
        joined_by="number",
        spread_ns=3,
        frames={"top": 12, "side": None},
        late={"top": 0, "side": 4},
        setup=1,
        ended=[("poke", 0, "missing")],
        animals=[
            Animal3DMessage(
                id=0,
                points={"snout": (1.5, 2.5, -30.0, 0.5), "tail": (None, None, None, None)},
                error_px={"snout": 0.25, "tail": None},
                cameras={"snout": ["top", "side"], "tail": []},
            )
        ],
    ),
    "event": EventMessage(
        **STAMP,
        event="poke",
        state="off",
        animal=0,
        onset_frame=2,
        value=1.5,
        threshold=1.0,
        added_delay_ms=0.0,
        latency_ms=2.5,
        reason="camera_lost",
    ),
    "alive": AliveMessage(**STAMP, interval_ms=100.0, open=[OpenEvent(event="poke", animal=0, onset_frame=2)]),
    "setup": SetupMessage(
        **STAMP,
        setup=1,
        cause="start",
        bundle="mouse",
        bundle_sha256="0",
        point_names=["snout"],
        calibrated=False,
        zones=[{"name": "door", "outline_px": [[1.5, 2.5]]}],
        behaviour=[{"event": "poke"}],
        skeleton=[("snout", "tail")],
    ),
    "status": StatusMessage(
        **STAMP,
        state="tracking",
        point_names=["snout"],
        skeleton=[("snout", "tail")],
        class_names=[],
        zones=[{"name": "door", "deep": [[[1]]]}],
        image_size=(640, 480),
        bundle="mouse",
        bundle_sha256="0",
        runtime="openvino",
        device="CPU",
        precision="fp32",
        fps={"captured": 100.0},
        latency_ms={"total": {"p50": 1.5}},
        counters={"captured": 7, "lost": 0},
        unix_offset_ns=5,
        setup=1,
        field_of_view="the whole image",
        problems=[Problem(cause="camera", sentence="unplugged", since_ns=9)],
        open=[OpenEvent(event="poke", animal=0, onset_frame=2, since_ns=5)],
        rig=RigMessage(
            frame_of_reference="camera top",
            joined_by="exposed",
            deadline_ms=5.0,
            cameras={
                "top": RigCameraMessage(
                    session="b", alive=True, offset=None, rate_hz=100.0, joined=1, late=2, refused=3, clock_offset_ms=0.25
                )
            },
        ),
    ),
    "image": ImageMessage(**STAMP, width=640, height=480, jpeg=b"\xff\xd8"),
}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(exclude_categories=())),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def parts_of(message: Message, **changes: Any) -> list[bytes]:
    kind = next(kind for kind, each in TOPICS.items() if each is type(message))
    values = {key: value for key, value in msgspec.to_builtins(message).items() if key != "jpeg"} | changes
    jpeg = [message.jpeg] if isinstance(message, ImageMessage) else []
    return [topic(kind, message.camera), json.dumps(values).encode(), *jpeg]


def read_or_refused(parts: list[bytes]) -> None:
    """What is read can be printed; what is refused is refused in one sentence."""
    try:
        message = decode(parts)
    except StreamError as problem:
        sentence = str(problem)
    else:
        json_line(message).encode()
        human_line(message, colour=False).encode()
        return
    sentence.encode()
    assert "\n" not in sentence
    assert len(sentence) < 500


@pytest.mark.parametrize("message", MESSAGES.values(), ids=MESSAGES)
def test_a_message_comes_out_as_it_was_sent(message: Message) -> None:
    assert decode(parts_of(message)) == message
    assert decode(parts_of(message, added_by_a_newer_tracker=1)) == message


@pytest.mark.parametrize("message", MESSAGES.values(), ids=MESSAGES)
def test_a_message_without_one_of_its_fields_is_refused_by_its_name(message: Message) -> None:
    for field in fields(message):
        topic_part, text, *rest = parts_of(message)
        values = json.loads(text)
        if field.name in values and field.name != "v" and field.default is MISSING and field.default_factory is MISSING:
            del values[field.name]
            with pytest.raises(StreamError, match=f"'{field.name}' is missing"):
                decode([topic_part, json.dumps(values).encode(), *rest])


def test_spaces_around_the_json_are_read_over_and_more_after_it_is_refused() -> None:
    topic_part, text = parts_of(MESSAGES["pose"])
    assert decode([topic_part, b" \r\n\t" + text + b"\n "]) == MESSAGES["pose"]
    with pytest.raises(StreamError, match="more follows the JSON value"):
        decode([topic_part, text + b" {}"])


def test_a_status_of_a_tracker_that_does_not_list_open_events_is_read() -> None:
    topic_part, text = parts_of(MESSAGES["status"])
    values = json.loads(text)
    assert values.pop("open") == [{"event": "poke", "animal": 0, "onset_frame": 2, "since_ns": 5}]
    message = decode([topic_part, json.dumps(values).encode()])
    assert isinstance(message, StatusMessage)
    assert message.open == []


def test_a_version_of_four_hundred_digits_is_refused_as_any_other() -> None:
    with pytest.raises(StreamError, match="has schema version of many digits; expected"):
        decode([b"status.top", b'{"v": ' + b"9" * 400 + b"}"])


@pytest.mark.parametrize(
    ("kind", "changes", "sentence"),
    [
        ("pose", {"animals": None}, "animals: is None; expected a list"),
        ("pose", {"animals": [3]}, "animals: is 3; expected an object"),
        ("pose", {"animals": [{"id": 0, "points": {"snout": [1, 2]}, "mm": {}}]}, "points: is a list; expected a list of 3"),
        ("pose", {"frame": "4"}, "frame: is '4'; expected an integer"),
        ("pose", {"frame": 10**30}, "expected an integer of 64 bits"),
        ("pose", {"lost": True}, "lost: is True; expected an integer"),
        ("event", {"state": "maybe"}, "state: is 'maybe'; expected one of on, off"),
        ("event", {"reason": "bored"}, "reason: is 'bored'; expected one of rule, missing"),
        ("alive", {"interval_ms": 1e300}, "interval_ms is 1e[+]300; expected more than 0"),
        ("alive", {"interval_ms": 0}, "interval_ms is 0"),
        ("alive", {"interval_ms": 10**400}, "interval_ms: is 1000"),
        ("alive", {"interval_ms": float("nan")}, "NaN is no JSON"),
        ("alive", {"open": [{"event": "poke"}]}, "open: 'animal' is missing"),
        ("alive", {"camera": "side"}, "another one than in the topic"),
        ("status", {"image_size": [640]}, "image_size: is a list; expected a list of 2"),
        ("status", {"session": "\ud800"}, "unreadable payload"),
        ("status", {"v": "2"}, "no version"),
        ("status", {"v": 10**30}, r"schema version 1e\+30"),
    ],
)
def test_a_value_that_does_not_fit_is_refused_with_its_place(kind: str, changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(StreamError, match=sentence):
        decode(parts_of(MESSAGES[kind], **changes))


@pytest.mark.parametrize(
    "payload",
    [b"[" * 100_000, b'{"v": ' + b"[" * 100_000, b"\xff\xfe", b"\x00", b"", b"null", b"2", b"[2]", b'"v"', b"\xed\xa0\x80", b"1e999"],
    ids=["open brackets", "open brackets in v", "BOM", "NUL", "nothing", "null", "number", "list", "string", "surrogate", "too large"],
)
@pytest.mark.parametrize("kind", TOPICS)
def test_nonsense_is_refused_in_a_sentence_whatever_its_topic(kind: str, payload: bytes) -> None:
    with pytest.raises(StreamError, match="unreadable payload"):
        decode([topic(kind, "top"), payload, *([b"jpeg"] if kind == "image" else [])])


@pytest.mark.parametrize(
    "parts",
    [[], [b""], [b"pose.top"], [b"pose.top", b"{}", b""], [b"image.top", b"{}"], [b"\xff\xff.top", b"{}"], [b"nothing.top", b"{}"]],
    ids=["nothing", "empty", "topic alone", "three", "no picture", "topic not UTF-8", "unknown topic"],
)
def test_parts_that_are_no_message_are_refused_in_a_sentence(parts: list[bytes]) -> None:
    with pytest.raises(StreamError, match="is not of rigtrack's stream"):
        decode(parts)


def test_a_free_form_value_that_nobody_could_print_is_refused() -> None:
    nested: Any = 1
    for _ in range(200):
        nested = [nested]
    with pytest.raises(StreamError, match="nested deeper than"):
        decode(parts_of(MESSAGES["setup"], zones=[{"a": nested}]))


@settings(max_examples=300, deadline=None)
@given(message=st.sampled_from(list(MESSAGES.values())), draw=st.data())
def test_a_message_with_any_value_in_any_place_is_read_or_refused(message: Message, draw: st.DataObject) -> None:
    name = draw.draw(st.sampled_from([field.name for field in fields(message) if field.name != "jpeg"]))
    topic_part, text, *rest = parts_of(message)
    values = json.loads(text)
    values[name] = draw.draw(JSON)
    read_or_refused([topic_part, json.dumps(values).encode(), *rest])


@settings(max_examples=200, deadline=None)
@given(draw=st.data())
def test_a_key_point_with_any_value_is_read_or_refused(draw: st.DataObject) -> None:
    changed: Callable[[str], Any] = lambda name: draw.draw(JSON, label=name)  # noqa: E731
    animal = {"id": changed("id"), "points": changed("points"), "mm": {"snout": changed("mm")}}
    read_or_refused(parts_of(MESSAGES["pose"], animals=[animal], ended=[changed("ended")], scores={"a": changed("score")}))


@settings(max_examples=300, deadline=None)
@given(
    parts=st.lists(st.sampled_from([b"pose.top", b"alive.top", b"image.top", b"", b"{}", b'{"v": 2}']) | st.binary(max_size=40), max_size=4)
)
def test_any_bytes_are_read_or_refused(parts: list[bytes]) -> None:
    read_or_refused(parts)
