"""The GPU engine's names and flags against those that the real bindings of TensorRT 8.6 and 11 and of PyCUDA export.

The lists in data/ were made from the packages themselves with `dir()` (PyCUDA: from its source), so no GPU and no TensorRT is needed here.
"""

import ast
from pathlib import Path

import pytest

from tracker.engines.tensorrt.options import OWN_TACTICS, build_options
from tracker.engines.tensorrt.precision import _DECODE, _TYPED, _WEIGHTS
from tracker.errors import EngineError

HERE = Path(__file__).parent
ENGINES = HERE.parents[1] / "tracker" / "engines" / "tensorrt"
NAME_LISTS = {"8.6.0": "tensorrt-8.6.0-names.txt", "11.4.0": "tensorrt-11.4.0-names.txt"}
# The variables of the engine's source that hold an object of the vendor's, and its class.
VARIABLES = {
    "builder": "Builder",
    "config": "IBuilderConfig",
    "network": "INetworkDefinition",
    "parser": "OnnxParser",
    "error": "ParserError",
    "runtime": "Runtime",
    "engine": "ICudaEngine",
    "context": "IExecutionContext",
    "dtype": "DataType",
}
CUDA_VARIABLES = {"context": "Context", "device": "Device", "stream": "Stream", "memory": "DeviceAllocation"}
CUDA_VARIABLES["allocation"] = "PagelockedHostAllocation"


def known(file: str) -> set[str]:
    """`Class` and `Class.member` for every name in a list."""
    names: set[str] = set()
    for line in (HERE / "data" / file).read_text().splitlines():
        if not line.startswith("#"):
            owner, _, members = line.partition(":")
            names |= set(members.split()) if owner == "*" else {owner} | {f"{owner}.{member}" for member in members.split()}
    return names


def dotted(node: ast.expr) -> list[str]:
    """`self._engine.get_tensor_name` as ["self", "_engine", "get_tensor_name"]; calls and subscripts end the chain."""
    if isinstance(node, ast.Attribute):
        return [*dotted(node.value), node.attr]
    return [node.id] if isinstance(node, ast.Name) else [""]


