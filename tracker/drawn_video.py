"""The mark of a video on which key points or labels were drawn: nobody is to label it, or to judge a network by it."""

from collections.abc import Mapping

TAG = "comment"  # of the file; kept by a copy, and by ffmpeg when it writes the video again
MARK = "rigtrack: drawn on another video"


def is_drawn(metadata: Mapping[str, str]) -> bool:
    """Whether a file's metadata says so. Films that other programs drew say nothing, and neither do those from before the mark."""
    return metadata.get(TAG, "").startswith(MARK)
