"""What one annotator sits in front of, and the form in which the server speaks of it to the page."""

import base64
import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from typing import Any

import numpy as np

from trainer.errors import LabelError
from trainer.ethogram.bouts import bouts_of_marks
from trainer.timeline.bout_store import BoutStore, revision
from trainer.timeline.labelled_videos import LabelledVideo
from trainer.timeline.model_answers import Answer
from trainer.timeline.offers import Offer
from trainer.timeline.person_agreement import agreement_of
from trainer.video_files.encoded_frames import EncodedFrames
from trainer.video_files.frames_by_number import IndexedVideo

LONGEST_PX = 1280  # of a picture as it is sent; a 4K frame would take longer on its way than a frame lasts
OPEN = 2  # video files
_NO_ANSWER = 255  # in bytes of probabilities, 0..200 being 0..1
_ONE = 200


class VideoPictures:
    """Frames of the videos as JPEG. Safe to be called from several threads."""

    def __init__(self) -> None:
        self._videos: OrderedDict[str, IndexedVideo] = OrderedDict()
        self._encoded = EncodedFrames(longest_px=LONGEST_PX)
        self._one_at_a_time = threading.Lock()

    def picture(self, video: LabelledVideo, number: int, *, alone: bool) -> bytes:
        """One frame.

        Raises:
            LabelError: the video has no pictures or no such frame, or it cannot be decoded.
        """
        if video.path is None:
            raise LabelError(f"{video.title}: has poses and no pictures")
        with self._one_at_a_time:
            if video.name not in self._videos:
                self._videos[video.name] = IndexedVideo(video.path)
            self._videos.move_to_end(video.name)
            while len(self._videos) > OPEN:
                self._videos.popitem(last=False)
            return self._encoded.picture(video.name, self._videos[video.name], number, alone=alone)


@dataclass(frozen=True, slots=True, kw_only=True)
class TimelineSession:
    """Videos, labels and what models say of them."""

    store: BoutStore
    videos: Sequence[LabelledVideo]
    answers: Mapping[str, Sequence[Answer]]
    offers: Sequence[Offer]
    pictures: VideoPictures = field(default_factory=VideoPictures)

    @property
    def key(self) -> str:
        """Under what a browser keeps unsaved edits: of this folder and annotator, and of no other."""
        return sha256(f"timeline\n{self.store.folder.resolve()}\n{self.store.annotator}".encode()).hexdigest()[:16]

    def video(self, name: str) -> LabelledVideo:
        """A video by its name.

        Raises:
            LabelError: there is none.
        """
        found = next((video for video in self.videos if video.name == name), None)
        if found is None:
            raise LabelError(f"{name[:200]}: no such video is open")
        return found

    def description(self) -> dict[str, Any]:
        """Everything that the page begins with.

        Raises:
            LabelError: a file of labels is damaged.
        """
        return {
            "key": self.key,
            "annotator": self.store.annotator,
            "folder": self.store.folder.resolve().name,
            "class_names": self.store.class_names,
            "exclusive": self.store.exclusive,
            "videos": [self._of_video(video) for video in self.videos],
            "offers": [asdict(offer) for offer in self.offers],
        }

    def beside(self, name: str) -> dict[str, Any]:
        """What others say of a video: people, and models with their probabilities as bytes (classes, frames) in base64."""
        return {
            "people": [{"name": person, "label": labels} for person, labels in self.store.others(self.video(name).name).items()],
            "models": [_of_answer(answer) for answer in self.answers.get(name, ())],
        }

    def agreement(self, name: str) -> list[dict[str, Any]]:
        """The annotator against each of the others: on one video, and on all that both have labelled."""
        self.video(name)
        people = list(dict.fromkeys(person for video in self.videos for person in self.store.others(video.name)))
        return [
            {"name": person, "here": self._agreement(person, [name]), "all": self._agreement(person, [video.name for video in self.videos])}
            for person in people
        ]

    def poses(self, name: str, first: int, count: int) -> bytes:
        """Poses of some frames, float32 (frames, animals, points, 3), little-endian, NaN where a point is not there.

        Raises:
            LabelError: no such video, or it has no poses.
        """
        poses = self.video(name).whole_poses
        if poses is None:
            raise LabelError(f"{name}: has no poses; give them with --poses")
        return np.ascontiguousarray(poses[first : first + count], "<f4").tobytes()

    def _agreement(self, person: str, names: Sequence[str]) -> dict[str, Any] | None:
        own = self.store.annotator
        files = [(self.store.file(name, own), self.store.file(name, person)) for name in names]
        found = agreement_of([(one, other) for one, other in files if one is not None and other is not None])
        return None if found is None else asdict(found)

    def _of_video(self, video: LabelledVideo) -> dict[str, Any]:
        labels = self.store.labels(video.name)
        tracks = video.tracks
        return {
            "name": video.name,
            "title": video.title,
            "frames": video.frames,
            "fps": video.fps,
            "pictures": video.path is not None,
            "size": None if video.size is None else video.size[::-1],
            "poses": None
            if tracks is None
            else {
                "animals": tracks.poses.shape[1],
                "points": tracks.point_names,
                "field": video.field(),
            },
            "revision": revision(labels),
            "label": labels,
        }


def _of_answer(answer: Answer) -> dict[str, Any]:
    scaled = np.where(np.isfinite(answer.probabilities), np.nan_to_num(answer.probabilities) * _ONE, _NO_ANSWER)
    marks = answer.said.astype(np.int8)
    return {
        "name": answer.model,
        "class_names": answer.class_names,
        "bouts": [{"name": bout.name, "first": bout.first, "end": bout.end} for bout in bouts_of_marks(marks, answer.class_names)],
        "probabilities": base64.b64encode(np.ascontiguousarray(scaled.T.round(), np.uint8).tobytes()).decode(),
    }
