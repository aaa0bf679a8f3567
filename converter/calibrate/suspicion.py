"""Was the model trained on numbers of this range? A data-free test would need the training data's statistics; this one
asks the model.

A classifier that sees what it was trained on is sure of its answers, and gives different ones to different images. Both
are in the mutual information between image and class, the entropy of the mean answer less the mean entropy of answers
(in nats). If pixels in another usual range give far more of it, the given range is probably wrong.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..ir.executor import Executor
from ..ir.graph import Graph, Value
from ..ir.judged import judged_values
from ..ir.ranges import Range
from ..ir.statistics import Arrays, Calibration
from ..ir.types import DType

Array = npt.NDArray[np.float32]

#: Images that are tried, and fewer of which say nothing.
IMAGES = 16
FEWEST = 8
#: Another range is suspected to be right for this many times as much information, and this many nats more.
FACTOR = 1.5
MARGIN = 0.25


@dataclass(frozen=True)
class Numbers:
    """A usual way to give pixels to a model: x = pixel * factor + summand, per channel."""

    words: str
    flag: str
    factors: tuple[float, ...]
    summands: tuple[float, ...]

    def reach(self, channel: int) -> Range:
        factor, summand = self.factors[channel % len(self.factors)], self.summands[channel % len(self.summands)]
        return Range(summand, 255 * factor + summand)


_STD, _MEAN = (0.229, 0.224, 0.225), (0.485, 0.456, 0.406)
USUAL = (
    Numbers("from 0 to 1", "--preset raw01", (1 / 255,), (0.0,)),
    Numbers("from -1 to 1", "--preset rawm11", (1 / 127.5,), (-1.0,)),
    Numbers(
        "normalised by ImageNet's mean and deviation",
        "--preset imagenet",
        tuple(1 / 255 / std for std in _STD),
        tuple(-mean / std for mean, std in zip(_MEAN, _STD, strict=True)),
    ),
    Numbers("from 0 to 255", "--scale 1", (1.0,), (0.0,)),
)


def suspicion(graph: Graph, calibration: Calibration, executor: Executor) -> str | None:
    """A warning with its evidence and what would mend it; None for models that do not classify images, and for data
    that seems right."""
    image, answer = _image(graph), _scores(graph)
    samples = calibration.fit[:: max(1, len(calibration.fit) // IMAGES)][:IMAGES]
    if image is None or answer is None or len(samples) < FEWEST:
        return None
    value, axis = image
    given = _given(value, axis, samples)
    if given is None:
        return None
    information = {}
    with executor.open(graph) as session:
        for numbers in USUAL:
            if len(numbers.factors) not in (1, value.shape[axis]):
                continue
            scores = []
            for sample in samples:
                session.run({value.name: _as(sample[value.name], axis, given, numbers)})
                scores.append(session.read(answer).reshape(-1))
            information[numbers] = mutual_information(np.stack(scores))
    best = max(information, key=information.__getitem__)
    if information[best] < FACTOR * information[given] + MARGIN:
        return None
    return (
        f"the samples look like pixels {given.words}, but with pixels {best.words} the model's answers tell "
        f"{len(samples)} of them apart far better ({information[best]:.2f} nats of mutual information against "
        f"{information[given]:.2f}): was it trained on those? {best.flag} on the pixels would give them"
    )


def mutual_information(scores: Array) -> float:
    """Between sample and class, in nats, of [samples, classes] logits."""
    logits = scores.astype(np.float64) - scores.max(axis=1, keepdims=True)
    likely = np.exp(logits)
    likely /= likely.sum(axis=1, keepdims=True)
    return _entropy(likely.mean(axis=0)) - math.fsum(map(_entropy, likely)) / len(likely)


def _entropy(likely: npt.NDArray[np.float64]) -> float:
    held = likely[likely > 0]
    return -math.fsum(held * np.log(held))


def _image(graph: Graph) -> tuple[Value, int] | None:
    """The only input, if it may be an image, and its axis of channels."""
    if len(graph.inputs) != 1 or graph.inputs[0].dtype is not DType.FLOAT32 or len(graph.inputs[0].shape) != 4:
        return None
    value = graph.inputs[0]
    axes = [axis for axis, rows in ((3, 1), (1, 2)) if value.shape[axis] in (1, 3) and value.shape[rows] >= 16]
    return (value, axes[0]) if len(axes) == 1 else None


def _scores(graph: Graph) -> Value | None:
    """The logits of one vector of classes, which a softmax makes probabilities of."""
    producers = graph.producers()
    if len(graph.outputs) != 1 or (last := producers.get(graph.outputs[0])) is None:
        return None
    while last.op in ("RESHAPE", "SQUEEZE") and last.input(0) in producers:
        last = producers[last.input(0)]
    (judged, *others) = judged_values(graph)
    is_vector = judged.elements >= 3 and judged.elements == max(judged.shape, default=0)
    return judged if last.op == "SOFTMAX" and is_vector and not others else None


def _given(value: Value, axis: int, samples: Sequence[Arrays]) -> Numbers | None:
    """Which of the usual ways the samples are in: the one that they fill best; None where they fit none."""
    stacked = np.stack([np.moveaxis(sample[value.name], axis, -1) for sample in samples])
    channels = stacked.shape[-1]
    lows, highs = stacked.reshape(-1, channels).min(axis=0), stacked.reshape(-1, channels).max(axis=0)
    best: tuple[float, Numbers] | None = None
    for numbers in USUAL:
        if len(numbers.factors) not in (1, channels):
            continue
        reaches = [numbers.reach(channel) for channel in range(channels)]
        slack = [0.002 * (reach.high - reach.low) for reach in reaches]
        inside = all(
            reach.low - s <= low and high <= reach.high + s
            for reach, s, low, high in zip(reaches, slack, lows, highs, strict=True)
        )
        filled = min(
            float(high - low) / (reach.high - reach.low) for reach, low, high in zip(reaches, lows, highs, strict=True)
        )
        if inside and filled > 0.5 and (best is None or filled > best[0]):
            best = filled, numbers
    return None if best is None else best[1]


def _as(x: Array, axis: int, given: Numbers, wanted: Numbers) -> Array:
    """The same pixels in another way."""
    wide = [1, 1, 1, 1]
    wide[axis] = -1

    def along(numbers: tuple[float, ...]) -> npt.NDArray[np.float64]:
        return np.reshape(numbers, wide if len(numbers) > 1 else [1, 1, 1, 1])

    pixels = (x - along(given.summands)) / along(given.factors)
    changed: Array = (pixels * along(wanted.factors) + along(wanted.summands)).astype(np.float32)
    return changed
