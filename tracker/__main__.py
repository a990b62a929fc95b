"""The `tracker` command: one subcommand, one function. Results on stdout, talk on stderr; exit 0 done, 1 failed, 2 wrong usage."""

import argparse
import json
import logging
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import cv2

from tracker.check import check
from tracker.command import carry_out, version
from tracker.config import load_config
from tracker.control import SWAP_S, ask
from tracker.keys import make_keys
from tracker.listen import listen
from tracker.messages import TOPICS
from tracker.overlay import OverlaySettings
from tracker.replay import replay_file
from tracker.run import run
from tracker.viewer import view

logger = logging.getLogger("tracker")

CORNERS = ("top_left", "top_right", "bottom_left", "bottom_right")
_ANSWER_S = 5.0


def main(arguments: list[str] | None = None) -> int:
    """Run one subcommand and return the exit status."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    cv2.setNumThreads(1)  # the loop's few small operations are slower on a pool, which also competes with the engine
    return carry_out(options, program="tracker")


def _run(options: argparse.Namespace) -> int:
    run(options.config, window=options.window)
    return 0


def _check(options: argparse.Namespace) -> int:
    return 0 if check(options.config, as_json=options.json, out=sys.stdout) else 1


def _view(options: argparse.Namespace) -> int:
    view(
        _addresses(options),
        camera=options.camera,
        snapshot_folder=options.snapshots,
        trail_s=options.trail_s,
        settings=OverlaySettings(
            confidence=options.confidence,
            place=options.place,
            text_scale=options.text_scale,
            text_colour=tuple(options.text_colour),
            thickness=options.thickness,
        ),
        keys=options.keys,
    )
    return 0


def _listen(options: argparse.Namespace) -> int:
    return listen(
        _addresses(options),
        json_lines=options.json,
        kinds=tuple(options.kinds),
        camera=options.camera,
        count=options.count,
        seconds=options.seconds,
        keys=options.keys,
        out=sys.stdout,
    )


def _replay(options: argparse.Namespace) -> int:
    config = load_config(options.config)
    for stretch in replay_file(options.recording, config.behaviour, zones=config.zones, camera=options.camera):
        for event in stretch.events:
            print(json.dumps({"session": stretch.session, **asdict(event)}))
    return 0


def _keys(options: argparse.Namespace) -> int:
    make_keys(options.folder)
    print(options.folder)
    return 0


def _status(options: argparse.Namespace) -> int:
    status = _ask(options, {"command": "status"}, _ANSWER_S)["status"]
    if options.json:
        print(json.dumps(status, indent=2))
        return 0
    if status is None:
        print("starting: no status yet")
        return 0
    for name, value in status.items():
        print(f"{name:<16} {json.dumps(value)}")
    return 0


def _swap(options: argparse.Namespace) -> int:
    answer = _ask(options, {"command": "swap", "bundle": str(options.bundle.resolve())}, SWAP_S)
    print(json.dumps(answer))
    return 0


def _reload(options: argparse.Namespace) -> int:
    print(json.dumps(_ask(options, {"command": "reload"}, _ANSWER_S)))
    return 0


def _stop(options: argparse.Namespace) -> int:
    _ask(options, {"command": "stop"}, _ANSWER_S)
    return 0


def _ask(options: argparse.Namespace, request: dict[str, Any], timeout_s: float) -> dict[str, Any]:
    return ask(load_config(options.config).control.bind, request, timeout_s=timeout_s)


def _addresses(options: argparse.Namespace) -> tuple[str, ...]:
    """Given on the command line, or the first that a configuration binds."""
    if options.address:
        return (options.address,)
    return load_config(options.config).publisher.bind[:1]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="tracker", description="Track an animal through a live camera and publish what it does.")
    parser.add_argument("--version", action="version", version=f"rigtrack {version()}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(name: str, call: Any, text: str, example: str) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=text, description=text, epilog=f"example: {example}")
        made.set_defaults(call=call)
        return made

    def config(made: argparse.ArgumentParser) -> None:
        made.add_argument("--config", type=Path, default=Path("tracker.yaml"), help="the configuration file (%(default)s)")

    def source(made: argparse.ArgumentParser) -> None:
        made.add_argument("address", nargs="?", help="where the tracker publishes; else the first address of --config")
        config(made)
        made.add_argument("--camera", help="one camera only")
        made.add_argument("--keys", type=Path, help="folder with this client's CURVE keys")

    run_parser = command("run", _run, "Run the tracker.", "tracker run --config examples/synthetic.yaml")
    config(run_parser)
    run_parser.add_argument("--window", action="store_true", help="show the overlay in a window at the rig")
    check_parser = command("check", _check, "Try every part of a configuration once.", "tracker check --config tracker.yaml")
    config(check_parser)
    check_parser.add_argument("--json", action="store_true", help="print one JSON object")
    view_parser = command("view", _view, "Watch the overlay of a running tracker.", "tracker view tcp://127.0.0.1:5571")
    source(view_parser)
    view_parser.add_argument("--snapshots", type=Path, default=Path(), help="folder for snapshots (%(default)s)")
    view_parser.add_argument("--trail-s", type=float, default=1.0, help="length of the trail in seconds (%(default)s)")
    view_parser.add_argument("--place", choices=CORNERS, default="top_left", help="corner of the status lines (%(default)s)")
    view_parser.add_argument("--text-scale", type=float, default=1.0, help="size of letters (%(default)s)")
    view_parser.add_argument("--text-colour", type=int, nargs=3, default=[255, 255, 255], metavar=("R", "G", "B"))
    view_parser.add_argument("--thickness", type=int, default=1, help="of lines and letters (%(default)s)")
    view_parser.add_argument("--confidence", type=float, default=0.5, help="points below are not drawn (%(default)s)")
    listen_parser = command("listen", _listen, "Print the stream.", "tracker listen tcp://127.0.0.1:5571 --json")
    source(listen_parser)
    listen_parser.add_argument("--json", action="store_true", help="one JSON object a line")
    listen_parser.add_argument(
        "--kinds", nargs="+", choices=[kind for kind in TOPICS if kind != "image"], default=["pose", "event", "status"]
    )
    listen_parser.add_argument("--count", type=int, help="stop after so many messages")
    listen_parser.add_argument("--seconds", type=float, help="stop after so many seconds")
    replay_parser = command(
        "replay", _replay, "Run behaviour rules over a recorded stream.", "tracker replay poses.jsonl --config tracker.yaml"
    )
    replay_parser.add_argument("recording", type=Path, help="what `tracker listen --json` wrote")
    config(replay_parser)
    replay_parser.add_argument("--camera", help="whose poses, where the recording holds several cameras")
    keys_parser = command("keys", _keys, "Make CURVE keys for a stream that leaves this machine.", "tracker keys keys/")
    keys_parser.add_argument("folder", type=Path)
    status_parser = command("status", _status, "Ask a running tracker how it is.", "tracker status --config tracker.yaml")
    config(status_parser)
    status_parser.add_argument("--json", action="store_true", help="print one JSON object")
    swap_parser = command(
        "swap", _swap, "Put another bundle in place without losing a frame.", "tracker swap models/new --config tracker.yaml"
    )
    swap_parser.add_argument("bundle", type=Path)
    config(swap_parser)
    config(command("reload", _reload, "Read zones and rules again.", "tracker reload --config tracker.yaml"))
    config(command("stop", _stop, "End a running tracker.", "tracker stop --config tracker.yaml"))
    return parser


if __name__ == "__main__":
    sys.exit(main())
