"""What a run on one GPU host consists of: its settings, its steps with their shares of the time, and where results lie."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

SIZES = ("vga", "wide")  # 640x480 and 1280x1024

# Seconds that each step may take of a run of nine minutes; most stop measuring by themselves, the rest is ended.
BUDGET_S = {
    "facts": 6,
    "compile": 165,
    "parity": 20,
    "engine": 65,
    "loop": 70,
    "floor": 12,
    "idle": 30,
    "faults": 40,
    "rivals": 60,
    "start": 20,
    "offline": 15,
    "fit": 37,
}
WHOLE_S = sum(BUDGET_S.values())  # 540


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Everything a step needs; written to a file for the process that carries it out."""

    carry: str  # folder made by prepare.py
    out: str
    runtime: str  # "tensorrt", or "openvino" to try the script on a machine without a GPU
    frames: int  # measured at most, of each kind
    seconds: float  # this step's share of the time
    gpu: int
    torch_python: str  # interpreter that has torch; empty: the comparisons with torch are left out
    torch_path: str  # more packages for it, separated by ':'

    @property
    def precisions(self) -> tuple[str, ...]:
        """In the order in which they are built."""
        return ("fp16", "fp32", "int8") if self.runtime == "tensorrt" else ("bf16", "fp32", "int8")

    @property
    def fast(self) -> str:
        """The precision that a rig would use."""
        return self.precisions[0]

    def bundle(self, size: str, precision: str) -> Path:
        """The bundle to run in a precision: its graph says int8 in any case, fp16 where TensorRT computes as the graph says."""
        if precision == "int8" or (precision == "fp16" and _strongly_typed()):
            return Path(self.carry) / f"{size}-{precision}"
        return Path(self.carry) / size

    def save(self, path: Path) -> None:
        """For `read_settings`."""
        path.write_text(json.dumps(asdict(self)), encoding="utf-8")


def read_settings(path: Path) -> Settings:
    """As `Settings.save` wrote it."""
    return Settings(**json.loads(path.read_text(encoding="utf-8")))


def _strongly_typed() -> bool:
    import tensorrt as trt

    return int(trt.__version__.partition(".")[0]) >= 10
