"""What a camera says of itself when it has been opened and set. Whatever it does not say keeps nobody from using it."""

import logging
import math
import time
from collections.abc import Callable, Mapping

logger = logging.getLogger(__name__)

Setting = float | int | bool | str
ReadBack = Mapping[str, Setting]  # by the key of tracker.yaml, where there is one
LONGEST_S = 2.0  # a GigE camera answers within 1 ms; one that is gone takes seconds for each question, and the first frame waits


def read_each(
    questions: Mapping[str, Callable[[], Setting | None]],
    *,
    failures: tuple[type[Exception], ...],
    where: str,
    clock: Callable[[], float] = time.monotonic,
) -> dict[str, Setting]:
    """Ask for each value. None, an empty text and what is not finite are left out; so is what fails, which the log says.

    Args:
        questions: by key; each gives the value, or None where the camera has no such thing.
        failures: what a question raises where the camera does not answer.
        where: names the camera in the log.
        clock: seconds.
    """
    found: dict[str, Setting] = {}
    failed = []
    end_s = clock() + LONGEST_S
    caught: tuple[type[Exception], ...] = (*failures, UnicodeError)
    for key, ask in questions.items():
        if clock() > end_s:
            failed.append(f"{key} (no time left)")
            continue
        try:
            value = ask()
        except caught as problem:
            failed.append(f"{key} ({problem})")
            continue
        if isinstance(value, str):
            value = value.encode("utf-8", "replace").decode().strip()
        if value not in (None, "") and not (isinstance(value, float) and not math.isfinite(value)):
            found[key] = value
    if failed:
        logger.warning("%s: not read back, so the next session does not say them: %s", where, ", ".join(failed))
    return found
