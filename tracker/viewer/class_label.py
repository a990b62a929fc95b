"""What classifiers say, on the picture itself: the label of the likeliest classes and a bar for each score, placed as configured."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import cv2
import msgspec

from tracker.config import LabelConfig, OverlayConfig, ScoreBarsConfig
from tracker.frame import Image
from tracker.messages import PoseMessage
from tracker.viewer.lettering import fit, measure, shade, write
from tracker.viewer.palette import WHITE

_MARGIN = 0.03  # of the picture's smaller side
_LETTERS = 0.5  # their size at scale 1
_ROW_PX, _WIDTH_PX, _PAD_PX = 19, 150, 6  # of the bars, at scale 1
_GROUND = (58, 58, 64)


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureScale:
    """How source pixels and sizes become those of a drawn picture.

    Attributes:
        zoom: the drawn picture is this much larger than the source.
        unit: size of things, 1 at a height of 480.
    """

    zoom: float
    unit: float

    def at(self, x: float, y: float) -> tuple[int, int]:
        """A source pixel's place in the drawn picture; pixel centres are whole numbers."""
        return round((x + 0.5) * self.zoom - 0.5), round((y + 0.5) * self.zoom - 0.5)


def configured(overlay: Mapping[str, Any]) -> OverlayConfig:
    """What a status says of the overlay; the defaults where it says nothing that this version knows."""
    try:
        return msgspec.convert(overlay, OverlayConfig)
    except msgspec.ValidationError:
        return OverlayConfig()


def label_of(pose: PoseMessage | None) -> str:
    """The likeliest class of every classifier with its probability; empty where there is no score."""
    return label_of_scores(pose.scores if pose is not None else {})


def label_of_scores(scores: Mapping[str, float]) -> str:
    """The same of scores by name. A classifier's name stands before its class only where there are several."""
    best: dict[str, tuple[float, str]] = {}
    for name, value in scores.items():
        classifier, _, class_name = name.partition(".")
        if classifier not in best or value > best[classifier][0]:
            best[classifier] = value, class_name
    several = len(best) > 1
    return "   ".join(f"{f'{classifier}: ' if several else ''}{name} {value:.2f}" for classifier, (value, name) in best.items())


def draw_label(canvas: Image, text: str, style: LabelConfig, scale: PictureScale, *, key_points: bool) -> None:
    """Write the label onto `canvas` (uint8 (h, w, 3) RGB) itself.

    Args:
        canvas: the drawn picture.
        text: of the label; nothing is written where it is empty.
        style: place, scale, colour and thickness.
        scale: of the picture.
        key_points: whether there are any: the label then stands on the picture only where it has a place.
    """
    height, width = canvas.shape[:2]
    if not text or style.place == "none" or (style.place is None and key_points):
        return
    size, thickness = style.scale * _LETTERS * scale.unit, max(1, round(style.thickness * scale.unit))
    margin = round(_MARGIN * min(height, width))
    if isinstance(style.place, tuple):
        foot = scale.at(*style.place)
        text = fit(text, width - foot[0], size, thickness)
    else:
        place = style.place or "bottom_left"
        text = fit(text, width - 2 * margin, size, thickness)
        wide, tall = measure(text, size, thickness)
        left = margin if place.endswith("left") else width - margin - wide
        foot = (left, height - margin if place.startswith("bottom") else margin + tall)
    write(canvas, text, foot, style.colour, size=size, thickness=thickness, rim=True)


def draw_scores(canvas: Image, scores: Mapping[str, float], style: ScoreBarsConfig, scale: PictureScale, *, lines_px: int) -> None:
    """Draw a bar for each score onto `canvas` itself; nothing where they belong into the panel.

    Args:
        canvas: the drawn picture.
        scores: probability by name.
        style: place, scale, colour and thickness.
        scale: of the picture.
        lines_px: height of what stands in the same corner already.
    """
    if not scores or style.place in ("panel", "none"):
        return
    height, width = canvas.shape[:2]
    unit = style.scale * scale.unit
    row, pad, wide = round(_ROW_PX * unit), round(_PAD_PX * unit), min(round(_WIDTH_PX * unit), width)
    tall = row * len(scores) + pad
    if isinstance(style.place, tuple):
        left, top = scale.at(*style.place)
    else:
        left = pad if style.place.endswith("left") else width - wide - pad
        top = pad + lines_px if style.place.startswith("top") else height - tall - pad - lines_px
    shade(canvas, (left, top, wide, tall))
    for number, (name, value) in enumerate(scores.items()):
        head, foot = top + number * row + pad // 2 + 1, top + (number + 1) * row + pad // 2 - 1
        inner = wide - 2 * pad
        cv2.rectangle(canvas, (left + pad, head), (left + pad + inner, foot), _GROUND, -1)
        cv2.rectangle(canvas, (left + pad, head), (left + pad + round(inner * min(1.0, max(0.0, value))), foot), style.colour, -1)
        size, thickness = 0.8 * _LETTERS * unit, style.thickness
        text = fit(f"{name} {value:.2f}", inner - 4, size, thickness)
        write(canvas, text, (left + pad + 3, foot - round(5 * unit)), WHITE, size=size, thickness=thickness, rim=True)
