"""Nothing of a bundle of behaviour comes from the videos that it is scored on."""

from pathlib import Path

from rich.console import Console

from tests.trainer.walkers import CLASSES, FPS, POINTS, walkers, write_deeplabcut, write_table
from trainer.behaviour.behaviour_bundle import BehaviourBundle
from trainer.behaviour.bundle_request import BehaviourRequest
from trainer.behaviour.division import DivisionAsked
from trainer.behaviour.make_behaviour_bundle import make_behaviour_bundle
from trainer.behaviour.settings import BehaviourSettings
from trainer.ethogram.bouts import bouts_of_marks, ethogram
from trainer.ethogram.files import file_of
from trainer.ethogram.read_options import ReadOptions


def bundle_with(folder: Path, *, held_out_frames: int, held_out_seed: int) -> BehaviourBundle:
    """One scene to learn from and to validate on, and a third video that is held out."""
    folder.mkdir()
    table = write_table(folder, videos=1, frames=120)
    for name, seed, frames in (("v1", 0, 120), ("v2", held_out_seed, held_out_frames)):
        poses, marks = walkers(seed, frames=frames)
        marks[:4] = 1, 0  # BORIS cannot say that nothing happens
        write_deeplabcut(folder / f"{name}.csv", poses)
        labels = ethogram(CLASSES, bouts_of_marks(marks, CLASSES), where="", frames=frames, fps=FPS, video=name)
        (folder / f"{name}-boris.csv").write_bytes(file_of([labels], "boris")[0])
        with table.open("a", encoding="utf-8") as file:
            file.write(f"{name},{name}.csv,{name}-boris.csv,{FPS:g}\n")
    settings = BehaviourSettings(epochs=6, hidden=8, window=60, batch=1, learning_rate=0.03, noise=0.0, dropout=0.0, mirror=False)
    request = BehaviourRequest(
        table=table, out=folder / "bundle", settings=settings, asked=ReadOptions(), proved_frames=40,
        division=DivisionAsked(test=("v2",), validation=("v1",)),
        front=POINTS[0], back=POINTS[-1], reference=False,
    )  # fmt: skip
    return make_behaviour_bundle(request, Console(quiet=True))


def test_nothing_of_a_bundle_depends_on_the_held_out_videos(tmp_path: Path) -> None:
    one = bundle_with(tmp_path / "one", held_out_frames=120, held_out_seed=2)
    other = bundle_with(tmp_path / "other", held_out_frames=8, held_out_seed=50)
    assert one.calibrated.warming_frames > 4, "a held-out video of 8 frames could not be noticed"
    assert one.calibrated == other.calibrated
    assert (one.bundle / "model.onnx").read_bytes() == (other.bundle / "model.onnx").read_bytes()
