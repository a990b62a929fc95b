"""`tracker latency`: the closed loop measured by a light, or a screen, that the tracker sees."""

import argparse
import json
import sys
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

from tracker.client import Client
from tracker.command import version
from tracker.commands.options import Commands, add_command, add_stream, stream_addresses
from tracker.errors import LatencyError
from tracker.latency.listener import KINDS
from tracker.latency.report import BY_HAND, lines
from tracker.latency.screen_readings import screen_lines
from tracker.latency.settings import LINES, ScreenSettings, Settings
from tracker.stream.address import is_private
from tracker.whole_files import remedy, write_whole

REPORT, PICTURE = "report.json", "report.png"
_STOPPED = 130
_MESSAGES = 100_000  # kept while a switch is waited for


def add(commands: Commands) -> None:
    """Declare the command."""
    parser = add_command(
        commands,
        "latency",
        call=latency,
        text="Measure the latency of the closed loop with an LED, or with this machine's screen, in the camera's view.",
        example="tracker latency led --port /dev/ttyUSB0 --config tracker.yaml --out latency",
    )
    modes = parser.add_subparsers(dest="mode", required=True, metavar="{led,loop,screen}")
    for mode, text in (
        ("led", "Pulses of an LED at random moments, each with its event."),
        ("loop", "Every event switches the LED; half the period is the latency."),
    ):
        _add_led(add_command(modes, mode, call=latency, text=text, example=f"tracker latency {mode} --port /dev/ttyUSB0"))
    _add_screen(
        add_command(
            modes,
            "screen",
            call=screen,
            text="A clock of dots on this machine's screen, read in the camera's pictures: an upper bound.",
            example="tracker latency screen --exposure-ms 4 --config tracker.yaml --out latency",
        )
    )


def _add_led(parser: argparse.ArgumentParser) -> None:
    add_stream(parser)
    parser.add_argument("--port", required=True, help="serial port of the output, such as /dev/ttyUSB0")
    parser.add_argument("--line", choices=LINES, default="rts", help="what lights the LED; byte writes 1 or 0 (%(default)s)")
    parser.add_argument("--inverted", action="store_true", help="the LED is lit while the line is off")
    parser.add_argument("--event", default="led", help="name of the event that watches the LED (%(default)s)")
    parser.add_argument("--pulses", type=int, default=500, help="how many (%(default)s)")
    parser.add_argument("--rest-ms", type=float, default=100.0, help="between an event and the next switch, of led (%(default)s)")
    parser.add_argument("--timeout-ms", type=float, default=2000.0, help="a pulse without its event for so long is missed (%(default)s)")
    _add_report(parser, exposure="to bound what the output itself takes")


def _add_screen(parser: argparse.ArgumentParser) -> None:
    add_stream(parser)
    parser.add_argument("--pictures", type=int, default=500, help="of the camera, to be read (%(default)s)")
    parser.add_argument("--screen-hz", type=float, default=60.0, help="refresh rate of the screen (%(default)s)")
    parser.add_argument("--aim-s", type=float, default=60.0, help="time to bring the screen into the camera's view (%(default)s)")
    _add_report(parser, exposure="to tell it from the transfer")


def _add_report(parser: argparse.ArgumentParser, *, exposure: str) -> None:
    parser.add_argument("--exposure-ms", type=float, help=f"the camera's exposure time, {exposure}")
    parser.add_argument("--seed", type=int, default=0, help="of the random moments (%(default)s)")
    parser.add_argument("--out", type=Path, default=Path("latency"), help="folder for report.json and report.png (%(default)s)")
    parser.add_argument("--json", action="store_true", help="print report.json")


def latency(options: argparse.Namespace) -> int:
    """Measure with an LED, write the report, print it. What was measured is kept however it ends."""
    settings = Settings(**{each.name: getattr(options, each.name) for each in fields(Settings)})
    addresses = _own_addresses(options)
    try:
        from tracker.latency.picture import picture
        from tracker.latency.run import run
    except ImportError as problem:
        raise LatencyError(
            f"needs pyserial and matplotlib ({problem}); run `pip install '.[serial]'` in the folder of rigtrack's sources"
        ) from None
    _make_folder(options.out)
    with Client(addresses, kinds=KINDS, camera=options.camera, keys=options.keys, high_water_mark=_MESSAGES) as client:
        found = run(client, settings)
    return _tell(options, found, picture, lines)


def screen(options: argparse.Namespace) -> int:
    """Measure with the screen, write the report, print it. What was measured is kept however it ends."""
    settings = ScreenSettings(**{each.name: getattr(options, each.name) for each in fields(ScreenSettings)})
    addresses = _own_addresses(options)
    try:
        from tracker.latency.picture import picture
        from tracker.latency.screen import KINDS as SEEN
        from tracker.latency.screen import run_screen
    except ImportError as problem:
        raise LatencyError(f"needs matplotlib ({problem}); run `pip install '.[serial]'` in the folder of rigtrack's sources") from None
    _make_folder(options.out)
    with Client(addresses, kinds=SEEN, camera=options.camera, keys=options.keys, high_water_mark=_MESSAGES) as client:
        found = run_screen(client, settings)
    return _tell(options, found, picture, screen_lines)


def _own_addresses(options: argparse.Namespace) -> tuple[str, ...]:
    addresses = stream_addresses(options)
    if not all(map(is_private, addresses)):
        raise LatencyError(f"{', '.join(addresses)} is another machine, whose clock is not this one's; measure on the rig's own computer")
    return addresses


def _tell(
    options: argparse.Namespace, found: dict[str, Any], picture: Callable[[dict[str, Any]], bytes], words: Callable[[dict[str, Any]], str]
) -> int:
    found |= {"rigtrack": version()}
    _write(options.out / REPORT, json.dumps(found, indent=1).encode())
    _write(options.out / PICTURE, picture(found))
    print(json.dumps(found) if options.json else f"{words(found)}\n{options.out / REPORT}\n{options.out / PICTURE}")
    if found["stopped"] is None:
        return 0
    sys.stderr.write(f"tracker latency: {found['stopped']}; what was measured until then is in {options.out}\n")
    return _STOPPED if found["stopped"] == BY_HAND else 1


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise LatencyError(f"{folder}: cannot be made ({problem.strerror}); {remedy(problem)}") from None


def _write(path: Path, content: bytes) -> None:
    try:
        write_whole(path, content)
    except OSError as problem:
        raise LatencyError(f"{path}: cannot be written ({problem.strerror}); {remedy(problem)}") from None
