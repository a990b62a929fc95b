"""The engine section of a configuration, for tests that open an engine without a `tracker.yaml`."""

from typing import Any

from tracker.bundle import Bundle
from tracker.config import EngineConfig


def engine_settings(bundle: Bundle, *, runtime: str = "openvino", precision: str = "fp32", **others: Any) -> EngineConfig:
    """One thread, the first GPU, not kept warm, but for what `others` says. Runtime and precision are taken unchecked."""
    values: dict[str, Any] = {"threads": 1, "gpu": 0, "budget_ms": 1000.0, "keep_warm_ms": None} | others
    return EngineConfig(bundle=str(bundle.folder), runtime=runtime, precision=precision, **values)  # type: ignore[arg-type]
