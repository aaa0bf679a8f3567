"""AdaRound: rounds each weight up or down by gradient descent on what the layer's output loses.

With V the weights in steps of their scale, H = E[x xᵀ] the moments of the layer's input and h in [0, 1] how far each
weight is rounded up, Q = floor(V) + h, the loss of an output is

    (V - Q)·H·(V - Q)ᵀ / mean diag(H)  +  λ · sum of (1 - (2h - 1)^β)

The second term drives every h to 0 or 1; β falls from 20 to 2, so that it acts on those near the ends first. h is a
stretched sigmoid of what is descended on, cut off at 0 and 1; the gradient is in closed form, and no data is run.

Source: Nagel and others, "Up or Down? Adaptive Rounding for Post-Training Quantization", arXiv 2004.10568, here with
the layer's quadratic form in place of passes over samples. Differences, for the same bits on every machine: the
sigmoid is ½ + ½·v / (1 + |v|), which needs no exponential, and β is an even number, so powers are products.

The nearest plane (second_order.py) is not bound to the two codes next to a weight and leaves 3 to 5 % less of the same
loss where inputs are correlated. What a descent stays close to, though, is the weights, and so is less of the samples:
which of the two is better for an output, samples that neither was fitted on decide. λ of 0.01, as for passes over
samples, leaves twice the loss here: many weights end between the codes and are cut to the nearer one.
"""

from __future__ import annotations

import numpy as np

from .fixed_order import Matrices, product, row_sums

STEPS = 600
#: Steps without the second term.
WARM_UP = STEPS // 5
#: Weight of the second term, Adam's rate and decays.
LAMBDA, RATE, DECAYS, TINY = 1.0, 0.05, (0.9, 0.999), 1e-8
#: β falls from the first to the second, both even.
POWERS = (20, 2)
#: The sigmoid is stretched to [-0.1, 1.1] before it is cut, so that 0 and 1 are reached.
STRETCH = 1.2


def round_adaptively(weights: Matrices, start: Matrices, moments: Matrices, limit: int) -> Matrices:
    """Codes in [-limit, limit] for weights [groups, m, taps] in steps of their scales, by H [groups, taps, taps].

    `start` are codes of another rounding: where they are next to the weight, the descent begins on their side.
    """
    down = np.floor(weights)
    part = weights - down
    nearer = np.clip(start - down, 0.0, 1.0)
    v = _inverse(0.5 * part + 0.5 * np.clip(nearer, 0.05, 0.95))
    diagonal = np.diagonal(moments, axis1=1, axis2=2)
    mean = row_sums(diagonal) / diagonal.shape[1]
    hessian = moments / np.where(mean > 0, mean, 1.0)[:, np.newaxis, np.newaxis]
    first, second = np.zeros_like(v), np.zeros_like(v)
    left = [1.0, 1.0]  # of each decay's start
    for step in range(STEPS):
        h, slope = _stretched(v)
        gradient = 2.0 * product(h - part, hessian)
        if step >= WARM_UP:
            gradient -= LAMBDA * _pull(h, step)
        gradient *= slope
        first = DECAYS[0] * first + (1 - DECAYS[0]) * gradient
        second = DECAYS[1] * second + (1 - DECAYS[1]) * gradient * gradient
        left = [kept * decay for kept, decay in zip(left, DECAYS, strict=True)]
        v -= RATE / (1 - left[0]) * first / (np.sqrt(second / (1 - left[1])) + TINY)
    codes: Matrices = np.clip(down + (_stretched(v)[0] >= 0.5), -limit, limit)
    return codes


def _stretched(v: Matrices) -> tuple[Matrices, Matrices]:
    """h of v, and its slope, which is 0 where h is cut off."""
    size = 1.0 + np.abs(v)
    h = STRETCH * (0.5 * v / size) + 0.5
    return np.clip(h, 0.0, 1.0), np.where((h > 0.0) & (h < 1.0), 0.5 * STRETCH / (size * size), 0.0)


def _inverse(h: Matrices) -> Matrices:
    """v of an h strictly between 0 and 1."""
    share = 2.0 * (h - 0.5) / STRETCH
    inverse: Matrices = share / (1.0 - np.abs(share))
    return inverse


def _pull(h: Matrices, step: int) -> Matrices:
    """The slope of (2h - 1)^β: 2β·(2h - 1)^(β-1)."""
    done = (step - WARM_UP) / (STEPS - WARM_UP)
    halves = POWERS[0] // 2 + round((POWERS[1] - POWERS[0]) // 2 * done)
    away = 2.0 * h - 1.0
    square, power = away * away, away
    for _ in range(halves - 1):
        power = power * square
    return 4.0 * halves * power
