"""The README's walk-through: what init writes passes check, and its program hears a stream."""

import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
import yaml
import zmq

from tests.conftest import BundleMaker
from tests.tracker.daemon import write_images
from tracker.__main__ import main
from tracker.config import load_config
from tracker.messages import VERSION, AnimalMessage, EventMessage, Message, PoseMessage, topic

ROOT = Path(__file__).resolve().parents[2]
DEADLINE_MS = 300_000
README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = [re.sub(r"\s+#.*", "", line) for line in re.findall(r"^ {4,}((?:tracker|trainer) .*)$", README, re.MULTILINE)]


def test_the_walk_through_goes_from_labels_to_a_service() -> None:
    steps = [" ".join(line.split()[:2]) for line in COMMANDS]
    wanted = [
        "trainer select",
        "trainer label",
        "trainer fit",
        "tracker init",
        "tracker check",
        "tracker run",
        "tracker init",
        "trainer fit",
    ]
    positions = iter(steps)
    assert all(step in positions for step in wanted)


def test_what_init_writes_passes_check(tmp_path: Path, make_bundle: BundleMaker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.delenv("RUNTIME_DIRECTORY", raising=False)
    make_bundle(tmp_path / "models" / "mine")
    write_images(tmp_path / "images", [(5, 5)])
    config = tmp_path / "rig.yaml"
    assert main(["init", "--config", str(config), "--device", str(tmp_path / "images")]) == 0
    assert main(["check", "--config", str(config)]) == 0


def test_the_addresses_that_the_readme_offers_are_a_publisher_s(tmp_path: Path) -> None:
    (shown,) = re.findall(r"^    (publisher: .*)$", README, re.MULTILINE)
    values = {"camera": {"source": "synthetic"}, "engine": {"bundle": "models/mine"}, **yaml.safe_load(shown)}
    (tmp_path / "rig.yaml").write_text(yaml.safe_dump(values))
    assert load_config(tmp_path / "rig.yaml").publisher.bind[1] == "tcp://127.0.0.1:5571"


def messages() -> list[tuple[str, Message]]:
    """A pose, and an event that begins and ends."""
    begun = EventMessage(
        v=VERSION,
        camera="rig",
        session="a",
        frame=1,
        received_ns=1,
        published_ns=2,
        event="at_port",
        state="on",
        animal=0,
        onset_frame=1,
        value=1.0,
        threshold=0.0,
        added_delay_ms=0.0,
        latency_ms=1.234,
        reason="rule",
    )
    pose = PoseMessage(
        v=VERSION,
        camera="rig",
        session="a",
        frame=1,
        received_ns=1,
        published_ns=2,
        exposed_ns=None,
        taken_ns=1,
        inferred_ns=1,
        lost=0,
        skipped=0,
        corrupt=0,
        setup=1,
        ended=[],
        animals=[AnimalMessage(id=0, points={"snout": (1.0, 2.0, 0.9)}, mm={})],
        scores={},
        motion=None,
    )
    return [("pose", pose), ("event", begun), ("event", replace(begun, state="off", reason="missing", frame=2))]


def test_the_program_of_the_readme_prints_what_begins_and_ends() -> None:
    (program,) = re.findall(r"^```python\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
    with zmq.Context() as context, context.socket(zmq.XPUB) as stream:
        stream.setsockopt(zmq.LINGER, 0)
        stream.bind("tcp://127.0.0.1:*")
        program = program.replace("tcp://127.0.0.1:5571", stream.getsockopt_string(zmq.LAST_ENDPOINT))
        with subprocess.Popen([sys.executable, "-u", "-c", program], cwd=ROOT, stdout=subprocess.PIPE, text=True) as listening:
            try:
                for _ in range(5):  # pose, event, alive, setup, status
                    assert stream.poll(DEADLINE_MS), "the program did not subscribe"
                    stream.recv()
                for kind, message in messages():
                    stream.send_multipart([topic(kind, message.camera), msgspec.json.encode(message)])
                assert listening.stdout is not None
                printed = [listening.stdout.readline() for _ in range(2)]
            finally:
                listening.kill()
    assert printed == ["at_port on 1.23 ms after the frame\n", "at_port off because of missing\n"]
