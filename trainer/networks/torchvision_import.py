"""torchvision beside a torch that its compiled operators were not built for, such as PyPI's torchvision beside a torch for the CPU.

There `import torchvision` ends in "operator torchvision::nms does not exist", and with it every package that imports
torchvision when it finds it: Lightning's metrics, timm. The models need none of these operators, so declaring their
names is enough.
"""

import importlib
import importlib.util
import sys

from torch import library

_OPERATORS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)
_declared = library.Library("torchvision", "FRAGMENT")  # type: ignore[no-untyped-call]  # the declarations end with this object


def load_torchvision() -> None:
    """Import torchvision, where it is installed, so that later imports of it succeed."""
    if importlib.util.find_spec("torchvision") is None:
        return
    try:
        importlib.import_module("torchvision")
    except RuntimeError as problem:
        if "torchvision::" not in str(problem):
            raise
        for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
            del sys.modules[name]
        for schema in _OPERATORS:
            _declared.define(schema)  # type: ignore[no-untyped-call]
        importlib.import_module("torchvision")
