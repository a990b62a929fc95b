"""Serve one annotator's layer on loopback until Ctrl-C."""

import contextlib
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from trainer.errors import LabelError
from trainer.labelling.annotation_session import AnnotationSession, Proposer
from trainer.labelling.last_port import serve_where_last
from trainer.labelling.layer_store import LayerStore
from trainer.labelling.project_videos import ProjectVideos
from trainer.labelling.server import make_app
from trainer.labelling.stored_proposals import StoredProposals
from trainer.project.layer_lock import LayerLock
from trainer.project.proposals import read_proposals
from trainer.project.store import Project, open_project

if TYPE_CHECKING:
    from trainer.labelling.predictor import Predictor


def serve(
    folder: Path,
    *,
    annotator: str,
    port: int | None,
    videos: Sequence[Path],
    open_predictor: "Callable[[Project], Predictor] | None",
    ready: Callable[[str, int], None],
    say: Callable[[str], None],
) -> None:
    """Serve until Ctrl-C.

    Args:
        folder: the labelling project.
        annotator: whose layer is edited.
        port: where; 0 for any free one, None for where this layer was served the last time (or any free one).
        videos: folders in which the project's videos are looked for first.
        open_predictor: opens what predicts, None for what the rig saw, where the project keeps that.
        ready: told the address to open and the number of frames, once it answers.
        say: told in one sentence what the user should know.

    Raises:
        LabelError: no such project, no frames in it, its layer is being edited elsewhere, or the port is taken.
        RigtrackError: the bundle cannot be run.
    """
    project = open_project(folder)
    if not project.frames:
        raise LabelError(f"{folder}: has no frames yet; choose some with `trainer select`")
    store = LayerStore(project, annotator)
    with closing(LayerLock(folder, annotator)) as lock, contextlib.ExitStack() as opened:
        predictor: Proposer | None = opened.enter_context(closing(open_predictor(project))) if open_predictor is not None else None
        if predictor is None and read_proposals(folder):
            predictor = StoredProposals(project)
        session = AnnotationSession(
            project=project, annotator=annotator, store=store, videos=ProjectVideos(project, videos), predictor=predictor
        )
        serve_where_last(
            lambda at, token: make_app(session, port=at, token=token),
            port=port,
            lock=lock,
            ready=lambda address: ready(address, len(project.frames)),
            say=say,
        )
