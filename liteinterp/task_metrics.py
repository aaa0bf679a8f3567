"""What `--metric` names: how much worse a model does its task than the float model, from both models' outputs.

A metric takes the outputs of one sample after the other, dicts of output name to array with the batch dimension, and
answers with the loss over all of them and its confidence bounds. Losses are in the metric's own unit.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from .confidence import Bounds, binomial_bounds, bootstrap_bounds, jackknife_bounds, paired_bounds, scaled
from .errors import UsageError
from .user_code import told_as_usage_error

Array = npt.NDArray[Any]
Outputs = Mapping[str, Array]
Indices = npt.NDArray[np.int64]

_SUM_TOLERANCE = 0.05


class TaskMetric(Protocol):
    """Sums over samples. `title` and `unit` are for people; `figures` are the reference's and the test's."""

    @property
    def title(self) -> str: ...

    @property
    def unit(self) -> str: ...

    @property
    def samples(self) -> int: ...

    def add(self, reference: Outputs, test: Outputs) -> None:
        """One sample's outputs."""

    def figures(self) -> tuple[float, float]:
        """What the reference reaches and what the test does, over all samples."""

    def loss(self) -> float:
        """What was lost, in `unit`."""

    def bounds(self) -> Bounds:
        """The loss with its confidence bounds."""

    def bounds_of(self, count: int) -> Bounds:
        """What the bounds would be if `count` samples showed the same."""


class TopOne:
    """Share of samples whose largest output is the right class, in points of per cent."""

    title, unit = "top-1 accuracy", "points"

    def __init__(self, labels: Indices) -> None:
        self._labels = labels
        self.samples = self._ref_right = self._test_right = self._lost = self._won = 0

    def add(self, reference: Outputs, test: Outputs) -> None:
        if self.samples >= len(self._labels):
            raise UsageError(f"there are more samples than the {len(self._labels)} labels")
        label = int(self._labels[self.samples])
        right, kept = (int(np.argmax(scores_of(outputs))) == label for outputs in (reference, test))
        self.samples += 1
        self._ref_right += right
        self._test_right += kept
        self._lost += right and not kept
        self._won += kept and not right

    def figures(self) -> tuple[float, float]:
        return 100.0 * self._ref_right / self.samples, 100.0 * self._test_right / self.samples

    def loss(self) -> float:
        return 100.0 * (self._lost - self._won) / self.samples

    def bounds(self) -> Bounds:
        return _points(paired_bounds(self._lost, self._won, self.samples))

    def bounds_of(self, count: int) -> Bounds:
        more = count / self.samples
        return _points(paired_bounds(round(self._lost * more), round(self._won * more), count))


class Agreement:
    """Share of samples, or of an image's positions, whose largest output is the float model's, in points."""

    title, unit = "top-1 agreement", "points"

    def __init__(self) -> None:
        self._differing: list[float] = []

    @property
    def samples(self) -> int:
        return len(self._differing)

    def add(self, reference: Outputs, test: Outputs) -> None:
        a, b = (_positions(scores_of(outputs)) for outputs in (reference, test))
        self._differing.append(float(np.mean(a != b)))

    def figures(self) -> tuple[float, float]:
        return 100.0, 100.0 - 100.0 * math.fsum(self._differing) / self.samples

    def loss(self) -> float:
        return 100.0 * math.fsum(self._differing) / self.samples

    def bounds(self) -> Bounds:
        if all(share in (0.0, 1.0) for share in self._differing):
            return _points(binomial_bounds(round(math.fsum(self._differing)), self.samples))
        shares = np.array(self._differing)
        return _points(bootstrap_bounds(lambda chosen: float(shares[chosen].mean()), self.samples))

    def bounds_of(self, count: int) -> Bounds:
        if all(share in (0.0, 1.0) for share in self._differing):
            lost = math.fsum(self._differing) * count / self.samples
            return _points(binomial_bounds(round(lost), count))
        return scaled(self.bounds(), self.samples, count)


class Sqnr:
    """The error's root mean square in per cent of the signal's, of the output where it is largest: 1 is 40 dB."""

    title, unit = "SQNR", "per cent of the signal"

    def __init__(self) -> None:
        self._powers: list[list[tuple[float, float]]] = []

    @property
    def samples(self) -> int:
        return len(self._powers)

    def add(self, reference: Outputs, test: Outputs) -> None:
        rows = []
        for name, wanted in reference.items():
            a, b = wanted.astype(np.float64), test[name].astype(np.float64)
            rows.append((float(np.sum(a * a)), float(np.sum((a - b) ** 2))))
        self._powers.append(rows)

    def figures(self) -> tuple[float, float]:
        loss = self.loss()
        return math.inf, math.inf if loss == 0 else -20.0 * math.log10(loss / 100.0)

    def loss(self) -> float:
        return _noise_percent(np.array(self._powers))

    def bounds(self) -> Bounds:
        powers = np.array(self._powers)
        return bootstrap_bounds(lambda chosen: _noise_percent(powers[chosen]), self.samples)

    def bounds_of(self, count: int) -> Bounds:
        return scaled(self.bounds(), self.samples, count)


