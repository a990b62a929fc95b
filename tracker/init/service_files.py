"""A folder from which a rig's service is installed: unit and companions as they come with rigtrack, and the tested configuration for it."""

import re
from importlib import resources
from pathlib import Path
from shlex import quote
from typing import Any

import yaml

from tracker.config import Config, load_config
from tracker.config_cameras import ImageFolder, OpenCVCamera, SyntheticCamera
from tracker.errors import ConfigError
from tracker.init import service_paths
from tracker.init.service_paths import RECORDINGS, RUNTIME, places
from tracker.parsing.yaml_file import open_yaml

_README = "README.md"
# as README.md names them
_EXAMPLE, _FOLDER, _BUNDLE = "top", "systemd/", "models/mine"
_PACKAGES, _PIP = "apt-get install --yes ", "/opt/rigtrack/bin/pip install -c constraints.txt"
_PASTE, _WITH_BUNDLE = "Paste these one after another", f", with a bundle in `{_BUNDLE}` (`trainer fit --out {_BUNDLE}`)"


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
    files[_README] = _readme(files[_README], load_config(config), name=name, folder=folder, remarks=service_remarks(config))
    return {folder / path: text for path, text in files.items()}


def service_remarks(path: Path) -> list[str]:
    """What of a tested configuration its service cannot have as it is, a sentence each.

    Raises:
        ConfigError: there is none at `path`, or it must not be started with.
    """
    config = load_config(path)
    recording = open_yaml(path, error=ConfigError).values.get("recording") or {}
    return service_paths.remarks(config, folder_named="folder" in recording)


def service_config(path: Path, *, name: str) -> str:
    """A tested configuration as the service needs it: named, its sockets and files where the unit lets them be.

    Raises:
        ConfigError: there is none at `path`, or it must not be started with.
    """
    config = load_config(path)
    values: dict[str, Any] = open_yaml(path, error=ConfigError).values
    publisher, found = values.setdefault("publisher", {}), places(config, name=name)
    values["name"] = name
    if config.engine.bundle is not None:
        values["engine"]["bundle"] = found.bundles[config.engine.bundle]
    for given, each in zip(values.get("classifiers") or (), config.classifiers, strict=True):
        given["bundle"] = found.bundles[each.bundle]
    publisher["bind"] = [f"ipc://{RUNTIME}/{name}.stream", *_not_of_this_machine_alone(config.publisher.bind)]
    values["control"] = {"bind": f"ipc://{RUNTIME}/{name}.control"}
    if config.viewer.bind is not None:
        values["viewer"]["bind"] = [f"ipc://{RUNTIME}/{name}.stream.images", *_not_of_this_machine_alone(config.viewer.bind)]
    if found.calibration is not None:
        values["calibration"] = found.calibration[1]
    if config.recording:
        values["recording"] = (values.get("recording") or {}) | {"folder": RECORDINGS}
    if found.keys is not None:
        publisher["curve_keys"] = found.keys[1]
    _set_camera(values["camera"], config)
    head = f"# /etc/rigtrack/{name}.yaml, made by `tracker init --service {name}` from {path}\n"
    head += "".join(f"# {remark}\n" for remark in service_remarks(path))
    return head + yaml.safe_dump(values, sort_keys=False, allow_unicode=True, default_flow_style=None, width=120)


def _set_camera(camera: dict[str, Any], config: Config) -> None:
    """Paths in full; the port of a synthetic light, which is made when the camera opens, where the unit lets it be."""
    if isinstance(config.camera, OpenCVCamera):
        camera["device"] = config.camera.device
    elif isinstance(config.camera, ImageFolder):
        camera["folder"] = config.camera.folder
    elif isinstance(config.camera, SyntheticCamera) and config.camera.light is not None:
        camera["light"]["port"] = f"{RUNTIME}/{Path(config.camera.light.port).name}"


def _not_of_this_machine_alone(addresses: tuple[str, ...]) -> list[str]:
    return [address for address in addresses if not address.startswith("ipc://")]


def _shipped() -> dict[str, str]:
    """Name to text: as installed, else as they lie in a checkout."""
    installed, checkout = resources.files("tracker").joinpath("systemd"), Path(__file__).parents[2] / "systemd"
    folder = installed if installed.is_dir() else checkout
    files = {item.name: item.read_text(encoding="utf-8") for item in folder.iterdir() if item.is_file()} if folder.is_dir() else {}
    if not {_README, "tracker@.service"} <= set(files):
        raise ConfigError(f"{folder}: the service's files are not part of this installation of rigtrack; install it again")
    return files


def _readme(text: str, config: Config, *, name: str, folder: Path, remarks: list[str]) -> str:
    """With the names of this rig in its commands, and a command for every file that its configuration names."""
    found, extras = places(config, name=name), service_paths.extras(config)
    text = re.sub(rf"\b{_EXAMPLE}\b", name, text)
    text = re.sub(rf"(?<![/\w]){_FOLDER}", lambda _: quote(f"{folder.resolve()}/"), text)
    lines = []
    for line in text.splitlines():
        if line.startswith(f"    {_PACKAGES}"):
            lines.append(" ".join((line, *service_paths.system_packages(config))))
        elif line.startswith(f"    {_PIP}"):
            lines.append(f"    {_PIP} " + (f"'.[{','.join(extras)}]'" if extras else "."))
        elif line.startswith(f"    cp -r {_BUNDLE} "):
            lines += [f"    {command}" for command in service_paths.bundle_commands(found)]
        elif line.endswith(f" /etc/rigtrack/{name}.yaml") and line.startswith("    install "):
            lines += [line, *(f"    {command}" for command in service_paths.other_commands(found))]
        elif line.startswith(_PASTE):
            lines += [line for remark in remarks for line in (f"**Before that:** {remark}.", "")]
            lines.append(line.replace(_WITH_BUNDLE, ""))
        else:
            lines.append(line)
    return "\n".join(lines) + "\n"
