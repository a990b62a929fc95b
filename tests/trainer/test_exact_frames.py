"""Frames that were chosen are read again: by seeking where that is right, else from the start."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tracker.frame import Image
from trainer.selection.candidates import NO_STAMP, Candidates, Span, gather
from trainer.selection.exact_frames import read_exactly
from trainer.video_files.frames_by_number import IndexedVideo
from trainer.video_files.reader import VideoReader

LAST = 260  # the second key frame is 182
WANTED = (3, 188, 190, 250)


@pytest.fixture(scope="module")
def video(shared_data: Path) -> Path:
    """This stream says only at its start which encoder's faults the decoder must make good; a seek before that gives green pictures."""
    return shared_data / "dlc_openfield" / "videos" / "m3v1mp4.mp4"


@pytest.fixture(scope="module")
def decoded(video: Path) -> dict[int, Image]:
    with VideoReader(video) as reader:
        return {number: image for number, image in zip(range(LAST), reader.frames(), strict=False) if number in WANTED}


@pytest.fixture(scope="module")
def seen(video: Path) -> Candidates:
    return gather(video, Span(end_s=LAST / 30))


def test_a_frame_reached_by_seeking_is_the_frame_of_decoding_in_a_row(video: Path, decoded: dict[int, Image]) -> None:
    file = IndexedVideo(video)
    for number in reversed(WANTED):
        np.testing.assert_array_equal(file.read(number), decoded[number])


@pytest.mark.parametrize("falsified", ["none", "time stamps", "thumbnails"])
def test_chosen_frames_are_those_of_decoding_even_where_seeking_cannot_be_trusted(
    video: Path, decoded: dict[int, Image], seen: Candidates, falsified: str
) -> None:
    """The first pass is falsified, so that what seeking finds does not fit it from frame 190 on."""
    stamps, thumbnails = seen.stamps.copy(), seen.thumbnails.copy()
    if falsified == "time stamps":
        stamps[190:] = NO_STAMP
    if falsified == "thumbnails":
        thumbnails[190:] = thumbnails[190:, ::-1]
    found = list(read_exactly(video, WANTED, candidates=replace(seen, stamps=stamps, thumbnails=thumbnails)))
    assert [number for number, _ in found] == list(WANTED)
    for number, image in found:
        np.testing.assert_array_equal(image, decoded[number])
