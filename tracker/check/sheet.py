"""The sheet of pictures of `tracker check --out`: what was seen, with what was found written below."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.check.picture_quality import CLIPPED_FROM, DARK_TO, SEEN_FROM, Background, Grey, grey, histogram
from tracker.check.result import CheckResult
from tracker.check.watch import Watched
from tracker.errors import RecordingError
from tracker.frame import Image
from tracker.point_colours import Colour
from tracker.pose import KeyPoints
from tracker.viewer.lettering import wrap, write
from tracker.viewer.palette import AMBER, DARK, PALE, RED, WHITE
from tracker.whole_files import remedy, write_whole

SHEET, BACKGROUND = "check.png", "background.png"
_WIDE, _HIGH, _HEAD, _GAP = 432, 324, 26, 10  # px of a tile, its title, and between tiles
_TEXT, _LINE = 0.45, 19
_BLUE: Colour = (86, 180, 233)
_GREEN: Colour = (0, 158, 115)
_BRIGHT_RED: Colour = (255, 60, 60)
_MARKS: dict[str, tuple[str, Colour]] = {
    "ok": ("ok", _GREEN),
    "warn": ("WARN", AMBER),
    "bad": ("FAILED", _BRIGHT_RED),
    "none": ("-", PALE),
}


def write_sheet(
    folder: Path, watched: Watched, background: Background, poses: Sequence[KeyPoints], findings: Sequence[CheckResult]
) -> Path:
    """Write check.png and background.png into a folder, which is made where it is missing.

    Args:
        folder: where to.
        watched: what came from the camera.
        background: of its pictures.
        poses: of `watched.spread`; empty without an engine.
        findings: written below the pictures.

    Returns:
        Path of the sheet.

    Raises:
        RecordingError: the folder cannot be written.
    """
    sheet = draw_sheet(watched, background, poses, findings)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, image in ((SHEET, cv2.cvtColor(sheet, cv2.COLOR_RGB2BGR)), (BACKGROUND, background.image.round().astype(np.uint8))):
            write_whole(folder / name, cv2.imencode(".png", image)[1].tobytes())
    except OSError as problem:
        raise RecordingError(f"{folder}: pictures cannot be written: {problem.strerror}; {remedy(problem)}") from problem
    return folder / SHEET


def draw_sheet(watched: Watched, background: Background, poses: Sequence[KeyPoints], findings: Sequence[CheckResult]) -> Image:
    """Six tiles and the sentences: uint8 (h, 1326, 3) RGB."""
    last = watched.spread[-1].image
    pose = poses[-1] if len(poses) else None
    seconds = (watched.received_ns[1:] - watched.received_ns[0]) / 1e9
    intervals = np.diff(watched.received_ns) / 1e6
    tiles = [
        _tile("last frame: red is clipped, blue is black", _fitted(_marked(last))),
        _tile(f"background: median of {background.pictures} pictures", _fitted(_rgb(background.image))),
        _difference(last, background, pose),
        _tile("grey levels, share of pixels on a square-root scale", _histogram([frame.image for frame in watched.spread])),
        _tile(
            "interval between frames in ms, over seconds; red: numbers missing", _curve(seconds, intervals, np.diff(watched.numbers) > 1)
        ),
        _tile("mean brightness in grey levels, over seconds", _curve(_all_seconds(watched), watched.bands.mean(axis=1))),
    ]
    rows = [np.hstack([_framed(tile) for tile in tiles[row : row + 3]]) for row in (0, 3)]
    return np.asarray(np.vstack([*rows, _sentences(findings, rows[0].shape[1])]), np.uint8)


def _all_seconds(watched: Watched) -> NDArray[np.float64]:
    return np.asarray((watched.received_ns - watched.received_ns[0]) / 1e9, np.float64)


def _rgb(image: Image | Grey) -> Image:
    whole = np.clip(np.round(image), 0, 255).astype(np.uint8)
    return np.dstack([whole] * 3) if whole.ndim == 2 else whole


def _marked(image: Image) -> Image:
    marked, brightest = _rgb(image).copy(), image if image.ndim == 2 else image.max(axis=2)
    marked[brightest >= CLIPPED_FROM] = (255, 0, 0)
    marked[brightest <= DARK_TO] = (40, 60, 255)
    return marked


def _difference(last: Image, background: Background, pose: KeyPoints | None) -> Image:
    apart = np.abs(grey(last) - background.image)
    gain = 255 / max(25.0, float(apart.max()))
    title = f"last frame less background, times {gain:.1f}" + (", with key points" if pose is not None else "")
    tile = _tile(title, _fitted(_rgb(np.asarray(apart * gain, np.float32))))
    if pose is not None:
        scale, left, top = _fit(last)
        for x, y, confidence in pose.reshape(-1, 3):
            if confidence >= SEEN_FROM and np.isfinite((x, y)).all():
                at = (round(left + float(x) * scale), round(_HEAD + top + float(y) * scale))
                cv2.circle(tile, at, 4, _BLUE, 1, cv2.LINE_AA)
    return tile


def _fit(image: Image) -> tuple[float, int, int]:
    height, width = image.shape[:2]
    scale = min(_WIDE / width, _HIGH / height)
    return scale, (_WIDE - round(width * scale)) // 2, (_HIGH - round(height * scale)) // 2


def _fitted(image: Image) -> Image:
    scale, left, top = _fit(image)
    size = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
    canvas = np.full((_HIGH, _WIDE, 3), DARK, np.uint8)
    canvas[top : top + size[1], left : left + size[0]] = cv2.resize(
        image, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_NEAREST
    )
    return canvas


def _histogram(pictures: list[Image]) -> Image:
    canvas, (left, top, width, height) = _plot()
    share = np.sqrt(histogram(pictures) / max(1, sum(picture.size for picture in pictures)))
    bars = (share / share.max() * height).round().astype(int)
    for level, bar in enumerate(bars):
        colour = _BRIGHT_RED if level >= CLIPPED_FROM else (90, 120, 255) if level <= DARK_TO else PALE
        x = left + level * width // 256
        cv2.rectangle(canvas, (x, top + height - int(bar)), (left + (level + 1) * width // 256 - 1, top + height), colour, -1)
    for level in (0, 64, 128, 192, 255):
        _number(canvas, str(level), left + level * width // 256, top + height + 16)
    return canvas


def _curve(at: NDArray[np.float64], values: NDArray[np.float64], marked: NDArray[np.bool_] | None = None) -> Image:
    canvas, (left, top, width, height) = _plot()
    if len(values) < 2:
        write(canvas, "too few frames", (left + 10, top + height // 2), PALE, size=_TEXT, thickness=1, rim=False)
        return canvas
    low, high = float(values.min()), float(values.max())
    room = max(0.05 * (high - low), 0.005 * abs(high), 1e-6)
    low, high = max(0.0, low - room), high + room  # neither an interval nor a brightness is below 0
    x = left + at / max(float(at[-1]), 1e-9) * width
    y = top + height - (values - low) / (high - low) * height
    cv2.polylines(
        canvas, [np.column_stack((x, y)).round().astype(np.int32)], isClosed=False, color=_BLUE, thickness=1, lineType=cv2.LINE_AA
    )
    for place in np.flatnonzero(marked) if marked is not None else ():
        cv2.line(canvas, (round(float(x[place])), top), (round(float(x[place])), top + height), RED, 1)
    for value, foot in ((high, top + 10), (low, top + height)):
        write(canvas, f"{value:.4g}", (2, foot), PALE, size=0.4, thickness=1, rim=False)
    for share in (0.0, 0.5, 1.0):
        _number(canvas, f"{share * float(at[-1]):.3g}", round(left + share * width), top + height + 16)
    return canvas


def _plot() -> tuple[Image, tuple[int, int, int, int]]:
    """An empty plot with its axes, and where values go: (left, top, width, height)."""
    canvas = np.full((_HIGH, _WIDE, 3), DARK, np.uint8)
    left, top, width, height = 48, 8, _WIDE - 66, _HIGH - 34
    cv2.line(canvas, (left, top), (left, top + height), PALE, 1)
    cv2.line(canvas, (left, top + height), (left + width, top + height), PALE, 1)
    return canvas, (left, top, width, height)


def _number(canvas: Image, text: str, x: int, y: int) -> None:
    write(canvas, text, (x - 4 * len(text), y), PALE, size=0.4, thickness=1, rim=False)


def _tile(title: str, picture: Image) -> Image:
    head = np.full((_HEAD, _WIDE, 3), DARK, np.uint8)
    write(head, title, (4, 18), WHITE, size=_TEXT, thickness=1, rim=False)
    return np.vstack([head, picture])


def _framed(tile: Image) -> Image:
    half = _GAP // 2
    return cv2.copyMakeBorder(tile, half, half, half, half, cv2.BORDER_CONSTANT, value=DARK)  # type: ignore[return-value]


def _sentences(findings: Sequence[CheckResult], width: int) -> Image:
    lines = [(finding, line) for finding in findings for line in wrap(finding.found, width - 200, _TEXT, 1)]
    canvas = np.full((_LINE * len(lines) + 2 * _GAP, width, 3), DARK, np.uint8)
    named: set[str] = set()
    for number, (finding, line) in enumerate(lines):
        foot = _GAP + _LINE * number + 14
        if finding.check not in named:
            mark, colour = _MARKS["none" if finding.ok is None else "bad" if not finding.ok else "warn" if finding.warning else "ok"]
            write(canvas, mark, (_GAP, foot), colour, size=_TEXT, thickness=1, rim=False)
            write(canvas, finding.check, (_GAP + 62, foot), WHITE, size=_TEXT, thickness=1, rim=False)
            named.add(finding.check)
        write(canvas, line, (190, foot), PALE, size=_TEXT, thickness=1, rim=False)
    return canvas
