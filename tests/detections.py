"""Boxes that detectors find: non-maximum suppression, agreement of two detectors, average precision."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Boxes:
    """Corners [n, 4] as left, top, right, bottom, with a score and a class each."""

    corners: Array
    scores: Array
    classes: Array

    def __len__(self) -> int:
        return len(self.scores)


def overlap(box: Array, others: Array) -> Array:
    """Intersection over union of one box with each of the others."""
    low, high = np.maximum(box[:2], others[:, :2]), np.minimum(box[2:], others[:, 2:])
    both = np.prod(np.maximum(high - low, 0), axis=1)
    area = np.prod(box[2:] - box[:2])
    either = area + np.prod(others[:, 2:] - others[:, :2], axis=1) - both
    return both / np.maximum(either, 1e-12)


def best_boxes(corners: Array, scores: Array, classes: Array, threshold: float, most_overlap: float = 0.45) -> Boxes:
    """Boxes above the threshold, without those that overlap a better one of their class."""
    order = [int(i) for i in np.argsort(-scores, kind="stable") if scores[i] > threshold]
    kept: list[int] = []
    while order:
        first, *order = order
        kept.append(first)
        shares = overlap(corners[first], corners[order]) if order else np.zeros(0)
        order = [i for i, s in zip(order, shares, strict=True) if s <= most_overlap or classes[i] != classes[first]]
    return Boxes(corners[kept], scores[kept], classes[kept])


def _pairs(found: Boxes, wanted: Boxes) -> list[bool]:
    """For each found box, by falling score, whether it is the first to meet a wanted one: same class, half overlap."""
    free = np.ones(len(wanted), bool)
    hits = []
    for i in range(len(found)):
        shares = overlap(found.corners[i], wanted.corners) * (free & (wanted.classes == found.classes[i]))
        best = int(np.argmax(shares)) if len(shares) else 0
        hit = bool(len(shares)) and bool(shares[best] >= 0.5)
        if hit:
            free[best] = False
        hits.append(hit)
    return hits


def matched_share(reference: Sequence[Boxes], test: Sequence[Boxes]) -> float:
    """Per cent of boxes of both detectors that have a partner in the other (the F1 score)."""
    hits = sum(sum(_pairs(b, a)) for a, b in zip(reference, test, strict=True))
    total = sum(len(a) + len(b) for a, b in zip(reference, test, strict=True))
    assert total, "no detector found anything"
    return 200 * hits / total


def average_precision(found: Sequence[Boxes], wanted: Sequence[Boxes]) -> float:
    """Mean over the wanted classes of the area under precision over recall, at half overlap, in per cent."""
    hits = [_pairs(a, b) for a, b in zip(found, wanted, strict=True)]
    scores, classes = np.concatenate([a.scores for a in found]), np.concatenate([a.classes for a in found])
    flags = np.concatenate([np.array(row, bool) for row in hits])
    labels = np.concatenate([b.classes for b in wanted])
    areas = []
    for label in np.unique(labels):
        chosen = classes == label
        right = flags[chosen][np.argsort(-scores[chosen], kind="stable")]
        count = np.cumsum(right)
        precision = count / np.arange(1, len(right) + 1)
        best_later = np.maximum.accumulate(precision[::-1])[::-1]
        areas.append(float(np.sum(best_later[right])) / int(np.sum(labels == label)))
    return 100 * float(np.mean(areas))
