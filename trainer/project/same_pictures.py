"""Videos that came into a project under a second name: their pictures are there already."""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from trainer.project.files import inside
from trainer.project.store import Project, ProjectFrame

MOST = 0.5  # of the pictures of a video; single ones, all black, are alike in many


@dataclass(frozen=True, slots=True, kw_only=True)
class SecondName:
    """A video whose pictures are those of another one.

    Attributes:
        group: its folder of pictures.
        other: that of the one before.
        pictures: how many it has.
        same: how many of them the other one has too.
    """

    group: str
    other: str
    pictures: int
    same: int

    def __str__(self) -> str:
        """One sentence for people, without an end."""
        return (
            f"{self.same} of the {self.pictures} pictures of '{self.group}' are those of '{self.other}', which the project has already: if "
            "that video or folder was only renamed, they are there twice now, with their labels"
        )


def second_names(project: Project, groups: Collection[str]) -> tuple[SecondName, ...]:
    """Which videos of a project have mostly the pictures of another one. Files are compared: a project stores equal pictures alike.

    Args:
        project: with all its frames.
        groups: of the videos that have come last; they are compared with all others.
    """
    if not groups:
        return ()
    before: dict[int, list[ProjectFrame]] = {}
    for frame in project.frames:
        if frame.group not in groups:
            before.setdefault(inside(project.folder, frame.image).stat().st_size, []).append(frame)
    found: list[SecondName] = []
    for group in groups:
        pictures = [inside(project.folder, frame.image) for frame in project.frames if frame.group == group]
        same = Counter(other for picture in pictures for other in _alike(project, picture, before.get(picture.stat().st_size, ())))
        for other, count in same.most_common(1):
            if count >= MOST * len(pictures):
                found.append(SecondName(group=group, other=other, pictures=len(pictures), same=count))
    return tuple(found)


def _alike(project: Project, picture: Path, others: Sequence[ProjectFrame]) -> set[str]:
    """The groups that have this picture."""
    content = picture.read_bytes() if others else b""
    return {frame.group for frame in others if inside(project.folder, frame.image).read_bytes() == content}
