"""Make the folder that a GPU host is given: the bundles, labels with torch's answers, the network's weights, a video.

Runs where the trainer is installed; needs no GPU.

    python bench/gpu/prepare.py models/mouse --data project --video run.mp4
"""

import argparse
import shutil
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1])]

import msgspec  # noqa: E402 - after the line that makes rigtrack found
import numpy as np  # noqa: E402
import torch  # noqa: E402
from carried import grey  # noqa: E402

from tracker.bundle import Bundle, read_bundle, write_bundle  # noqa: E402
from trainer.bundle_places import run_folder  # noqa: E402
from trainer.bundles.parity import ReferenceEngine  # noqa: E402
from trainer.bundles.quantise import to_fp16  # noqa: E402
from trainer.bundles.variant import write_variant  # noqa: E402
from trainer.formats.read_labels import read_labels  # noqa: E402
from trainer.networks.blocks import CropPlan, FrameShape  # noqa: E402
from trainer.networks.build import NetworkPlan, build, plan_from_plain, plan_to_plain  # noqa: E402
from trainer.pipeline.export import to_onnx, with_a_changed_weight  # noqa: E402
from trainer.scoring.bundle_split import split_as_trained  # noqa: E402
from trainer.training.checkpoint import load_network  # noqa: E402

WIDE = (1024, 1280)


def main() -> None:
    """Write the folder anew."""
    options = parse()
    bundle = read_bundle(options.bundle)
    frames = read_labels(options.data.resolve())
    images = np.stack([grey(image.path) for image in frames.images])
    network, about = load_network(run_folder(options.bundle) / "checkpoints" / options.checkpoint)
    plan = plan_from_plain(about["plan"])
    out: Path = options.out
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    vga = copy(bundle, out / "vga")
    answers = by_torch(network.eval(), images)
    check(vga, images, answers)
    names = [str(image.path.relative_to(options.data.resolve())) for image in frames.images]
    np.savez(out / "answers.npz", names=names, answers=answers, reference=f"torch {torch.__version__.split('+')[0]} fp32")
    torch.save({"plan": plan_to_plain(plan), "state": network.state_dict()}, out / "network.pt")
    split = split_as_trained(bundle, frames, source=str(options.data))
    for precision in ("fp16", "int8"):
        print(write_variant(vga, out / f"vga-{precision}", frames, split=split, precision=precision, threads=2).sentence)  # type: ignore[arg-type]
    changed(vga, out / "vga-changed")
    wide(vga, network, plan, image=images[0], out=out)
    shutil.copytree(options.data, out / "data", ignore=shutil.ignore_patterns("videos", "*.h5"))
    shutil.copy(options.video, out / "video.mp4")
    for path in out.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)
    for engines in out.rglob("engines"):
        shutil.rmtree(engines)  # of this machine
    print(f"{out}: {sum(path.stat().st_size for path in out.rglob('*') if path.is_file()) / 1e6:.0f} MB")


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", type=Path, help="fp32, 640x480 grey, with its run beside it (BUNDLE.run)")
    parser.add_argument("--data", type=Path, required=True, help="folder of labels it was trained on")
    parser.add_argument("--video", type=Path, required=True)
    parser.add_argument("--checkpoint", default="last.ckpt", help="which of the run's the bundle was made of (%(default)s)")
    parser.add_argument("--out", type=Path, default=HERE / "carry")
    return parser.parse_args()


def copy(bundle: Bundle, folder: Path) -> Bundle:
    write_bundle(folder, model=bundle.model.read_bytes(), self_test_image=bundle.self_test_image, description=bundle.description)
    return read_bundle(folder)


@torch.no_grad()
def by_torch(network: torch.nn.Module, images: Any) -> Any:
    """float32 (n, animals, K, 3)."""
    return np.concatenate([network(torch.from_numpy(image[None, :, :, None])).numpy() for image in images])


def check(bundle: Bundle, images: Any, answers: Any) -> None:
    """The checkpoint must be the one that the bundle was made of."""
    found = ReferenceEngine(bundle.model.read_bytes()).infer(images[0][:, :, None])
    off = float(np.abs(found - answers[0]).max())
    if off > 0.05:
        raise SystemExit(f"prepare: the checkpoint's answer differs from the bundle's by {off:.3f}; name another with --checkpoint")


def changed(bundle: Bundle, folder: Path) -> None:
    """The same bundle with one weight tensor a tenth larger, and every other word unchanged."""
    model = with_a_changed_weight(bundle.model.read_bytes())
    write_bundle(folder, model=model, self_test_image=bundle.self_test_image, description=bundle.description)


def wide(bundle: Bundle, network: torch.nn.Module, plan: NetworkPlan, *, image: Any, out: Path) -> None:
    """The same weights for frames twice as large: crop, reduction and search doubled, so that every map has the same size."""
    crop = plan.crop
    doubled = NetworkPlan(
        head=plan.head,
        points=plan.points,
        frame=FrameShape(height=WIDE[0], width=WIDE[1], channels=plan.frame.channels),
        crop=CropPlan(height=2 * crop.height, width=2 * crop.width, shrink=2 * crop.shrink, pool=2 * crop.pool),
    )
    larger = build(doubled)
    larger.load_state_dict(network.state_dict())
    frame = np.zeros(WIDE, np.uint8)
    frame[: 2 * image.shape[0]] = image.repeat(2, 0).repeat(2, 1)
    model = to_onnx(larger.eval(), frame[None, :, :, None])
    about = bundle.description
    for name, graph, precision in (("wide", model, "fp32"), ("wide-fp16", to_fp16(model), "fp16")):
        answer = ReferenceEngine(graph).infer(frame[:, :, None])
        description = msgspec.structs.replace(
            about,
            name=name,
            precision=precision,
            input=msgspec.structs.replace(about.input, shape=(1, *WIDE, 1)),
            self_test=msgspec.structs.replace(about.self_test, expected=[float(number) for number in answer.ravel()]),
        )
        write_bundle(out / name, model=graph, self_test_image=frame, description=description)


if __name__ == "__main__":
    main()
