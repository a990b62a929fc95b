"""`tracker swap`: another bundle for a running tracker."""

import argparse
import json
from pathlib import Path
from typing import Any

from tracker.commands.options import Commands, add_command, add_control, add_json, ask_tracker
from tracker.stream.control import SWAP_S


def add(commands: Commands) -> None:
    """Declare the command."""
    parser = add_command(
        commands,
        "swap",
        call=swap,
        text="Put another bundle in place between two frames.",
        example="tracker swap models/new --config tracker.yaml",
        interrupted="no longer waiting; a tracker that has begun the swap goes on with it, and `tracker status` names the bundle it runs",
    )
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--classifier", metavar="NAME", help="in the place of this classifier's, instead of the key-point network's")
    add_control(parser)
    add_json(parser)


def swap(options: argparse.Namespace) -> int:
    """Swap, and print what runs now."""
    ask_tracker(options, {"command": "status"})  # answered at once, so that nobody waits for a tracker that does not run
    answer = ask_tracker(options, {"command": "swap", "bundle": str(options.bundle.resolve()), "classifier": options.classifier}, SWAP_S)
    print(json.dumps(answer) if options.json else _sentence(answer))
    return 0


def _sentence(answer: dict[str, Any]) -> str:
    network = f"bundle {answer['bundle']} ({answer['bundle_sha256'][:12]}) in {answer['precision']}"
    if "class_names" in answer:
        seen = f" {answer['field_of_view']}" if answer.get("field_of_view") else ""
        classes = ", ".join(answer["class_names"])
        return f"{answer['folder']} is in use as classifier {answer['classifier']}: {network}; classes {classes}.{seen}"
    view = answer["field_of_view"] or "No frame has come yet."
    return f"{answer['folder']} is in use: {network} by {answer['runtime']} on {answer['device']}. {view}"
