"""A folder from which a rig's service is installed: unit and companions as they come with rigtrack, and the tested configuration for it."""

import re
from importlib import resources
from pathlib import Path
from typing import Any

import yaml

from tracker.config import Config, load_config
from tracker.config_cameras import ImageFolder, OpenCVCamera
from tracker.errors import ConfigError
from tracker.parsing.yaml_file import open_yaml

_RUNTIME, _MODELS, _RECORDINGS = "/run/rigtrack", "/var/lib/rigtrack/models", "/var/lib/rigtrack/recordings"
_README = "README.md"
# as README.md names them
_EXAMPLE, _FOLDER, _BUNDLE = "top", "systemd/", "models/mine"


def service_folder(config: Path, *, name: str, folder: Path) -> dict[Path, str]:
    """Path to text of every file: README.md there says, command by command, how to install the others.

    Args:
        config: a tested configuration.
        name: of the service's instance and of its camera.
        folder: to write into; nothing is written here.

    Raises:
        ConfigError: there is no configuration, it must not be started with, or this installation holds no unit.
    """
    files = {path: text for path, text in _shipped().items() if path != f"{_EXAMPLE}.yaml"}
    files[f"{name}.yaml"] = service_config(config, name=name)
    files[_README] = _readme(files[_README], name=name, folder=folder, bundle=_first_bundle(load_config(config)))
    return {folder / path: text for path, text in files.items()}


def _first_bundle(config: Config) -> str | None:
    if config.engine.bundle is not None:
        return config.engine.bundle
    return config.classifiers[0].bundle if config.classifiers else None


def service_config(path: Path, *, name: str) -> str:
    """A tested configuration as the service needs it: named, its sockets and bundle where the unit lets them be.

    Raises:
        ConfigError: there is none at `path`, or it must not be started with.
    """
    config = load_config(path)
    values: dict[str, Any] = open_yaml(path, error=ConfigError).values
    publisher = values.setdefault("publisher", {})
    elsewhere = [address for address in config.publisher.bind if not address.startswith("ipc://")]
    values["name"] = name
    if config.engine.bundle is not None:
        values["engine"]["bundle"] = f"{_MODELS}/{Path(config.engine.bundle).name}"
    for given, each in zip(values.get("classifiers") or (), config.classifiers, strict=True):
        given["bundle"] = f"{_MODELS}/{Path(each.bundle).name}"
    publisher["bind"] = [f"ipc://{_RUNTIME}/{name}.stream", *elsewhere]
    values["control"] = {"bind": f"ipc://{_RUNTIME}/{name}.control"}
    if config.calibration:
        values["calibration"] = config.calibration
    if config.recording:
        values["recording"] = (values.get("recording") or {}) | {"folder": _RECORDINGS}
    if config.publisher.curve_keys:
        publisher["curve_keys"] = config.publisher.curve_keys
    if isinstance(config.camera, OpenCVCamera):
        values["camera"]["device"] = config.camera.device
    elif isinstance(config.camera, ImageFolder):
        values["camera"]["folder"] = config.camera.folder
    head = f"# /etc/rigtrack/{name}.yaml, made by `tracker init --service {name}` from {path}\n"
    return head + yaml.safe_dump(values, sort_keys=False, allow_unicode=True, default_flow_style=None, width=120)


def _shipped() -> dict[str, str]:
    """Name to text: as installed, else as they lie in a checkout."""
    installed, checkout = resources.files("tracker").joinpath("systemd"), Path(__file__).parents[2] / "systemd"
    folder = installed if installed.is_dir() else checkout
    files = {item.name: item.read_text(encoding="utf-8") for item in folder.iterdir() if item.is_file()} if folder.is_dir() else {}
    if not {_README, "tracker@.service"} <= set(files):
        raise ConfigError(f"{folder}: the service's files are not part of this installation of rigtrack; install it again")
    return files


def _readme(text: str, *, name: str, folder: Path, bundle: str | None) -> str:
    """With the names of this rig in its commands; without a bundle, none is copied."""
    if bundle is None:
        text = re.sub(rf"^    cp -r {_BUNDLE} .*\n", "", text, flags=re.MULTILINE)
        text = text.replace(f", with a bundle in `{_BUNDLE}` (`trainer fit --out {_BUNDLE}`)", "")
        bundle = _BUNDLE
    for found, given in ((rf"(?<![/\w]){_FOLDER}", f"{folder}/"), (rf"\b{_EXAMPLE}\b", name), (rf"(?<![/\w]){_BUNDLE}\b", bundle)):
        text = re.sub(found, lambda _, given=given: given, text)  # type: ignore[misc]
    return text
