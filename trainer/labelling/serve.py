"""Serve one annotator's layer on loopback until Ctrl-C."""

import contextlib
import secrets
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from tracker.pages.local_server import LOOPBACK, server_of
from trainer.errors import LabelError
from trainer.labelling.annotation_session import AnnotationSession, Proposer
from trainer.labelling.last_port import listen_where_last
from trainer.labelling.layer_store import LayerStore
from trainer.labelling.project_videos import ProjectVideos
from trainer.labelling.server import make_app
from trainer.labelling.stored_proposals import StoredProposals
from trainer.project.layer_lock import LayerLock
from trainer.project.proposals import read_proposals
from trainer.project.store import Project, open_project

if TYPE_CHECKING:
    from trainer.labelling.predictor import Predictor

GRACE_S = 2  # for requests under way when Ctrl-C comes; an edit takes milliseconds


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
        listening = opened.enter_context(listen_where_last(port, last=lock.last_port, say=say))
        port = listening.getsockname()[1]
        lock.remember(port)
        token = secrets.token_urlsafe(32)
        session = AnnotationSession(
            project=project, annotator=annotator, store=store, videos=ProjectVideos(project, videos), predictor=predictor
        )
        server = server_of(make_app(session, port=port, token=token), grace_s=GRACE_S)
        ready(f"http://{LOOPBACK}:{port}/?token={token}", len(project.frames))
        with contextlib.suppress(KeyboardInterrupt):  # raised again by uvicorn after an orderly end
            server.run(sockets=[listening])
