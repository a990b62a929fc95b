"""Which images a network was trained on and which were held out, kept beside the run: later comparisons must not test on the first."""

from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np

from tracker.whole_files import write_whole
from trainer.errors import TrainingError
from trainer.labels.image_keys import found_in, image_keys
from trainer.labels.label_places import Places, places_by_key
from trainer.labels.labelled_frames import LabelledFrames
from trainer.labels.split import Split, SplitChoice, choose_split

RECORD_FILE = "split.json"


class SplitRecord(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """The whole of split.json: digests of images, as `image_keys` gives them.

    Attributes:
        train: learnt from.
        held_out: not learnt from by this run.
        before: learnt from by the weights that it began with, and not by itself; not in the file where there are none.
        labels: where the points of those learnt from were labelled then, by digest of the image; none in files of earlier versions.
    """

    train: tuple[str, ...]
    held_out: tuple[str, ...]
    before: tuple[str, ...] = ()
    labels: dict[str, Places] = msgspec.field(default_factory=dict)

    @property
    def learnt(self) -> tuple[str, ...]:
        """All that the run's weights have learnt from."""
        return (*self.train, *self.before)


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparable:
    """A split of joined labels under which an earlier network and its successor can be compared.

    Attributes:
        split: no frame that the earlier network was trained on is held out.
        known: how many of the frames the earlier network's labels held.
        added: how many they did not.
    """

    split: Split
    known: int
    added: int


def write_record(run: Path, frames: LabelledFrames, split: Split, *, began_with: SplitRecord | None = None) -> None:
    """Write split.json into a run's folder, whole or not at all.

    Args:
        run: its folder.
        frames: all of its labels.
        split: how they were divided.
        began_with: of the run that its first weights are from; None where they are from none.

    Raises:
        LabelError: an image cannot be read.
    """
    keys = np.array(image_keys(frames))
    train = tuple(keys[split.train].tolist())
    own = frozenset(train)
    before = () if began_with is None else tuple(key for key in dict.fromkeys(began_with.learnt) if key not in own)
    labels = {} if began_with is None else {key: began_with.labels[key] for key in before if key in began_with.labels}
    labels |= places_by_key(frames.subset(split.train), train)
    record = SplitRecord(train=train, held_out=tuple(keys[split.held_out].tolist()), before=before, labels=labels)
    run.mkdir(parents=True, exist_ok=True)
    write_whole(run / RECORD_FILE, msgspec.json.encode(record))


def read_record(run: Path) -> SplitRecord:
    """Read split.json of a run.

    Raises:
        TrainingError: it is not there, or damaged.
    """
    path = run / RECORD_FILE
    try:
        return msgspec.json.decode(path.read_bytes(), type=SplitRecord)
    except OSError as problem:
        raise TrainingError(
            f"{path}: cannot be read ({problem.strerror}), so nobody knows which frames the bundle in use was trained on; "
            "keep the bundle's .run folder beside it, or train anew without --refresh"
        ) from problem
    except (msgspec.DecodeError, UnicodeDecodeError) as problem:
        raise TrainingError(f"{path}: {problem}; it is damaged: train anew without --refresh") from None


def split_for_comparison(frames: LabelledFrames, record: SplitRecord, choice: SplitChoice) -> Comparable:
    """Hold out what the earlier network's run held out, and of the frames that it did not know what `choice` asks for.

    Args:
        frames: earlier and added labels, joined.
        record: of the earlier network.
        choice: how to cut the added frames.

    Raises:
        TrainingError: no frame would be held out, so that nothing could be compared.
        LabelError: an image cannot be read.
    """
    trained, tested = found_in(frames, record.learnt, record.held_out)
    tested &= ~trained
    added = np.flatnonzero(~trained & ~tested)
    chosen = np.zeros(len(frames), bool)
    if len(added) > 1:
        chosen[added[choose_split(frames.subset(added), choice).held_out]] = True
    held_out = np.flatnonzero(tested | chosen)
    train = np.flatnonzero(~tested & ~chosen)
    if not len(held_out) or not len(train):
        raise TrainingError(
            f"of {len(frames)} frames {len(train)} would train and {len(held_out)} be held out; expected some of both: "
            "give the labels of the bundle in use as well, or add more frames"
        )
    description = f"{int(tested.sum())} frames held out as before, {int(chosen.sum())} of {len(added)} added ones beside them"
    return Comparable(
        split=Split(train=train, held_out=held_out, description=description), known=len(frames) - len(added), added=len(added)
    )
