"""`--max-drop` of a conversion: samples, a metric, how much may be lost, and the verdict on a candidate.

The door hands an Evaluation to the converter's pipeline, which runs the float model and each candidate on the samples.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .confidence import CONFIDENCE, Bounds, samples_needed
from .errors import UsageError
from .fitting import InputSpec
from .gate import Limit, parse_limit
from .labels import load_labels, load_targets
from .samples import Sample, open_samples
from .task_metrics import Agreement, Outputs, Sqnr, TaskMetric, TopOne, UserMetric, default_metric
from .user_code import load_user_object

METRICS = ("top1", "agreement", "sqnr")


@dataclass(frozen=True)
class Judgement:
    """A candidate beside the float model, on the evaluation's samples."""

    metric: str
    #: The metric's figures: per cent, decibel for SQNR (the reference has no error), or what the user's function says.
    ref: float
    test: float
    #: What was lost, and what may have been in truth: each bound holds with 95 % confidence.
    drop: float
    drop_low: float
    drop_high: float
    allowed: float
    unit: str
    samples: int
    #: "met": shown to be within the limit. "missed": shown to be beyond. "undecided": too few samples to say.
    status: str
    #: How many samples like these would decide; None where no number helps, or it is decided.
    samples_needed: int | None
    sentence: str


class Trial:
    """One candidate: its outputs sample by sample, then the judgement. Raises UsageError from the user's metric."""

    def __init__(self, metric: TaskMetric | None, labels: Any, limit: Limit) -> None:
        self._metric, self._labels, self._limit = metric, labels, limit
        self._broken = 0

    def add(self, reference: Outputs, test: Outputs) -> None:
        """Outputs of one sample by their names, in real numbers."""
        if self._metric is None:
            self._metric = default_metric(reference, self._labels)
        self._broken += sum(
            int(np.count_nonzero(np.isfinite(reference[name]) & ~np.isfinite(test[name]))) for name in reference
        )
        self._metric.add(reference, test)

    def figure(self) -> float:
        """What the candidate reaches on the metric; in decibel for SQNR."""
        return self._known().figures()[1]

    def loss(self) -> float:
        """What the candidate loses on the metric, without bounds; infinite where its outputs are not finite."""
        return math.inf if self._broken else self._known().loss()

    def judge(self, rough: bool = False) -> Judgement:
        """The verdict. A `rough` one leaves bounds open (infinite) where the drop itself is beyond the limit."""
        metric = self._known()
        ref, test = metric.figures()
        allowed = self._allowed(metric, ref)
        loss = self.loss()
        beyond = self._broken > 0 or (rough and loss > allowed)
        bounds = Bounds(loss, loss, math.inf) if beyond else metric.bounds()
        status = "undecided" if not bounds.decides(allowed) else "met" if bounds.high <= allowed else "missed"
        needed = samples_needed(metric.samples, allowed, metric.bounds_of) if status == "undecided" else None
        return Judgement(
            metric=metric.title,
            ref=ref,
            test=test,
            drop=bounds.loss,
            drop_low=bounds.low,
            drop_high=bounds.high,
            allowed=allowed,
            unit=metric.unit,
            samples=metric.samples,
            status=status,
            samples_needed=needed,
            sentence=self._sentence(metric, (ref, test), bounds, status, needed),
        )

    def _known(self) -> TaskMetric:
        if self._metric is None:
            raise UsageError("the evaluation data holds no sample")
        return self._metric

    def _allowed(self, metric: TaskMetric, ref: float) -> float:
        if not self._limit.relative or isinstance(metric, Sqnr):
            return self._limit.value
        return self._limit.value * abs(ref) / 100.0

    def _sentence(
        self, metric: TaskMetric, figures: tuple[float, float], bounds: Bounds, status: str, needed: int | None
    ) -> str:
        if self._broken:
            return f"{self._broken} output elements are NaN or infinite where the float model's are finite"
        if isinstance(metric, Sqnr):
            what = f"SQNR {figures[1]:.1f} dB" if math.isfinite(figures[1]) else "exact outputs"
            lost = f"an error of {bounds.loss:.3g} % of the signal"
        elif isinstance(metric, UserMetric):
            what, lost = f"{metric.title} {figures[0]:.5g} -> {figures[1]:.5g}", f"a drop of {bounds.loss:.3g}"
        else:
            what = f"{metric.title} {figures[0]:.2f} % -> {figures[1]:.2f} %"
            lost = f"a drop of {bounds.loss:.2f} points"
        text = f"{what} on {metric.samples} samples, {lost}, at most {bounds.high:.3g} with {CONFIDENCE:.0%} confidence"
        limit = f"{self._limit.value:g} %" if isinstance(metric, Sqnr) else str(self._limit)
        text = f"{text}; {limit} allowed: {status}"
        if status != "undecided":
            return text
        return f"{text}; {f'some {needed:,} samples like these would decide' if needed else 'it lies at the limit'}"


