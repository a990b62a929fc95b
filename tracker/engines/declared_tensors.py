"""What bundle.json says the model takes and gives, and the refusal of a model that differs.

A state tensor named `h` is an input `h` and an output `h_next`: `h_next` of one frame is `h` of the next. It begins as zeros.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from tracker.bundle import Bundle
from tracker.bundle_description import Shape, TensorShape
from tracker.errors import BundleError

NEXT_STATE = "_next"

Kind = tuple[Shape, str]  # shape, dtype name


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclaredTensors:
    """Names, shapes and dtypes of everything that goes in and comes out."""

    inputs: dict[str, Kind]
    outputs: dict[str, Kind]


def declared_tensors(bundle: Bundle) -> DeclaredTensors:
    """Read the declaration out of a bundle."""
    description = bundle.description
    seconds = (description.behaviour.seconds,) if description.behaviour is not None else ()
    return DeclaredTensors(
        inputs={tensor.name: _kind(tensor) for tensor in (description.input, *seconds, *description.states)},
        outputs={description.output.name: _kind(description.output)}
        | {tensor.name + NEXT_STATE: _kind(tensor) for tensor in description.states},
    )


def check_tensors(bundle: Bundle, *, inputs: Mapping[str, Kind], outputs: Mapping[str, Kind]) -> None:
    """Compare what a runtime found in model.onnx with bundle.json.

    Raises:
        BundleError: a name, shape or dtype differs, or something is missing or extra.
    """
    declared = declared_tensors(bundle)
    for what, found, expected in (("inputs", inputs, declared.inputs), ("outputs", outputs, declared.outputs)):
        if dict(found) != expected:
            raise BundleError(
                f"{bundle.model}: its {what} are {_list(found)}, bundle.json says {_list(expected)}; "
                "the two do not belong together: write the bundle again with `trainer fit`"
            )


def _kind(tensor: TensorShape) -> Kind:
    return tuple(tensor.shape), tensor.dtype


def _list(tensors: Mapping[str, Kind]) -> str:
    return ", ".join(f"{name} {dtype} {list(shape)}" for name, (shape, dtype) in sorted(tensors.items())) or "none"
