"""A finished bundle put in place at a running tracker, which may be busy, stopped, or unable to read it."""

import time
from collections.abc import Callable
from pathlib import Path

from tracker.errors import BusyError, StreamError
from tracker.stream.control import SWAP_S, ask
from trainer.errors import TrainingError

ANSWER_S = 5.0  # a tracker answers its status at once; one that does not is not running
BUSY_S = 300.0  # how long it may be at something else: another engine that is built first takes minutes
AGAIN_S = 2.0


def put_in_place(address: str, bundle: Path, *, say: Callable[[str], None], busy_s: float = BUSY_S, again_s: float = AGAIN_S) -> str:
    """Have the tracker at an address run a bundle.

    Args:
        address: of its control socket.
        bundle: its folder.
        say: told in one sentence that it is busy and for how long it is asked again.
        busy_s: how long it is asked again while it is busy.
        again_s: from one time to the next.

    Returns:
        The name of the bundle that runs now, as the tracker has it.

    Raises:
        TrainingError: why it does not run the bundle, in the tracker's own words, and where the bundle lies.
    """
    folder = bundle.resolve()
    until = time.monotonic() + busy_s
    told = False
    while True:
        try:
            ask(address, {"command": "status"}, timeout_s=ANSWER_S)  # nobody there is known in seconds, not after the longest build
            return str(ask(address, {"command": "swap", "bundle": str(folder)}, timeout_s=SWAP_S)["bundle"])
        except StreamError as problem:
            if not isinstance(problem, BusyError) or time.monotonic() >= until:
                raise TrainingError(
                    f"the bundle is finished and whole in {folder}, but the tracker at {address} does not run it: {problem}; "
                    "when that is mended, `tracker swap` puts it in place"
                ) from problem
            if not told:
                say(f"{address}: {problem}; it is asked again for up to {busy_s:.0f} s")
                told = True
            time.sleep(again_s)
