"""Is a verdict's first action right after real trainings? Ten faults are put into a drawn set, and a network is trained with each.

The set is the synthetic rodent (`trainer synth --scene rodent`); frames of another kind are those of the scene `disturbed`. Every
case goes through the whole of `trainer fit`: training, bundle, scores on the rig's engine, report and verdict, with the usual
settings but for the number of steps. The case of resolution is cut out around an animal that fills the picture, so that the network
sees every other pixel, and asks for a quarter of one of them; only a training of the usual length can be found too coarse. What a
case came to is kept, and the table is made from what is stored.

    python bench/verdicts.py
    python bench/verdicts.py --seed 2
    python bench/verdicts.py --only "one frame" "too short" --json
    python bench/verdicts.py --out kept --seed 2 --again  # networks that are kept, by the rules as they are now
"""

import argparse
import json
import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from tracker.bundle import read_bundle
from tracker.synthetic.open_scene import SceneName
from trainer.errors import TrainingError
from trainer.formats.read_labels import read_labels
from trainer.formats.write_synthetic_set import write_synthetic_set
from trainer.labels.images import ImageRef
from trainer.labels.labelled_frames import LabelledFrames
from trainer.labels.split import Split
from trainer.pipeline.bundle_request import BundleRequest
from trainer.pipeline.train_and_write import ENGINE, train_and_write
from trainer.scoring.correct_radius import FIGURES_FILE, Judging, stated_radii
from trainer.scoring.engine_choice import open_chosen
from trainer.scoring.evaluate import score
from trainer.scoring.measure import Circumstances, measure
from trainer.scoring.measurements import EmptyScene
from trainer.scoring.training_record import next_commands, read_trained_as
from trainer.scoring.verdict import Verdict, verdict
from trainer.training.augment import UNCHANGED, AugmentSettings
from trainer.training.fit_settings import FitSettings

SIDE, CLOSE_SIDE, CUT = 224, 560, 208  # px: the frames; those filmed from near, and what is cut out of them around the animal
LEARNT = 120  # frames, and a third as many to judge by
USUAL, BRIEF = 1000, 100  # steps of 8 pictures
LONG = 3800  # which a verdict takes for long enough
EPOCHS = 10
EVERY_FIFTH, JITTER_PX, RARE_LABELS, FEW = 5, 5.0, 4, 12
TAIL = 3  # its place among the rodent's points: snout, left ear, right ear, base of the tail
OTHER_NAMES = (TAIL, 1, 2, 0)

Parts = tuple[LabelledFrames, LabelledFrames]  # to learn from, and to judge by


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenes:
    """Draws frames into a folder, all of one seed."""

    out: Path
    seed: int

    def drawn(self, scene: SceneName, *, count: int, side: int) -> LabelledFrames:
        """So many frames of a scene, drawn unless they were before."""
        folder = self.out / f"{scene}-{side}-{count}"
        if not (folder / "set.json").exists():
            write_synthetic_set(folder, scene=scene, count=count, seed=self.seed, width=side, height=side, rectangles=1)
        return read_labels(folder)


Fault = Callable[[LabelledFrames, LabelledFrames, Scenes], Parts]


def as_they_are(learnt: LabelledFrames, judged: LabelledFrames, _: Scenes) -> Parts:
    """No fault."""
    return learnt, judged


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A fault, and what a verdict is to say of it first.

    Attributes:
        expected: kind of the first step.
        made: puts the fault into the frames to learn from and those to judge by.
        steps: of training.
        augment: of the training.
        judging: what was asked for.
        side: of the frames, px.
    """

    expected: str
    made: Fault = as_they_are
    steps: int = USUAL
    augment: AugmentSettings = field(default_factory=AugmentSettings)
    judging: Judging = field(default_factory=Judging)
    side: int = SIDE


def with_points(frames: LabelledFrames, points: NDArray[np.float64]) -> LabelledFrames:
    """The frames with other labels."""
    return replace(frames, points=points)


def exchanged(learnt: LabelledFrames, judged: LabelledFrames, _: Scenes) -> Parts:
    """In every fifth frame left and right ear are each other's."""
    return every_fifth(learnt), every_fifth(judged)


def every_fifth(frames: LabelledFrames) -> LabelledFrames:
    points = frames.points.copy()
    points[::EVERY_FIFTH] = points[::EVERY_FIFTH][:, :, [0, 2, 1, 3]]
    return with_points(frames, points)


def first_frames(count: int) -> Fault:
    """Only so many to learn from."""
    return lambda learnt, judged, _: (learnt.subset(np.arange(count)), judged)


