"""How large the rectangle experiments are, so that every table and caption can say so from the same figures."""

from collections.abc import Mapping
from typing import Any

import msgspec

from trainer.errors import TrainingError
from trainer.networks.blocks import GRID, SMALLEST_CROP_PX
from trainer.networks.names import is_backbone

DOMAINS = (1, 2, 3, 4, 5)  # rectangles an image
HOME = 3  # the domain that the two heads are compared on
LABELLED_TWICE = 2  # the domain whose second rectangle is labelled too
# shares of the training images: the thirteen of the first experiments
FRACTIONS = (0.0005, 0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.0175, 0.025, 0.07, 0.2, 0.5, 1.0)


class Scale(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything that sizes the experiments.

    Attributes:
        name: what was asked for; "+" behind it where a figure was changed.
        side_px: of the square images.
        images: of each domain, 80/10/10 for training, validation and test.
        seed: of the images.
        network: its name.
        map_head: the head of heat maps; the other head is `xy`.
        target: density around a label.
        xy_epochs: of the coordinate head.
        map_epochs: of the heat-map head.
        batch: pictures a step.
        learning_rate: at its highest.
        averaging: exponential mean of the weights, by step.
        fractions: of the training images, for the learning curve.
        repeats: trainings with other seeds where stability is measured.
    """

    name: str
    side_px: int
    images: int
    seed: int
    network: str
    map_head: str
    target: str
    xy_epochs: int
    map_epochs: int
    batch: int
    learning_rate: float
    averaging: float
    fractions: tuple[float, ...]
    repeats: int

    @property
    def train_images(self) -> int:
        """Images of a domain that are learnt from, as a synthetic set is cut."""
        return self.images - 2 * (self.images // 10)

    @property
    def heads(self) -> tuple[str, str]:
        """Coordinates and heat maps."""
        return "xy", self.map_head

    @property
    def words(self) -> str:
        """For captions: everything that makes figures of two scales differ."""
        tenth = self.images // 10
        return (
            f"scale {self.name}: {self.side_px}×{self.side_px} px, {self.images} images a domain ({self.train_images} training, "
            f"{tenth} validation, {tenth} test), network {self.network}, heads xy ({_epochs(self.xy_epochs)}) and {self.map_head} "
            f"({_epochs(self.map_epochs)}), batch {self.batch}, learning rate {self.learning_rate:g}"
        )


SMALL = Scale(
    name="small",
    side_px=64,
    images=2000,
    seed=1,
    network="compact",
    map_head="heatmap",
    target="gaussian",
    xy_epochs=9,
    map_epochs=9,
    batch=32,
    learning_rate=1e-3,
    averaging=0.99,  # a memory of 100 steps, of 450
    fractions=(0.01, 0.07, 0.2, 0.5, 1.0),
    repeats=5,
)
SEED = Scale(
    name="seed",
    side_px=224,
    images=10_000,
    seed=1,
    network="resnet18",
    map_head="dense_heatmap",
    target="disk",
    xy_epochs=40,
    map_epochs=100,
    batch=64,
    learning_rate=1e-3,
    averaging=0.998,
    fractions=FRACTIONS,
    repeats=5,
)
SCALES = {"small": SMALL, "seed": SEED}


def changed(scale: Scale, changes: Mapping[str, int | None]) -> Scale:
    """The scale with other figures; its name tells that it is no longer what it is called.

    Args:
        scale: to begin with.
        changes: `side_px`, `images`, `epochs` or `repeats`; None leaves a figure as it is.

    Raises:
        TrainingError: a figure that cannot be.
    """
    given: dict[str, Any] = {name: value for name, value in changes.items() if value is not None}
    if bad := [name for name, value in given.items() if value < 1]:
        raise TrainingError(f"{bad[0].replace('_', ' ')} is {given[bad[0]]}; expected 1 or more")
    if "epochs" in given:
        given["xy_epochs"] = given["map_epochs"] = given.pop("epochs")
    made = msgspec.structs.replace(scale, **given)
    return _possible(made if made == scale else msgspec.structs.replace(made, name=f"{scale.name}+"))


def _possible(scale: Scale) -> Scale:
    if scale.images < 10:
        raise TrainingError(f"{scale.images} images a domain leave none to test on; expected at least 10")
    if is_backbone(scale.network):
        lowest, highest, step = 64, 1024, 1
    else:  # above, it would see a crop, and several rectangles would not all be in it
        lowest, highest, step = 2 * GRID, SMALLEST_CROP_PX, GRID
    if not lowest <= scale.side_px <= highest or scale.side_px % step:
        multiple = f", a multiple of {step}" if step > 1 else ""
        raise TrainingError(
            f"images of {scale.side_px} px were asked for; the network {scale.network} takes {lowest} to {highest}{multiple}"
        )
    return scale


def _epochs(count: int) -> str:
    return f"{count} epoch{'s' if count != 1 else ''}"
