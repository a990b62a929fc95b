"""Serve the timeline of one annotator on loopback until Ctrl-C."""

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from trainer.errors import LabelError
from trainer.labelling.last_port import serve_where_last
from trainer.project.layer_lock import LayerLock
from trainer.timeline.bout_store import BoutStore, check_name, remove_unfinished
from trainer.timeline.labelled_videos import open_videos
from trainer.timeline.model_answers import Answers, read_tables, run_bundles
from trainer.timeline.offers import rank_offers
from trainer.timeline.server import COMMAND, make_app
from trainer.timeline.timeline_session import TimelineSession
from trainer.whole_files import refuse_unwritable


@dataclass(frozen=True, slots=True, kw_only=True)
class TimelineRequest:
    """What is to be labelled, by whom, and what stands beside it.

    Attributes:
        videos: files, or folders of them; none where there are only poses.
        poses: none, or a file for each video.
        annotator: whose labels are edited.
        labels: folder of the labels; None for that of the first video.
        class_names: beside those in the files of labels.
        exclusive: whether at most one class is on in a frame.
        fps: frames per second, where a video does not say the truth or there is none.
        predictions: folders of tables of probabilities, one for each model.
        bundles: behaviour bundles, which are run over the poses.
        port: where; 0 for any free one, None for where it was the last time.
    """

    videos: tuple[Path, ...]
    poses: tuple[Path, ...] = ()
    annotator: str
    labels: Path | None = None
    class_names: tuple[str, ...] = ()
    exclusive: bool = True
    fps: float | None = None
    predictions: tuple[Path, ...] = ()
    bundles: tuple[Path, ...] = ()
    port: int | None = None


def serve(asked: TimelineRequest, *, ready: Callable[[str, int], None], say: Callable[[str], None]) -> None:
    """Serve until Ctrl-C.

    Args:
        asked: videos, labels, models.
        ready: told the address to open and the number of videos, once it answers.
        say: told in one sentence what the user should know.

    Raises:
        LabelError: nothing to label, no class, files that do not belong together, labels that are open elsewhere, or the port is taken.
        RigtrackError: a video or bundle cannot be opened, or the folder of the labels cannot be written.
    """
    annotator = check_name(asked.annotator)
    folder = _folder(asked)
    refuse_unwritable(folder, option="--labels")
    folder.mkdir(parents=True, exist_ok=True)
    with closing(LayerLock(folder, annotator, inside="", command=COMMAND)) as lock:
        remove_unfinished(folder, annotator)
        session = _session(asked, folder, annotator, lock, say)
        serve_where_last(
            lambda at, token: make_app(session, port=at, token=token),
            port=asked.port,
            lock=lock,
            ready=lambda address: ready(address, len(session.videos)),
            say=say,
        )


def _folder(asked: TimelineRequest) -> Path:
    given = (*asked.videos, *asked.poses)
    if asked.labels is not None:
        return asked.labels
    if not given:
        raise LabelError("nothing to label was given; name videos, folders of videos, or files of poses with --poses")
    return given[0] if asked.videos and given[0].is_dir() else given[0].parent


def _session(asked: TimelineRequest, folder: Path, annotator: str, lock: LayerLock, say: Callable[[str], None]) -> TimelineSession:
    videos = open_videos(asked.videos, asked.poses, fps=asked.fps, say=say)
    answers: Answers = {video.name: [] for video in videos}
    for more in (read_tables(asked.predictions, videos, exclusive=asked.exclusive, say=say), run_bundles(asked.bundles, videos, say=say)):
        for name, each in more.items():
            answers[name] += each
    found = (name for each in answers.values() for answer in each for name in answer.class_names)
    store = BoutStore(folder, annotator, videos, class_names=(*asked.class_names, *found), exclusive=asked.exclusive, lock=lock)
    if store.overlap is not None and asked.exclusive:
        one, other, frame = store.overlap
        say(f"{one} and {other} are both on in frame {frame} of what is labelled: classes may overlap, as with --overlapping")
    return TimelineSession(store=store, videos=videos, answers=answers, offers=rank_offers(answers))
