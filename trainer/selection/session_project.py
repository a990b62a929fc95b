"""A new labelling project for what a rig has recorded: its key points, the lines between them, its number of animals."""

from collections.abc import Sequence
from pathlib import Path

from tracker.errors import RecordingError
from tracker.recording.read_session import RecordedSession
from tracker.recording.session_messages import session_setups
from trainer.project.store import Project, create_project
from trainer.selection.recorded_poses import recorded_poses


def project_of_session(folder: Path, session: Path, *, point_names: Sequence[str] | None = None) -> Project:
    """Make a project.

    Args:
        folder: of the project.
        session: folder of the session.
        point_names: to label; None for those that the rig found in most frames.

    Raises:
        RecordingError: the session is damaged, or holds no poses.
        ProjectError: a project is there already, or cannot be written.
    """
    recorded = RecordedSession(session)
    poses = recorded_poses(recorded)
    if not poses and point_names is None:
        raise RecordingError(f"{session}: holds no poses that could name the key points; name them with --points")
    names = tuple(point_names or poses[0].point_names)
    lines = [tuple(line) for setup in session_setups(recorded).values() for line in setup.skeleton if set(line) <= set(names)]
    animals = poses[0].points.shape[1] if poses else 1
    return create_project(folder, point_names=names, skeleton=[(one, other) for one, other in dict.fromkeys(lines)], animals=animals)
