"""The chosen frames at full size, exactly those that the first pass saw."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from tracker.frame import Image
from trainer.errors import LabelError, TrainingError
from trainer.selection.candidates import NO_STAMP, Candidates, distances
from trainer.selection.thumbnail import Region, image_thumbnail
from trainer.video_files.frames_by_number import IndexedVideo, as_image
from trainer.video_files.reader import VideoReader

SAME = 2.0  # grey levels; by way of RGB a thumbnail changes by 0.15, a picture decoded wrongly by more than 10


def read_exactly(
    video: Path, numbers: Sequence[int], *, candidates: Candidates, region: Region | None = None
) -> Iterator[tuple[int, Image]]:
    """Read frames in ascending order, by seeking where that gives what the first pass saw, else by decoding from the start again.

    Args:
        video: the file.
        numbers: which frames, in the order of decoding.
        candidates: what the first pass saw.
        region: by which it compared.

    Yields:
        Number, and uint8 (h, w, 3) RGB, or (h, w) from a grey stream.

    Raises:
        TrainingError: the video ends before the last of them.
    """
    left = sorted(set(numbers))
    try:
        for number, image in _by_seeking(video, left, candidates, region=region):
            yield number, image
            left = left[1:]
    except LabelError:
        yield from _in_a_row(video, left)


def _by_seeking(video: Path, numbers: Sequence[int], candidates: Candidates, *, region: Region | None) -> Iterator[tuple[int, Image]]:
    """Raise LabelError where seeking cannot be trusted.

    A damaged beginning or missing time stamps make packets count the frames otherwise than decoding does. Some streams
    can be decoded from their start only.
    """
    if not numbers:
        return
    file = IndexedVideo(video)
    seen = {int(number): index for index, number in enumerate(candidates.numbers)}
    for number in numbers:
        if number >= len(file) or not NO_STAMP != candidates.stamps[number] == file.times[number]:
            raise LabelError(f"{video}: frame {number} is another one by its packets than by decoding")
        image = file.read(number)
        if number in seen:
            expected = candidates.thumbnails[[seen[number]]]
            if distances(image_thumbnail(image, region)[None], expected)[0, 0] > SAME:
                raise LabelError(f"{video}: frame {number} looks otherwise after seeking")
        yield number, image


def _in_a_row(video: Path, numbers: Sequence[int]) -> Iterator[tuple[int, Image]]:
    left = set(numbers)
    with VideoReader(video) as reader:
        for number, picture in enumerate(reader.pictures()):
            if number in left:
                left.remove(number)
                yield number, as_image(picture)
            if not left:
                return
        raise TrainingError(f"{video}: frame {min(left)} is not there any more, {reader.read} could be read; is the file being written?")
