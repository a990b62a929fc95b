"""Two flies, 13 points, 1500 frames of 1024x1024: error, missed and false animals, identity switches, frames per second.

Each split trains from scratch through `trainer fit` on frames of one part of the video (those that differ from the last one
taken: for two thirds of it the flies stand still), and is scored through the rig's own engine on the part held out. Then
the whole video is tracked in order, as the rig would, and its identities are compared with the labels'. Every run is kept.
"""

import argparse
import json
import sys
import time
from contextlib import closing, redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np
import sleap_io  # type: ignore[import-untyped]
from numpy.typing import NDArray

from tracker.bundle import Bundle, read_bundle
from tracker.config import IdentityConfig
from tracker.engines.inference import Inference
from tracker.engines.open_engine import open_engine
from tracker.identity import Identity
from trainer.__main__ import main as trainer
from trainer.formats.read_labels import read_labels
from trainer.labels.labelled_frames import LabelledFrames
from trainer.scoring.assignment import SPOT, answers_of_labels, present, without_missed
from trainer.scoring.engine_choice import EngineChoice
from trainer.scoring.identity_score import score_identity
from trainer.scoring.metrics import point_errors

DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "sleap_flies" / "clip.slp"
HELD_OUT = {"last-fifth": (1200, 1500), "first-fifth": (0, 300), "middle-of-motion": (1050, 1350)}
MOVED_PX = 1.5  # mean over all points: a frame that differs less from the last one taken teaches nothing
APART = 100  # frames: but one is taken at least this often
FRAME_NS = 40_000_000
IDENTITY = IdentityConfig(max_speed_px_s=1000, slack_px=15, velocity_ms=100, confirm_ms=80, forget_ms=2000, confidence=0.1)


def frames_to_learn(frames: LabelledFrames, held_out: tuple[int, int]) -> NDArray[np.int64]:
    """Frames outside the held-out block that show something new."""
    chosen: list[int] = []
    for index in range(len(frames)):
        if held_out[0] <= index < held_out[1]:
            continue
        moved = np.nanmean(np.abs(frames.points[index] - frames.points[chosen[-1]])) if chosen else np.inf
        if moved >= MOVED_PX or index - chosen[-1] >= APART:
            chosen.append(index)
    return np.array(chosen, np.int64)


def train(data: Path, frames: LabelledFrames, out: Path, *, held_out: tuple[int, int], options: list[str]) -> dict[str, Any]:
    """Run one fit unless it was finished before."""
    chosen = frames_to_learn(frames, held_out)
    if not (out / "bundle.json").exists():
        part = out.with_name(f"{out.name}.slp")
        part.parent.mkdir(parents=True, exist_ok=True)
        labels = sleap_io.load_slp(str(data), open_videos=False)
        labels.videos[0].replace_filename(str(frames.images[0].path.resolve()), open=False)
        numbers = set(frames.order[chosen].tolist())
        kept = [frame for frame in labels.labeled_frames if frame.frame_idx in numbers]
        sleap_io.save_slp(sleap_io.Labels(kept), str(part), embed=False, verbose=False)
        command = ["fit", "--data", str(part), "--out", str(out), "--head", "several", "--no-held-out", *options]
        print("trainer", " ".join(command), file=sys.stderr, flush=True)
        with redirect_stdout(sys.stderr):
            status = trainer(command)
        if status:
            raise SystemExit(f"flies: `trainer fit` ended with {status}; the reason is above")
    seconds = json.loads((out / "metrics.json").read_text())["seconds"]["total"] if (out / "metrics.json").exists() else None
    return {"frames": len(chosen), "seconds": seconds}


def track(bundle: Bundle, frames: LabelledFrames, *, threads: int) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
    """Every frame in order: what the network answers, the same by identity, (n, A, K, 3) each, and frames per second.

    The rate is of image to identity; reading the video is not in it.
    """
    answers, tracked, spent = [], [], 0.0
    settings = EngineChoice(runtime="openvino", precision="fp32", threads=threads, gpu=0).settings(bundle)
    with closing(open_engine(bundle, settings, say=print)) as engine:
        identity = Identity(IDENTITY, animals=bundle.description.output.shape[1])
        finder: Inference | None = None
        for index in range(len(frames)):
            image = frames.read(index)
            finder = finder or Inference(bundle, engine, source_shape=image.shape)
            began = time.perf_counter()
            answers.append(finder.points(image))
            tracked.append(identity.update(answers[-1], index * FRAME_NS))
            spent += time.perf_counter() - began
    return np.asarray(answers, np.float64), np.asarray(tracked, np.float64), len(frames) / spent


def measure(answers: NDArray[np.float64], frames: LabelledFrames) -> dict[str, Any]:
    """Error in px of the animals found, and how many were."""
    spot_px = SPOT * min(frames.size)
    found = np.stack([answers_of_labels(rows, labels, spot_px=spot_px) for rows, labels in zip(answers, frames.points, strict=True)])
    truth, counts = without_missed(found, frames.points, int(present(answers).sum()))
    errors = point_errors(np.nan_to_num(found), truth)
    return {
        "mean_px": errors.spread.mean_px,
        "median_px": errors.spread.median_px,
        "p95_px": errors.spread.p95_px,
        "per_point": {
            name: {"mean_px": spread.mean_px, "median_px": spread.median_px}
            for name, spread in zip(frames.point_names, errors.per_point, strict=True)
        },
        "animals": counts.labelled,
        "missed": counts.missed,
        "false": counts.false,
    }


def main() -> None:
    """Run what is missing and print what was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "flies")
    parser.add_argument("--epochs", type=int, default=16, help="(%(default)s)")
    parser.add_argument("--batches", type=int, help="as `trainer fit`")
    parser.add_argument("--seed", type=int, default=0, help="of the training (%(default)s)")
    parser.add_argument("--frames", type=int, help="take so many frames of the video, and hold out their last fifth alone")
    parser.add_argument("--threads", type=int, default=2, help="of the engine (%(default)s)")
    parser.add_argument("--only", nargs="+", choices=HELD_OUT, default=tuple(HELD_OUT))
    options = parser.parse_args()
    frames, held_out_of = read_labels(options.data), HELD_OUT
    if options.frames:
        frames = frames.subset(np.arange(options.frames))
        held_out_of = {"last-fifth": (options.frames - options.frames // 5, options.frames)}
    training = [
        "--epochs",
        str(options.epochs),
        "--batch",
        "8",
        "--seed",
        str(options.seed),
        *([f"--batches={options.batches}"] if options.batches else []),
    ]
    report = {}
    for name in [name for name in options.only if name in held_out_of]:
        held_out = held_out_of[name]
        out = options.out / name
        learnt = train(options.data, frames, out, held_out=held_out, options=training)
        answers, tracked, rate = track(read_bundle(out), frames, threads=options.threads)
        np.savez_compressed(options.out / f"{name}.npz", answers=answers, tracked=tracked)
        score = score_identity(tracked, frames.points, spot_px=SPOT * min(frames.size))
        report[name] = {
            "learnt": learnt,
            "held_out": measure(answers[slice(*held_out)], frames.subset(np.arange(*held_out))),
            "whole_video": {
                "frames": score.frames,
                "missed": score.missed,
                "false": score.false,
                "switches": score.switches,
                "switch_frames": score.switch_frames,
                "mota": score.mota,
                "idf1": score.idf1,
            },
            "frames_per_second": rate,
        }
        print(json.dumps({name: report[name]}), flush=True)


if __name__ == "__main__":
    main()
