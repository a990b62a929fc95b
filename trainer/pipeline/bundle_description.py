"""What a bundle says of itself: names, shapes, training data, self-test."""

import datetime

from tracker.bundle_description import Accuracy, Description, SelfTest, TensorShape, TrainingData
from trainer.labels.fingerprint import labels_sha256
from trainer.labels.split import division_of
from trainer.pipeline.bundle_request import BundleRequest
from trainer.pipeline.export import FP32_PX, INPUT, OUTPUT, ExportedNetwork
from trainer.scoring.evaluation import Evaluation
from trainer.training.augmentation_choice import as_recorded
from trainer.training.fit import FitResult
from trainer.training.lighting_choice import background_in_words

_SELF_TEST_FP32 = 0.05  # px and confidence; ten times the largest difference between runtimes seen
_SELF_TEST_REDUCED = 1.5  # px: a sure point in bf16 or fp16; a wrong graph is off by tens
_NO_HASH = "0" * 64  # filled in by write_bundle


def describe(request: BundleRequest, result: FitResult, exported: ExportedNetwork) -> Description:
    """All but the accuracy, which is measured with a bundle, and the digests, which writing one fills in.

    Args:
        request: labels, their division and the training that was asked for.
        result: of the training.
        exported: its graph.
    """
    frames, parts = request.frames, request.parts
    return Description(
        schema=1,
        name=request.out.name,
        task="keypoints",
        created=datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        point_names=frames.point_names,
        skeleton=frames.skeleton,
        class_names=(),
        network=f"{result.plan.title}, {sum(p.numel() for p in result.network.parameters()) / 1e6:.2f} M parameters",
        view=result.view,
        input=TensorShape(name=INPUT, shape=exported.input_shape, dtype="uint8"),
        output=TensorShape(name=OUTPUT, shape=exported.output_shape, dtype="float32"),
        states=(),
        precision=exported.precision,
        onnx_sha256=_NO_HASH,
        training=TrainingData(
            sha256=labels_sha256(frames),
            source=request.source,
            frames=len(parts.train),
            held_out_frames=len(parts.held_out),
            split=parts.description,
            division=division_of(parts),
            augmentation=as_recorded(request.settings.augment),
            image_sizes=tuple(sorted({(width, height) for height, width in frames.sizes})),
        ),
        accuracy=Accuracy(mean_px=None, median_px=None, p95_px=None, frames=0),
        self_test=SelfTest(
            image_sha256=_NO_HASH,
            expected=[float(number) for number in exported.answers[0].ravel()],
            tolerance_fp32=max(_SELF_TEST_FP32, FP32_PX),
            tolerance_reduced=_SELF_TEST_REDUCED,
        ),
        lighting=None if result.lighting is None else result.lighting.described(background_in_words(request.settings)),
        trained_on=None if frames.sizes else (frames.size[1], frames.size[0]),
    )


def accuracy(held_out: Evaluation | None) -> Accuracy:
    """On frames that were not learnt from; unknown where there are none."""
    if held_out is None:
        return Accuracy(mean_px=None, median_px=None, p95_px=None, frames=0)
    spread = held_out.errors.spread
    return Accuracy(mean_px=spread.mean_px, median_px=spread.median_px, p95_px=spread.p95_px, frames=len(held_out.frames))
