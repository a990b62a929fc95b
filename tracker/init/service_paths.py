"""What of a tested configuration a service cannot reach where it is: files to copy, packages to install, and what no copy can help."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from shlex import quote

from tracker.config import Config
from tracker.config_cameras import AravisCamera, BaslerCamera, ImageFolder, OpenCVCamera

CONFIGURATIONS, RUNTIME = "/etc/rigtrack", "/run/rigtrack"
MODELS, RECORDINGS = "/var/lib/rigtrack/models", "/var/lib/rigtrack/recordings"
_ARAVIS_PACKAGES = ("gir1.2-aravis-0.8", "libgirepository1.0-dev", "libcairo2-dev", "gcc", "pkg-config", "python3-dev")
_KEYS_OF_A_SERVER = ("server.key", "server.pub", "clients")


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Where the service finds what the configuration names.

    Attributes:
        bundles: place of every bundle by where it is now; the one of key points first.
        calibration: from where to where; None without one.
        keys: from where to where; None without any.
    """

    bundles: dict[str, str]
    calibration: tuple[str, str] | None
    keys: tuple[str, str] | None


def places(config: Config, *, name: str) -> Places:
    """Where each file goes: bundles below the models' folder, each under a name of its own; the others beside the configuration."""
    named = [bundle for bundle in (config.engine.bundle, *(each.bundle for each in config.classifiers)) if bundle is not None]
    bundles: dict[str, str] = {}
    for bundle in dict.fromkeys(named):
        folder, number = Path(bundle).name, 1
        while f"{MODELS}/{folder}" in bundles.values():
            number += 1
            folder = f"{Path(bundle).name}-{number}"
        bundles[bundle] = f"{MODELS}/{folder}"
    calibration, keys = config.calibration, config.publisher.curve_keys
    return Places(
        bundles=bundles,
        calibration=(calibration, f"{CONFIGURATIONS}/{name}.calibration{Path(calibration).suffix}") if calibration else None,
        keys=(keys, f"{CONFIGURATIONS}/{name}.keys") if keys else None,
    )


def bundle_commands(found: Places) -> Iterator[str]:
    """A command for every bundle that is not in its place already."""
    for source, target in found.bundles.items():
        if source == target:
            continue
        same = Path(source).name == Path(target).name
        yield f"cp -r {quote(source)} {MODELS}/" if same else f"cp -rT {quote(source)} {quote(target)}"


def other_commands(found: Places) -> Iterator[str]:
    """Commands that put the calibration and the keys beside the configuration, readable for the service."""
    if found.calibration is not None and found.calibration[0] != found.calibration[1]:
        yield f"install -m 0640 -g rigtrack {quote(found.calibration[0])} {quote(found.calibration[1])}"
    if found.keys is not None and found.keys[0] != found.keys[1]:
        source, target = (quote(each) for each in found.keys)
        yield f"install -d -m 0750 -g rigtrack {target}"
        yield f"cp -r {' '.join(f'{source}/{each}' for each in _KEYS_OF_A_SERVER)} {target}/"
        yield f"chgrp -R rigtrack {target}"
        yield f"chmod -R u=rwX,g=rX,o= {target}"


def extras(config: Config) -> tuple[str, ...]:
    """Extras of the package that this configuration needs."""
    needed = {
        "record": config.recording is not None,
        "basler": isinstance(config.camera, BaslerCamera),
        "aravis": isinstance(config.camera, AravisCamera),
        "gpu": config.has_engine and config.engine.runtime == "tensorrt",
    }
    return tuple(extra for extra, wanted in needed.items() if wanted)


def system_packages(config: Config) -> tuple[str, ...]:
    """Debian packages that its extras need besides those of every rig."""
    return _ARAVIS_PACKAGES if isinstance(config.camera, AravisCamera) else ()


def remarks(config: Config, *, folder_named: bool) -> list[str]:
    """What a person must change or know, a sentence each: what the service will not find, or does differently.

    Args:
        config: the tested one.
        folder_named: `recording.folder` is written in its file.
    """
    camera, said = config.camera, []
    if isinstance(camera, ImageFolder):
        said.append(f"camera.folder is {camera.folder}, recorded images and no camera{_unseen(camera.folder)}; {_NAME_A_CAMERA}")
    elif isinstance(camera, OpenCVCamera) and isinstance(camera.device, str) and _is_video_file(camera.device):
        said.append(f"camera.device is {camera.device}, a video file and no camera{_unseen(camera.device)}; {_NAME_A_CAMERA}")
    if config.recording is not None and folder_named and config.recording.folder != RECORDINGS:
        said.append(
            f"recording.folder is {config.recording.folder}; the service records into {RECORDINGS}, since the unit lets it write nowhere "
            "else; for another disk see Recording in README.md"
        )
    return said


_HOMES = ("home", "root", "run/user")  # what ProtectHome= covers
_NAME_A_CAMERA = "name the service's camera in its place (`tracker cameras` lists those attached)"


def _is_video_file(device: str) -> bool:
    return "://" not in device and not device.startswith("/dev/")


def _unseen(path: str) -> str:
    """Why the unit would not even see it; empty where it would."""
    if path.startswith(("/tmp/", "/var/tmp/")):
        return ", which the service would not find, since it has a /tmp of its own (PrivateTmp=yes)"
    if path.startswith(tuple(f"/{folder}/" for folder in _HOMES)):
        return ", which the service would not find, since it sees no home folder (ProtectHome=yes)"
    return ""