def rare(learnt: LabelledFrames, judged: LabelledFrames, _: Scenes) -> Parts:
    """The base of the tail is labelled in the first few frames alone."""
    points = learnt.points.copy()
    points[RARE_LABELS:, :, TAIL] = np.nan
    return with_points(learnt, points), judged


def other_names(learnt: LabelledFrames, judged: LabelledFrames, _: Scenes) -> Parts:
    """In the video to judge by, snout and base of the tail have each other's names."""
    return learnt, replace(judged, points=judged.points[:, :, list(OTHER_NAMES)], group=("tuesday",) * len(judged))


def disturbed(learnt: LabelledFrames, judged: LabelledFrames, scenes: Scenes) -> Parts:
    """What is judged by was filmed among litter, shadows and a cable, in other light."""
    return learnt, replace(scenes.drawn("disturbed", count=len(judged), side=SIDE), group=("another room",) * len(judged))


def scattered(learnt: LabelledFrames, judged: LabelledFrames, _: Scenes) -> Parts:
    """Every label is 5 px off along each axis, on average."""
    rng = np.random.default_rng(5)
    learnt, judged = (with_points(frames, frames.points + rng.normal(0, JITTER_PX, frames.points.shape)) for frames in (learnt, judged))
    return learnt, judged


def from_near(learnt: LabelledFrames, judged: LabelledFrames, scenes: Scenes) -> Parts:
    """The frames cut to the animal, which fills them."""
    return cut_out(learnt, scenes.out / "near" / "learnt"), cut_out(judged, scenes.out / "near" / "judged")


CASES = {
    "swapped labels": Case(expected="exchanged", made=exchanged),
    "one frame": Case(expected="few frames", made=first_frames(1), steps=BRIEF),
    "too short": Case(expected="too short", steps=BRIEF),
    "too few of one point": Case(expected="rare point", made=rare),
    "wrong names": Case(expected="other names", made=other_names),
    "too low resolution": Case(
        expected="resolution", made=from_near, steps=LONG, judging=Judging(correct_within={"": 0.5}), side=CLOSE_SIDE
    ),
    "distribution shift": Case(expected="unlike", made=disturbed),
    "good": Case(expected="good"),
    "over-fitted": Case(expected="over-fitted", made=first_frames(FEW), augment=UNCHANGED),
    "labels jittered by 5 px": Case(expected="scattered labels", made=scattered),
}


