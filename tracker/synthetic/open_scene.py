"""Choose a synthetic scene by its name."""

from tracker.errors import ConfigError
from tracker.synthetic.rectangles import RectanglesScene
from tracker.synthetic.rodent import RodentScene
from tracker.synthetic.scene import Scene


def open_scene(scene: str, *, seed: int, width: int, height: int, rectangles: int) -> Scene:
    """Build a scene; `rectangles` counts them in the scene of that name and is not read by the other.

    Raises:
        ConfigError: there is no scene of that name.
    """
    if scene == "rodent":
        return RodentScene(seed, width=width, height=height)
    if scene == "rectangles":
        return RectanglesScene(seed, width=width, height=height, rectangles=rectangles)
    raise ConfigError(f"scene is '{scene}'; expected rodent or rectangles")
