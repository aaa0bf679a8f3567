"""`--max-drop`: what is measured, how much of it may be lost, and whether it was."""

from __future__ import annotations

import math
from dataclasses import dataclass

from .errors import UsageError
from .metrics import Agreement, TensorError


@dataclass(frozen=True)
class Limit:
    """The most that may be lost: points of the metric, or per cent of the reference's figure."""

    value: float
    relative: bool

    def __str__(self) -> str:
        if self.relative:
            return f"{self.value:g} %"
        return f"{self.value:g} point" + ("" if self.value == 1 else "s")


def parse_limit(text: str | float | None) -> Limit | None:
    """`1` is one point, `1%` one per cent of the reference's figure. Raises UsageError."""
    if text is None:
        return None
    word = str(text).strip()
    try:
        value = float(word.removesuffix("%"))
    except ValueError:
        value = math.nan
    if not math.isfinite(value) or value < 0:
        raise UsageError(f"max-drop must be a number of points like 1, or per cent like 1%, not {text!r}")
    return Limit(value, word.endswith("%"))


def parse_bytes(text: str | int | None, name: str) -> int | None:
    """A number of bytes, or one with K (1024) or M (1024²) behind it. Raises UsageError."""
    if text is None or isinstance(text, int):
        return text
    word = text.strip().upper().removesuffix("B").removesuffix("I")
    factor = {"K": 1024, "M": 1024**2}.get(word[-1:], 1)
    number = word[:-1] if factor > 1 else word
    try:
        value = float(number) * factor
    except ValueError:
        value = math.nan
    if not math.isfinite(value) or value < 1:
        raise UsageError(f"{name} must be a number of bytes like 200000, 200K or 1.5M, not {text!r}")
    return int(value)


@dataclass(frozen=True)
class Verdict:
    """Whether the test model may replace the reference."""

    #: "pass", "fail", or "no limit" where none was given.
    status: str
    #: "top-1 accuracy" (with labels), "top-1 agreement" (class probabilities) or "SQNR".
    metric: str
    #: The metric's figures: per cent, or decibel for SQNR; the reference agrees with itself by definition.
    ref: float | None
    test: float
    #: What was lost: points; for SQNR the error in per cent of the signal, 100·10^(-SQNR/20).
    drop: float
    limit: str | None
    sentence: str


def judge(
    error: TensorError,
    agreement: Agreement | None,
    probabilities: bool,
    samples: int,
    limit: Limit | None,
    *,
    where: str = "",
    not_finite: int | None = None,
) -> Verdict:
    """The verdict on one output. Accuracy decides where there are labels; agreement where the output is class
    probabilities; the size of the error otherwise.

    `where` names the output where there are several; `not_finite` counts elements of all outputs.
    """
    if agreement is not None and agreement.ref_accuracy is not None and agreement.test_accuracy is not None:
        ref, test = 100 * agreement.ref_accuracy, 100 * agreement.test_accuracy
        drop, metric = agreement.drop_points or 0.0, "top-1 accuracy"
        text = f"{metric} {ref:.2f} % -> {test:.2f} % on {samples} samples, {_change(drop)}"
    elif agreement is not None and probabilities:
        ref, test, metric = 100.0, 100 * agreement.top1, "top-1 agreement"
        drop = 100.0 - test
        text = f"{metric} {test:.2f} % on {samples} samples (no labels given), {_change(drop)}"
    else:
        ref, test, metric, drop = 100.0, error.sqnr_db, "SQNR", error.noise_percent
        text = f"output SQNR {decibels(test)} on {samples} samples, an error of {drop:.3g} % of the signal"
    if where:
        text = f"{where}: {text}"
    broken = error.not_finite if not_finite is None else not_finite
    if broken:
        text = f"{broken} output elements are NaN or infinite where the reference is finite; {text}"
    allowed = None if limit is None else limit.value * ref / 100 if limit.relative else limit.value
    failed = broken > 0 or (allowed is not None and drop > allowed + 1e-9)
    status = "fail" if failed else "no limit" if limit is None else "pass"
    start = {"fail": "FAIL", "pass": "PASS", "no limit": "no limit set"}[status]
    end = f"; at most {limit} allowed" if limit is not None else ""
    return Verdict(
        status=status,
        metric=metric,
        ref=None if metric == "SQNR" else ref,
        test=test,
        drop=drop,
        limit=None if limit is None else str(limit),
        sentence=f"{start}: {text}{end}",
    )


def _change(drop: float) -> str:
    return f"a drop of {drop:.2f} points" if drop >= 0 else f"a gain of {-drop:.2f} points"


def decibels(value: float) -> str:
    if math.isinf(value):
        return "exact" if value > 0 else "no signal"
    return f"{value:.1f} dB"
