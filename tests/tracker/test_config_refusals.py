"""Whatever stands in `tracker.yaml`, or in its place, is read or refused in one sentence; a near miss is told what was meant."""

import os
import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tracker.config import Config, load_config
from tracker.errors import ConfigError

ROOT = Path(__file__).resolve().parents[2]
WHOLE = (ROOT / "examples" / "synthetic.yaml").read_text()
BILLION = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{new}: &{new} [{', '.join([f'*{old}'] * 9)}]\n" for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)


def refusal(folder: Path, content: str | bytes) -> str:
    path = folder / "broken.yaml"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(ConfigError) as refused:
        load_config(path)
    return str(refused.value)


def read_or_refuse(path: Path) -> None:
    """Anything but ConfigError fails the test; so does a sentence that does not begin with the file, or that a terminal cannot show."""
    try:
        assert isinstance(load_config(path), Config)
    except ConfigError as problem:
        sentence = str(problem)
        assert sentence.startswith(str(path))
        assert len(sentence) < 1000
        assert "\n" not in sentence


@pytest.mark.parametrize(
    ("before", "after", "sentence"),
    [
        ("camera_lost_s: 600", "camera_lost_s: .inf", "camera_lost_s is .inf; expected a number above 0, at most 604800"),
        ("camera_lost_s: 600", "camera_lost_s: .nan", "camera_lost_s is .nan; expected a number above 0, at most 604800"),
        ("camera_lost_s: 600", "camera_lost_s: 1.0e+308", "camera_lost_s is 1e+308; expected a number above 0, at most 604800"),
        ("camera_lost_s: 600", "camera_lost_s: 1" + "0" * 400, "is a number of more than 60 digits; expected a number above 0"),
        ("camera_lost_s: 600", "camera_lost_s: " + "9" * 5000, "which is not a valid int; correct or quote it"),
        ("seed: 7", "seed: " + "9" * 300, "camera.seed is a number of more than 60 digits; expected a whole number from 0 to"),
        ("seed: 7", "seed: 7.0", "camera.seed is 7.0; expected a whole number from 0"),
        ("on: 0,", "on: .nan,", "behaviour[0].rule.on is .nan; expected a number from -1000000000 to 1000000000"),
        ("radius: 19.8", "radius: -.inf", "zones[0].radius is -.inf; expected a number above 0"),
        ("name: synthetic", "name: 2026-13-45", "name is '2026-13-45', which is not a valid timestamp; correct or quote it"),
        ("name: synthetic", "name: !include other.yaml", "name has the tag !include, which means nothing here; write the value itself"),
        ("name: synthetic", "name: !!int ''", "name is '', which is not a valid int"),
        ("name: synthetic", 'name: "a\\nb"', "name is 'a\\nb'; expected 1 to 64 letters, digits, _ or -"),
        ("bundle: ../demo/model", 'bundle: "a\\0b"', "engine.bundle is 'a\\x00b'; expected one line of text"),
        ("bundle: ../demo/model", r'bundle: "a\x9b31mb"', r"engine.bundle is 'a\x9b31mb'; expected one line of text"),
        ("bundle: ../demo/model", r'bundle: "a\u202eb"', r"engine.bundle is 'a\u202eb'; expected one line of text"),
        ("calibration: null", "\tcalibration: null", "is not YAML"),
        ("frames: null", "frames: *x", "is not YAML"),
        ("bundle: ../demo/model", r'bundle: "\ud800"', r"engine.bundle is '\ud800'; expected one line of text"),
        ("seed: 7", r'"a\nb\ud800": 7', r"unknown key 'camera.a\nb\ud800'; expected one of"),
        ("seed: 7", "x" * 999 + ": 7", f"unknown key 'camera.{'x' * 60}…'; expected one of"),
        ("frames: null", "[1, 2]: 3", "a list or mapping cannot be a key, in camera; expected a word"),
    ],
)
def test_a_value_that_would_do_harm_is_refused_with_its_place(tmp_path: Path, before: str, after: str, sentence: str) -> None:
    assert before in WHOLE
    line = WHOLE[: WHOLE.index(before)].count("\n") + 1
    said = refusal(tmp_path, WHOLE.replace(before, after, 1))
    assert said.startswith(f"{tmp_path}/broken.yaml:{line}: ")
    assert sentence in said


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("camera: {source: opencv, device: 0, file_speed: record}",
         "camera.file_speed is 'record'; expected 'flat_out' or 'recorded' (did you mean 'recorded'?)"),
        ("camera: {source: open_cv, device: 0}",
         "camera.source is 'open_cv'; expected 'synthetic', 'opencv', 'basler', 'aravis' or 'image_folder' (did you mean 'opencv'?)"),
        ("camera: {source: synthetic, widht: 640}", "unknown key 'camera.widht' (did you mean 'width'?)"),
        ("camera: {source: synthetic, scene: Rodent}",
         "camera.scene is 'Rodent'; expected 'disturbed', 'mirror', 'reach', 'rectangles' or 'rodent' (did you mean 'rodent'?)"),
        ("camera: {width: 640}", "missing key 'camera.source'; add it: 'synthetic', 'opencv', 'basler', 'aravis' or 'image_folder'"),
        ("camera: synthetic", "camera is 'synthetic'; expected a mapping that begins with source: synthetic"),
        ("camera: {source: opencv, device: [0]}", "camera.device is [0]; expected a whole number from 0 to 1023 or one line of text"),
        ("camera: {source: opencv, device: 0, width: wide}", "camera.width is 'wide'; expected a whole number from 8 to 16384 or null"),
        ("camera: {source: opencv, device: 0, loop_file: yes}", "camera.loop_file is 'yes'; expected true or false"),
        ("camera: {source: synthetic}\npublischer: {}", "unknown key 'publischer' (did you mean 'publisher'?)"),
        ("camera: {source: synthetic}\nzones: [{shape: circle, name: a, centre: [1], radius: 2}]",
         "zones[0].centre is [1]; expected a list of 2, each a number from -1000000 to 1000000"),
        ("camera: {source: synthetic}\nzones: {}", "zones is {}; expected a list"),
        ("camera: {source: synthetic}\nidentity: {slack_px: null}", "identity.slack_px is null; expected a number from 0 to 1000000"),
        ("camera: {source: synthetic}\nidentity: 5", "identity is 5; expected"),
    ],
)  # fmt: skip
def test_a_near_miss_is_told_every_choice_and_what_was_probably_meant(tmp_path: Path, text: str, sentence: str) -> None:
    assert sentence in refusal(tmp_path, f"engine: {{bundle: model}}\n{text}\n")