class Evaluation:
    """What `--eval`, `--labels`, `--metric` and `--max-drop` say. Raises UsageError for what cannot be used."""

    def __init__(
        self, src: Any, max_drop: str | float, labels: Any = None, metric: Any = None, preprocess: Any = None
    ) -> None:
        limit = parse_limit(max_drop)
        assert limit is not None
        self._src, self._limit, self._preprocess = src, limit, preprocess
        self._new: Callable[[Sequence[int] | None], TaskMetric] | None = None
        self._labels: Any = None
        if callable(metric) or (isinstance(metric, str) and metric not in METRICS):
            title, function = _function(metric)
            targets = None if labels is None else load_targets(labels)
            known: dict[bytes, float] = {}
            self._new = lambda chosen: UserMetric(title, function, targets, known, chosen)
            return
        if metric in (None, "top1") and labels is not None:
            self._labels = load_labels(labels)
        if metric == "top1":
            if labels is None:
                raise UsageError("metric top1 needs the right classes: give labels (--labels F), or metric agreement")
            self._new = lambda chosen: TopOne(_of(self._labels, chosen))
        elif metric is not None:
            self._new = lambda _: Agreement() if metric == "agreement" else Sqnr()

    def open(self, inputs: Iterable[Any]) -> Iterable[Sample]:
        """The samples for inputs with `name`, `shape` and `dtype`: they can be read again and again."""
        specs = [InputSpec(need.name, tuple(need.shape), np.dtype(need.dtype)) for need in inputs]
        return open_samples(self._src, specs, preprocess=self._preprocess)

    def trial(self) -> Trial:
        return self._trial(None)

    def loss_alone(self, number: int, reference: Outputs, test: Outputs) -> float:
        """What sample `number` loses by itself; 0 where the metric needs more than one sample."""
        trial = self._trial((number,))
        trial.add(reference, test)
        try:
            return trial.loss()
        except UsageError:
            return 0.0

    def _trial(self, chosen: Sequence[int] | None) -> Trial:
        """On all samples, or on those with these numbers, which are added in this order."""
        metric = self._new(chosen) if self._new is not None else None
        return Trial(metric, _of(self._labels, chosen), self._limit)


def _of(labels: Any, chosen: Sequence[int] | None) -> Any:
    """The labels of chosen samples."""
    return labels if labels is None or chosen is None else labels[list(chosen)]


def _function(metric: Any) -> tuple[str, Callable[..., float]]:
    if callable(metric):
        return getattr(metric, "__name__", "metric"), metric
    if ":" not in metric:
        raise UsageError(f"metric {metric!r} must be {', '.join(METRICS)}, or module:function")
    text = metric.removeprefix("py:")
    found = load_user_object(text)
    if not callable(found):
        raise UsageError(f"metric {metric!r} is no function")
    return text, found
