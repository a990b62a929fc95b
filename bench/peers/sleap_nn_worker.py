"""What runs inside sleap-nn's own environment: training for a given processor time, answers for labelled frames, export, a video.

`train.py` beside this file starts it, and for videos `../analyse.py`; it imports nothing of rigtrack. Settings are those that
sleap-nn's configuration generator finds for the labels, with the backbones, targets and batch size of its sample configurations for
a medium receptive field: the generator's own are made for a GPU, and one step of theirs takes half a minute on one core.
"""

import argparse
import json
import math
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import library

_declared = library.Library("torchvision", "FRAGMENT")  # a torch for the CPU beside a torchvision that is not


def _declare_operators() -> None:
    """Name the compiled operators that the models do not use, so that `import torchvision` succeeds without them."""
    try:
        import torchvision  # noqa: F401
    except RuntimeError:
        for schema in (
            "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
            "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
        ):
            _declared.define(schema)


_declare_operators()

import lightning  # noqa: E402
import sleap_io  # noqa: E402
from omegaconf import DictConfig, OmegaConf  # noqa: E402
from sleap_nn.cli import cli  # noqa: E402
from sleap_nn.config_generator import ConfigGenerator  # noqa: E402
from sleap_nn.inference.run import predict  # noqa: E402
from sleap_nn.training.model_trainer import ModelTrainer  # noqa: E402

# filters, growth, deepest stride, stride of the maps, and sigma of the targets of the sample configurations
SAMPLES = {
    "single_instance": {"filters": 16, "output_stride": 2},
    "centroid": {"filters": 16, "output_stride": 2},
    "centered_instance": {"filters": 24, "output_stride": 4},
}
SIGMA, BATCH = 2.5, 4
HALVED_ABOVE_PX = 512  # the input of larger frames is halved, as their guide advises for speed
NEVER = 100_000  # epochs
FEW = 2  # frames


class ForSeconds(lightning.Callback):
    """End the training after some processor seconds of it, and keep what every step's loss was."""

    def __init__(self, seconds: float) -> None:
        self.seconds, self.losses, self.spent, self.began = seconds, [], 0.0, (0.0, 0.0)
        self.validated: list[float] = []

    def on_train_start(self, trainer: Any, module: Any) -> None:
        self.began = time.process_time(), time.perf_counter()

    def on_train_batch_end(self, trainer: Any, module: Any, outputs: Any, batch: Any, index: int) -> None:
        self.losses.append(float(outputs["loss"] if isinstance(outputs, dict) else outputs))
        self.spent = time.process_time() - self.began[0]
        if self.spent >= self.seconds:
            trainer.should_stop = True
            trainer.limit_val_batches = 0

    def on_validation_end(self, trainer: Any, module: Any) -> None:
        if (found := trainer.callback_metrics.get("val/loss", trainer.callback_metrics.get("val_loss"))) is not None:
            self.validated.append(float(found))


class Timed(ModelTrainer):
    """Their trainer with one callback more."""

    def _setup_loggers_callbacks(self, *arguments: Any, **named: Any) -> Any:
        loggers, callbacks = super()._setup_loggers_callbacks(*arguments, **named)
        return loggers, [*callbacks, Timed.clock]


def configurations(labels: Path, out: Path) -> dict[str, DictConfig]:
    """What is to be trained: one network for one animal, two (centre, then each animal) for several."""
    generator = ConfigGenerator.from_slp(str(labels)).auto()
    several = generator.is_topdown
    made = (
        {"centroid": generator.build_centroid(), "centered_instance": generator.build_centered_instance()}
        if several
        else {"single_instance": generator.build()}
    )
    for name, config in made.items():
        sample, head = SAMPLES[name], config.model_config.head_configs[name].confmaps
        config.model_config.backbone_config.unet.update({"filters": sample["filters"], "filters_rate": 2.0, "max_stride": 16})
        config.model_config.backbone_config.unet.output_stride = head.output_stride = sample["output_stride"]
        head.sigma = SIGMA
        if (
            name == "single_instance"
            and max(config.data_config.preprocessing.max_height, config.data_config.preprocessing.max_width) > HALVED_ABOVE_PX
        ):
            config.data_config.preprocessing.scale = 0.5
        trainer = config.trainer_config
        trainer.train_data_loader.batch_size = trainer.val_data_loader.batch_size = BATCH
        trainer.update({"max_epochs": NEVER, "ckpt_dir": str(out), "run_name": name, "trainer_accelerator": "cpu", "trainer_devices": 1})
        trainer.update({"visualize_preds_during_training": False, "enable_progress_bar": False})
        trainer.early_stopping.stop_training_on_plateau = False
    return made