class UserMetric:
    """A function of the user's: `f(outputs, labels)` or `f(outputs, labels, reference)`, larger is better.

    It is handed all samples at once: `outputs` is a dict of output name to array, axis 0 is samples; `labels` is what
    `--labels` holds, for the same samples, or None; `reference` are the float model's outputs.
    """

    unit = "of its own unit"

    def __init__(
        self,
        title: str,
        function: Callable[..., float],
        labels: Any,
        known: dict[bytes, float],
        chosen: Sequence[int] | None = None,
    ) -> None:
        """`known` holds the reference's figures by the samples they are of: candidates share them. `chosen` are the
        numbers of the samples that will be added; None: 0, 1, 2, …"""
        self._numbers = None if chosen is None else np.array(chosen, np.int64)
        self.title = title
        self._known = known
        self._function = function
        self._labels = labels
        self._takes_reference = _parameters(function) >= 3
        self._outputs: list[tuple[Outputs, Outputs]] = []
        self._bounds: Bounds | None = None

    @property
    def samples(self) -> int:
        return len(self._outputs)

    def add(self, reference: Outputs, test: Outputs) -> None:
        number = len(self._outputs) if self._numbers is None else int(self._numbers[len(self._outputs)])
        if self._labels is not None and len(self._labels) <= number:
            raise UsageError(f"there are more samples than the {len(self._labels)} labels")
        self._outputs.append((reference, test))

    def figures(self) -> tuple[float, float]:
        return self._figures(np.arange(self.samples))

    def loss(self) -> float:
        return self._loss(np.arange(self.samples))

    def bounds(self) -> Bounds:
        if self._bounds is None:
            self._bounds = jackknife_bounds(self._loss, self.samples)
        return self._bounds

    def bounds_of(self, count: int) -> Bounds:
        return scaled(self.bounds(), self.samples, count)

    def _loss(self, chosen: Indices) -> float:
        ref, test = self._figures(chosen)
        return ref - test

    def _figures(self, chosen: Indices) -> tuple[float, float]:
        numbers = chosen if self._numbers is None else self._numbers[chosen]
        labels = self._labels
        if labels is not None:
            labels = labels[numbers] if isinstance(labels, np.ndarray) else [labels[i] for i in numbers]
        key = numbers.tobytes()
        ref = self._stack(0, chosen) if self._takes_reference or key not in self._known else {}
        if key not in self._known:
            self._known[key] = self._call(ref, labels, ref)
        return self._known[key], self._call(self._stack(1, chosen), labels, ref)

    def _stack(self, side: int, chosen: Indices) -> Outputs:
        """Outputs of the reference (0) or the test (1) on chosen samples."""
        return {name: _stacked([self._outputs[i][side][name] for i in chosen]) for name in self._outputs[0][side]}

    def _call(self, outputs: Outputs, labels: Any, reference: Outputs) -> float:
        with told_as_usage_error(f"py:{self.title}"):
            found = self._function(outputs, labels, *([reference] if self._takes_reference else []))
            return float(found)


def default_metric(reference: Outputs, labels: Any) -> TaskMetric:
    """With labels top-1, for class probabilities agreement, else the size of the error."""
    if labels is not None:
        return TopOne(labels)
    first = next(iter(reference.values()))
    likely = first.size >= 2 and first.size == max(first.shape) and first.min() >= 0
    return Agreement() if likely and abs(float(first.sum()) - 1) <= _SUM_TOLERANCE else Sqnr()


def scores_of(outputs: Outputs) -> Array:
    """The output that holds scores: the first of at least two elements. Raises UsageError for none."""
    for array in outputs.values():
        if array.size >= 2:
            return array
    raise UsageError("no output of the model is a vector of class scores: choose another metric")


def _noise_percent(powers: Array) -> float:
    """Of signal and noise powers [samples, outputs, 2]: the error's share of the output where it is largest."""
    signal, noise = powers.sum(axis=0).T
    shares = np.where(noise == 0, 0.0, noise / np.where(signal == 0, 1e-300, signal))
    return 100.0 * math.sqrt(float(shares.max()))


def _positions(scores: Array) -> Array:
    """Class of the sample, or of every position where the scores have more dimensions than one."""
    return np.asarray(scores.argmax()) if scores.size == max(scores.shape) else scores.argmax(axis=-1)


def _stacked(arrays: Sequence[Array]) -> Array:
    """Samples on axis 0, in place of a batch dimension of 1 where there is one."""
    return np.concatenate(arrays) if arrays[0].shape[:1] == (1,) else np.stack(arrays)


def _points(bounds: Bounds) -> Bounds:
    return Bounds(100 * bounds.loss, 100 * bounds.low, 100 * bounds.high)


def _parameters(function: Callable[..., Any]) -> int:
    try:
        kinds = [p.kind for p in inspect.signature(function).parameters.values() if p.default is p.empty]
    except (TypeError, ValueError):
        return 2
    return sum(kind in (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD) for kind in kinds)
