"""What each generation of TensorRT must be told so that one graph is built alike from 8.6 to 11. Pure: imports no TensorRT.

TensorRT 8.6 is weakly typed: flags allow fp16 and int8 kernels. From 10 on the network is created strongly typed and computes
in the types that the graph has; 11 knows nothing else. TF32 is a silent loss of precision (10 bits of mantissa) and never allowed.

Kernels come from TensorRT's own two sources. cuBLAS, cuBLASLt and cuDNN are taken besides only on 8.x and only where all of
them are installed and answer: without them a tactic that calls one fails the whole build, with one of them missing so does the
creation of the engine's context, and from 10 on they are off by default and being withdrawn.
"""

from collections.abc import Callable
from dataclasses import dataclass

from tracker.errors import EngineError

PRECISIONS = ("fp32", "fp16", "int8")
OWN_TACTICS = ("EDGE_MASK_CONVOLUTIONS", "JIT_CONVOLUTIONS")  # need neither cuBLAS nor cuDNN, and exist from 8.6 to 11
LIBRARY_TACTICS = ("CUBLAS", "CUBLAS_LT", "CUDNN")
# How strictly 8.x keeps the layers outside the network's body in fp32: where no kernel obeys, the second is tried and said so.
PRECISION_RULES = ("OBEY_PRECISION_CONSTRAINTS", "PREFER_PRECISION_CONSTRAINTS")
_OLDEST = (8, 6)
_STRONGLY_TYPED_SINCE = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildOptions:
    """Names of TensorRT's own flags, to be looked up in its enumerations."""

    network_flags: tuple[str, ...]
    builder_flags: tuple[str, ...]
    tactic_sources: tuple[str, ...]
    precision_rules: tuple[str, ...] = ()  # flags to try in this order for layers that must stay in fp32; none: there are no such layers

    @property
    def text(self) -> str:
        """One line that tells two sets of options apart."""
        return " ".join((*self.network_flags, *self.builder_flags, *self.precision_rules, *self.tactic_sources))


def choose_tactics(version: str, working: Callable[[], frozenset[str]]) -> tuple[str, ...]:
    """Where kernels may come from.

    Args:
        version: TensorRT's, such as "8.6.0".
        working: finds which of LIBRARY_TACTICS are here; not asked where the answer does not matter, since it loads them.
    """
    takes_libraries = int(version.partition(".")[0]) < _STRONGLY_TYPED_SINCE
    return (*OWN_TACTICS, *LIBRARY_TACTICS) if takes_libraries and working().issuperset(LIBRARY_TACTICS) else OWN_TACTICS


def build_options(*, version: str, precision: str, graph_precision: str, tactic_sources: tuple[str, ...] = OWN_TACTICS) -> BuildOptions:
    """Decide how to build.

    Args:
        version: TensorRT's, such as "8.6.0".
        precision: what the configuration asks for.
        graph_precision: what is expressed in model.onnx.
        tactic_sources: where TensorRT may take kernels from.

    Raises:
        EngineError: this TensorRT cannot build that precision from that graph.
    """
    major, minor = (int(part) for part in version.split(".")[:2])
    if (major, minor) < _OLDEST:
        raise EngineError(f"TensorRT {version} is installed; expected 8.6 or newer: upgrade it")
    if precision not in PRECISIONS:
        raise EngineError(f"engine.precision is '{precision}'; on the GPU expected one of {', '.join(PRECISIONS)}")
    if major >= _STRONGLY_TYPED_SINCE:
        if precision != graph_precision:
            raise EngineError(
                f"engine.precision is '{precision}', but the bundle's graph is '{graph_precision}' and TensorRT {version} computes as the "
                f"graph says; set engine.precision to {graph_precision}, or export the bundle in {precision}"
            )
        return BuildOptions(network_flags=("STRONGLY_TYPED",), builder_flags=(), tactic_sources=tactic_sources)
    flags = _weak_flags(version=version, precision=precision, graph_precision=graph_precision)
    return BuildOptions(
        network_flags=("EXPLICIT_BATCH",),
        builder_flags=flags,
        tactic_sources=tactic_sources,
        precision_rules=PRECISION_RULES if precision == "fp16" else (),
    )


def _weak_flags(*, version: str, precision: str, graph_precision: str) -> tuple[str, ...]:
    """Flags of the weakly typed generation; fp16 kernels may be allowed for an fp32 graph, nothing else may be mixed."""
    allowed = {("fp32", "fp32"): (), ("fp16", "fp32"): ("FP16",), ("fp16", "fp16"): ("FP16",), ("int8", "int8"): ("INT8",)}
    flags = allowed.get((precision, graph_precision))
    if flags is None:
        raise EngineError(
            f"engine.precision is '{precision}', but the bundle's graph is '{graph_precision}', which TensorRT {version} cannot build so; "
            f"set engine.precision to {graph_precision}, or export the bundle in {precision}"
        )
    return flags
