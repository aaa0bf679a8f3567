# SPDX-License-Identifier: Apache-2.0
"""The few layers that the digits network needs, forward and backward, in numpy. Images are NCHW, float32."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]


class Convolution:
    """3x3 convolution, padding 1, no bias (batch normalization follows)."""

    def __init__(self, inputs: int, outputs: int, rng: np.random.Generator) -> None:
        fan_in = inputs * 9
        self.weight: Array = (rng.standard_normal((outputs, fan_in)) * np.sqrt(2 / fan_in)).astype(np.float32)
        self.parameters = [self.weight]

    def forward(self, x: Array, training: bool) -> Array:
        n, c, h, w = x.shape
        windows = np.lib.stride_tricks.sliding_window_view(np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1))), (3, 3), (2, 3))
        self.columns = windows.transpose(0, 2, 3, 1, 4, 5).reshape(n * h * w, c * 9)
        self.shape = x.shape
        return (self.columns @ self.weight.T).reshape(n, h, w, -1).transpose(0, 3, 1, 2)

    def backward(self, grad: Array) -> tuple[Array, list[Array]]:
        n, c, h, w = self.shape
        flat = grad.transpose(0, 2, 3, 1).reshape(n * h * w, -1)
        columns = (flat @ self.weight).reshape(n, h, w, c, 3, 3)
        padded = np.zeros((n, c, h + 2, w + 2), np.float32)
        for dy in range(3):
            for dx in range(3):
                padded[:, :, dy : dy + h, dx : dx + w] += columns[..., dy, dx].transpose(0, 3, 1, 2)
        return padded[:, :, 1:-1, 1:-1], [flat.T @ self.columns]


class BatchNormalization:
    """Over batch and positions; keeps running statistics for inference."""

    epsilon = 1e-5
    momentum = 0.9

    def __init__(self, channels: int) -> None:
        self.scale = np.ones(channels, np.float32)
        self.shift = np.zeros(channels, np.float32)
        self.mean = np.zeros(channels, np.float32)
        self.variance = np.ones(channels, np.float32)
        self.parameters = [self.scale, self.shift]

    def forward(self, x: Array, training: bool) -> Array:
        mean, variance = self.mean, self.variance
        if training:
            mean, variance = x.mean((0, 2, 3)), x.var((0, 2, 3))
            self.mean = (self.momentum * self.mean + (1 - self.momentum) * mean).astype(np.float32)
            self.variance = (self.momentum * self.variance + (1 - self.momentum) * variance).astype(np.float32)
        self.inverse = 1 / np.sqrt(variance + self.epsilon)
        self.normal = (x - mean[:, None, None]) * self.inverse[:, None, None]
        return np.asarray(self.normal * self.scale[:, None, None] + self.shift[:, None, None], np.float32)

    def backward(self, grad: Array) -> tuple[Array, list[Array]]:
        d_scale, d_shift = (grad * self.normal).sum((0, 2, 3)), grad.sum((0, 2, 3))
        count = grad.size / len(d_scale)
        centred = grad - (d_shift / count)[:, None, None] - self.normal * (d_scale / count)[:, None, None]
        return centred * (self.scale * self.inverse)[:, None, None], [d_scale, d_shift]


class ReluMaxPool:
    """max(x, 0), then the largest of each 2x2 window."""

    def __init__(self) -> None:
        self.parameters: list[Array] = []

    def forward(self, x: Array, training: bool) -> Array:
        n, c, h, w = x.shape
        windows = np.maximum(x, 0).reshape(n, c, h // 2, 2, w // 2, 2)
        pooled: Array = windows.max((3, 5))
        self.mask = (windows == pooled[:, :, :, None, :, None]) & (windows > 0)
        return pooled

    def backward(self, grad: Array) -> tuple[Array, list[Array]]:
        n, c, h, w = grad.shape
        share = grad[:, :, :, None, :, None] * self.mask / np.maximum(self.mask.sum((3, 5), keepdims=True), 1)
        return share.reshape(n, c, 2 * h, 2 * w).astype(np.float32), []


class Dense:
    """Flatten, then a matrix product and a bias."""

    def __init__(self, inputs: int, outputs: int, rng: np.random.Generator) -> None:
        self.weight: Array = (rng.standard_normal((outputs, inputs)) / np.sqrt(inputs)).astype(np.float32)
        self.bias = np.zeros(outputs, np.float32)
        self.parameters = [self.weight, self.bias]

    def forward(self, x: Array, training: bool) -> Array:
        self.shape = x.shape
        self.flat = x.reshape(len(x), -1)
        return self.flat @ self.weight.T + self.bias

    def backward(self, grad: Array) -> tuple[Array, list[Array]]:
        return (grad @ self.weight).reshape(self.shape), [grad.T @ self.flat, grad.sum(0)]
