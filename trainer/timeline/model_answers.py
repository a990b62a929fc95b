"""What models say of the videos: tables of probabilities, or behaviour bundles that are run over the poses."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tracker.errors import RecordingError
from trainer.behaviour.delay import later, taken_from
from trainer.behaviour_scores.probability_file import NONE, read_probabilities
from trainer.behaviour_scores.scored_video import Decide, Probabilities, Said
from trainer.errors import LabelError
from trainer.timeline.labelled_videos import LabelledVideo

_THRESHOLD = 0.5  # of overlapping classes in a table, which does not say what its training chose
_SUM_SLACK = 1e-3  # probabilities of classes that exclude each other add up to 1 at most, within this


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One model's answer for one video.

    Attributes:
        model: its name.
        class_names: of the columns.
        probabilities: float32 (frames, classes), NaN where it gave none.
        said: bool (frames, classes), where it decides that a class is on.
    """

    model: str
    class_names: tuple[str, ...]
    probabilities: Probabilities
    said: Said


Answers = dict[str, list[Answer]]  # by video


def read_tables(folders: Sequence[Path], videos: Sequence[LabelledVideo], *, exclusive: bool, say: Callable[[str], None]) -> Answers:
    """Tables that `trainer evaluate --predictions FOLDER` wrote, one folder for each model: VIDEO.csv or VIDEO.npy.

    A file in the place of a folder is the table of the only video. A folder of `tracker analyse` holds sessions in the place of tables,
    with the scores of every classifier of the rig: each is a model.

    Args:
        folders: of the models.
        videos: which tables are looked for.
        exclusive: whether the classes exclude each other: the likeliest is then on, or none; otherwise those above a half.
        say: told which videos a folder says nothing of.

    Raises:
        LabelError: a folder without any of the videos, or a table that is none or of another length.
    """
    found: Answers = {video.name: [] for video in videos}
    for folder in folders:
        tables = {video.name: path for video in videos if (path := _table_of(folder, video, alone=len(videos) == 1)) is not None}
        if not tables:
            raise LabelError(
                f"{folder}: holds probabilities of none of the videos; expected {videos[0].name}.csv, "
                "as `trainer evaluate --predictions` writes it"
            )
        missing = [video.title for video in videos if video.name not in tables]
        if missing:
            say(f"{folder}: says nothing of {', '.join(missing)}")
        for video in videos:
            if video.name in tables:
                path = tables[video.name]
                if path.is_dir():
                    found[video.name] += _of_session(path, video, exclusive=exclusive)
                else:
                    model = folder.name if folder.is_dir() else folder.stem
                    found[video.name].append(_of_table(path, video, exclusive=exclusive, model=model))
    return found


def run_bundles(folders: Sequence[Path], videos: Sequence[LabelledVideo], *, say: Callable[[str], None]) -> Answers:
    """Behaviour bundles over the poses of every video, as the rig runs them.

    Raises:
        LabelError: a video without poses, or with other points or animals than a bundle takes.
        RigtrackError: a bundle cannot be opened.
    """
    found: Answers = {video.name: [] for video in videos}
    for folder in folders:
        for video, answer in _run(folder, videos):
            found[video.name].append(answer)
            say(f"{folder.name}: {video.title}")
    return found


def _table_of(folder: Path, video: LabelledVideo, *, alone: bool) -> Path | None:
    if alone and folder.is_file():
        return folder
    if (folder / video.name / "session.json").is_file():
        return folder / video.name
    return next((path for ending in (".csv", ".npy") if (path := folder / f"{video.name}{ending}").is_file()), None)


def _of_table(path: Path, video: LabelledVideo, *, exclusive: bool, model: str) -> Answer:
    table = read_probabilities(path, ())
    return _answer(path, video, table.probabilities, table.class_names, exclusive=exclusive, model=model)


