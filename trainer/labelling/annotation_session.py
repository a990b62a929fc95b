"""What one annotator sits in front of, and the form in which the server speaks of it to the page."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from trainer.labelling.layer_store import LayerStore, revision
from trainer.labelling.project_videos import ProjectVideos
from trainer.labels.mirror import sides_of
from trainer.project.store import FrameLabel, Project, ProjectFrame

if TYPE_CHECKING:  # engines take a second to import, and most labelling needs none
    from trainer.labelling.predictor import Predictor


@dataclass(frozen=True, slots=True, kw_only=True)
class AnnotationSession:
    """Project, layer, videos and engine."""

    project: Project
    annotator: str
    store: LayerStore
    videos: ProjectVideos
    predictor: "Predictor | None"


def names_of(project: Project) -> dict[str, Any]:
    """What labels of a project may speak of."""
    return {
        "point_names": project.point_names,
        "skeleton": project.skeleton,
        "pairs": sides_of(project.point_names, said=project.pairs).pairs,
        "tags": project.tags,
        "animals": project.animals,
    }


def frames_of(frames: Iterable[ProjectFrame], labels: dict[str, FrameLabel]) -> list[dict[str, Any]]:
    """Frames with their labels."""
    return [
        {
            "image": frame.image,
            "group": frame.group,
            "video": frame.video,
            "frame": frame.frame,
            "why": frame.why,
            "revision": revision(labels.get(frame.image)),
            "label": labels.get(frame.image),
        }
        for frame in frames
    ]
