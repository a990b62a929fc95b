"""Where the figures of the rectangle experiments come from: finished runs, their sets and their answers."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from studies.rectangles.answers import NetworkAnswers, read_answers
from studies.rectangles.plan import Wanted
from studies.rectangles.scale import Scale
from studies.rectangles.sets import RectangleSets
from trainer.experiments.run import RUNS, Run, read_predictions
from trainer.networks.backbone_heads import MAP_STRIDE, Dense
from trainer.networks.decode import RADIUS
from trainer.scoring.assignment import SPOT
from trainer.scoring.metrics import PointErrors, point_errors

Part = Literal["train", "held_out", "test"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """Where the figures come from.

    Attributes:
        out: folder of the experiments.
        scale: sizes.
        sets: the images and what is true of them.
        runs: finished runs by name.
    """

    out: Path
    scale: Scale
    sets: RectangleSets
    runs: Mapping[str, Run]

    def has(self, networks: Iterable[Wanted]) -> bool:
        """Whether all of these networks are finished."""
        return all(one.name in self.runs for one in networks)

    def folder(self, one: Wanted) -> Path:
        """Of a run."""
        return self.out / RUNS / one.name

    def answers(self, one: Wanted, tested: str) -> NetworkAnswers:
        """What a network answered on the test images of a set."""
        return read_answers(self.folder(one), tested)

    def truth(self, tested: str, index: NDArray[np.int64]) -> NDArray[np.float64]:
        """The largest rectangle's centre: (n, 1, 2)."""
        return self.sets.get(tested).labels.frames.points[index][:, 0]

    def errors(self, one: Wanted, tested: str) -> PointErrors:
        """Of a network on the test images of a set."""
        found = self.answers(one, tested)
        return point_errors(found.predicted[:, None], self.truth(tested, found.index))

    def errors_of_part(self, one: Wanted, part: Part) -> PointErrors:
        """Of a network on a part of its own set."""
        found = read_predictions(self.folder(one), part)
        return point_errors(found.predicted[:, 0], self.truth(one.data, found.index))

    @property
    def window_px(self) -> int:
        """How far a peak's window reaches to each side: of two centres that are nearer, one is found at most."""
        return Dense.radius * Dense.cell if self.scale.map_head == "dense_heatmap" else RADIUS * MAP_STRIDE

    def inseparable(self, tested: str) -> float:
        """Share of test images in which two centres lie within one window."""
        its_set = self.sets.get(tested)
        centres = its_set.centres[its_set.parts.test]
        apart = np.abs(centres[:, :, None] - centres[:, None]).max(axis=3)
        return float((np.triu(apart <= self.window_px, 1)).any(axis=(1, 2)).mean())

    @property
    def reach_px(self) -> float:
        """How far from a centre an answer still counts as found."""
        return SPOT * self.scale.side_px
