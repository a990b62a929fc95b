"""The poses of a recorded session as arrays, one for each stretch with the same key points: names come from its setups."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tracker.errors import RecordingError
from tracker.recording.read_session import RecordedSession
from tracker.recording.session_messages import session_setups
from tracker.recording.tables import known_in, numbers_of
from trainer.selection.uncertainty import Sign, signs_in

_BLOCK = 50_000  # rows at once, so that a night takes no more memory than a minute
_NEAR = 1.5  # times the usual distance of poses, in frames: a rig that skips every second one jumps as others do
_NUMBERS = 3  # x, y, confidence


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedPoses:
    """Rows of a session that have a pose of the same key points.

    Attributes:
        point_names: K.
        places: int64 (n), of the rows in the session, ascending.
        frames: int64 (n), the camera's numbers.
        points: float32 (n, animals, K, 3): x, y in source pixels, confidence; NaN where absent.
        bundle: name of the last that gave them.
    """

    point_names: tuple[str, ...]
    places: NDArray[np.int64]
    frames: NDArray[np.int64]
    points: NDArray[np.float32]
    bundle: str

    def of_points(self, wanted: Sequence[str]) -> "RecordedPoses":
        """Only the points of these names, in the order in which they are recorded."""
        kept = [index for index, name in enumerate(self.point_names) if name in wanted]
        return RecordedPoses(
            point_names=tuple(self.point_names[index] for index in kept),
            places=self.places,
            frames=self.frames,
            points=self.points[:, :, kept],
            bundle=self.bundle,
        )

    def at_places(self, chosen: NDArray[np.bool_]) -> "RecordedPoses":
        """Only the rows that are chosen, bool (n)."""
        return RecordedPoses(
            point_names=self.point_names,
            places=self.places[chosen],
            frames=self.frames[chosen],
            points=self.points[chosen],
            bundle=self.bundle,
        )

    def signs(self) -> list[Sign]:
        """Low confidence and jumps, as the rig published them; a jump is known only from a pose as near before as poses usually are."""
        apart = np.diff(self.frames)
        near = (apart > 0) & (apart <= _NEAR * np.median(apart)) if len(apart) else np.zeros(0, np.bool_)
        steps = np.zeros(self.points.shape[:3])
        follows = np.flatnonzero(near) + 1
        for begin in range(0, len(follows), _BLOCK):
            block = follows[begin : begin + _BLOCK]
            steps[block] = _steps(self.points[block - 1], self.points[block])
        return signs_in(
            np.concatenate([[0], np.cumsum(np.where(near, 1, 2))]),  # numbers that follow one another where the poses do
            confidence=np.nan_to_num(self.points[..., 2].astype(np.float64)),
            steps=steps,
            spread=None,
            point_names=self.point_names,
        )


def recorded_poses(session: RecordedSession) -> list[RecordedPoses]:
    """Every pose of a session, in stretches of the same key points and number of animals, the longest first.

    Raises:
        RecordingError: a pose names a setup that the session does not hold, or does not fit its names.
    """
    rows = session.rows.combine_chunks()
    if not rows.num_rows:
        return []
    column = rows["points"].chunk(0)
    offsets, values = numbers_of(column.offsets, np.int32).astype(np.int64), numbers_of(column.values, np.float32)
    known = known_in(column)
    setup_of = numbers_of(rows["setup"], np.int32, missing=-1)
    frames = numbers_of(rows["frame"], np.int64)
    setups = session_setups(session)
    groups: dict[tuple[tuple[str, ...], int], list[int]] = {}
    for number in np.unique(setup_of[known]).tolist():
        names = tuple(setups[number].point_names) if number in setups else ()
        mine = np.flatnonzero(known & (setup_of == number))
        lengths = np.unique((offsets[1:] - offsets[:-1])[mine]).tolist()
        if number in setups and not names and lengths == [0]:  # no network found key points
            continue
        if not names:
            raise RecordingError(f"{session.folder}: poses name setup {number}, whose key points setups.jsonl does not hold")
        for length in lengths:
            if length == 0 or length % (_NUMBERS * len(names)):
                raise RecordingError(f"{session.folder}: a pose holds {length} numbers, which does not fit the points {', '.join(names)}")
            groups.setdefault((names, length), []).append(number)
    found = []
    for (names, length), numbers in groups.items():
        places = np.flatnonzero(known & np.isin(setup_of, numbers) & (offsets[1:] - offsets[:-1] == length))
        points = values[offsets[places][:, None] + np.arange(length)].reshape(len(places), -1, len(names), _NUMBERS)
        bundle = setups[max(numbers)].bundle
        found.append(RecordedPoses(point_names=names, places=places, frames=frames[places], points=points, bundle=bundle))
    return sorted(found, key=lambda each: -len(each.places))


def _steps(before: NDArray[np.float32], after: NDArray[np.float32]) -> NDArray[np.float64]:
    """How far each point is from the nearest of its name in the frame before, as `moves` says it for one pair: (n, animals, K) px."""
    apart = np.linalg.norm(after[:, None, :, :, :2].astype(np.float64) - before[:, :, None, :, :2], axis=-1)
    nearest = np.where(np.isnan(apart), np.inf, apart).min(axis=1)
    return np.asarray(np.where(np.isfinite(nearest), nearest, 0.0), np.float64)
