"""One annotator's labels of several videos while they are being edited: on disk before they are acknowledged, never over newer ones."""

import glob
import hashlib
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from trainer.errors import LabelError
from trainer.ethogram.annotators import files_by_annotator
from trainer.ethogram.bout_file import (
    ENDING,
    STRETCH_MARKS,
    BoutFile,
    BoutLabels,
    check_labels,
    decode_bout_file,
    encode_bout_file,
    overlapping_classes,
)
from trainer.project.layer_lock import LayerLock
from trainer.timeline.labelled_videos import LabelledVideo
from trainer.whole_files import remove_parts, replace_files

UNTOUCHED = "none"  # the revision of a video that has no file


class Edit(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The labels of one video as they shall be, and the revision that their author saw before."""

    video: str
    revision: str
    label: BoutLabels


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of an edit.

    Attributes:
        saved: whether the file holds it; if not, somebody else had changed the labels in between.
        revision: of the labels now.
        label: the labels now, None where there are none yet.
    """

    saved: bool
    revision: str
    label: BoutLabels | None


@dataclass(frozen=True, slots=True)
class _Stamped:
    stamp: tuple[int, int, int] | None
    file: BoutFile | None


class BoutStore:
    """Files of bouts in one folder, VIDEO.ANNOTATOR.bouts.json. Safe to be called from several threads."""

    def __init__(
        self,
        folder: Path,
        annotator: str,
        videos: Sequence[LabelledVideo],
        *,
        class_names: Sequence[str],
        exclusive: bool,
        lock: LayerLock | None = None,
    ) -> None:
        """Read what is there.

        Args:
            folder: of the files.
            annotator: whose labels are edited.
            videos: what may be labelled.
            class_names: beside those that the files have.
            exclusive: whether at most one class is on in a frame.
            lock: on the annotator's labels; without its file nothing is written, because another server may start.

        Raises:
            LabelError: a file is damaged or of another video, or there is no class at all.
        """
        self.folder, self.annotator, self._lock = folder, annotator, lock
        self._videos = {video.name: video for video in videos}
        self._one_at_a_time = threading.Lock()
        self._read: dict[Path, _Stamped] = {}
        files = [self._file(path) for video in videos for path in (self._path(video.name), *self._others_paths(video.name).values())]
        there = [file for file in files if file is not None]
        self.class_names = tuple(dict.fromkeys((*(name for file in there for name in file.class_names), *class_names)))
        if not self.class_names:
            raise LabelError("no class of behaviour is known yet; name them with --classes, such as --classes groom rear")
        marks = [name for name in self.class_names if name in STRETCH_MARKS]
        if marks:
            raise LabelError(f"a class cannot be called '{marks[0]}', which is said of frames of every class; name it otherwise")
        self.overlap = next((found for file in there if (found := overlapping_classes(file.bouts)) is not None), None)
        self.exclusive = exclusive and self.overlap is None

    def labels(self, video: str) -> BoutLabels | None:
        """The annotator's labels of a video; None where there is no file.

        Raises:
            LabelError: the file is damaged.
        """
        with self._one_at_a_time:
            return _labels(self._file(self._path(video)))

    def others(self, video: str) -> dict[str, BoutLabels]:
        """Labels of a video by everybody else, by annotator.

        Raises:
            LabelError: a file is damaged.
        """
        with self._one_at_a_time:
            found = {name: self._file(path) for name, path in self._others_paths(video).items()}
        return {name: labels for name, file in found.items() if (labels := _labels(file)) is not None}

    def file(self, video: str, annotator: str) -> BoutFile | None:
        """The whole file of an annotator.

        Raises:
            LabelError: it is damaged.
        """
        with self._one_at_a_time:
            return self._file(self._path(video, annotator))

    def read_edit(self, body: bytes) -> Edit:
        """Decode an edit and hold it against video and classes.

        Raises:
            LabelError: it is no edit, or says what cannot be.
        """
        try:
            edit = msgspec.json.decode(body, type=Edit)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as problem:
            raise LabelError(
                f"the edit cannot be read ({problem}); expected a video, a revision and its labels: nothing was changed"
            ) from problem
        video = self._videos.get(edit.video)
        if video is None:
            raise LabelError(f"{edit.video[:200]}: no such video is open; expected one of {', '.join(self._videos)}")
        check_labels(edit.label, self.class_names, frames=video.frames, where="edit")
        both = overlapping_classes(edit.label.bouts) if self.exclusive else None
        if both is not None:
            raise LabelError(
                f"edit: {both[0]} and {both[1]} are both on in frame {both[2]}; classes exclude each other without --overlapping"
            )
        return edit

    def apply(self, edit: Edit) -> Outcome:
        """Write an edit unless the labels have changed since its author saw them.

        An edit that the file holds already counts as saved: its acknowledgement was lost and its author sends it again.

        Raises:
            TrainingError: the file cannot be written; it stays as it was.
            LabelError: what is there is damaged, or the lock's file is gone.
        """
        with self._one_at_a_time:
            if self._lock is not None:
                self._lock.refuse_lost()
            path = self._path(edit.video)
            current = _labels(self._file(path))
            if revision(current) == revision(edit.label):
                return Outcome(saved=True, revision=revision(current), label=current)
            if revision(current) != edit.revision:
                return Outcome(saved=False, revision=revision(current), label=current)
            self._write(path, self._videos[edit.video], edit.label)
            return Outcome(saved=True, revision=revision(edit.label), label=edit.label)

    def _write(self, path: Path, video: LabelledVideo, labels: BoutLabels) -> None:
        file = BoutFile(
            video=video.title,
            frames=video.frames,
            fps=video.fps,
            class_names=self.class_names,
            bouts=labels.bouts,
            stretches=labels.stretches,
            started=labels.started,
            judged=labels.judged,
        )
        replace_files(self.folder, {path.name: encode_bout_file(file)}, what="the labels")
        self._read[path] = _Stamped(_stamp(path), file)

    def _path(self, video: str, annotator: str | None = None) -> Path:
        return self.folder / f"{video}.{annotator or self.annotator}{ENDING}"

    def _others_paths(self, video: str) -> dict[str, Path]:
        return {name: path for name, path in files_by_annotator(self.folder, video).items() if name != self.annotator}

    def _file(self, path: Path) -> BoutFile | None:
        """A file as it is now: another program, or another annotator's server, may have replaced it."""
        stamp = _stamp(path)
        if stamp is None:
            return None
        known = self._read.get(path)
        if known is None or known.stamp != stamp:
            try:
                content = path.read_bytes()
            except OSError as problem:
                raise LabelError(f"{path}: cannot be read: {problem.strerror}") from problem
            file = decode_bout_file(path, content)
            self._refuse_other_video(path, file)
            known = self._read[path] = _Stamped(stamp, file)
        return known.file

    def _refuse_other_video(self, path: Path, file: BoutFile) -> None:
        video = self._videos[path.name.removesuffix(ENDING).rpartition(".")[0]]  # an annotator's name has no dot, a video's may
        check_labels(file, file.class_names, frames=video.frames, where=str(path))


def revision(labels: BoutLabels | None) -> str:
    """A name for what labels say: the same before and after a restart of the server."""
    if labels is None:
        return UNTOUCHED
    return hashlib.sha256(msgspec.json.encode(labels, order="sorted")).hexdigest()[:16]


def remove_unfinished(folder: Path, annotator: str) -> None:
    """Delete what a server that was killed while it saved has left; for who holds the lock on the annotator's labels."""
    remove_parts(folder, of=f"*.{glob.escape(annotator)}{ENDING}")


def check_name(annotator: str) -> str:
    """The annotator's name, if it may be part of the name of a file of bouts.

    Raises:
        LabelError: it has a dot, or cannot be in a file name.
    """
    from trainer.project.layer import check_annotator

    check_annotator(annotator)
    if "." in annotator:
        raise LabelError(f"annotator {annotator!r} has a dot, which ends the video's name in VIDEO.ANNOTATOR{ENDING}; leave it out")
    return annotator


def _labels(file: BoutFile | None) -> BoutLabels | None:
    if file is None:
        return None
    return BoutLabels(bouts=file.bouts, stretches=file.stretches, started=file.started, judged=file.judged)


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size
