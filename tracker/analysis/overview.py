"""What shows at a glance whether a video was analysed well: two pictures and how sure the network was throughout."""

from collections.abc import Mapping
from pathlib import Path

import cv2
import msgspec
import numpy as np
from numpy.typing import NDArray

from tracker.analysis.unfinished_poses import Kept
from tracker.config import OverlayConfig
from tracker.errors import RecordingError
from tracker.frame import Image
from tracker.point_colours import colour_of
from tracker.pose import KeyPoints
from tracker.viewer.class_label import PictureScale, draw_label, draw_scores, label_of_scores
from tracker.viewer.legend import disc
from tracker.viewer.palette import DARK
from tracker.whole_files import write_synced

OVERVIEW_FILE = "overview.json"
UNCERTAIN_BELOW = 0.5  # a frame whose key points are less sure than this on average; the viewer does not draw such points
TYPICAL, WORST = "typical", "worst"
_LONGEST_PX = 400
_PARTS = 240  # of the strip
_QUALITY = 88
_REFERENCE_PX = 480  # the height of a picture at which sizes are in pixels


class Overview(msgspec.Struct, frozen=True, kw_only=True):
    """overview.json.

    Attributes:
        frames: of the video.
        seconds: from its first frame to its last.
        mean: confidence of a frame, averaged over all; None where no network ran.
        uncertain: share of frames below `UNCERTAIN_BELOW`; None likewise.
        strip: for each part of the video its mean confidence and its lowest; empty likewise.
        pictures: name to the frame that it shows and its confidence.
        fault: what is wrong with the file, None for nothing.
    """

    frames: int
    seconds: float
    mean: float | None
    uncertain: float | None
    strip: list[tuple[float, float]]
    pictures: dict[str, Kept]
    fault: str | None


class Pictures:
    """Keeps small pictures of two frames while they go by: the least sure one, and a typical one, in the second half of the video."""

    def __init__(self, folder: Path, kept: dict[str, Kept]) -> None:
        """Go on with those whose files are in the folder."""
        self._folder, self.kept = folder, dict(kept)
        self._images: dict[str, Image] = {}

    def take(self, frame: int, image: Image, confidence: float) -> None:
        """Consider one frame."""
        if frame & (frame - 1) == 0:  # a power of two: the last of them is somewhere in the second half
            self._keep(TYPICAL, frame, confidence, image)
        if WORST not in self.kept or confidence < self.kept[WORST].confidence:
            self._keep(WORST, frame, confidence, image)

    def write(self) -> None:
        """Write those that are new, by their frames, so that a picture never stands for another frame.

        Raises:
            OSError: the disk refuses.
        """
        for name, image in self._images.items():
            write_synced(_picture(self._folder, self.kept[name].frame), _jpeg(_small(image), quality=95))
        self._images.clear()

    def _keep(self, name: str, frame: int, confidence: float, image: Image) -> None:
        self.kept[name] = Kept(frame, confidence)
        self._images[name] = image


def write_overview(
    folder: Path,
    points: KeyPoints,
    *,
    sure: NDArray[np.float64],
    seconds: float,
    size: tuple[int, int],
    kept: dict[str, Kept],
    fault: str | None,
    overlay: OverlayConfig,
    scores: Mapping[int, Mapping[str, float]],
) -> Overview:
    """Draw the pictures and sum up.

    Args:
        folder: of the session.
        points: float32 (frames, animals, K, 3).
        sure: float64 (frames,), confidence of each.
        seconds: from the first frame to the last.
        size: (height, width) of the video.
        kept: the pictures' frames.
        fault: of the file.
        overlay: how the label of the classes and the scores are drawn.
        scores: of the pictures' frames, by name.

    Raises:
        OSError: the disk refuses.
    """
    has_points = bool(points.shape[1])
    by_network = has_points or bool(sure.any())  # a classifier alone is never less sure than one half
    pictures = kept if by_network else {name: each for name, each in kept.items() if name != WORST}
    overview = Overview(
        frames=len(sure),
        seconds=seconds,
        mean=float(sure.mean()) if by_network else None,
        uncertain=float((sure < UNCERTAIN_BELOW).mean()) if by_network else None,
        strip=_strip(sure) if by_network else [],
        pictures=pictures,
        fault=fault,
    )
    for name, each in pictures.items():
        image = cv2.imread(str(_picture(folder, each.frame)))
        if image is not None:
            drawn = _drawn(np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), np.uint8), points[each.frame], height=size[0])
            scale = PictureScale(zoom=drawn.shape[0] / size[0], unit=max(0.55, min(drawn.shape[:2]) / _REFERENCE_PX))
            of_frame = scores.get(each.frame, {})
            draw_label(drawn, label_of_scores(of_frame), overlay.label, scale, key_points=has_points)
            draw_scores(drawn, of_frame, overlay.scores, scale, lines_px=0)
            write_synced(folder / f"{name}.jpg", _jpeg(drawn, quality=_QUALITY))
    for path in folder.glob("frame-*.jpg"):
        path.unlink()
    write_synced(folder / OVERVIEW_FILE, msgspec.json.encode(overview))
    return overview


def read_overview(folder: Path) -> Overview:
    """Read it.

    Raises:
        RecordingError: it is not there or damaged.
    """
    try:
        return msgspec.json.decode((folder / OVERVIEW_FILE).read_bytes(), type=Overview)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as problem:
        raise RecordingError(f"{folder / OVERVIEW_FILE}: cannot be read ({problem}); analyse the video again with --force") from problem


def _strip(sure: NDArray[np.float64]) -> list[tuple[float, float]]:
    parts = np.array_split(sure, min(_PARTS, len(sure)))
    return [(round(float(part.mean()), 4), round(float(part.min()), 4)) for part in parts]


def _picture(folder: Path, frame: int) -> Path:
    return folder / f"frame-{frame:09d}.jpg"


def _small(image: Image) -> Image:
    factor = min(1.0, _LONGEST_PX / max(image.shape[:2]))
    size = (max(1, round(image.shape[1] * factor)), max(1, round(image.shape[0] * factor)))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)


def _jpeg(image: Image, *, quality: int) -> bytes:
    ready = image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    return bytes(cv2.imencode(".jpg", ready, [cv2.IMWRITE_JPEG_QUALITY, quality])[1])


def _drawn(image: Image, points: KeyPoints, *, height: int) -> Image:
    """Key points over a small picture: discs in the viewer's colours; a ring for one that the viewer would not draw."""
    canvas, zoom = image.copy(), image.shape[0] / height
    for animal, each in enumerate(points):
        for index, (x, y, confidence) in enumerate(each.tolist()):
            if not np.isfinite([x, y]).all():
                continue
            at = ((x + 0.5) * zoom - 0.5, (y + 0.5) * zoom - 0.5)
            own = colour_of(animal) if len(points) > 1 else None
            if confidence >= UNCERTAIN_BELOW:
                disc(canvas, at, 4.4, index, colour=DARK)
                disc(canvas, at, 3.2, index, colour=own)
            else:
                cv2.circle(canvas, (round(at[0]), round(at[1])), 4, own or colour_of(index), 1, cv2.LINE_AA)
    return canvas
