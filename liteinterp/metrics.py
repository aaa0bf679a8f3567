"""How far two tensors, or two classifiers, are apart. Accumulators take one sample at a time and hold a few numbers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class TensorError:
    """Test against reference over all samples; both in real numbers."""

    #: Elements compared.
    elements: int
    #: 10·log10(Σref² / Σ(test-ref)²) in decibel; +inf where nothing differs, -inf where a silent reference is missed.
    sqnr_db: float
    #: Σref·test / (|ref|·|test|); 1 where both are all zero.
    cosine: float
    #: max |test-ref|
    max_abs: float
    #: max |test-ref| in steps of the test tensor's scale; None where it has no scale.
    max_lsb: float | None
    #: mean (test-ref)
    bias: float
    #: √(Σref² / elements)
    ref_rms: float
    #: Elements of the test that are NaN or infinite where the reference is finite. The other figures leave them out.
    not_finite: int

    @property
    def noise_percent(self) -> float:
        """The error's root mean square in per cent of the reference's: 100·10^(-SQNR/20)."""
        return math.inf if self.sqnr_db == -math.inf else 100.0 * 10.0 ** (-self.sqnr_db / 20.0)


class TensorErrorSum:
    """Accumulates a TensorError. `scale` is the test tensor's quantization step."""

    def __init__(self, scale: float | None = None) -> None:
        self._scale = scale
        self._elements = 0
        self._ref_square = self._test_square = self._product = self._error_square = self._error = 0.0
        self._max_abs = 0.0
        self._not_finite = 0

    def add(self, ref: Array, test: Array) -> None:
        """One sample. Shapes must be equal; raises ValueError."""
        if ref.shape != test.shape:
            raise ValueError(f"shapes differ: {ref.shape} and {test.shape}")
        a, b = ref.astype(np.float64).ravel(), test.astype(np.float64).ravel()
        finite = np.isfinite(a) & np.isfinite(b)
        if not finite.all():
            self._not_finite += int(np.count_nonzero(np.isfinite(a) & ~np.isfinite(b)))
            a, b = a[finite], b[finite]
        if not a.size:
            return
        error = b - a
        self._elements += a.size
        self._ref_square += float(np.sum(a * a))
        self._test_square += float(np.sum(b * b))
        self._product += float(np.sum(a * b))
        self._error_square += float(np.sum(error * error))
        self._error += float(np.sum(error))
        self._max_abs = max(self._max_abs, float(np.max(np.abs(error))))

    def result(self) -> TensorError:
        count = max(self._elements, 1)
        norms = math.sqrt(self._ref_square) * math.sqrt(self._test_square)
        both_zero = self._ref_square == 0.0 and self._test_square == 0.0
        return TensorError(
            elements=self._elements,
            sqnr_db=decibel(self._ref_square, self._error_square),
            cosine=1.0 if both_zero else self._product / norms if norms else 0.0,
            max_abs=self._max_abs,
            max_lsb=None if self._scale is None else self._max_abs / self._scale,
            bias=self._error / count,
            ref_rms=math.sqrt(self._ref_square / count),
            not_finite=self._not_finite,
        )


def decibel(signal: float, noise: float) -> float:
    """10·log10(signal / noise) of two powers; ±inf where one of them is 0, +inf where both are."""
    if noise == 0.0:
        return math.inf
    return -math.inf if signal == 0.0 else 10.0 * math.log10(signal / noise)


def sqnr_db(ref: Array, test: Array) -> float:
    """SQNR of one pair of arrays, in decibel."""
    total = TensorErrorSum()
    total.add(np.asarray(ref), np.asarray(test))
    return total.result().sqnr_db


@dataclass(frozen=True)
class Agreement:
    """Two classifiers on the same samples; shares are of 1. Ties go to the lower class index."""

    samples: int
    classes: int
    #: Share of samples on which both put the same class first.
    top1: float
    #: Share on which the reference's first class is among the test's first five.
    top5: float
    #: Share that the reference and the test get right; None without labels.
    ref_accuracy: float | None
    test_accuracy: float | None
    #: Samples that only the reference, or only the test, gets right; None without labels.
    lost: int | None
    won: int | None

    @property
    def drop_points(self) -> float | None:
        """Accuracy lost, in points of per cent: 100·(lost - won) / samples."""
        if self.lost is None or self.won is None:
            return None
        return 100.0 * (self.lost - self.won) / max(self.samples, 1)


class AgreementSum:
    """Accumulates an Agreement from score vectors."""

    def __init__(self, classes: int) -> None:
        self._classes = classes
        self._samples = self._same = self._in_five = 0
        self._labelled = self._ref_right = self._test_right = self._lost = self._won = 0

    def add(self, ref: Array, test: Array, label: int | None = None) -> None:
        """One sample's scores, `classes` elements each in any shape."""
        a, b = ref.ravel(), test.ravel()
        first, other = int(np.argmax(a)), int(np.argmax(b))
        five = np.argsort(-b.astype(np.float64), kind="stable")[:5]
        self._samples += 1
        self._same += first == other
        self._in_five += bool(np.any(five == first))
        if label is not None:
            self._labelled += 1
            self._ref_right += first == label
            self._test_right += other == label
            self._lost += first == label != other
            self._won += other == label != first

    def result(self) -> Agreement:
        count = max(self._samples, 1)
        labelled = self._labelled > 0
        return Agreement(
            samples=self._samples,
            classes=self._classes,
            top1=self._same / count,
            top5=self._in_five / count,
            ref_accuracy=self._ref_right / self._labelled if labelled else None,
            test_accuracy=self._test_right / self._labelled if labelled else None,
            lost=self._lost if labelled else None,
            won=self._won if labelled else None,
        )
