"""What has changed in a configuration file that a running tracker does not take up before it is started again."""

from typing import Any

import msgspec

from tracker.config import Config

_TAKEN_UP = ("zones", "behaviour", "calibration", "overlay")  # by a reload
_SHOWN = 5


def needing_restart(fresh: Config, begun: Config, *, bundle: str | None) -> list[str]:
    """The keys whose values differ, as they stand in the file, such as `camera.exposure_us`; of a part that is new or gone, its own name.

    Args:
        fresh: the file as it is.
        begun: the file as it was when the tracker began.
        bundle: the folder of the key points' network that runs, which a swap may have put there.
    """
    was, now = _compared(begun), _compared(fresh)
    if bundle is not None and now["engine"]["bundle"] == bundle:
        was["engine"]["bundle"] = bundle
    return _differing(was, now, ())


def restart_sentence(keys: list[str]) -> str:
    """That these wait for a restart; empty where there are none."""
    if not keys:
        return ""
    more = f" and {len(keys) - _SHOWN} more" if len(keys) > _SHOWN else ""
    return f"changed in the file, and not in use before the tracker is started again: {', '.join(keys[:_SHOWN])}{more}"


def _compared(config: Config) -> dict[str, Any]:
    values: dict[str, Any] = msgspec.to_builtins(config)
    kept = {key: value for key, value in values.items() if key not in _TAKEN_UP}
    kept["classifiers"] = {
        each["name"]: {key: value for key, value in each.items() if key != "only_when"} for each in values["classifiers"]
    }
    return kept


def _differing(was: Any, now: Any, place: tuple[str, ...]) -> list[str]:
    if isinstance(was, dict) and isinstance(now, dict):
        keys = [*now, *(key for key in was if key not in now)]
        return [path for key in keys for path in _differing(was.get(key), now.get(key), (*place, key))]
    return [] if was == now else [".".join(place)]
