"""`tracker record`: start and stop recording at a running tracker."""

import argparse
import json
import re
from typing import Any

from tracker.commands.options import Commands, add_command, add_control, ask_tracker

STOP_S = 60.0  # the last frames have to be encoded, and a slow disk to take them
_UNITS = {"": 1, "s": 1, "min": 60, "h": 3600}


def add(commands: Commands) -> None:
    """Declare the command."""
    parser = add_command(
        commands,
        "record",
        call=record,
        text="Record sessions: video, poses and events of every frame.",
        example="tracker record start --for 30min --meta animal=M17 --config tracker.yaml",
    )
    parser.add_argument("action", choices=("start", "stop", "status"))
    add_session(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    add_control(parser)


def add_session(parser: argparse.ArgumentParser) -> None:
    """What to record, for `tracker run --record` too."""
    parser.add_argument(
        "--for", dest="seconds", type=duration, metavar="TIME", help="how long: 90, 90s, 30min or 2h; until it is stopped if left out"
    )
    parser.add_argument("--name", help="of the session's folder (recording.name of the configuration)")
    parser.add_argument(
        "--meta", nargs="+", type=note, default=[], metavar="KEY=VALUE", help="notes kept with the session: animal=M17 temperature=23"
    )


def duration(text: str) -> float:
    """Seconds from "90", "90s", "30min" or "2h".

    Raises:
        argparse.ArgumentTypeError: none of these.
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(s|min|h|)", text)
    if found is None or float(found[1]) == 0:
        raise argparse.ArgumentTypeError(f"'{text}' is not a duration; expected such as 90s, 30min or 2h")
    return float(found[1]) * _UNITS[found[2]]


def note(text: str) -> tuple[str, str]:
    """Name and text from "name=text".

    Raises:
        argparse.ArgumentTypeError: without a name or "=".
    """
    key, equals, value = text.partition("=")
    if not key or not equals:
        raise argparse.ArgumentTypeError(f"'{text}' is not a note; expected KEY=VALUE, such as animal=M17")
    return key, value


def session_request(options: argparse.Namespace) -> dict[str, Any]:
    """What `record_start` takes."""
    return {"name": options.name, "seconds": options.seconds, "meta": dict(options.meta)}


def record(options: argparse.Namespace) -> int:
    """Ask, and print what came of it."""
    if options.action == "start":
        found = ask_tracker(options, {"command": "record_start"} | session_request(options))
        said = f"recording to {found['folder']}" + (f"\nwarning: {found['warning']}" if found.get("warning") else "")
    elif options.action == "stop":
        found = ask_tracker(options, {"command": "record_stop"}, STOP_S)
        said = f"recorded {found['frames']} frames to {found['folder']}" + (
            f"; {found['dropped']} were dropped" if found["dropped"] else ""
        )
    else:
        status = ask_tracker(options, {"command": "status"})["status"] or {}
        found = {
            "recording": status.get("recording"),
            "armed": status.get("armed"),
            "problems": [each for each in status.get("problems", ()) if each["cause"] == "recording"],
        }
        said = _status(found)
    print(json.dumps(found) if options.json else said)
    return 0


def _status(found: dict[str, Any]) -> str:
    recording = found["recording"]
    if recording is None:
        armed = found["armed"]
        said = "nothing is being recorded" + (f"; armed: begins with {' or '.join(armed['events'])}" if armed else "")
    else:
        said = (
            f"recording to {recording['folder']}: {recording['frames']} frames in {recording['seconds']:.0f} s, "
            f"{recording['bytes'] / 1e6:.1f} MB, {recording['dropped']} dropped, {recording['waiting']} waiting"
        )
    return "\n".join([said, *(f"problem: {each['sentence']}" for each in found["problems"])])
