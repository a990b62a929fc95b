"""What a bundle is scored on: the engine that was asked for, opened."""

import logging
from dataclasses import dataclass
from typing import Literal

from rich.console import Console

from tracker.bundle import Bundle
from tracker.config import EngineConfig
from tracker.engines.engine import Engine
from tracker.engines.open_engine import open_engine

logger = logging.getLogger(__name__)

BUDGET_MS = 1000.0  # nobody waits for an answer here


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineChoice:
    """What a bundle is run on."""

    runtime: Literal["openvino", "tensorrt"]
    precision: Literal["fp32", "bf16", "fp16", "int8"]
    threads: int  # CPU only
    gpu: int  # device number, GPU only

    def settings(self, bundle: Bundle) -> EngineConfig:
        """The same as `tracker.yaml` would say it."""
        return EngineConfig(
            bundle=str(bundle.folder),
            runtime=self.runtime,
            precision=self.precision,
            threads=self.threads,
            gpu=self.gpu,
            budget_ms=BUDGET_MS,
            keep_warm_ms=None,
        )


def open_chosen(bundle: Bundle, choice: EngineChoice, *, console: Console | None) -> Engine:
    """Open a bundle as the rig does, say on the console (or log) what takes long; the caller closes it.

    Raises:
        RigtrackError: the runtime is absent, has no device or gives wrong answers.
    """
    # an engine for the CPU is made in a blink; only a GPU's takes minutes and is worth words
    say = logger.info if console is None or choice.runtime == "openvino" else console.print
    return open_engine(bundle, choice.settings(bundle), say=say)
