"""Read one TOML file as plain values."""

import importlib
import sys
from pathlib import Path
from typing import Any

from tracker.errors import CalibrationError


def read_toml(path: Path) -> dict[str, Any]:
    """The values of a TOML file.

    Raises:
        CalibrationError: absent, not TOML, or this Python is too old to read TOML.
    """
    try:
        tomllib = importlib.import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")
    except ModuleNotFoundError:
        raise CalibrationError(f"{path}: reading TOML needs tomli: pip install '.[calib]'") from None
    try:
        values: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as problem:
        raise CalibrationError(f"{path}: cannot be read: {problem.strerror}") from problem
    except ValueError as problem:  # not TOML, or not UTF-8
        raise CalibrationError(f"{path}: is not TOML: {problem}") from problem
    return values
