"""Which encoder a recording uses: the one asked for where it really works, else x264 on the processor."""

from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Literal

import av
import numpy as np

EncoderName = Literal["libx264", "h264_nvenc"]
ALWAYS: EncoderName = "libx264"
_TRIED = 3  # frames: a graphics card may open and then refuse to encode


@dataclass(frozen=True, slots=True, kw_only=True)
class EncoderChoice:
    """What is used.

    Attributes:
        name: as FFmpeg calls it.
        why_not: why it is not the one asked for, in one sentence; None where it is.
    """

    name: str
    why_not: str | None


X264 = EncoderChoice(name=ALWAYS, why_not=None)


def choose_encoder(asked: str, *, width: int, height: int) -> EncoderChoice:
    """Try the encoder asked for on a few frames, in memory; x264 where it does not encode them.

    Args:
        asked: as FFmpeg calls it.
        width: of the frames, even.
        height: likewise.
    """
    if asked == ALWAYS:
        return X264
    try:
        _try(asked, width, height)
    except (av.FFmpegError, ValueError, OSError) as problem:  # ValueError: FFmpeg has no such encoder here
        reason = str(getattr(problem, "strerror", None) or problem)
        return EncoderChoice(
            name=ALWAYS,
            why_not=f"the encoder {asked} does not work here ({reason}), so {ALWAYS} on the processor is used (recording.encoder)",
        )
    return EncoderChoice(name=asked, why_not=None)


def encoder_options(name: str, *, crf: int, preset: str) -> dict[str, str]:
    """What FFmpeg's encoder is told: no frame waits for a later one, none is predicted from one.

    Args:
        name: of the encoder.
        crf: quality as of x264; of a graphics card the constant quantiser.
        preset: of x264.
    """
    if name == "h264_nvenc":
        return {
            "preset": "p4",
            "tune": "ull",
            "rc": "constqp",
            "qp": str(crf),
            "bf": "0",
            "delay": "0",
            "zerolatency": "1",
            "forced-idr": "1",
        }
    return {"preset": preset, "tune": "zerolatency", "crf": str(crf), "bf": "0"}


def _try(name: str, width: int, height: int) -> None:
    context: Any = av.CodecContext.create(name, "w")
    context.width, context.height, context.pix_fmt = width, height, "yuv420p"
    context.time_base = Fraction(1, 30)
    context.options = encoder_options(name, crf=23, preset="superfast")
    packets = []
    for number in range(_TRIED):
        frame = av.VideoFrame.from_ndarray(np.full((height * 3 // 2, width), 20 * number, np.uint8), format="yuv420p")
        frame.pts, frame.time_base = number, context.time_base
        packets += context.encode(frame)
    packets += context.encode(None)
    if len(packets) != _TRIED:
        raise ValueError(f"it gave {len(packets)} packets for {_TRIED} frames")