def _of_session(folder: Path, video: LabelledVideo, *, exclusive: bool) -> list[Answer]:
    """What every classifier of the rig said of an analysed video."""
    try:
        from tracker.recording.read_session import RecordedSession
        from tracker.recording.session_messages import setup_messages
    except ImportError as problem:
        raise LabelError(f"{folder}: a session needs PyAV and pyarrow ({problem}); run `pip install '.[record]'`") from problem
    try:
        session = RecordedSession(folder)
        classifiers = {one.name: one for setup in setup_messages(session) for one in setup.classifiers}
        stamps = session.rows["exposed_ns"] if not session.rows["exposed_ns"].null_count else session.rows["received_ns"]
        seconds = (np.diff(stamps.to_numpy(), prepend=stamps[0].as_py()) / 1e9).astype(np.float32)
        scores = [dict(row or ()) for row in session.rows["scores"].to_pylist()]
    except RecordingError as problem:
        raise LabelError(str(problem)) from problem
    if not classifiers:
        raise LabelError(f"{folder}: no classifier ran; analyse the video with the configuration of a rig that has some")
    answers = []
    for name, classifier in classifiers.items():
        class_names = classifier.class_names
        given = np.array([[row.get(f"{name}.{each}", np.nan) for each in class_names] for row in scores], np.float32)
        found = taken_from(given, later(seconds, classifier.delay_ms), absent=np.nan)
        places = [place for place, each in enumerate(class_names) if each.lower() != NONE]
        named = tuple(class_names[place] for place in places)
        answers.append(_answer(folder, video, found[:, places], named, exclusive=exclusive, model=name))
    return answers


def _answer(
    path: Path, video: LabelledVideo, probabilities: Probabilities, names: tuple[str, ...], *, exclusive: bool, model: str
) -> Answer:
    if len(probabilities) != video.frames:
        raise LabelError(f"{path}: holds {len(probabilities)} frames, {video.title} has {video.frames}; expected the table of this video")
    exclusive = exclusive and float(np.nansum(probabilities, axis=1).max()) <= 1 + _SUM_SLACK
    said = Decide(exclusive=exclusive, thresholds=(_THRESHOLD,) * len(names)).of(probabilities)
    return Answer(model=model, class_names=names, probabilities=probabilities, said=said)


def _run(folder: Path, videos: Sequence[LabelledVideo]) -> list[tuple[LabelledVideo, Answer]]:
    from tracker.bundle import read_bundle
    from tracker.classifiers.open_classifier import open_classifier
    from trainer.behaviour.answers import probabilities_of
    from trainer.behaviour.video_table import PoseVideo
    from trainer.ethogram.bouts import ethogram

    bundle = read_bundle(folder)
    classifier = open_classifier(bundle)
    names = bundle.description.class_names
    decide = Decide(exclusive=classifier.about.exclusive, thresholds=classifier.about.thresholds)
    found = []
    for video in videos:
        tracks = video.tracks
        if tracks is None:
            raise LabelError(f"{folder}: finds behaviour in poses, and {video.title} has none; give them with --poses")
        if tracks.point_names != bundle.description.point_names or tracks.poses.shape[1] != bundle.description.input.shape[1]:
            raise LabelError(
                f"{tracks.path}: has {tracks.poses.shape[1]} animals with the points {', '.join(tracks.point_names)}; {folder} takes "
                f"{bundle.description.input.shape[1]} with {', '.join(bundle.description.point_names)}"
            )
        watched = PoseVideo(
            name=video.name,
            poses=tracks.poses,
            marks=np.zeros((len(tracks.poses), len(names)), np.int8),
            fps=video.fps,
            labels=ethogram(names, [], where=str(folder), frames=len(tracks.poses), fps=video.fps),
            part=None,
            times_s=tracks.times_s,
        )
        given = probabilities_of(classifier, watched)
        probabilities = np.full((video.frames, len(names)), np.nan, np.float32)
        probabilities[np.arange(len(given)) if tracks.numbers is None else tracks.numbers] = given
        answer = Answer(model=folder.name, class_names=names, probabilities=probabilities, said=decide.of(probabilities))
        found.append((video, answer))
    return found