def cut_out(frames: LabelledFrames, folder: Path) -> LabelledFrames:
    """Squares around the animals, as image files in a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    images, points = [], frames.points.copy()
    for index in range(len(frames)):
        image, path = frames.read(index), folder / f"img{index:04d}.png"
        middle = np.nanmean(points[index].reshape(-1, 2), axis=0)
        x, y = np.clip(np.round(middle - CUT / 2), 0, np.array(image.shape[1::-1]) - CUT).astype(int).tolist()
        cv2.imwrite(str(path), image[y : y + CUT, x : x + CUT])
        points[index] -= (x, y)
        images.append(ImageRef(path=path, frame=None))
    inside = ((points >= -0.5) & (points < CUT - 0.5)).all(axis=-1, keepdims=True)
    return replace(frames, images=tuple(images), points=np.where(inside, points, np.nan), size=(CUT, CUT))


def together(learnt: LabelledFrames, judged: LabelledFrames) -> LabelledFrames:
    """All frames of a case, those to learn from first."""
    return replace(
        learnt,
        images=learnt.images + judged.images,
        points=np.concatenate([learnt.points, judged.points]),
        hidden=np.concatenate([learnt.hidden, judged.hidden]),
        tags=learnt.tags + judged.tags,
        group=learnt.group + judged.group,
        order=np.concatenate([learnt.order, judged.order]),
    )


def judge(name: str, case: Case, *, scenes: Scenes, learnt_frames: int, most_steps: int, again: bool) -> dict[str, Any]:
    """Train and judge one case, unless it was before; only judge it again, where it is to be so."""
    out = scenes.out
    folder = out / name.replace(" ", "-")
    kept = folder / "verdict.json"
    if again:
        return shown(
            case, {**json.loads(kept.read_text()), "verdict": judged_again(case, scenes, folder / "bundle", learnt_frames).as_json()}
        )
    if not kept.exists():
        steps = min(case.steps, most_steps)
        epochs = max(1, min(EPOCHS, steps // EPOCHS))
        learnt, judged = parts_of(case, scenes, learnt_frames)
        parts = Split(train=np.arange(len(learnt)), held_out=len(learnt) + np.arange(len(judged)), description="as the case has it")
        settings = FitSettings(epochs=epochs, batches=steps // epochs, workers=0, accelerator="cpu", augment=case.augment, seed=scenes.seed)
        request = BundleRequest(
            data=(out / "labels",),
            fit_options=(),
            frames=together(learnt, judged),
            parts=parts,
            source=name,
            floor=None,
            out=folder / "bundle",
            run=folder / "bundle.run",
            settings=settings,
            judging=case.judging,
            anew=False,
        )
        made = train_and_write(request, Console(stderr=True))
        if made is None:
            raise TrainingError(f"{name}: this is not the first of several processes; start the script once")
        said = made.as_json()
        steps = len(json.loads((folder / "bundle" / "metrics.json").read_text())["history"]["batches"])
        said_of = {"steps": steps, **{key: said[key] for key in ("seconds", "train", "held_out", "verdict")}}
        kept.write_text(json.dumps(said_of))
    return shown(case, json.loads(kept.read_text()))


def parts_of(case: Case, scenes: Scenes, learnt_frames: int) -> Parts:
    """What a case learns from, and what it is judged by."""
    every = scenes.drawn("rodent", count=learnt_frames + learnt_frames // 3, side=case.side)
    return case.made(every.subset(np.arange(learnt_frames)), every.subset(np.arange(learnt_frames, len(every))), scenes)


def judged_again(case: Case, scenes: Scenes, folder: Path, learnt_frames: int) -> Verdict:
    """The verdict on a network that is kept, without training it."""
    learnt, judged = parts_of(case, scenes, learnt_frames)
    bundle = read_bundle(folder)
    trained, history = read_trained_as(folder)
    within, empty = stated_radii(bundle), json.loads((folder / FIGURES_FILE).read_text())["empty_scene"]
    if within is None:
        raise TrainingError(f"{folder}: does not say what counts as right; train it again")
    about = Circumstances(
        labels=learnt,
        radii=within,
        target_px=case.judging.target_px,
        seen_px=trained.points_seen(len(learnt.point_names)),
        batch=trained.batch,
        history=history,
        empty=None if empty is None else EmptyScene(**empty),
        augmentation=bundle.description.training.augmentation,
    )
    with closing(open_chosen(bundle, ENGINE, console=None)) as engine:
        on_learnt, on_judged = (score(bundle, frames, engine=engine, train=learnt) for frames in (learnt, judged))
    commands = next_commands([scenes.out / "labels"], folder, learnt, trained, history=history)
    return verdict(measure(on_learnt, on_judged, about), commands)


def shown(case: Case, found: dict[str, Any]) -> dict[str, Any]:
    """What was expected of a case, and what was said."""
    first, *others = found["verdict"]["next"]
    return {
        "expected": case.expected,
        "first": first["kind"],
        "then": [step["kind"] for step in others],
        "sentence": found["verdict"]["sentence"],
        "steps": found["steps"],
        "seconds": found["seconds"],
    }


def main() -> None:
    """Train each case, print what was said first beside what was expected."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "verdicts")
    parser.add_argument("--only", nargs="+", choices=CASES, default=list(CASES))
    parser.add_argument("--learnt", type=int, default=LEARNT, help="frames to learn from; a third as many are judged by (%(default)s)")
    parser.add_argument("--most-steps", type=int, default=LONG, help="no case is trained for more (%(default)s)")
    parser.add_argument("--again", action="store_true", help="judge what is kept again, and train nothing")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--seed", type=int, default=1, help="of scenes and trainings; each has a folder of its own (%(default)s)")
    options = parser.parse_args()
    found, scenes = {}, Scenes(out=options.out / f"seed-{options.seed}", seed=options.seed)
    for place, name in enumerate(options.only, 1):
        print(f"{place} of {len(options.only)}: {name}", file=sys.stderr, flush=True)
        found[name] = judge(
            name, CASES[name], scenes=scenes, learnt_frames=options.learnt, most_steps=options.most_steps, again=options.again
        )
    if options.json:
        print(json.dumps(found))
        return
    print("| case | expected first | said first | then | steps | minutes |\n|---|---|---|---|---|---|")
    for name, one in found.items():
        print(f"| {name} | {one['expected']} | {one['first']} | {', '.join(one['then'])} | {one['steps']} | {one['seconds'] / 60:.1f} |")
    print(f"\n{sum(one['first'] == one['expected'] for one in found.values())} of {len(found)} as expected")


if __name__ == "__main__":
    main()
