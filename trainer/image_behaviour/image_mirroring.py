"""What mirrored images are learnt as: `trainer.behaviour.mirroring`, of images."""

from collections.abc import Sequence
from dataclasses import replace

from trainer.behaviour.mirroring import Mirroring, mirroring_of
from trainer.errors import TrainingError
from trainer.image_behaviour.settings import ImageSettings


def settled_mirror(settings: ImageSettings, class_names: Sequence[str]) -> tuple[Mirroring, ImageSettings]:
    """Which classes change places in a mirrored image, and the settings in force: nothing is mirrored where that is not certain.

    An image that is mirrored top to bottom is one mirrored left to right, and turned: the sides of the animal change places in it too.

    Raises:
        LabelError: named pairs that there are not.
        TrainingError: answers averaged over mirrored images, which classes with sides cannot be told by.
    """
    found = mirroring_of((), class_names, settings)
    sided = [*(name for pair in found.classes.pairs for name in pair), *found.classes.unpaired]
    if settings.average_mirrors and sided:
        raise TrainingError(
            f"--average-mirrors gives an image and its mirror one answer, and class '{sided[0]}' is of one side; leave it out"
        )
    found = replace(found, asked=settings.mirror or settings.upside_down)
    return found, settings if found.shown else replace(settings, mirror=False, upside_down=False)