def test_a_misspelt_zone_is_told_which_was_probably_meant(tmp_path: Path) -> None:
    assert "expected one of port (did you mean 'port'?)" in refusal(tmp_path, WHOLE.replace("zone: port}", "zone: prot}"))


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("[" * 60_000, "nested more than 64 levels deep"),
        ("{a: " * 30_000, "nested more than 64 levels deep"),
        ("- " * 30_000, "nested more than 64 levels deep"),
        ("&a [*a]", "nested more than 64 levels deep"),
        (BILLION, "stands for more than 200000 values; write it without aliases"),
        ("x" * 2_000_000, "is longer than 1048576 bytes"),
        (b"\x80\x81\x82", "is not UTF-8 text (byte 0)"),
        (b"\x00" * 100, "is not YAML: character"),
        ("camera: 1\ncamera: 2\n", ":2: key 'camera' is repeated; line 1 already sets it"),
        ("a: 1\n---\nb: 2\n", "is not YAML"),
        ("!!python/object/apply:os.system [true]", "has the tag tag:yaml.org,2002:python/object/apply:os.system"),
        ("? {a: b}\n: c\n", "cannot be a key"),
        ("name", "the file is 'name'; expected a mapping"),
        ('a: "\\U00110000"', "is not YAML: chr() arg not in range"),
    ],
    ids=[
        "brackets",
        "braces",
        "dashes",
        "itself",
        "billion",
        "long",
        "no text",
        "zeros",
        "twice",
        "two files",
        "python",
        "key",
        "a word",
        "no character",
    ],
)
def test_a_file_made_to_break_the_reader_is_refused(tmp_path: Path, content: str | bytes, sentence: str) -> None:
    assert sentence in refusal(tmp_path, content)


def test_what_is_no_readable_file_is_refused_without_waiting(tmp_path: Path) -> None:
    pipe, loop = tmp_path / "pipe", tmp_path / "loop"
    os.mkfifo(pipe)
    loop.symlink_to(loop)
    for path, sentence in (
        (tmp_path, "it is a folder"),
        (pipe, "it is not a regular file"),
        (loop, "Too many levels of symbolic links"),
        (tmp_path / ("x" * 300), "File name too long"),
        (tmp_path / "none", "no such file"),
        (Path("/proc/self/mem"), "cannot be read: Input/output error"),
        (Path("a\0b"), "is not a path"),
    ):
        with pytest.raises(ConfigError, match=re.escape(sentence)):
            load_config(path)


HARMFUL = st.sampled_from(
    [".inf", "-.inf", ".nan", "1.0e+308", "9" * 400, "-1", "0", "null", "true", "yes", "2026-13-45", "2026-01-01", "!include x", "!!int x",
     "[", "]", "{", "}", "{}", "[]", "&a [*a]", "*a", "<<: 1", "\t", "'", '"\\0"', '"\\ud800"', "!!binary x", "!!set {a}", "- a", "1:30:45"]
)  # fmt: skip
SCALARS = list(re.finditer(r"(?<=: )[^\s{\[,}\]#]+|\w+(?=:)", WHOLE))


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(found=st.sampled_from(SCALARS), new=HARMFUL | st.text(max_size=20))
def test_a_good_file_with_one_word_replaced_is_read_or_refused(tmp_path: Path, found: "re.Match[str]", new: str) -> None:
    path = tmp_path / "tracker.yaml"
    path.write_bytes((WHOLE[: found.start()] + new + WHOLE[found.end() :]).encode("utf-8", "surrogatepass"))
    read_or_refuse(path)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=200) | st.text("abc:-[]{}&*!?|>'\"%@`#,\n\t 01.", max_size=80).map(str.encode))
def test_any_bytes_in_the_place_of_the_file_are_read_or_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "tracker.yaml"
    path.write_bytes(content)
    read_or_refuse(path)


def test_an_engine_that_is_null_is_said_to_be_left_out_instead(tmp_path: Path) -> None:
    path = tmp_path / "tracker.yaml"
    path.write_text("schema: 1\ncamera: {source: synthetic}\nengine: null\n")
    with pytest.raises(ConfigError, match=r"tracker\.yaml:3: engine is null; .* leaves the key engine out, or has `bundle: null` in it"):
        load_config(path)
