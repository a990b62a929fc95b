"""A network in torch as an ONNX file."""

import copy
import io
import warnings
from collections.abc import Sequence

import onnx
import torch
from torch import Tensor, nn

OPSET = 17  # the newest that TensorRT 8.6 reads


def onnx_graph(network: nn.Module, inputs: tuple[Tensor, ...], *, input_names: Sequence[str], output_names: Sequence[str]) -> bytes:
    """The checked file of what a network does with inputs like these; no shape in it is dynamic."""
    graph = io.BytesIO()  # in memory: a full temporary folder must not lose a trained network
    with warnings.catch_warnings(), torch.no_grad():
        # the newer exporter writes opset 18 and above; converting down leaves operators that TensorRT 8.6 lacks
        warnings.simplefilter("ignore")
        torch.onnx.export(
            copy.deepcopy(network).eval(),
            inputs,
            graph,  # type: ignore[arg-type]  # torch's stub lacks the file-like form, which the older exporter takes
            opset_version=OPSET,
            input_names=list(input_names),
            output_names=list(output_names),
            dynamo=False,
        )
        onnx.checker.check_model(graph.getvalue(), full_check=True)
    return graph.getvalue()
