"""Which layers of a weakly typed TensorRT network (8.x) stay in fp32 when fp16 is allowed: everything outside the network's body.

From 10 on, networks are strongly typed and the graph alone says it; nothing here is called then. Imports no TensorRT.
"""

from typing import Any

from tracker.engines.network_body import Step, body

_WEIGHTS = frozenset({"CONVOLUTION", "DECONVOLUTION", "FULLY_CONNECTED", "MATRIX_MULTIPLY"})
_DECODE = frozenset({"SOFTMAX", "TOPK"})  # ONNX's ArgMax becomes a TopK
# Casts have the type they cast to, constants that of their numbers, shapes are whole numbers: none of them takes another.
_TYPED = frozenset({"CAST", "IDENTITY", "CONSTANT", "SHAPE", "QUANTIZE", "DEQUANTIZE"})
_FLOATS = frozenset({"FLOAT", "HALF"})


def keep_in_fp32(network: Any, float32: Any) -> list[str]:
    """Bind the layers outside the body to fp32.

    Args:
        network: an INetworkDefinition as the parser filled it.
        float32: trt.DataType.FLOAT.

    Returns:
        Names of the layers that were bound.
    """
    layers = [network.get_layer(index) for index in range(network.num_layers)]
    inside = body([_step(layer) for layer in layers])
    bound = []
    for place, layer in enumerate(layers):
        outputs = {index: tensor.dtype.name for index, tensor in enumerate(_outputs(layer))}
        # a layer that gives fp16 was written so in the graph and is left as it was meant
        if place in inside or layer.type.name in _TYPED or "FLOAT" not in outputs.values() or "HALF" in outputs.values():
            continue
        layer.precision = float32
        for index, dtype in outputs.items():
            if dtype == "FLOAT":
                layer.set_output_type(index, float32)
        bound.append(str(layer.name))
    return bound


def _step(layer: Any) -> Step:
    kind = layer.type.name
    # a constant gives no step its inputs: weights arrive as constants too, and lead nowhere back
    inputs = [layer.get_input(index) for index in range(layer.num_inputs)]
    return Step(
        kind="weights" if kind in _WEIGHTS else "decode" if kind in _DECODE else "other",
        inputs=tuple(tensor.name for tensor in inputs if tensor is not None and tensor.dtype.name in _FLOATS),
        outputs=tuple(tensor.name for tensor in _outputs(layer) if tensor.dtype.name in _FLOATS),
    )


def _outputs(layer: Any) -> list[Any]:
    return [layer.get_output(index) for index in range(layer.num_outputs)]
