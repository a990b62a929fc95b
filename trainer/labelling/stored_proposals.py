"""What the rig saw in a project's frames, offered as a bundle's answers are. Nothing is computed."""

from trainer.project.proposals import Guess, read_proposals
from trainer.project.store import Project


class StoredProposals:
    """The proposals of a project, read anew whenever they are asked for: frames may be added meanwhile."""

    def __init__(self, project: Project) -> None:
        self._project = project

    @property
    def name(self) -> str:
        """Whose answers they are."""
        return "the rig"

    async def animals(self, image: str) -> list[Guess]:
        """The points of each animal that the rig saw; none where it was not asked.

        Raises:
            ProjectError: proposals.json is damaged.
        """
        found = read_proposals(self._project.folder).get(image)
        return [] if found is None else [dict(animal) for animal in found.animals[: self._project.animals]]
