"""The name of an input or output among several: OpenVINO joins tensors that it finds the same, and a port then has all their names."""

from collections.abc import Collection
from typing import Any


def port_name(port: Any, declared: Collection[str]) -> str:
    """The declared name that the port has; any of its names where it has none of them."""
    return next((name for name in sorted(port.get_names()) if name in declared), None) or str(port.get_any_name())
