"""Measures how far one model is from another: the same data through both, outputs and every layer they share."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from .drift import Drift, TensorDrift
from .engines import Engine, open_engine
from .errors import UsageError
from .gate import judge, parse_limit
from .labels import load_labels
from .leakage import Leakage
from .matching import InputBridge, Pair, match
from .metrics import AgreementSum, TensorErrorSum
from .samples import Watched, open_samples

Array = npt.NDArray[Any]
#: Called after each sample with its number and, where known, how many there are.
Progress = Callable[[int, int | None], None]

#: How far a vector of probabilities may be from summing to 1; int8 outputs have steps of 1/256.
_SUM_TOLERANCE = 0.05


def compare(
    ref: str | os.PathLike[str],
    test: str | os.PathLike[str],
    data: Any,
    *,
    labels: Any = None,
    max_drop: str | float | None = None,
    ref_engine: str = "auto",
    preprocess: Any = None,
    limit: int | None = None,
    allow_calibration_data: bool = False,
    progress: Progress | None = None,
) -> Drift:
    """Run `data` (a SRC, in the layout of the reference's inputs) through both models.

    `ref` and `test` are `.onnx` or `.tflite` files. An `.onnx` runs in ONNX Runtime, a `.tflite` here, or where
    `ref_engine` says. `preprocess` is a preset's name or a mapping of options (`liteinterp.preprocessing`). `labels`
    are class indices, `max_drop` is one point of the metric for 1 and one per cent of the reference's figure for "1%",
    `limit` the most samples to read. Samples that calibrated `test` are refused unless `allow_calibration_data`:
    figures on them flatter. Raises UsageError and the errors of the models.
    """
    allowed = parse_limit(max_drop)
    classes = None if labels is None else load_labels(labels)
    candidate = open_engine(test)
    hints = {spec.name: spec.shape for spec in candidate.inputs}
    reference = open_engine(ref, ref_engine, hints)
    samples = open_samples(data, reference.inputs, limit, preprocess)
    comparison = _Comparison(reference, candidate)
    seen = Leakage(candidate, Path(test).name, samples.title, allow_calibration_data)
    count = 0
    for count, sample in enumerate(Watched(samples, progress or _silent), 1):
        seen.check(sample, count - 1)
        comparison.add(sample, _label(classes, count - 1))
    outputs = comparison.outputs()
    decisive = _decisive(outputs, comparison.probabilities, classes is not None)
    verdict = judge(
        decisive.error,
        decisive.agreement,
        decisive.name in comparison.probabilities,
        count,
        allowed,
        where=decisive.name if len(outputs) > 1 else "",
        not_finite=sum(row.error.not_finite for row in outputs),
    )
    return Drift(
        ref=Path(ref).name,
        test=Path(test).name,
        ref_engine=reference.title,
        test_engine=candidate.title,
        samples=count,
        outputs=tuple(outputs),
        layers=tuple(comparison.layers()),
        unmatched=comparison.unmatched,
        verdict=verdict,
        notes=(*samples.notes, *seen.notes()),
    )


class _Comparison:
    """Sums over samples."""

    def __init__(self, ref: Engine, test: Engine) -> None:
        self._ref, self._test = ref, test
        self._bridge = InputBridge(ref, test)
        matching = match(ref, test)
        self.unmatched = matching.unmatched
        self._outputs, self._layers = matching.outputs, matching.layers
        pairs = (*self._outputs, *self._layers)
        ref.watch(pair.ref for pair in pairs)
        test.watch(pair.test for pair in pairs)
        self._errors = [TensorErrorSum(test.tensors[pair.test].scale) for pair in pairs]
        self._agreements: list[AgreementSum | None] = [None] * len(self._outputs)
        self._shapes: list[tuple[int, ...] | None] = [None] * len(pairs)
        #: Names of outputs that were class probabilities in every sample, by the reference.
        self.probabilities = {pair.name for pair in self._outputs}

    def add(self, sample: dict[str, Array], label: int | None) -> None:
        ref, test = self._ref.run(sample), self._test.run(self._bridge(sample))
        for i, pair in enumerate((*self._outputs, *self._layers)):
            got = self._test.tensors[pair.test].real(test[pair.test])
            expected = self._expected(pair, ref, got.shape)
            if expected is None or not got.size:
                continue
            self._shapes[i] = got.shape
            self._errors[i].add(expected, got)
            if i < len(self._outputs) and _is_scores(got):
                self._agreement(i, got.size).add(expected, got, label)
            if i < len(self._outputs) and not _sums_to_one(expected):
                self.probabilities.discard(pair.name)

    def _expected(self, pair: Pair, ref: Any, shape: tuple[int, ...]) -> Array | None:
        real = self._ref.tensors[pair.ref].real(np.asarray(ref[pair.ref]))
        return pair.aligned(real, shape) if real.dtype.kind in "fiub" else None

    def _agreement(self, output: int, classes: int) -> AgreementSum:
        found = self._agreements[output]
        if found is None:
            found = self._agreements[output] = AgreementSum(classes)
        return found

    def outputs(self) -> list[TensorDrift]:
        """Raises UsageError when an output of the test model has another size than the reference's."""
        for pair, shape in zip(self._outputs, self._shapes, strict=False):
            if shape is None:
                raise UsageError(f"output {pair.name!r} has different sizes in the two models: not the same network")
        return [self._row(i, pair, self._agreements[i]) for i, pair in enumerate(self._outputs)]

    def layers(self) -> list[TensorDrift]:
        first = len(self._outputs)
        return [self._row(i, pair, None) for i, pair in enumerate(self._layers, first) if self._shapes[i] is not None]

    def _row(self, i: int, pair: Pair, agreement: AgreementSum | None) -> TensorDrift:
        info = self._test.tensors[pair.test]
        return TensorDrift(
            name=pair.name,
            test_name=pair.test,
            operator=info.operator,
            shape=self._shapes[i] or (),
            dtype=info.dtype.name,
            scale=info.scale,
            zero_point=None if info.scale is None else info.zero_point,
            error=self._errors[i].result(),
            agreement=None if agreement is None else agreement.result(),
        )


def _decisive(outputs: Sequence[TensorDrift], probabilities: Collection[str], labelled: bool) -> TensorDrift:
    """The output that the verdict is about: with labels the first score vector, else the first class probabilities,
    else the one with the largest error. Raises UsageError for labels without scores."""
    scores = [row for row in outputs if row.agreement is not None]
    if labelled and not scores:
        raise UsageError("labels were given, but no output of the models is a vector of class scores")
    if labelled:
        return scores[0]
    likely = [row for row in scores if row.name in probabilities]
    return likely[0] if likely else min(outputs, key=lambda row: row.error.sqnr_db)


def _is_scores(array: Array) -> bool:
    """One vector of at least two numbers, whatever dimensions of 1 stand around it."""
    return array.size >= 2 and array.size == max(array.shape)


def _sums_to_one(scores: Array) -> bool:
    return _is_scores(scores) and bool(scores.min() >= 0) and abs(float(scores.sum()) - 1) <= _SUM_TOLERANCE


def _label(classes: Sequence[int] | Array | None, i: int) -> int | None:
    if classes is None:
        return None
    if i >= len(classes):
        raise UsageError(f"there are more samples than the {len(classes)} labels")
    return int(classes[i])


def _silent(done: int, count: int | None) -> None:
    pass
