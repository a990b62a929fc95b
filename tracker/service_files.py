"""What a rig's service is installed from: the unit with its companions as they come with rigtrack, and a configuration for it."""

import sys
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from tracker.config import OpenCVCamera, load_config
from tracker.errors import ConfigError
from tracker.yaml_file import open_yaml

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable  # not there in Python 3.10

UNIT = "tracker@.service"
_PROGRAM = "/opt/rigtrack/bin/tracker"  # in the unit as it comes
_RUNTIME, _STATE = "/run/rigtrack", "/var/lib/rigtrack"


def service_files() -> dict[str, str]:
    """Name to text of every file, with this installation's program in the unit, unless it lies where the unit cannot reach it.

    Raises:
        ConfigError: this installation holds no unit.
    """
    folder = _folder()
    files = {item.name: item.read_text(encoding="utf-8") for item in folder.iterdir() if item.is_file() and item.name != "__init__.py"}
    program = Path(sys.prefix) / "bin" / "tracker"
    if program.is_relative_to("/home") or program.is_relative_to("/root") or not program.is_file():
        return files
    return {name: text.replace(_PROGRAM, str(program)) for name, text in files.items()}


def service_config(path: Path, *, name: str) -> str:
    """A tested configuration as the service needs it: named, its sockets and bundle where the unit lets them be.

    Raises:
        ConfigError: there is none at `path`, or it must not be started with.
    """
    config = load_config(path)
    values: dict[str, Any] = open_yaml(path, error=ConfigError).values
    values["name"] = name
    values["engine"]["bundle"] = f"{_STATE}/{Path(config.engine.bundle).name}"
    for section in ("publisher", "control"):
        values.setdefault(section, {})
    local = [address for address in config.publisher.bind if not address.startswith("ipc://")]
    values["publisher"]["bind"] = [f"ipc://{_RUNTIME}/{name}.stream", *local]
    values["control"]["bind"] = f"ipc://{_RUNTIME}/{name}.control"
    if config.calibration:
        values["calibration"] = config.calibration
    if isinstance(config.camera, OpenCVCamera):
        values["camera"]["device"] = config.camera.device
    elif "folder" in values["camera"]:
        values["camera"]["folder"] = config.camera.folder  # type: ignore[union-attr]
    if config.publisher.curve_keys:
        values["publisher"]["curve_keys"] = config.publisher.curve_keys
    head = f"# /etc/rigtrack/{name}.yaml, made by `tracker init --service {name}` from {path}\n"
    return head + yaml.safe_dump(values, sort_keys=False, allow_unicode=True, default_flow_style=None, width=120)


def _folder() -> "Traversable":
    """As installed, else as they lie in a checkout."""
    installed, checkout = resources.files("tracker").joinpath("systemd"), Path(__file__).parents[1] / "systemd"
    for folder in (installed, checkout):
        if folder.joinpath(UNIT).is_file():
            return folder
    raise ConfigError(f"{UNIT} is not part of this installation of rigtrack; install it again, or take it from the source")
