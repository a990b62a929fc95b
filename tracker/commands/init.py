"""`tracker init`: a first configuration from what is found, or the files that make a service of a tested one. Asks nothing."""

import argparse
import json
import sys
from pathlib import Path

import msgspec

from tracker.bundle import Bundle, check_task, read_bundle
from tracker.cameras.found_cameras import found_cameras
from tracker.commands.options import CONFIG, Commands, add_command
from tracker.config import Config, load_config
from tracker.config_values import Name
from tracker.errors import ConfigError
from tracker.init.config_remarks import bundle_remark, camera_remark
from tracker.init.new_config import chosen_first, find_bundles, new_config
from tracker.init.service_files import service_folder, service_remarks
from tracker.parsing.value_fault import first_fault


def add(commands: Commands) -> None:
    """Declare the command."""
    parser = add_command(
        commands,
        "init",
        call=init,
        text="Write a first tracker.yaml from the cameras and the bundle that are found; with --service, the files of a systemd service.",
        example="tracker init --bundle models/mine",
    )
    parser.add_argument(
        "--config", type=Path, default=CONFIG, help="the file to write; with --service, to make the service of (%(default)s)"
    )
    parser.add_argument("--name", default="rig", help="of the camera, as it stands in every topic (%(default)s)")
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--camera", metavar="NAME", help="the camera of this name, as `tracker cameras` lists them, instead of the first")
    source.add_argument("--device", help="a device, video file, folder of images or address, instead of a camera that is found")
    network = parser.add_mutually_exclusive_group()
    network.add_argument("--bundle", type=Path, help="the engine bundle, instead of the newest one below the folder of --config")
    network.add_argument("--no-engine", action="store_true", help="a rig that records, and has no network yet")
    parser.add_argument(
        "--service", metavar="NAME", help="write the unit and NAME.yaml into a folder, with a README that says how to install them"
    )
    parser.add_argument("--out", type=Path, help="that folder (NAME-service)")
    parser.add_argument("--force", action="store_true", help="replace files that are there")
    parser.add_argument("--json", action="store_true", help="print one JSON object: the files, and the camera and bundle they name")


def init(options: argparse.Namespace) -> int:
    """Write the files, print their paths, and say what was chosen for them."""
    _check_name(options.service or options.name)
    if options.service is not None:
        folder = options.out or Path(f"{options.service}-service")
        files = _write(service_folder(options.config, name=options.service, folder=folder), force=options.force)
        _remark(*service_remarks(options.config))
        _tell(files, load_config(folder / f"{options.service}.yaml"), as_json=options.json)
        return 0
    folder = options.config.parent
    bundles = _bundles(options, folder)
    cameras = found_cameras() if options.device is None else []
    if options.camera is not None:
        cameras = chosen_first(cameras, options.camera)
    text = new_config(
        name=options.name,
        device=options.device,
        cameras=cameras,
        bundle=bundles[0] if bundles else None,
        folder=folder,
        records_only=options.no_engine,
    )
    files = _write({options.config: text}, force=options.force)
    _remark(
        camera_remark(options.device, cameras),
        bundle_remark(options.bundle, bundles, folder=folder, records_only=options.no_engine),
    )
    _tell(files, load_config(options.config), as_json=options.json)
    return 0


def _bundles(options: argparse.Namespace, folder: Path) -> list[Bundle]:
    """The one that is named, or those found where none is and one may be, the one to take first."""
    if options.no_engine:
        return []
    bundles = [read_bundle(options.bundle)] if options.bundle is not None else find_bundles(folder)
    for bundle in bundles[:1]:
        check_task(bundle)
    return bundles


def _remark(*sentences: str) -> None:
    """What a person is to know; a program reads the paths or the JSON object on stdout."""
    for sentence in sentences:
        sys.stderr.write(f"tracker init: {sentence}\n")


def _tell(files: list[Path], config: Config, *, as_json: bool) -> None:
    if as_json:
        about = {"name": config.name, "camera": msgspec.to_builtins(config.camera), "bundle": config.engine.bundle}
        print(json.dumps({"files": [str(path) for path in files], **about}, indent=2))
    else:
        print(*files, sep="\n")


def _check_name(name: str) -> None:
    fault = first_fault(name, Name)
    if fault is not None:
        raise ConfigError(f"the camera's name {fault.says}")


def _write(texts: dict[Path, str], *, force: bool) -> list[Path]:
    """Write every file, or none where one is there already."""
    taken = [path for path in texts if path.exists() or path.is_symlink()]
    if taken and not force:
        raise ConfigError(f"{taken[0]}: is there already and was left as it is; give another name, or --force to replace it")
    try:
        for path, text in texts.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    except OSError as problem:
        a_file = next((folder for folder in path.parents if folder.is_file()), None)
        reason = problem.strerror if a_file is None else f"{a_file}, a part of this path, is a file; give a path whose folders are folders"
        raise ConfigError(f"{path if a_file else problem.filename}: cannot be written: {reason}") from None
    return list(texts)
