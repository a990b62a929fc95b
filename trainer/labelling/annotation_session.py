"""What one annotator sits in front of, and the form in which the server speaks of it to the page."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol

from tracker.point_colours import hex_colour
from trainer.labelling.layer_store import LayerStore, revision
from trainer.labelling.project_videos import ProjectVideos
from trainer.labels.mirror import sides_of
from trainer.project.files import IMPORTED
from trainer.project.proposals import Guess
from trainer.project.store import FrameLabel, Project, ProjectFrame


class Proposer(Protocol):
    """Offers key points to the annotator."""

    @property
    def name(self) -> str:
        """Whose answers they are."""

    async def animals(self, image: str) -> list[Guess]:
        """The points of each animal in an image."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AnnotationSession:
    """Project, layer, videos, and what proposes key points."""

    project: Project
    annotator: str
    store: LayerStore
    videos: ProjectVideos
    predictor: Proposer | None


def names_of(project: Project) -> dict[str, Any]:
    """What labels of a project may speak of, and the colours of key points and animals in their order."""
    return {
        "point_names": project.point_names,
        "skeleton": project.skeleton,
        "pairs": sides_of(project.point_names, said=project.pairs).pairs,
        "tags": project.tags,
        "animals": project.animals,
        "colours": [hex_colour(place) for place in range(max(len(project.point_names), project.animals))],
    }


def frames_of(frames: Iterable[ProjectFrame], labels: dict[str, FrameLabel]) -> list[dict[str, Any]]:
    """Frames with their labels."""
    return [
        {
            "image": frame.image,
            "group": frame.group,
            "video": frame.video,
            "frame": frame.frame,
            "why": frame.why if frame.why.startswith(IMPORTED) else f"chosen by {frame.why}",
            "revision": revision(labels.get(frame.image)),
            "label": labels.get(frame.image),
        }
        for frame in frames
    ]