def train(labels: Path, out: Path, *, seconds: float) -> list[dict[str, Any]]:
    """Train every network for its share of the processor time; the last weights are kept."""
    wanted, done = configurations(labels, out), []
    for name, config in wanted.items():
        Timed.clock = ForSeconds(seconds / len(wanted))
        trainer = Timed.get_model_trainer_from_config(config)
        trainer.train()
        trainer.trainer.save_checkpoint(out / name / "best.ckpt")
        losses, frames = Timed.clock.losses, len(trainer.train_labels[0])
        tenth = max(1, len(losses) // 10)
        done.append(
            {
                "network": name,
                "steps": len(losses),
                "frames": frames,
                "passes": len(losses) * BATCH / max(1, _samples(trainer, frames, name)),
                "first_loss": float(np.mean(losses[:tenth])),
                "last_loss": float(np.mean(losses[-tenth:])),
                "validation_losses": Timed.clock.validated,
                "parameters": int(trainer.config.model_config.total_params),
                "scale": float(config.data_config.preprocessing.scale),
                "processor_s": Timed.clock.spent,
                "wall_s": time.perf_counter() - Timed.clock.began[1],
            }
        )
        OmegaConf.save(config, out / f"{name}.yaml")
    return done


def _samples(trainer: Any, frames: int, name: str) -> int:
    """Pictures in one pass: frames, or crops of animals."""
    return sum(len(frame.instances) for frame in trainer.train_labels[0]) if name == "centered_instance" else frames


def answers(labels: Path, models: list[str], *, animals: int) -> tuple[np.ndarray, np.ndarray]:
    """Numbers of the frames (n,), and poses float64 (n, animals, K, 3), NaN where nothing was answered."""
    source = sleap_io.load_slp(str(labels))
    found = predict(
        source,
        model_paths=models,
        device="cpu",
        batch_size=1,
        max_instances=animals,
        keypoint_threshold=0.0,
        **({} if animals > 1 else {"peak_threshold": 0.0}),
    )
    points = len(source.skeletons[0].nodes)
    numbers, poses = [], []
    for frame in found:
        rows = np.full((animals, points, 3), math.nan)
        for row, instance in zip(rows, frame.predicted_instances, strict=False):
            row[:] = instance.numpy(scores=True)
        numbers.append(frame.frame_idx)
        poses.append(rows)
    return np.array(numbers, np.int64), np.array(poses)


def run_video(video: Path, exported: Path, *, frames: int) -> dict[str, float]:
    """Their own way through the first frames of a video with the exported ONNX graph, which takes RGB, once it is warm."""
    source = sleap_io.load_video(str(video), grayscale=False)
    wanted = {"export_dir": str(exported), "runtime": "onnx", "device": "cpu", "batch_size": 1}
    ends = []
    for first in (FEW, FEW, FEW + frames):  # to warm it; what a call costs that opens the graph; the same with the frames
        began, cpu = time.perf_counter(), time.process_time()
        found = len(predict(source, frames=list(range(first)), **wanted))
        ends.append((found, time.perf_counter() - began, time.process_time() - cpu))
    return {name: last - opening for name, opening, last in zip(("frames", "wall_s", "cpu_s"), *ends[1:], strict=True)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("train", "answer", "export", "video"))
    parser.add_argument("--labels", type=Path, required=True, help="or a video")
    parser.add_argument("--models", type=Path, required=True, help="folder with a folder for each network; for a video, what was exported")
    parser.add_argument("--frames", type=int, default=100, help="of the video")
    parser.add_argument("--seconds", type=float, default=60, help="of processor time")
    parser.add_argument("--animals", type=int, default=1)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.what == "train":
        options.out.write_text(json.dumps(train(options.labels, options.models, seconds=options.seconds)))
        return
    if options.what == "video":
        options.out.write_text(json.dumps(run_video(options.labels, options.models, frames=options.frames)))
        return
    models = [str(options.models / name) for name in SAMPLES if (options.models / name / "best.ckpt").exists()]
    if options.what == "export":
        cli(["export", *models, "-o", str(options.out), "--format", "onnx", "--max-batch-size", "1"])
        return
    numbers, poses = answers(options.labels, models, animals=options.animals)
    np.savez_compressed(options.out, numbers=numbers, poses=poses)


if __name__ == "__main__":
    main()
