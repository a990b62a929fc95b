"""What an engine sees in a project's frames, as an offer to the annotator. It runs in a thread of its own and writes nothing."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tracker.bundle import Bundle, read_bundle
from tracker.engines.engine import Engine
from trainer.errors import LabelError
from trainer.labels.images import read_image
from trainer.labels.misnamed import did_you_mean
from trainer.project.proposals import Guess, guess_within
from trainer.project.store import Project
from trainer.scoring.engine_choice import EngineChoice, open_chosen
from trainer.scoring.inference_by_shape import InferenceByShape


class Predictor:
    """A bundle on its engine. Close it in the end."""

    def __init__(self, folder: Path, project: Project, *, engine: EngineChoice) -> None:
        """Open the bundle.

        Args:
            folder: the bundle's.
            project: which points are labelled.
            engine: runtime, precision and device.

        Raises:
            LabelError: the bundle finds points that the project does not label.
            RigtrackError: the bundle or its engine cannot be opened.
        """
        self.bundle = read_bundle(folder)
        self._names = _known_names(self.bundle, project)
        self._project = project
        self._found: dict[str, list[Guess]] = {}
        # one thread for the engine's whole life: a GPU's context belongs to the thread that made it
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="prediction")
        try:
            self._engine: Engine = self._thread.submit(open_chosen, self.bundle, engine, console=None).result()
            self._finders = InferenceByShape(self.bundle, self._engine)
        except BaseException:
            self._thread.shutdown()
            raise

    @property
    def name(self) -> str:
        """Whose answers they are."""
        return self.bundle.description.name

    async def animals(self, image: str) -> list[Guess]:
        """The points of each animal that the engine sees; points outside the image are left out.

        Raises:
            RigtrackError: the image cannot be read, or does not fit the bundle's view.
        """
        return await asyncio.wrap_future(self._thread.submit(self._look, image))

    def close(self) -> None:
        """Close the engine."""
        self._thread.submit(self._engine.close).result()
        self._thread.shutdown()

    def _look(self, name: str) -> list[Guess]:
        if name not in self._found:
            size = self._project.image_size(name)
            image = read_image(self._project.image_ref(name), size)
            found = self._finders.of(image).points(image).tolist()
            self._found[name] = [
                guess_within(dict(zip(self._names, map(tuple, animal), strict=True)), size) for animal in found[: self._project.animals]
            ]
        return self._found[name]


def _known_names(bundle: Bundle, project: Project) -> tuple[str, ...]:
    names = bundle.description.point_names
    if unknown := [name for name in names if name not in project.point_names]:
        raise LabelError(
            f"{bundle.folder}: finds '{unknown[0]}', which is not labelled in {project.folder}; expected a bundle for "
            f"{', '.join(project.point_names)}{did_you_mean(unknown[0], project.point_names)}"
        )
    return names
