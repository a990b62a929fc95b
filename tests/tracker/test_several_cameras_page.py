"""docs/several-cameras.md lists every key of triangulate.yaml, and what it shows is one."""

import re
from pathlib import Path

from msgspec import inspect

from tests.tracker.test_configuration_page import default
from tracker import client
from tracker.parsing.value_fault import expectation
from tracker.triangulation.settings import RigConfig, load_rig_config

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "several-cameras.md").read_text(encoding="utf-8")
ELSEWHERE = {"zones", "behaviour", "publisher", "control"}  # as in tracker.yaml, whose page lists their keys


def test_every_key_stands_in_the_table_with_its_default_and_bounds() -> None:
    kind = inspect.type_info(RigConfig)
    assert isinstance(kind, inspect.StructType)
    expected = {(field.name, default(field), expectation(field.type)) for field in kind.fields if field.name not in ELSEWHERE}

    found = re.findall(r"^\| `(\w+)` \| (.+?) \| (.+?) \| .+ \|$", PAGE, re.MULTILINE)
    assert {(key, given.replace("`", ""), wanted) for key, given, wanted in found} == expected


def test_what_the_page_shows_is_a_configuration_with_paths_from_its_folder(tmp_path: Path) -> None:
    (text,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    (tmp_path / "triangulate.yaml").write_text(text)

    config = load_rig_config(tmp_path / "triangulate.yaml")

    assert (config.rig, config.keys) == (str(tmp_path / "rig" / "rig.yaml"), str(tmp_path / "keys"))
    assert [item.event for item in config.behaviour] == ["rearing", "at_feeder"]


def test_the_program_on_the_page_imports_what_there_is() -> None:
    (text,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    compile(text, "the page", "exec")

    (line,) = re.findall(r"^from tracker.client import (.+)$", text, re.MULTILINE)
    assert set(line.split(", ")) <= set(client.__all__)
