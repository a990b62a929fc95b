"""Choose a synthetic scene by its name."""

from typing import Literal, get_args

from tracker.errors import ConfigError
from tracker.synthetic.disturbed import DisturbedScene
from tracker.synthetic.mirror import MirrorScene
from tracker.synthetic.reach import ReachScene
from tracker.synthetic.rectangles import RectanglesScene
from tracker.synthetic.rodent import RodentScene
from tracker.synthetic.scene import Scene

SceneName = Literal["rodent", "rectangles", "mirror", "reach", "disturbed"]
SCENES: tuple[SceneName, ...] = get_args(SceneName)


def open_scene(scene: str, *, seed: int, width: int, height: int, rectangles: int) -> Scene:
    """Build a scene; `rectangles` counts them in the scene of that name and is not read by the others.

    Raises:
        ConfigError: there is no scene of that name.
    """
    if scene == "rodent":
        return RodentScene(seed, width=width, height=height)
    if scene == "rectangles":
        return RectanglesScene(seed, width=width, height=height, rectangles=rectangles)
    if scene == "mirror":
        return MirrorScene(seed, width=width, height=height)
    if scene == "reach":
        return ReachScene(seed, width=width, height=height)
    if scene == "disturbed":
        return DisturbedScene(seed, width=width, height=height)
    raise ConfigError(f"scene is '{scene}'; expected one of {', '.join(SCENES)}")
