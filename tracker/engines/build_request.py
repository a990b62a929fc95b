"""What the daemon asks of the process that builds an engine, and what that process answers: JSON, one line each."""

from typing import Literal

import msgspec

from tracker.engines.engine_cache import MadeFor


class BuildRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything the building process needs to know."""

    model: str  # path of model.onnx, whose SHA-256 is made_for.onnx_sha256
    made_for: MadeFor
    folder: str  # where the engine is written
    runtime: Literal["openvino", "tensorrt"]
    precision: str
    graph_precision: str  # what is expressed in model.onnx
    threads: int  # CPU only
    gpu: int  # device number, GPU only
    tactic_sources: tuple[str, ...]  # GPU only


class BuildAnswer(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A sentence on the way, or the last word: `built`, or what is at fault."""

    kind: Literal["said", "built", "not kept", "bundle", "engine"]
    sentence: str
