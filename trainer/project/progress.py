"""How far the labelling of a project is: frames by state, in all, by annotator and by video."""

from collections import Counter
from dataclasses import dataclass
from typing import Any, Literal

from rich.table import Table

from trainer.project.layer import FrameLabel, Layer
from trainer.project.store import Project

State = Literal["labelled", "begun", "to decide", "excluded", "untouched"]
STATES: tuple[State, ...] = ("labelled", "begun", "to decide", "excluded", "untouched")


@dataclass(frozen=True, slots=True, kw_only=True)
class LabellingProgress:
    """Frames by state, by annotator and then by video (the folder of its pictures)."""

    by_annotator: dict[str, dict[str, Counter[State]]]
    videos: dict[str, int]

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "videos": self.videos,
            "annotators": {
                name: {video: {state: counts[state] for state in STATES} for video, counts in videos.items()}
                for name, videos in self.by_annotator.items()
            },
        }

    def table(self) -> Table:
        """A row for each annotator and video."""
        table = Table(box=None, pad_edge=False)
        for title in ("annotator", "video"):
            table.add_column(title)
        for state in STATES:
            table.add_column(state, justify="right")
        for name, videos in self.by_annotator.items():
            total = sum(videos.values(), Counter[State]())
            rows = [*videos.items(), ("all", total)] if len(videos) > 1 else list(videos.items())
            for video, counts in rows:
                table.add_row(name, video, *(str(counts[state]) for state in STATES))
        return table


def state_of(label: FrameLabel | None, project: Project) -> State:
    """What a frame is to one annotator: labelled where every point of each animal that was begun is placed or hidden."""
    if label is None:
        return "untouched"
    if label.excluded:
        return "excluded"
    if label.to_decide:
        return "to decide"
    begun = [animal for animal in label.animals if animal]
    whole = bool(begun) and all(name in animal for animal in begun for name in project.point_names)
    return "labelled" if whole else "begun"


def progress_of(project: Project) -> LabellingProgress:
    """Count the frames of every annotator.

    Raises:
        ProjectError: damaged labels.
    """
    layers = [project.read_layer(name) for name in project.annotators()]
    return LabellingProgress(
        by_annotator={layer.annotator: _by_video(project, layer) for layer in layers},
        videos=dict(Counter(frame.group for frame in project.frames)),
    )


def _by_video(project: Project, layer: Layer) -> dict[str, Counter[State]]:
    found: dict[str, Counter[State]] = {}
    for frame in project.frames:
        found.setdefault(frame.group, Counter())[state_of(layer.frames.get(frame.image), project)] += 1
    return found
