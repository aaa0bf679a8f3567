"""Statistics of earlier runs on disk, by model and data: another method on the same samples costs no forward pass.

A folder for each model holds a file for each set of samples. Samples themselves are not stored: they are read anyway,
to know that they are the same. A file that cannot be read, or does not hold what it should, is as good as none.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..files import write_whole
from ..ir.ranges import Range, Ranges
from ..ir.statistics import Calibration, ChannelRange, HeldOut, Histogram, Manifest, TapMeans

#: Raised whenever statistics come to mean something else.
VERSION = 1
#: Models kept; the one whose folder was written to longest ago goes first.
MAX_MODELS = 32


@dataclass(frozen=True)
class Cache:
    """A folder, and what the statistics depend on besides the samples: SHA-256 of the model."""

    folder: Path
    model: str

    def of(self, how: str) -> Entry:
        """The entries of this model for one way to choose samples."""
        key = hashlib.sha256(f"{VERSION} {np.dtype(float).str} {self.model} {how}".encode()).hexdigest()
        return Entry(self.folder / key[:32])


@dataclass(frozen=True)
class Entry:
    """The files of a model: COUNT-DATA.npz."""

    folder: Path

    def counts(self) -> set[int]:
        """For which numbers of samples there is something."""
        with suppress(OSError):
            names = [path.name.partition("-")[0] for path in self.folder.glob("*-*.npz")]
            return {int(name) for name in names if name.isdecimal()}
        return set()

    def load(self, manifest: Manifest, held_out: int) -> Calibration | None:
        """The statistics of the samples that a manifest tells of; `held_out` of them are judged by."""
        try:
            with np.load(self._file(manifest), allow_pickle=False) as file:
                return _unpack({name: file[name] for name in file.files}, held_out)
        except Exception:  # whatever is wrong with the file: it is made anew
            return None

    def store(self, calibration: Calibration) -> None:
        """Keep statistics. What cannot be written is not kept."""
        import io

        manifest = calibration.manifest
        if manifest is None:
            return
        with suppress(Exception):
            self.folder.mkdir(parents=True, exist_ok=True)
            buffer = io.BytesIO()
            packed: dict[str, Any] = dict(_pack(calibration))
            np.savez_compressed(buffer, **packed)
            write_whole(self._file(manifest), buffer.getvalue())
            _forget_old(self.folder.parent)

    def _file(self, manifest: Manifest) -> Path:
        return self.folder / f"{manifest.samples}-{manifest.data}.npz"


def _pack(calibration: Calibration) -> dict[str, npt.NDArray[Any]]:
    names, histograms = list(calibration.histograms), list(calibration.histograms.values())
    ranges = [calibration.ranges.by_name[name] for name in names]
    packed: dict[str, npt.NDArray[Any]] = {
        "names": _text([names, list(calibration.tap_means), calibration.ranges.samples]),
        "ranges": np.array([(found.low, found.high) for found in ranges], np.float64),
        "integers": np.array([(h.first, h.zeros, len(h.counts)) for h in histograms], np.int64),
        "widths": np.array([h.width for h in histograms], np.float64),
        "counts": np.concatenate([np.zeros(0, np.int64), *(h.counts for h in histograms)]),
    }
    for i, name in enumerate(names):
        if (channels := calibration.channels.get(name)) is not None:
            packed |= {f"lows{i}": channels.low, f"highs{i}": channels.high}
    packed |= {f"taps{i}": taps.means for i, taps in enumerate(calibration.tap_means.values())}
    for i, sample in enumerate(calibration.held_out):
        packed |= {f"answer{i}:{name}": array for name, array in sample.answers.items()}
    return packed


def _unpack(packed: dict[str, npt.NDArray[Any]], held_out: int) -> Calibration:
    """Raises one or another exception for what `_pack` did not make."""
    names, layers, samples = json.loads(packed["names"].tobytes())
    ends = np.cumsum(packed["integers"].reshape(-1, 3)[:, 2])
    histograms = {}
    for i, name in enumerate(names):
        first, zeros, length = map(int, packed["integers"][i])
        counts = packed["counts"][int(ends[i]) - length : int(ends[i])]
        histograms[str(name)] = Histogram(first, float(packed["widths"][i]), counts, zeros)
    ranges = {str(name): Range(*map(float, packed["ranges"][i])) for i, name in enumerate(names)}
    answers: list[dict[str, npt.NDArray[Any]]] = [{} for _ in range(held_out)]
    for key, array in packed.items():
        if key.startswith("answer"):
            number, _, name = key.removeprefix("answer").partition(":")
            answers[int(number)][name] = array
    if not all(answers):
        raise ValueError("answers are missing")
    return Calibration(
        ranges=Ranges(ranges, int(samples)),
        histograms=histograms,
        channels={
            str(name): ChannelRange(packed[f"lows{i}"], packed[f"highs{i}"])
            for i, name in enumerate(names)
            if f"lows{i}" in packed
        },
        tap_means={str(name): TapMeans(packed[f"taps{i}"]) for i, name in enumerate(layers)},
        held_out=tuple(HeldOut({}, sample) for sample in answers),
    )


def _text(value: Any) -> npt.NDArray[np.uint8]:
    return np.frombuffer(json.dumps(value).encode(), np.uint8)


def _forget_old(folder: Path) -> None:
    models = sorted(folder.iterdir(), key=lambda path: (path.stat().st_mtime_ns, path.name))
    for path in models[:-MAX_MODELS]:
        shutil.rmtree(path, ignore_errors=True)


def default_folder() -> Path:
    """`liteinterp/statistics` in XDG_CACHE_HOME, or in ~/.cache."""
    given = os.environ.get("XDG_CACHE_HOME", "")
    base = Path(given) if os.path.isabs(given) else Path.home() / ".cache"
    return base / "liteinterp" / "statistics"
