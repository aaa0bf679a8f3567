"""`.wav` files as samples: numbers in [-1, 1), mixed to one channel, cut into windows of what the input takes."""

from __future__ import annotations

import wave
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from .errors import UsageError
from .fitting import InputSpec
from .preprocessing import Preprocessing

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Framing:
    """A sample is `frames` windows of `length` numbers whose starts are `hop` apart."""

    frames: int
    length: int
    hop: int

    @classmethod
    def of(cls, spec: InputSpec, hop: int | None) -> Framing:
        """By the input's dimensions other than 1: one is a window's length, two are frames and their length."""
        dims = [size for size in spec.shape if size != 1]
        if not 1 <= len(dims) <= 2:
            raise UsageError(
                f"{spec} takes no sound: sounds go to inputs of one dimension (a window), or two (frames and their "
                "length). For spectra or MFCC compute the features as in training, with py:module:callable"
            )
        frames, length = (1, dims[0]) if len(dims) == 1 else (dims[0], dims[1])
        return cls(frames, length, length if hop is None else hop)

    @property
    def span(self) -> int:
        """Numbers that one sample reads."""
        return (self.frames - 1) * self.hop + self.length

    def samples(self, total: int) -> int:
        """How many samples a sound of `total` numbers gives; one that is shorter than a sample is filled up with 0."""
        return 1 if total < self.span else 1 + (total - self.span) // (self.frames * self.hop)


@dataclass(frozen=True)
class WaveRows:
    """Sound files in the given order, each cut into samples; what is left over at a file's end is not used."""

    files: Sequence[Path]
    spec: InputSpec
    how: Preprocessing
    framing: Framing
    count: int

    def rows(self) -> Iterator[Mapping[str, Array]]:
        for path in self.files:
            sound = read_wave(path)
            for i in range(self.framing.samples(len(sound))):
                window = self._window(sound, i * self.framing.frames * self.framing.hop)
                yield {self.spec.name: self.how.normalise(window, self.spec) if self.how.normalises else window}

    def _window(self, sound: Array, start: int) -> Array:
        framing = self.framing
        part = np.zeros(framing.span, np.float32)
        taken = sound[start : start + framing.span]
        part[: len(taken)] = taken
        starts = np.arange(framing.frames)[:, None] * framing.hop
        return np.ascontiguousarray(part[starts + np.arange(framing.length)]).reshape(self.spec.shape)


def wave_rows(files: Sequence[Path], spec: InputSpec, how: Preprocessing) -> WaveRows:
    """Samples from `.wav` files. Raises UsageError for files that cannot be read, or whose rate is not the model's."""
    framing = Framing.of(spec, how.hop)
    count, rate, first = 0, how.sample_rate, files[0]
    for path in files:
        found, total = _header(path)
        rate = found if rate is None else rate
        if found != rate:
            wanted = f"the model takes {rate}" if how.sample_rate is not None else f"{first} has {rate}"
            raise UsageError(
                f"{path} has {found} samples a second, {wanted}: resample the files, with sox or ffmpeg say, as was "
                "done for training"
            )
        count += framing.samples(total)
    return WaveRows(files, spec, how, framing, count)


def read_wave(path: Path) -> Array:
    """A sound as float32 in [-1, 1), channels averaged: PCM of 8, 16, 24 or 32 bits. Raises UsageError."""
    try:
        with wave.open(str(path), "rb") as file:
            width, channels = file.getsampwidth(), file.getnchannels()
            data = file.readframes(file.getnframes())
    except (wave.Error, OSError, EOFError) as error:
        raise UsageError(f"cannot read the sound {path}: {error or 'it ends early'}") from error
    usable = data[: len(data) // (width * channels) * width * channels]
    if width == 1:
        integers = np.frombuffer(usable, np.uint8).astype(np.int32) - 128
    elif width == 3:
        bytes_ = np.frombuffer(usable, np.uint8).reshape(-1, 3).astype(np.int32)
        integers = bytes_[:, 0] | (bytes_[:, 1] << 8) | (((bytes_[:, 2] ^ 128) - 128) << 16)
    else:
        integers = np.frombuffer(usable, f"<i{width}")
    mixed = integers.reshape(-1, channels).sum(axis=1, dtype=np.int64)
    real: Array = (mixed / (channels * 2.0 ** (8 * width - 1))).astype(np.float32)
    return real


def _header(path: Path) -> tuple[int, int]:
    """Samples a second, and how many there are."""
    try:
        with wave.open(str(path), "rb") as file:
            return file.getframerate(), file.getnframes()
    except (wave.Error, OSError, EOFError) as error:
        raise UsageError(f"cannot read the sound {path}: {error or 'it ends early'}") from error
