"""`tracker latency`: the closed loop measured by a light that the tracker sees."""

import argparse
import json
import sys
from dataclasses import fields
from pathlib import Path

from tracker.client import Client
from tracker.command import version
from tracker.commands.options import Commands, add_command, add_stream, stream_addresses
from tracker.errors import LatencyError
from tracker.latency.listener import KINDS
from tracker.latency.report import lines
from tracker.latency.settings import LINES, MODES, Settings
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
        text="Measure the latency of the closed loop with an LED in the camera's view.",
        example="tracker latency led --port /dev/ttyUSB0 --config tracker.yaml --out latency",
    )
    parser.add_argument(
        "mode",
        choices=MODES,
        help="led: pulses at random moments; loop: every event switches the light, half the period is the latency",
    )
    add_stream(parser)
    parser.add_argument("--port", required=True, help="serial port of the output, such as /dev/ttyUSB0")
    parser.add_argument("--line", choices=LINES, default="rts", help="what lights the LED; byte writes 1 or 0 (%(default)s)")
    parser.add_argument("--inverted", action="store_true", help="the LED is lit while the line is off")
    parser.add_argument("--event", default="led", help="name of the event that watches the LED (%(default)s)")
    parser.add_argument("--pulses", type=int, default=500, help="how many (%(default)s)")
    parser.add_argument("--rest-ms", type=float, default=100.0, help="between an event and the next switch, of led (%(default)s)")
    parser.add_argument("--timeout-ms", type=float, default=2000.0, help="a pulse without its event for so long is missed (%(default)s)")
    parser.add_argument("--exposure-ms", type=float, help="the camera's exposure time, to bound what the output itself takes")
    parser.add_argument("--seed", type=int, default=0, help="of the random moments (%(default)s)")
    parser.add_argument("--out", type=Path, default=Path("latency"), help="folder for report.json and report.png (%(default)s)")
    parser.add_argument("--json", action="store_true", help="print report.json")


def latency(options: argparse.Namespace) -> int:
    """Measure, write the report, print it. What was measured is kept however it ends."""
    settings = Settings(**{each.name: getattr(options, each.name) for each in fields(Settings)})
    addresses = stream_addresses(options)
    if not all(map(is_private, addresses)):
        raise LatencyError(f"{', '.join(addresses)} is another machine, whose clock is not this one's; measure on the rig's own computer")
    try:
        from tracker.latency.picture import picture
        from tracker.latency.run import BY_HAND, run
    except ImportError as problem:
        raise LatencyError(
            f"needs pyserial and matplotlib ({problem}); run `pip install '.[serial]'` in the folder of rigtrack's sources"
        ) from None
    _make_folder(options.out)
    with Client(addresses, kinds=KINDS, camera=options.camera, keys=options.keys, high_water_mark=_MESSAGES) as client:
        found = run(client, settings) | {"rigtrack": version()}
    _write(options.out / REPORT, json.dumps(found, indent=1).encode())
    _write(options.out / PICTURE, picture(found))
    print(json.dumps(found) if options.json else f"{lines(found)}\n{options.out / REPORT}\n{options.out / PICTURE}")
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
