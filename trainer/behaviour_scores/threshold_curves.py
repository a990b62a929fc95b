"""One class and one probability: ROC, precision and recall, accuracy and J against the threshold, and the threshold chosen by a rule."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Rule = Literal["f1", "j", "accuracy"]
Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class ThresholdCurve:
    """What follows from every threshold; element k says yes to probabilities above thresholds[k]. All float64 (m,).

    Attributes:
        thresholds: falling, from one that nothing exceeds to one that everything does.
        hits: share of the true frames that are found (true positive rate, recall).
        false_alarms: share of the others that are found (false positive rate).
        precision: share of those found that are true; 1 where nothing is found.
        accuracy: share of all frames that are right.
        majority: how often always saying the commoner of yes and no is right.
    """

    thresholds: Values
    hits: Values
    false_alarms: Values
    precision: Values
    accuracy: Values
    majority: float

    @property
    def j(self) -> Values:
        """Youden's J: hits less false alarms."""
        return self.hits - self.false_alarms

    @property
    def f1(self) -> Values:
        """Harmonic mean of precision and recall."""
        total = self.precision + self.hits
        return np.asarray(np.where(total > 0, 2 * self.precision * self.hits / np.where(total > 0, total, 1), 0.0))

    @property
    def auc(self) -> float:
        """Area under the ROC curve, ties counting half (trapezoids)."""
        return float((np.diff(self.false_alarms) * (self.hits[1:] + self.hits[:-1]) / 2).sum())

    @property
    def average_precision(self) -> float:
        """Σ (R_k − R_{k−1}) P_k, precision weighted by the recall that each threshold adds."""
        return float((np.diff(self.hits) * self.precision[1:]).sum())

    def as_json(self) -> dict[str, Any]:
        """For programs: at no more than 200 thresholds."""
        chosen = np.unique(np.linspace(0, len(self.thresholds) - 1, 200).round().astype(int))
        parts = {
            "thresholds": self.thresholds,
            "hits": self.hits,
            "false_alarms": self.false_alarms,
            "accuracy": self.accuracy,
            "j": self.j,
        }
        lists = {name: [None if not np.isfinite(x) else float(x) for x in values[chosen]] for name, values in parts.items()}
        return {**lists, "majority": self.majority, "auc": self.auc, "average_precision": self.average_precision}


def curve(probability: NDArray[np.floating[Any]], true: NDArray[np.bool_]) -> ThresholdCurve | None:
    """Every threshold of one class; None where its frames are all true or all false, so that none can be judged.

    Args:
        probability: (n,).
        true: bool (n,).
    """
    positives, total = int(true.sum()), len(true)
    if positives in (0, total):
        return None
    order = np.argsort(-probability, kind="stable")
    ranked, hit = probability[order].astype(np.float64), true[order]
    last = np.flatnonzero(np.append(np.diff(ranked) != 0, True))  # the last of each tie
    found = np.concatenate(([0], last + 1))
    right = np.concatenate(([0], np.cumsum(hit)[last]))
    wrong = found - right
    below = np.append(ranked[last][1:], -np.inf)  # above this threshold stand exactly the first `found`
    return ThresholdCurve(
        thresholds=np.concatenate(([ranked[0]], below)),
        hits=right / positives,
        false_alarms=wrong / (total - positives),
        precision=np.where(found > 0, right / np.maximum(found, 1), 1.0),
        accuracy=(right + (total - positives) - wrong) / total,
        majority=max(positives, total - positives) / total,
    )


def choose_threshold(of_class: ThresholdCurve | None, rule: Rule = "f1") -> float:
    """The threshold at which the rule's figure is greatest, midway to the next probability so that neither frame lies on it.

    Args:
        of_class: on validation data, never on what is reported.
        rule: F1, Youden's J or accuracy.

    Returns:
        0.5 where there is no curve to choose by.
    """
    if of_class is None:
        return 0.5
    values = {"f1": of_class.f1, "j": of_class.j, "accuracy": of_class.accuracy}[rule]
    if of_class.thresholds[-2] <= 0:
        values = values[:-1]  # no threshold from 0 on has everything above it
    best = int(np.argmax(values))
    above = of_class.thresholds[best - 1] if best else 1.0
    below = of_class.thresholds[best] if np.isfinite(of_class.thresholds[best]) else 0.0
    return float((above + below) / 2)