def used(source: Path, *, module: str, variables: dict[str, str]) -> set[str]:
    """Every `module.X.Y` in a source file, and every member used on a variable that holds one of the module's objects."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source.read_text())):
        if not isinstance(node, ast.Attribute):
            continue
        chain = dotted(node)
        if chain[-1].startswith("__"):
            continue
        if chain[0] == module:
            found.add(".".join(chain[1:3]))
        elif len(chain) >= 2 and chain[-2].lstrip("_") in variables:
            found.add(f"{variables[chain[-2].lstrip('_')]}.{chain[-1]}")
    return found


@pytest.mark.parametrize("version", NAME_LISTS)
def test_every_tensorrt_name_in_use_exists_from_the_oldest_to_the_newest(version: str) -> None:
    names = set().union(*(used(ENGINES / source, module="trt", variables=VARIABLES) for source in ("engine.py", "build.py")))

    assert {"IExecutionContext.execute_async_v3", "Builder.build_serialized_network", "ICudaEngine.get_tensor_name"} <= names
    assert names - known(NAME_LISTS[version]) == set()


def test_every_name_for_layers_exists_in_the_generation_that_needs_them() -> None:
    variables = {"layer": "ILayer", "network": "INetworkDefinition", "tensor": "ITensor"}

    names = used(ENGINES / "precision.py", module="trt", variables=variables)

    assert {"ILayer.precision", "ILayer.set_output_type", "INetworkDefinition.get_layer", "ITensor.dtype"} <= names
    assert names - known(NAME_LISTS["8.6.0"]) == set()


@pytest.mark.parametrize("kinds", [_WEIGHTS, _DECODE, _TYPED], ids=["weights", "decode", "typed"])
def test_every_kind_of_layer_told_apart_exists_in_that_generation(kinds: frozenset[str]) -> None:
    assert {f"LayerType.{kind}" for kind in kinds} <= known(NAME_LISTS["8.6.0"])


def test_every_pycuda_name_in_use_exists() -> None:
    names = used(ENGINES / "gpu.py", module="cuda", variables=CUDA_VARIABLES)
    variables = {name: owner for name, owner in CUDA_VARIABLES.items() if name not in ("context", "device")}
    names |= used(ENGINES / "engine.py", module="cuda", variables=variables)

    for step in ("floor_steps", "fault_steps"):
        names |= used(
            HERE.parents[1] / "bench" / "gpu" / f"{step}.py", module="cuda", variables={"stream": "Stream", "memory": "DeviceAllocation"}
        )

    assert {"Device.retain_primary_context", "Context.push", "Stream.synchronize", "pagelocked_empty"} <= names
    assert names - known("pycuda-2025.1.2-names.txt") == set()


def test_the_check_of_names_finds_one_that_is_gone(tmp_path: Path) -> None:
    source = tmp_path / "old.py"
    source.write_text("import tensorrt as trt\ntrt.BuilderFlag.FP16\nengine.get_binding_index('x')\n")

    names = used(source, module="trt", variables=VARIABLES)

    assert names - known(NAME_LISTS["8.6.0"]) == set()
    assert names - known(NAME_LISTS["11.4.0"]) == {"BuilderFlag.FP16", "ICudaEngine.get_binding_index"}


@pytest.mark.parametrize("version", NAME_LISTS)
@pytest.mark.parametrize("precision", ["fp32", "fp16", "int8"])
def test_every_flag_chosen_for_a_version_exists_in_it(version: str, precision: str) -> None:
    options = build_options(version=version, precision=precision, graph_precision=precision)

    chosen = (
        {f"NetworkDefinitionCreationFlag.{name}" for name in options.network_flags}
        | {f"BuilderFlag.{name}" for name in (*options.builder_flags, *options.precision_rules)}
        | {f"TacticSource.{name}" for name in options.tactic_sources}
    )
    assert chosen - known(NAME_LISTS[version]) == set()


@pytest.mark.parametrize(
    ("version", "precision", "graph", "network_flags", "builder_flags"),
    [
        ("8.6.0", "fp32", "fp32", ("EXPLICIT_BATCH",), ()),
        ("8.6.1", "fp16", "fp16", ("EXPLICIT_BATCH",), ("FP16",)),
        ("8.6.1", "fp16", "fp32", ("EXPLICIT_BATCH",), ("FP16",)),
        ("8.6.1", "int8", "int8", ("EXPLICIT_BATCH",), ("INT8",)),
        ("10.3.0", "fp16", "fp16", ("STRONGLY_TYPED",), ()),
        ("11.4.0.106", "fp32", "fp32", ("STRONGLY_TYPED",), ()),
    ],
)
def test_each_generation_is_told_what_it_needs(
    version: str, precision: str, graph: str, network_flags: tuple[str, ...], builder_flags: tuple[str, ...]
) -> None:
    options = build_options(version=version, precision=precision, graph_precision=graph)

    assert (options.network_flags, options.builder_flags, options.tactic_sources) == (network_flags, builder_flags, OWN_TACTICS)
    assert bool(options.precision_rules) == ("FP16" in builder_flags)  # strongly typed networks and fp32 ones need no rule


@pytest.mark.parametrize(
    ("version", "precision", "graph", "complaint"),
    [
        ("8.5.3", "fp32", "fp32", "TensorRT 8.5.3 is installed; expected 8.6 or newer"),
        ("8.6.0", "bf16", "fp32", "'bf16'; on the GPU expected one of fp32, fp16, int8"),
        ("8.6.0", "int8", "fp32", "'int8', but the bundle's graph is 'fp32'"),
        ("8.6.0", "fp32", "fp16", "'fp32', but the bundle's graph is 'fp16'"),
        ("10.3.0", "fp16", "fp32", "computes as the graph says; set engine.precision to fp32"),
        ("11.4.0", "fp32", "int8", "set engine.precision to int8, or export the bundle in fp32"),
    ],
    ids=["too old", "bf16", "int8 of fp32", "fp32 of fp16", "10 typed", "11 typed"],
)
def test_a_precision_that_a_version_cannot_build_is_refused(version: str, precision: str, graph: str, complaint: str) -> None:
    with pytest.raises(EngineError, match=complaint):
        build_options(version=version, precision=precision, graph_precision=graph)
