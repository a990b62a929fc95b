"""One annotator's layer while it is being edited: every edit is on disk before it is acknowledged, and none overwrites a newer one."""

import hashlib
import threading
from dataclasses import dataclass

import msgspec

from trainer.labelling.edits import Edit
from trainer.project.store import FrameLabel, Layer, Project

UNTOUCHED = "none"  # the revision of a frame that is not in the layer


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of an edit.

    Attributes:
        saved: whether the layer holds it; if not, somebody else had changed the frame in between.
        revision: of the frame's label now.
        label: the frame's label now, None where the layer does not hold the frame.
    """

    saved: bool
    revision: str
    label: FrameLabel | None


class LayerStore:
    """The layer of one annotator. Safe to be called from several threads."""

    def __init__(self, project: Project, annotator: str) -> None:
        """Read what the annotator has labelled so far.

        Raises:
            LabelError: the layer is damaged, or the name cannot be one of a layer.
        """
        self._project = project
        self._annotator = annotator
        self._file = project.folder / "labels" / f"{annotator}.json"
        self._one_at_a_time = threading.Lock()
        self._seen = self._stamp()
        self._layer = project.read_layer(annotator)

    def labels(self) -> dict[str, FrameLabel]:
        """Every frame of the layer, by image."""
        with self._one_at_a_time:
            self._read_again()
            return dict(self._layer.frames)

    def apply(self, edit: Edit) -> Outcome:
        """Write an edit unless the frame has changed since its author saw it.

        An edit that the layer holds already counts as saved: its acknowledgement was lost and its author sends it again.

        Raises:
            LabelError: the layer cannot be written; it stays as it was.
        """
        with self._one_at_a_time:
            self._read_again()
            current = self._layer.frames.get(edit.image)
            if revision(current) == revision(edit.label):
                return Outcome(saved=True, revision=revision(current), label=current)
            if revision(current) != edit.revision:
                return Outcome(saved=False, revision=revision(current), label=current)
            self._write(edit)
            return Outcome(saved=True, revision=revision(edit.label), label=edit.label)

    def _write(self, edit: Edit) -> None:
        frames = dict(self._layer.frames)
        if edit.label is None:
            del frames[edit.image]
        else:
            frames[edit.image] = edit.label
        layer = Layer(annotator=self._annotator, frames=frames)
        self._project.write_layer(layer)
        self._layer, self._seen = layer, self._stamp()

    def _read_again(self) -> None:
        """Another program, an import for example, may have replaced the file."""
        if (stamp := self._stamp()) != self._seen:
            self._layer, self._seen = self._project.read_layer(self._annotator), stamp

    def _stamp(self) -> tuple[int, int, int] | None:
        try:
            found = self._file.stat()
        except OSError:  # not there, which is allowed, or not to be read, of which reading says why
            return None
        return found.st_ino, found.st_mtime_ns, found.st_size


def revision(label: FrameLabel | None) -> str:
    """A name for a label's content: the same before and after a restart of the server."""
    if label is None:
        return UNTOUCHED
    return hashlib.sha256(msgspec.json.encode(label, order="sorted")).hexdigest()[:16]
