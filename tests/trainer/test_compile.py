"""Building the GPU engine ahead of time, on a machine that cannot."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from tracker.bundle import read_bundle, write_bundle
from tracker.bundle_description import Accuracy, Description, SelfTest, TensorShape, TrainingData, View
from tracker.errors import EngineError
from trainer.bundles.compile import compile_engine
from trainer.scoring.engine_choice import EngineChoice


@pytest.mark.skipif(importlib.util.find_spec("tensorrt") is not None, reason="TensorRT is installed here")
def test_a_machine_that_cannot_build_gpu_engines_says_so_in_one_sentence(tmp_path: Path) -> None:
    description = Description(
        schema=1,
        name="none",
        task="keypoints",
        created="2026-01-01T00:00:00Z",
        point_names=("spot",),
        skeleton=(),
        class_names=(),
        network="test",
        view=View(crop=None, fit="exact", colour="grey"),
        input=TensorShape(name="image", shape=(1, 8, 8, 1), dtype="uint8"),
        output=TensorShape(name="pose", shape=(1, 1, 1, 3), dtype="float32"),
        states=(),
        precision="fp32",
        onnx_sha256="0" * 64,
        training=TrainingData(sha256="0" * 64, source="none", frames=1, held_out_frames=0, split="none"),
        accuracy=Accuracy(mean_px=None, median_px=None, p95_px=None, frames=0),
        self_test=SelfTest(image_sha256="0" * 64, expected=[0.0] * 3, tolerance_fp32=1e-3, tolerance_reduced=0.5),
    )
    write_bundle(tmp_path / "b", model=b"model", self_test_image=np.zeros((8, 8), np.uint8), description=description)

    with pytest.raises(EngineError, match=r"'tensorrt', which cannot be loaded \(.*\); run `pip install '\.\[gpu\]'`[^\n]*$"):
        compile_engine(
            read_bundle(tmp_path / "b"), EngineChoice(runtime="tensorrt", precision="fp32", threads=1, gpu=0), say=lambda _: None
        )
    assert not (tmp_path / "b" / "engines").exists()
