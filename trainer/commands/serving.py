"""What the commands that serve a page to this machine share: options, and what is said when it can be opened."""

import argparse
import os
import sys
import webbrowser
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console


def add_serving(parser: argparse.ArgumentParser) -> None:
    """Where the page is served, and whether it is opened."""
    parser.add_argument(
        "--port", type=port, metavar="N", help="where it is served; 0 for any free port (default: where it was the last time)"
    )
    parser.add_argument("--no-browser", action="store_true", help="print the address and open nothing")


def announce(address: str, served: str, options: argparse.Namespace, talk: "Console") -> None:
    """Say what is served, print the address, and open it unless that is not wanted or there is no screen."""
    talk.print(f"{served} for {options.annotator}; Ctrl-C ends the server", highlight=False)
    print(address, flush=True)
    if not options.no_browser and has_screen():
        webbrowser.open(address)


def has_screen() -> bool:
    """Without one, a browser in the terminal would be opened on top of this command."""
    return sys.platform != "linux" or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def port(text: str) -> int:
    """A port from the command line."""
    number = int(text) if text.isdecimal() else -1
    if not 0 <= number < 2**16:
        raise argparse.ArgumentTypeError(f"{text} is not a port; expected a number from 0 to 65535")
    return number
